import { Paper, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";

import type { Metadata, Product } from "@/api/types";
import { MetadataInput, toEntries, toMetadata, validateMetadata } from "@/components/MetadataInput";
import { FormActions } from "@/components/FormActions";
import { FormProblem } from "@/components/FormProblem";
import { useSubmit } from "@/components/useSubmit";
import { useTranslation } from "@/i18n";

export interface ProductValues {
  name: string;
  description: string;
  metadata: Metadata;
}

interface Props {
  product?: Product;
  send: (values: ProductValues) => Promise<Product>;
  onSuccess: (product: Product) => void;
  submitLabel: string;
  cancelTo: string;
  /** Reads the record again after an edit conflict. */
  reload?: () => void;
}

export function ProductForm({ product, send, onSuccess, submitLabel, cancelTo, reload }: Props) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { name: product?.name ?? "", description: product?.description ?? "", metadata: toEntries(product?.metadata ?? {}) },
    validate: { name: (name) => (name.trim() ? null : t("license.needed")), metadata: validateMetadata },
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: ({ metadata, ...values }) => send({ ...values, metadata: toMetadata(metadata) }),
    onSuccess,
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <FormProblem error={error} reload={reload} />
        <Paper p="md" radius="md">
          <Stack>
            <TextInput
              label={t("field.name")}
              description={t("product.nameHint")}
              maxLength={200}
              autoFocus={!product}
              data-autofocus
              {...form.getInputProps("name")}
            />
            <Textarea label={t("field.description")} autosize minRows={2} maxRows={8} {...form.getInputProps("description")} />
            <MetadataInput {...form.getInputProps("metadata")} />
          </Stack>
        </Paper>
        <FormActions submitLabel={submitLabel} pending={pending} cancelTo={cancelTo} />
      </Stack>
    </form>
  );
}
