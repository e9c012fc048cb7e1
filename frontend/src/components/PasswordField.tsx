import { PasswordInput, type PasswordInputProps } from "@mantine/core";

/** A password; what is wrong with it is told to screen readers too. */
export function PasswordField(props: PasswordInputProps) {
  return <PasswordInput aria-invalid={props.error ? true : undefined} {...props} />;
}
