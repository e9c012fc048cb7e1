import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconArchive, IconDownload, IconPencil, IconPlus, IconStack2 } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { usePermissions } from "@/api/permissions";
import { invalidateProducts, removeProduct } from "@/api/cache";
import { publicKeysQuery, productQuery, versionsQuery } from "@/api/requests";
import type { Product as Record } from "@/api/types";
import { RecordDetails } from "@/components/DescriptionList";
import { ListView } from "@/components/ListView";
import { LoadedPage, Page } from "@/components/Page";
import { ProblemAlert } from "@/components/ProblemAlert";
import { RecordMenu } from "@/components/RecordMenu";
import { Section } from "@/components/Section";
import { Timestamp } from "@/components/Timestamp";
import { SecondaryText } from "@/components/SecondaryText";
import { StatusBadge } from "@/components/StatusBadge";
import { keyFileName } from "@/components/keyFileName";
import { useRecordActions } from "@/components/useRecordActions";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";
import { platform } from "@/platform";

export default function Product() {
  const { id } = useParams({ from: "/member/products/$id" });
  return <LoadedPage query={useQuery(productQuery(id))}>{(product) => <ProductPage key={id} product={product} />}</LoadedPage>;
}

function ProductPage({ product }: { product: Record }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { id, name, archived } = product;
  const { archive, remove } = useRecordActions({
    kind: "product",
    id,
    name,
    archived,
    onChange: () => invalidateProducts(client),
    onDelete: async () => {
      await navigate({ to: "/products" });
      await removeProduct(client, id);
    },
  });
  return (
    <Page
      title={name}
      lead={product.description && <span style={{ whiteSpace: "pre-line" }}>{product.description}</span>}
      breadcrumbs={[{ label: t("product.title"), to: "/products" }]}
      status={archived && <StatusBadge status="archived" />}
      actions={
        <>
          {may("updateProduct") && (
            <LinkButton variant="default" leftSection={<IconPencil size={16} />} to="/products/$id/edit" params={{ id }}>
              {t("do.edit")}
            </LinkButton>
          )}
          <RecordMenu actions={[archive, remove]} />
        </>
      }
    >
      {archived && (
        <Alert color="yellow" icon={<IconArchive />}>
          {t("product.archived")}
        </Alert>
      )}
      <Versions product={product} />
      <Group align="flex-start" gap="lg" grow preventGrowOverflow={false}>
        <div style={{ flex: "1 1 300px" }}>
          <PublicKeySection product={product} />
        </div>
        <div style={{ flex: "1 1 300px" }}>
          <Section title={t("product.record")}>
            <RecordDetails record={product} />
          </Section>
        </div>
      </Group>
    </Page>
  );
}

function Versions({ product }: { product: Record }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const navigate = useNavigate();
  const { search = "" } = useSearch({ from: "/member/products/$id" });
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
        search={{
          text: search,
          set: (text) => void navigate({ to: "/products/$id", params: { id }, search: text ? { search: text } : {}, replace: true }),
        }}
        empty={{
          title: t("version.emptyTitle"),
          text: t(add ? "version.empty" : "version.emptyViewer"),
          icon: <IconStack2 />,
          action: add,
        }}
        columns={[
          {
            title: t("field.name"),
            cell: (version) => (
              <>
                <Link className="name break" to="/versions/$id" params={{ id: version.id }}>
                  {version.name}
                </Link>
                <SecondaryText>{version.description}</SecondaryText>
              </>
            ),
          },
          {
            title: t("policy.type"),
            cell: ({ policy }) => (
              <>
                {t(`policy.fields.type.${policy.type}`)}
                <SecondaryText>{t(`policy.fields.trigger.${policy.trigger}`)}</SecondaryText>
              </>
            ),
            wideOnly: true,
          },
          { title: t("field.status"), cell: (version) => <StatusBadge status={version.archived ? "archived" : "offered"} /> },
          { title: t("field.created"), cell: (version) => <Timestamp at={version.created} />, wideOnly: true },
        ]}
      />
    </Stack>
  );
}

function PublicKeySection({ product }: { product: Record }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const saving = useMutation({
    mutationFn: async () =>
      platform.saveFile(keyFileName(product.name), await client.fetchQuery(publicKeysQuery(product.id)), "application/pgp-keys"),
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
