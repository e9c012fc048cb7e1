import { Group, NativeSelect, Radio, SimpleGrid, Switch } from "@mantine/core";

import { CountInput } from "@/components/CountInput";
import { DurationInput } from "@/components/DurationInput";
import { RadioCard } from "@/components/RadioCard";
import { useTranslation } from "@/i18n";

import { type Field, hintOf, labelOf, optionsOf, type PolicyValues } from "./values";

/** What a form gives to the input of one path. */
interface InputProps {
  value?: unknown;
  onChange: (value: never) => void;
  error?: React.ReactNode;
}

interface Props {
  field: Field;
  /** All values, of which some decide on the texts. */
  values: Partial<PolicyValues>;
  input: InputProps;
  /** The label is there only for screen readers: something beside the input says it already. */
  bare?: boolean;
  /** Choices that are no longer possible. */
  disabled?: (value: string) => boolean;
}

const order = ["label", "input", "description", "error"] as const;

/** The input of one member of a policy, by its kind. */
export function PolicyField({ field, values, input, bare = false, disabled = () => false }: Props) {
  const { t } = useTranslation();
  const label = labelOf(field, values);
  const description = hintOf(field, values);
  const onChange = input.onChange as (value: unknown) => void;
  const common = { label, description, error: input.error, ...(bare && { labelProps: { className: "unseen" } }) };
  const number = input.value as number | "" | null | undefined;
  const range = { ...(field.min !== undefined && { min: field.min }), ...(field.max !== undefined && { max: field.max }) };
  switch (field.kind) {
    case "duration":
      return <DurationInput {...common} value={number ?? ""} onChange={onChange} />;
    case "count":
      return <CountInput {...common} {...range} value={number ?? ""} onChange={onChange} />;
    case "limit":
      return (
        <CountInput
          {...common}
          {...range}
          value={number ?? ""}
          placeholder={t("policy.noLimit")}
          onChange={(value) => onChange(value === "" ? null : value)}
        />
      );
    case "flag":
      return (
        <Switch
          size="sm"
          label={label}
          aria-label={label}
          description={description}
          error={input.error}
          checked={Boolean(input.value)}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case "choice":
      return (
        <ChoiceInput field={field} common={common} value={String(input.value ?? "")} onChange={onChange} bare={bare} disabled={disabled} />
      );
  }
}

interface ChoiceInputProps {
  field: Field;
  common: { label: string; description: string; error?: React.ReactNode; labelProps?: { className: string } };
  value: string;
  onChange: (value: string) => void;
  bare: boolean;
  disabled: (value: string) => boolean;
}

function ChoiceInput({ field, common, value, onChange, bare, disabled }: ChoiceInputProps) {
  const options = optionsOf(field);
  if (!field.cards)
    return (
      <NativeSelect
        {...common}
        inputWrapperOrder={[...order]}
        data={options}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    );
  if (bare) {
    return (
      <Radio.Group aria-label={common.label} value={value} onChange={onChange} error={common.error}>
        <Group gap="lg" style={{ rowGap: 6 }}>
          {options.map((option) => (
            <Radio key={option.value} value={option.value} label={option.label} />
          ))}
        </Group>
      </Radio.Group>
    );
  }
  return (
    <Radio.Group {...common} value={value} onChange={onChange}>
      <SimpleGrid cols={{ base: 1, xs: 2, lg: options.length === 3 ? 3 : 2 }} spacing="sm" mt={6}>
        {options.map((option) => (
          <RadioCard key={option.value} {...option} disabled={disabled(option.value)} />
        ))}
      </SimpleGrid>
    </Radio.Group>
  );
}
