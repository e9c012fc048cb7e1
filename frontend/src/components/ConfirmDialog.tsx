import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";

import { useTranslation } from "@/i18n";

import { ProblemAlert } from "./ProblemAlert";

export interface Confirmation {
  title: string;
  /** The consequences, and whether they can be undone. */
  text: string;
  /** Label of the confirm button: the action as a verb, never "OK". */
  confirmLabel: string;
  danger?: boolean;
  run: () => Promise<unknown>;
}

interface Props {
  confirmation: Confirmation | undefined;
  close: () => void;
}

/** Asks for confirmation before an action with consequences. If the server refuses, the dialog stays open and shows why. */
export function ConfirmDialog({ confirmation: question, close }: Props) {
  const { t } = useTranslation();
  const deed = useMutation({ mutationFn: async () => question?.run() });
  const leave = () => {
    deed.reset();
    close();
  };
  return (
    <Modal opened={question !== undefined} onClose={leave} title={question?.title} styles={{ title: { fontWeight: 620 } }}>
      <Stack>
        <Text size="sm">{question?.text}</Text>
        {deed.isError && <ProblemAlert error={deed.error} focus />}
        <Group justify="flex-end">
          <Button variant="default" onClick={leave} data-autofocus>
            {t("do.cancel")}
          </Button>
          <Button
            color={question?.danger ? "red" : undefined}
            loading={deed.isPending}
            onClick={() => deed.mutate(undefined, { onSuccess: leave })}
          >
            {question?.confirmLabel}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
