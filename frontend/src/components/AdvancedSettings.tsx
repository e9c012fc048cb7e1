import { Button, Collapse, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown } from "@tabler/icons-react";

interface Props {
  label: string;
  /** A field inside has an error: the settings are shown, so that the error is seen. */
  hasError: boolean;
  children: React.ReactNode;
}

/** Hides rarely used fields behind a button. */
export function AdvancedSettings({ label, hasError, children }: Props) {
  const [expanded, { toggle }] = useDisclosure(false);
  const opened = expanded || hasError;
  return (
    <div>
      <Button
        variant="subtle"
        size="compact-sm"
        px={4}
        onClick={toggle}
        aria-expanded={opened}
        rightSection={<IconChevronDown size={14} style={{ rotate: opened ? "180deg" : undefined }} />}
      >
        {label}
      </Button>
      <Collapse expanded={opened}>
        <Stack mt="xs">{children}</Stack>
      </Collapse>
    </div>
  );
}
