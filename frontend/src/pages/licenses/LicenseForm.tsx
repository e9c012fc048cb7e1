import { ActionIcon, Alert, Button, Group, Input, NumberInput, SimpleGrid, Stack, Switch, TagsInput, TextInput } from "@mantine/core";
import { DateInput, TimeInput } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useForm, type UseFormReturnType } from "@mantine/form";
import { IconPlus, IconX } from "@tabler/icons-react";

import type { License, Version } from "@/api/types";
import { MetadataInput, validateMetadata } from "@/components/MetadataInput";
import { Section } from "@/components/Section";
import { timeZone } from "@/components/format";
import { FormActions } from "@/components/FormActions";
import { CountInput } from "@/components/CountInput";
import { FormProblem } from "@/components/FormProblem";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";
import { PolicyField } from "@/policy/PolicyField";
import { applies, formatSetting, labelOf, limitsCalls, limitsTime, overridable, policyValues } from "@/policy/values";

import { findErrors, type LicenseValues, expiryOf, toLicenseValues } from "./licenseValues";

interface Props {
  version: Version;
  license?: License;
  send: (values: LicenseValues) => Promise<License>;
  onSuccess: (license: License) => void;
  submitLabel: string;
  cancelTo: string;
  reload?: () => void;
}

type Form = UseFormReturnType<LicenseValues>;

export function LicenseForm({ version, license, send, onSuccess, submitLabel, cancelTo, reload }: Props) {
  const { t } = useTranslation();
  const { policy } = version;
  const say = { needed: t("license.needed"), needOne: t("license.needOne"), rule: t("license.namesRule"), repeated: t("license.repeated") };
  const form: Form = useForm<LicenseValues>({
    initialValues: toLicenseValues(license),
    validate: (values) => ({
      ...Object.fromEntries(Object.entries(findErrors(values, policy)).map(([path, fault]) => [path, say[fault]])),
      ...(validateMetadata(values.metadata) && { metadata: validateMetadata(values.metadata) }),
    }),
  });
  const { submit, pending, error } = useSubmit({ form, send, onSuccess, fieldPath: (field) => fieldPath(field, form.getValues()) });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <FormProblem error={error} reload={reload} />
        <Section title={t("license.who")}>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
            <TextInput
              label={t("field.name")}
              description={t("license.nameHint")}
              maxLength={200}
              autoFocus={!license}
              data-autofocus
              inputWrapperOrder={["label", "input", "description", "error"]}
              {...form.getInputProps("name")}
            />
            <TextInput label={t("license.customer")} maxLength={200} {...form.getInputProps("customer")} />
          </SimpleGrid>
        </Section>
        {(limitsCalls(policy.type) || limitsTime(policy.type)) && (
          <Section title={t("license.limits")}>
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
              {limitsCalls(policy.type) && (
                <CountInput label={t("license.allowance")} description={t("license.allowanceHint")} {...form.getInputProps("allowance")} />
              )}
              {limitsTime(policy.type) && <Expiry form={form} />}
            </SimpleGrid>
          </Section>
        )}
        <Section title={t("license.grants")} lead={license && t("license.fileStale")}>
          <Stack>
            <TagsInput
              label={t("license.contexts")}
              description={t("license.contextsHint")}
              splitChars={[",", " ", ";"]}
              acceptValueOnBlur
              clearable={false}
              {...form.getInputProps("contexts")}
            />
            <Entitlements form={form} />
          </Stack>
        </Section>
        <Section title={t("license.overrides")} lead={t("license.overridesHint")}>
          <OverrideFields form={form} version={version} />
        </Section>
        <Section title={t("field.metadata")}>
          <MetadataInput bare {...form.getInputProps("metadata")} />
        </Section>
        <FormActions submitLabel={submitLabel} pending={pending} cancelTo={cancelTo} />
      </Stack>
    </form>
  );
}

/** Returns the form path of a field that the server names. The server counts only the rows that were sent, without the empty ones. */
function fieldPath(field: string, values: LicenseValues): string | undefined {
  const [head = "", index, part] = field.split(".");
  if (head === "expires") return "day";
  if (head === "contexts" || head === "metadata") return head;
  if (head === "entitlements") {
    const sent = values.entitlements.map((row, i) => ({ row, i })).filter(({ row }) => row.name !== "" || Number(row.slots) > 0);
    return `entitlements.${sent[Number(index)]?.i ?? 0}.${part ?? "name"}`;
  }
  if (head === "overrides") return index === undefined ? undefined : `overrides.${index}`;
  return ["name", "customer", "allowance"].includes(head) ? head : undefined;
}

