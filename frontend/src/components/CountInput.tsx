import { NumberInput } from "@mantine/core";

type CountProps = React.ComponentProps<typeof NumberInput>;

/** Input for a whole number of 0 or more, with its description below it. */
export function CountInput(props: CountProps) {
  return (
    <NumberInput
      min={0}
      allowNegative={false}
      allowDecimal={false}
      thousandSeparator=" "
      inputWrapperOrder={["label", "input", "description", "error"]}
      {...props}
    />
  );
}
