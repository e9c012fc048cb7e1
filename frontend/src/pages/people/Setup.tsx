import { Alert, Anchor, Button, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconKey } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";

import { errorCode } from "@/api/problem";
import { startSession } from "@/api/queryClient";
import { setUpServer } from "@/api/requests";
import { AuthLayout } from "@/components/AuthLayout";
import { PasswordField } from "@/components/PasswordField";
import { ProblemAlert } from "@/components/ProblemAlert";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";

export default function Setup() {
  const { t } = useTranslation();
  const { token = "" } = useSearch({ from: "/public/setup" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const needed = (value: string) => (value.trim() ? null : t("license.needed"));
  const form = useForm({
    initialValues: { organisation: "", name: "", email: "", password: "" },
    validate: { organisation: needed, name: needed, email: needed, password: needed },
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: (values) => setUpServer({ ...values, token }),
    onSuccess: (session) => {
      startSession(client, session);
      void navigate({ to: "/products", replace: true });
    },
  });
  return (
    <AuthLayout title={t("setup.title")} lead={t("setup.lead")}>
      {token ? (
        <form onSubmit={submit} noValidate>
          <Stack>
            {error && <ProblemAlert error={error} focus />}
            {errorCode(error) === "already_set_up" && (
              <Anchor component={Link} to="/login" size="sm">
                {t("nav.login")}
              </Anchor>
            )}
            <TextInput
              label={t("setup.organisation")}
              description={t("setup.organisationHint")}
              autoComplete="organization"
              autoFocus
              data-autofocus
              {...form.getInputProps("organisation")}
            />
            <TextInput label={t("setup.name")} autoComplete="name" {...form.getInputProps("name")} />
            <TextInput label={t("setup.email")} type="email" autoComplete="username" {...form.getInputProps("email")} />
            <PasswordField
              label={t("setup.password")}
              description={t("setup.passwordHint")}
              autoComplete="new-password"
              {...form.getInputProps("password")}
            />
            <Button type="submit" loading={pending} fullWidth mt={4}>
              {t("setup.submit")}
            </Button>
          </Stack>
        </form>
      ) : (
        <Alert icon={<IconKey />} color="yellow">
          {t("setup.noToken")}
        </Alert>
      )}
    </AuthLayout>
  );
}