function Expiry({ form }: { form: Form }) {
  const { t } = useTranslation();
  const values = form.getValues();
  const at = expiryOf(values);
  const past = at !== undefined && new Date(at).getTime() <= Date.now();
  return (
    <Stack gap="xs">
      <Group gap="xs" align="flex-start" wrap="nowrap">
        <DateInput
          label={t("license.expires")}
          description={t("license.expiresHint", { zone: timeZone() })}
          placeholder="2027-12-31"
          valueFormat="YYYY-MM-DD"
          inputWrapperOrder={["label", "input", "description", "error"]}
          style={{ flex: 1 }}
          popoverProps={{ withinPortal: true }}
          {...form.getInputProps("day")}
        />
        <TimeInput label={t("license.expiresTime")} w={110} {...form.getInputProps("time")} />
      </Group>
      {past && (
        <Alert color="yellow" p="xs" role="status">
          {t("license.expiresPast")}
        </Alert>
      )}
    </Stack>
  );
}

function Entitlements({ form }: { form: Form }) {
  const { t } = useTranslation();
  const rows = form.getValues().entitlements;
  return (
    <Input.Wrapper labelElement="div" label={t("license.entitlements")} description={t("license.entitlementsHint")}>
      <Stack gap="xs" mt={6} role="group" aria-label={t("license.entitlements")}>
        {rows.map((row, i) => (
          // oxlint-disable-next-line react/no-array-index-key -- rows have no stable key while their names are being typed
          <Group key={i} gap="xs" wrap="nowrap" align="flex-start">
            <TextInput
              style={{ flex: 3 }}
              aria-label={t("license.entitlement", { n: i + 1 })}
              placeholder={t("license.entitlementPlaceholder")}
              className="mono"
              maxLength={64}
              {...form.getInputProps(`entitlements.${i}.name`)}
            />
            <NumberInput
              style={{ flex: 1, minWidth: 84 }}
              aria-label={t("license.slots", { name: row.name || t("license.entitlement", { n: i + 1 }) })}
              leftSection={<span style={{ fontSize: 11, color: "var(--mantine-color-dimmed)" }}>{t("license.slotsHeader")}</span>}
              leftSectionWidth={46}
              min={1}
              allowNegative={false}
              allowDecimal={false}
              thousandSeparator=" "
              {...form.getInputProps(`entitlements.${i}.slots`)}
            />
            <ActionIcon
              mt={4}
              variant="subtle"
              color="gray"
              aria-label={t("do.remove", { what: row.name || t("license.entitlement", { n: i + 1 }) })}
              disabled={rows.length === 1}
              onClick={() => form.removeListItem("entitlements", i)}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
        ))}
        <div>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlus size={14} />}
            onClick={() => form.insertListItem("entitlements", { name: "", slots: "" })}
          >
            {t("license.addEntitlement")}
          </Button>
        </div>
      </Stack>
    </Input.Wrapper>
  );
}

/** Fields for the overrides of the version's policy. */
function OverrideFields({ form, version: { policy } }: { form: Form; version: Version }) {
  const own = form.getValues().overrides;
  const version = policyValues(policy);
  const values = { ...version, ...own };
  return (
    <Stack gap="md">
      {overridable
        .filter((field) => applies(field, values))
        .map((field) => {
          const path = `overrides.${field.name}`;
          const { onChange, error } = form.getInputProps(path);
          return (
            <OverrideField
              key={field.name}
              label={labelOf(field, values)}
              versionValue={formatSetting(field, policy)}
              overridden={own[field.name] !== undefined}
              setOverridden={(on) => form.setFieldValue(path, (on ? version[field.name] : undefined) as never)}
            >
              <PolicyField field={field} values={values} input={{ value: own[field.name], error, onChange }} bare />
            </OverrideField>
          );
        })}
    </Stack>
  );
}

interface OverrideProps {
  label: string;
  versionValue: string;
  overridden: boolean;
  setOverridden: (on: boolean) => void;
  children: React.ReactNode;
}

function OverrideField({ label, versionValue, overridden, setOverridden, children }: OverrideProps) {
  const { t } = useTranslation();
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing={6}>
      <Switch
        size="sm"
        label={label}
        aria-label={t("license.own", { what: label })}
        description={t("license.fromVersion", { value: versionValue })}
        checked={overridden}
        onChange={(event) => setOverridden(event.currentTarget.checked)}
      />
      {overridden ? children : <span />}
    </SimpleGrid>
  );
}
