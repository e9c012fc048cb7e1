import { Group, Input, NativeSelect, NumberInput } from "@mantine/core";
import { useId } from "@mantine/hooks";
import { type ReactNode, useState } from "react";

import { useTranslation } from "@/i18n";

import { inUnit, millis, type Unit, largestUnit, units } from "./format";

interface Props {
  label: string;
  description?: ReactNode;
  /** Milliseconds, or empty. */
  value?: number | "";
  onChange: (ms: number | "") => void;
  error?: ReactNode;
  labelProps?: { className: string };
}

/** Input for a duration with a choice of units. Its value is in milliseconds. */
export function DurationInput({ label, description, value = "", onChange, error, labelProps }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const [unit, setUnit] = useState<Unit>(() => largestUnit(value || 0));
  const choices: readonly Unit[] = unit === "ms" ? ["ms", ...units] : units;
  return (
    <Input.Wrapper
      id={id}
      label={label}
      labelProps={labelProps}
      description={description}
      error={error}
      inputWrapperOrder={["label", "input", "description", "error"]}
    >
      <Group gap={0} wrap="nowrap" className="joined">
        <NumberInput
          id={id}
          error={Boolean(error)}
          aria-describedby={description ? `${id}-description` : undefined}
          value={value === "" ? "" : inUnit(value, unit)}
          onChange={(amount) => onChange(amount === "" ? "" : Math.round(Number(amount) * millis[unit]))}
          min={0}
          allowNegative={false}
          decimalScale={3}
          thousandSeparator=" "
          style={{ flex: 1, minWidth: 60 }}
        />
        <NativeSelect
          aria-label={t("unit.label", { what: label })}
          w={108}
          data={choices.map((u) => ({ value: u, label: t(`unit.${u}`) }))}
          value={unit}
          onChange={(event) => {
            const next = event.currentTarget.value as Unit;
            if (value !== "") onChange(Math.round(inUnit(value, unit) * millis[next])); // keep the number, change its unit
            setUnit(next);
          }}
        />
      </Group>
    </Input.Wrapper>
  );
}
