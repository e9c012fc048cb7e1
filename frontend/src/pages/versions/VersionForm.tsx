import { Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";

import type { Metadata, PolicyInput, Version } from "@/api/types";
import { MetadataInput, toEntries, toMetadata, validateMetadata } from "@/components/MetadataInput";
import { Section } from "@/components/Section";
import { FormActions } from "@/components/FormActions";
import { FormProblem } from "@/components/FormProblem";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";
import { PolicyFields } from "@/policy/PolicyFields";
import { initialPolicy, missing, policyOf, policyValues } from "@/policy/values";

export interface VersionInput {
  name: string;
  description: string;
  policy: PolicyInput;
  metadata: Metadata;
}

interface Props {
  version?: Version;
  send: (values: VersionInput) => Promise<Version>;
  onSuccess: (version: Version) => void;
  submitLabel: string;
  cancelTo: string;
  reload?: () => void;
}

export function VersionForm({ version, send, onSuccess, submitLabel, cancelTo, reload }: Props) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: {
      name: version?.name ?? "",
      description: version?.description ?? "",
      policy: version ? policyValues(version.policy) : initialPolicy,
      metadata: toEntries(version?.metadata ?? {}),
    },
    validate: (values) => ({
      ...(!values.name.trim() && { name: t("license.needed") }),
      ...Object.fromEntries(missing(values.policy).map((setting) => [`policy.${setting}`, t("license.needed")])),
      ...(validateMetadata(values.metadata) && { metadata: validateMetadata(values.metadata) }),
    }),
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: ({ policy, metadata, ...values }) =>
      send({ ...values, policy: policyOf(policy, version?.policy), metadata: toMetadata(metadata) }),
    onSuccess,
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <FormProblem error={error} reload={reload} />
        <Section title={t("version.what")}>
          <Stack>
            <TextInput
              label={t("field.name")}
              description={t("version.nameHint")}
              maxLength={200}
              autoFocus={!version}
              data-autofocus
              {...form.getInputProps("name")}
            />
            <Textarea label={t("field.description")} autosize minRows={2} maxRows={8} {...form.getInputProps("description")} />
          </Stack>
        </Section>
        <PolicyFields form={form} typeFixed={version !== undefined} />
        <Section title={t("field.metadata")}>
          <MetadataInput bare {...form.getInputProps("metadata")} />
        </Section>
        <FormActions submitLabel={submitLabel} pending={pending} cancelTo={cancelTo} />
      </Stack>
    </form>
  );
}
