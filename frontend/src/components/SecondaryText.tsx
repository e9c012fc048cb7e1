import { Text } from "@mantine/core";
import type { ReactNode } from "react";

/** The dimmed second line of a table cell. With `narrow` it appears only on narrow pages, in place of hidden columns. */
export function SecondaryText({ children, narrow = false }: { children: ReactNode; narrow?: boolean }) {
  return (
    <Text size="xs" c="dimmed" component="div" className="break" hiddenFrom={narrow ? "sm" : undefined} mt={narrow ? 4 : undefined}>
      {children}
    </Text>
  );
}
