import { Alert, Anchor, Button, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconClock } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useRouter, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";

import { startSession } from "@/api/queryClient";
import { login, sessionQuery } from "@/api/requests";
import { AuthLayout } from "@/components/AuthLayout";
import { PasswordField } from "@/components/PasswordField";
import { ProblemAlert } from "@/components/ProblemAlert";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";

export default function Login() {
  const { t } = useTranslation();
  const { next = "/products", ended } = useSearch({ from: "/public/login" });
  const router = useRouter();
  const client = useQueryClient();
  const { data: session } = useQuery({ ...sessionQuery, enabled: false });
  const form = useForm({
    initialValues: { email: "", password: "" },
    validate: {
      email: (value) => (value.trim() ? null : t("license.needed")),
      password: (value) => (value ? null : t("license.needed")),
    },
  });
  const back = next.startsWith("/") ? next : "/products";
  const { submit, pending, error } = useSubmit({
    form,
    send: login,
    onSuccess: (session) => startSession(client, session),
  });
  // A member who is logged in, by this form or already before, continues to the requested page.
  useEffect(() => {
    if (session) router.history.replace(back);
  }, [session, back, router]);
  if (session) return null;
  return (
    <AuthLayout
      title={t("login.title")}
      lead={t("login.lead")}
      footer={
        <Stack gap={6} px="xs">
          <Text size="sm" c="dimmed">
            {t("login.firstTime")}
          </Text>
          <Anchor component={Link} to="/verify" size="sm">
            {t("login.verify")}
          </Anchor>
        </Stack>
      }
    >
      {ended && !error && (
        <Alert role="status" icon={<IconClock />} color="yellow">
          {t("login.expired")}
        </Alert>
      )}
      <form onSubmit={submit} noValidate>
        <Stack>
          {error && <ProblemAlert error={error} focus />}
          <TextInput
            label={t("login.email")}
            type="email"
            autoComplete="username"
            autoFocus
            data-autofocus
            {...form.getInputProps("email")}
          />
          <PasswordField label={t("login.password")} autoComplete="current-password" {...form.getInputProps("password")} />
          <Button type="submit" loading={pending} fullWidth mt={4}>
            {t("login.submit")}
          </Button>
        </Stack>
      </form>
    </AuthLayout>
  );
}
