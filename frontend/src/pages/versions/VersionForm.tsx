import { Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";

import type { Metadata, PolicyNew, Version } from "@/api/types";
import { entriesOf, MetadataInput, metadataOf } from "@/components/MetadataInput";
import { ProblemAlert } from "@/components/ProblemAlert";
import { Section } from "@/components/Section";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";

import { conflict, FormEnd, metadataRule } from "../products/ProductForm";
import { beginning, missing, policyOf, type PolicyValues } from "./policy";
import { PolicyFields } from "./PolicyFields";

export interface VersionSent {
  name: string;
  description: string;
  policy: PolicyNew;
  metadata: Metadata;
}

interface Props {
  version?: Version;
  send: (values: VersionSent) => Promise<Version>;
  done: (version: Version) => void;
  verb: string;
  leave: string;
  reload?: () => void;
}

export function VersionForm({ version, send, done, verb, leave, reload }: Props) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: {
      name: version?.name ?? "",
      description: version?.description ?? "",
      policy: (version ? { ...version.policy } : beginning) as PolicyValues,
      metadata: entriesOf(version?.metadata ?? {}),
    },
    validate: (values) => ({
      ...(!values.name.trim() && { name: t("license.needed") }),
      ...Object.fromEntries(missing(values.policy).map((setting) => [`policy.${setting}`, t("license.needed")])),
      ...(metadataRule(values.metadata) && { metadata: metadataRule(values.metadata) }),
    }),
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: ({ policy, metadata, ...values }) => send({ ...values, policy: policyOf(policy, version?.policy), metadata: metadataOf(metadata) }),
    done,
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {error && <ProblemAlert error={error} focus action={conflict(error) && reload ? { label: t("do.reload"), run: reload } : undefined} />}
        <Section title={t("version.what")}>
          <Stack>
            <TextInput label={t("field.name")} description={t("version.nameHint")} maxLength={200} autoFocus={!version} data-autofocus {...form.getInputProps("name")} />
            <Textarea label={t("field.description")} autosize minRows={2} maxRows={8} {...form.getInputProps("description")} />
          </Stack>
        </Section>
        <PolicyFields form={form} fixed={version !== undefined} />
        <Section title={t("field.metadata")}>
          <MetadataInput bare {...form.getInputProps("metadata")} />
        </Section>
        <FormEnd verb={verb} pending={pending} leave={leave} />
      </Stack>
    </form>
  );
}
