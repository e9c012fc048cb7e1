import { Button, Group, Paper, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";

import type { Metadata, Product } from "@/api/types";
import { type Entry, entriesOf, MetadataInput, metadataOf, wrongEntry } from "@/components/MetadataInput";
import { LinkButton } from "@/components/LinkButton";
import { ProblemAlert } from "@/components/ProblemAlert";
import { useSubmit } from "@/components/useSubmit";
import { t as translate, useTranslation } from "@/i18n";

export interface ProductValues {
  name: string;
  description: string;
  metadata: Metadata;
}

interface Props {
  product?: Product;
  send: (values: ProductValues) => Promise<Product>;
  done: (product: Product) => void;
  verb: string;
  leave: string;
  /** Reads the record anew after somebody else's change. */
  reload?: () => void;
}

export const metadataRule = (entries: Entry[]) => {
  const found = wrongEntry(entries);
  return found ? translate(`metadata.${found.wrong}`, { n: found.row + 1 }) : null;
};

export function ProductForm({ product, send, done, verb, leave, reload }: Props) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { name: product?.name ?? "", description: product?.description ?? "", metadata: entriesOf(product?.metadata ?? {}) },
    validate: { name: (name) => (name.trim() ? null : t("license.needed")), metadata: metadataRule },
  });
  const { submit, pending, error } = useSubmit({
    form,
    send: ({ metadata, ...values }) => send({ ...values, metadata: metadataOf(metadata) }),
    done,
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {error && <ProblemAlert error={error} focus action={conflict(error) && reload ? { label: t("do.reload"), run: reload } : undefined} />}
        <Paper p="md" radius="md">
          <Stack>
            <TextInput label={t("field.name")} description={t("product.nameHint")} maxLength={200} autoFocus={!product} data-autofocus {...form.getInputProps("name")} />
            <Textarea label={t("field.description")} autosize minRows={2} maxRows={8} {...form.getInputProps("description")} />
            <MetadataInput {...form.getInputProps("metadata")} />
          </Stack>
        </Paper>
        <FormEnd verb={verb} pending={pending} leave={leave} />
      </Stack>
    </form>
  );
}

export const conflict = (error: unknown) => (error as { code?: string }).code === "edit_conflict";

/** How every form ends. */
export function FormEnd({ verb, pending, leave }: { verb: string; pending: boolean; leave: string }) {
  const { t } = useTranslation();
  return (
    <Group justify="flex-end">
      <LinkButton variant="default" to={leave}>
        {t("do.cancel")}
      </LinkButton>
      <Button type="submit" loading={pending}>
        {verb}
      </Button>
    </Group>
  );
}
