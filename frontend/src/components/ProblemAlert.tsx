import { Alert, Button, List, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useRef } from "react";

import { toProblem } from "@/api/problem";
import { useTranslation } from "@/i18n";

interface Props {
  error: unknown;
  /** A remedy that this page offers. */
  action?: { label: string; run: () => void };
  /** Moves the focus to the alert when it appears: it answers something that the user did. */
  focus?: boolean;
}

/** Shows an error: a problem document of the server, or a network error. */
export function ProblemAlert({ error, action, focus = false }: Props) {
  const { t } = useTranslation();
  const problem = toProblem(error);
  const alert = useRef<HTMLDivElement>(null);
  const offline = ["no_network", "no_page"].includes(problem.code);
  useEffect(() => {
    if (focus) alert.current?.focus();
  }, [focus, error]);
  return (
    <Alert
      ref={alert}
      tabIndex={-1}
      role="alert"
      color="red"
      title={problem.title}
      icon={offline ? <IconPlugConnectedX /> : <IconAlertTriangle />}
      data-code={problem.code}
      className="problem"
    >
      <Stack gap={6} align="flex-start">
        {(problem.errors?.length ?? 0) > 1 ? (
          <List size="sm">
            {problem.errors?.map((wrong) => (
              <List.Item key={wrong.field + wrong.detail}>{[wrong.field, wrong.detail].filter(Boolean).join(" ")}</List.Item>
            ))}
          </List>
        ) : (
          <Text size="sm" className="break">
            {problem.detail}
          </Text>
        )}
        {problem.code === "edit_conflict" && <Text size="sm">{t("problem.stale")}</Text>}
        {offline && <Text size="sm">{t("problem.noConnectionDo")}</Text>}
        <Text size="xs" c="dimmed" className="mono">
          {t("problem.code", { code: problem.code })}
        </Text>
        {action && (
          <Button variant="default" size="xs" mt={4} onClick={action.run}>
            {action.label}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
