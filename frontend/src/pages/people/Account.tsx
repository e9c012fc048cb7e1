import { Button, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";

import { changePassword, sessionQuery } from "@/api/requests";
import { DescriptionItem, DescriptionList } from "@/components/DescriptionList";
import { LoadedPage, Page } from "@/components/Page";
import { PasswordField } from "@/components/PasswordField";
import { ProblemAlert } from "@/components/ProblemAlert";
import { Section } from "@/components/Section";
import { Timestamp } from "@/components/Timestamp";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";

export default function Account() {
  const { t } = useTranslation();
  const query = useQuery(sessionQuery);
  return (
    <LoadedPage query={query}>
      {({ member, organisation, expires }) => (
        <Page title={t("account.title")} narrow>
          <Section title={t("account.you")}>
            <DescriptionList>
              <DescriptionItem label={t("field.name")}>{member.name}</DescriptionItem>
              <DescriptionItem label={t("login.email")}>{member.email}</DescriptionItem>
              <DescriptionItem label={t("account.role")}>{t(`role.${member.role}`)}</DescriptionItem>
              <DescriptionItem label={t("account.organisation")}>{organisation.name}</DescriptionItem>
              {expires !== undefined && (
                <DescriptionItem label={t("account.session")}>
                  <Timestamp at={expires} />
                </DescriptionItem>
              )}
            </DescriptionList>
          </Section>
          <Section title={t("account.password")} lead={t("account.passwordLead")}>
            <ChangePassword />
          </Section>
        </Page>
      )}
    </LoadedPage>
  );
}

function ChangePassword() {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { current_password: "", new_password: "", repeat: "" },
    validate: {
      current_password: (value) => (value ? null : t("license.needed")),
      new_password: (value) => (value ? null : t("license.needed")),
      repeat: (value, values) => (value === values.new_password ? null : t("account.differs")),
    },
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: (values) => changePassword({ current_password: values.current_password, new_password: values.new_password }),
    onSuccess: () => {
      form.reset();
      notifications.show({ message: t("account.done"), color: "petrol" });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={360}>
        {error && <ProblemAlert error={error} focus />}
        <PasswordField label={t("account.old")} autoComplete="current-password" {...form.getInputProps("current_password")} />
        <PasswordField
          label={t("account.new")}
          description={t("setup.passwordHint")}
          autoComplete="new-password"
          {...form.getInputProps("new_password")}
        />
        <PasswordField label={t("account.repeat")} autoComplete="new-password" {...form.getInputProps("repeat")} />
        <div>
          <Button type="submit" loading={pending}>
            {t("account.submit")}
          </Button>
        </div>
      </Stack>
    </form>
  );
}
