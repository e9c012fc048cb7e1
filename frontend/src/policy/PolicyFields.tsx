import { SimpleGrid, Stack } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";

import { AdvancedSettings } from "@/components/AdvancedSettings";
import { Section } from "@/components/Section";
import { useTranslation } from "@/i18n";

import { PolicyField } from "./PolicyField";
import { applies, type Field, fields, following, type PolicyValues } from "./values";

interface PolicyForm {
  policy: PolicyValues;
}

interface Props<V extends PolicyForm> {
  form: UseFormReturnType<V>;
  /** The type of an existing version cannot change. */
  typeFixed: boolean;
}

/** Form fields of a version's policy, in the order of the table of members. */
export function PolicyFields<V extends PolicyForm>({ form, typeFixed }: Props<V>) {
  const { t } = useTranslation();
  // The fields are the same in every form with a policy, but the type of a generic form does not know their paths.
  const at = form as unknown as UseFormReturnType<PolicyForm>;
  const { policy } = at.getValues();
  const input = (field: Field) => {
    const { onChange, value, error } = at.getInputProps(`policy.${field.name}`);
    const change = (next: unknown) => {
      if (field.kind === "choice") {
        for (const [name, follows] of Object.entries(following(field.name, next as string, at.getValues().policy))) {
          at.setFieldValue(`policy.${name}`, follows as never);
        }
      }
      onChange(next);
    };
    const variant = field.variants?.map(({ member }) => policy[member]).join();
    return (
      <PolicyField
        key={`${field.name}.${variant ?? ""}`}
        field={field}
        values={policy}
        input={{ value, error, onChange: change }}
        disabled={(option) => field.name === "type" && typeFixed && policy.type !== option}
      />
    );
  };
  const group = (section: Field["section"], advanced: boolean) => {
    const shown = fields.filter((field) => field.section === section && field.advanced === advanced && applies(field, policy));
    const wide = (field: Field) => Boolean(field.cards) || field.kind === "flag";
    return (
      <>
        {shown.filter((field) => field.cards).map(input)}
        <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
          {shown.filter((field) => !wide(field)).map(input)}
        </SimpleGrid>
        {shown.filter((field) => field.kind === "flag").map(input)}
      </>
    );
  };
  const hasError = (section: Field["section"]) =>
    fields.some((field) => field.section === section && field.advanced && at.errors[`policy.${field.name}`]);
  return (
    <>
      <Section title={t("policy.type")} lead={typeFixed && t("policy.typeFixed")}>
        <Stack>{group("type", false)}</Stack>
      </Section>
      <Section title={t("policy.syncing")}>
        <Stack>
          {group("reporting", false)}
          <AdvancedSettings label={t("policy.advanced")} hasError={hasError("reporting")}>
            {group("reporting", true)}
          </AdvancedSettings>
        </Stack>
      </Section>
      <Section title={t("policy.activating")}>
        <Stack>
          {group("activation", false)}
          <AdvancedSettings label={t("policy.copies")} hasError={hasError("activation")}>
            {group("activation", true)}
          </AdvancedSettings>
        </Stack>
      </Section>
    </>
  );
}
