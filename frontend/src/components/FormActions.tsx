import { Button, Group } from "@mantine/core";

import { useTranslation } from "@/i18n";

import { LinkButton } from "./LinkButton";

interface Props {
  submitLabel: string;
  pending: boolean;
  /** The page that Cancel leads to. */
  cancelTo: string;
}

/** Shows the buttons at the end of a form: cancel and submit. */
export function FormActions({ submitLabel, pending, cancelTo }: Props) {
  const { t } = useTranslation();
  return (
    <Group justify="flex-end">
      <LinkButton variant="default" to={cancelTo}>
        {t("do.cancel")}
      </LinkButton>
      <Button type="submit" loading={pending}>
        {submitLabel}
      </Button>
    </Group>
  );
}
