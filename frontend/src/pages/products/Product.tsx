import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArchive, IconArchiveOff, IconDownload, IconPencil, IconPlus, IconStack2, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { useMay } from "@/api/may";
import { archiveProduct, deleteProduct, keysQuery, productQuery, unarchiveProduct, versionsQuery } from "@/api/requests";
import type { Product as Record } from "@/api/types";
import { Below, Mark, When } from "@/components/bits";
import { RecordFacts } from "@/components/Facts";
import { ListView } from "@/components/ListView";
import { Loaded, Page } from "@/components/Page";
import { ProblemAlert } from "@/components/ProblemAlert";
import { RecordMenu } from "@/components/RecordMenu";
import { Section } from "@/components/Section";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";
import { platform } from "@/platform";

export default function Product() {
  const { id } = useParams({ from: "/inside/products/$id" });
  return <Loaded query={useQuery(productQuery(id))}>{(product) => <Shown key={id} product={product} />}</Loaded>;
}

function Shown({ product }: { product: Record }) {
  const { t } = useTranslation();
  const may = useMay();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { id, name, archived } = product;
  const changed = () => client.invalidateQueries({ queryKey: ["products"] });
  return (
    <Page
      title={name}
      lead={product.description && <span style={{ whiteSpace: "pre-line" }}>{product.description}</span>}
      above={[{ label: t("product.title"), to: "/products" }]}
      mark={archived && <Mark state="archived" />}
      actions={
        <>
          {may("editProduct") && (
            <LinkButton variant="default" leftSection={<IconPencil size={16} />} to="/products/$id/edit" params={{ id }}>
              {t("do.edit")}
            </LinkButton>
          )}
          <RecordMenu
            deeds={[
              archived
                ? {
                    label: t("do.unarchive"), icon: <IconArchiveOff size={16} />, allowed: may("unarchiveProduct"), verb: t("do.unarchive"),
                    title: t("product.unarchiveTitle", { name }), text: t("product.unarchive"), run: () => unarchiveProduct(id).then(changed),
                  }
                : {
                    label: t("do.archive"), icon: <IconArchive size={16} />, allowed: may("archiveProduct"), verb: t("do.archive"), danger: true,
                    title: t("product.archiveTitle", { name }), text: t("product.archive"), run: () => archiveProduct(id).then(changed),
                  },
              {
                label: t("do.delete"), icon: <IconTrash size={16} />, allowed: may("deleteProduct"), verb: t("do.delete"), danger: true,
                title: t("product.deleteTitle", { name }), text: t("product.delete"),
                run: async () => {
                  await deleteProduct(id);
                  notifications.show({ message: t("product.deleted", { name }), color: "petrol" });
                  await navigate({ to: "/products" });
                  client.removeQueries({ queryKey: ["products", id] });
                  await changed();
                },
              },
            ]}
          />
        </>
      }
    >
      {archived && <Alert color="yellow" icon={<IconArchive />}>{t("product.archived")}</Alert>}
      <Versions product={product} />
      <Group align="flex-start" gap="lg" grow preventGrowOverflow={false}>
        <div style={{ flex: "1 1 300px" }}>
          <Keys product={product} />
        </div>
        <div style={{ flex: "1 1 300px" }}>
          <Section title={t("product.record")}>
            <RecordFacts record={product} />
          </Section>
        </div>
      </Group>
    </Page>
  );
}

function Versions({ product }: { product: Record }) {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const { search = "" } = useSearch({ from: "/inside/products/$id" });
  const query = useInfiniteQuery(versionsQuery(product.id, search));
  const { id } = product;
  const add = may("createVersion") && (
    <LinkButton to="/products/$id/versions/new" params={{ id }} leftSection={<IconPlus size={16} />}>
      {t("version.new")}
    </LinkButton>
  );
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text component="h2" fz="h2" fw={620} m={0}>
          {t("version.title")}
        </Text>
        {query.data?.length !== 0 && add}
      </Group>
      <ListView
        label={t("version.title")}
        query={query}
        keyOf={(version) => version.id}
        search={{ text: search, set: (text) => void navigate({ to: "/products/$id", params: { id }, search: text ? { search: text } : {}, replace: true }) }}
        empty={{ title: t("version.emptyTitle"), text: t(add ? "version.empty" : "version.emptyViewer"), icon: <IconStack2 />, action: add }}
        columns={[
          {
            title: t("field.name"),
            cell: (version) => (
              <>
                <Link className="name break" to="/versions/$id" params={{ id: version.id }}>
                  {version.name}
                </Link>
                <Below>{version.description}</Below>
              </>
            ),
          },
          {
            title: t("policy.type"),
            cell: ({ policy }) => (
              <>
                {t(`policy.types.${policy.type}`)}
                <Below>{t(`policy.triggers.${policy.trigger}`)}</Below>
              </>
            ),
            wideOnly: true,
          },
          { title: t("field.status"), cell: (version) => <Mark state={version.archived ? "archived" : "offered"} /> },
          { title: t("field.created"), cell: (version) => <When at={version.created} />, wideOnly: true },
        ]}
      />
    </Stack>
  );
}

function Keys({ product }: { product: Record }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const saving = useMutation({
    mutationFn: async () => platform.saveFile(keyFileName(product.name), await client.fetchQuery(keysQuery(product.id)), "application/pgp-keys"),
  });
  return (
    <Section title={t("product.keys")} lead={t("product.keysLead")}>
      <Stack align="flex-start">
        {saving.isError && <ProblemAlert error={saving.error} focus />}
        <Button variant="default" leftSection={<IconDownload size={16} />} loading={saving.isPending} onClick={() => saving.mutate()}>
          {t("product.downloadKey")}
        </Button>
      </Stack>
    </Section>
  );
}

/** A name that every system takes. */
export const keyFileName = (product: string) => `${product.replaceAll(/[^\w.-]+/g, "-").replaceAll(/^[-.]+|[-.]+$/g, "") || "product"}.pub.asc`;
