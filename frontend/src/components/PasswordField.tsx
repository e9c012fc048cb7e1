import { PasswordInput, type PasswordInputProps } from "@mantine/core";

/** Password input that announces errors to screen readers. */
export function PasswordField(props: PasswordInputProps) {
  return <PasswordInput aria-invalid={props.error ? true : undefined} {...props} />;
}
