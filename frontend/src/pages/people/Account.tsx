import { Button, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";

import { changePassword, sessionQuery } from "@/api/requests";
import { When } from "@/components/bits";
import { Fact, Facts } from "@/components/Facts";
import { Loaded, Page } from "@/components/Page";
import { Password } from "@/components/Password";
import { ProblemAlert } from "@/components/ProblemAlert";
import { Section } from "@/components/Section";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";

export default function Account() {
  const { t } = useTranslation();
  const query = useQuery(sessionQuery);
  return (
    <Loaded query={query}>
      {({ member, organisation, expires }) => (
        <Page title={t("account.title")} narrow>
          <Section title={t("account.you")}>
            <Facts>
              <Fact label={t("field.name")}>{member.name}</Fact>
              <Fact label={t("login.email")}>{member.email}</Fact>
              <Fact label={t("account.role")}>{t(`role.${member.role}`)}</Fact>
              <Fact label={t("account.organisation")}>{organisation.name}</Fact>
              {expires !== undefined && (
                <Fact label={t("account.session")}>
                  <When at={expires} />
                </Fact>
              )}
            </Facts>
          </Section>
          <Section title={t("account.password")} lead={t("account.passwordLead")}>
            <ChangePassword />
          </Section>
        </Page>
      )}
    </Loaded>
  );
}

function ChangePassword() {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { old: "", new: "", repeat: "" },
    validate: {
      old: (value) => (value ? null : t("license.needed")),
      new: (value) => (value ? null : t("license.needed")),
      repeat: (value, values) => (value === values.new ? null : t("account.differs")),
    },
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: (values) => changePassword({ old: values.old, new: values.new }),
    done: () => {
      form.reset();
      notifications.show({ message: t("account.done"), color: "petrol" });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={360}>
        {error && <ProblemAlert error={error} focus />}
        <Password label={t("account.old")} autoComplete="current-password" {...form.getInputProps("old")} />
        <Password label={t("account.new")} description={t("setup.passwordHint")} autoComplete="new-password" {...form.getInputProps("new")} />
        <Password label={t("account.repeat")} autoComplete="new-password" {...form.getInputProps("repeat")} />
        <div>
          <Button type="submit" loading={pending}>
            {t("account.submit")}
          </Button>
        </div>
      </Stack>
    </form>
  );
}
