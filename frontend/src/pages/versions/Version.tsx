import { Alert, Grid, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArchive, IconArchiveOff, IconFileCertificate, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { useMay } from "@/api/may";
import { archiveVersion, deleteVersion, licensesQuery, productQuery, unarchiveVersion, versionQuery } from "@/api/requests";
import type { License, Version as Record } from "@/api/types";
import { Below, Mark, stateOf, When } from "@/components/bits";
import { RecordFacts } from "@/components/Facts";
import { ListView } from "@/components/ListView";
import { Loaded, Page } from "@/components/Page";
import { RecordMenu } from "@/components/RecordMenu";
import { Section } from "@/components/Section";
import { date, number, short } from "@/components/units";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";

import { counted, expiring } from "./policy";
import { PolicyFacts } from "./PolicyFacts";

export default function Version() {
  const { id } = useParams({ from: "/inside/versions/$id" });
  return <Loaded query={useQuery(versionQuery(id))}>{(version) => <Shown key={id} version={version} />}</Loaded>;
}

function Shown({ version }: { version: Record }) {
  const { t } = useTranslation();
  const may = useMay();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { id, name, archived, product } = version;
  const above = useQuery(productQuery(product));
  const changed = async () => {
    await client.invalidateQueries({ queryKey: ["versions", id] });
    await client.invalidateQueries({ queryKey: ["products", product, "versions"] });
  };
  return (
    <Page
      title={name}
      lead={version.description && <span style={{ whiteSpace: "pre-line" }}>{version.description}</span>}
      above={[{ label: t("product.title"), to: "/products" }, { label: above.data?.name, to: `/products/${product}` }]}
      mark={archived && <Mark state="archived" />}
      actions={
        <>
          {may("editVersion") && (
            <LinkButton variant="default" leftSection={<IconPencil size={16} />} to="/versions/$id/edit" params={{ id }}>
              {t("do.edit")}
            </LinkButton>
          )}
          <RecordMenu
            deeds={[
              archived
                ? {
                    label: t("do.unarchive"), icon: <IconArchiveOff size={16} />, allowed: may("unarchiveVersion"), verb: t("do.unarchive"),
                    title: t("version.unarchiveTitle", { name }), text: t("version.unarchive"), run: () => unarchiveVersion(id).then(changed),
                  }
                : {
                    label: t("do.archive"), icon: <IconArchive size={16} />, allowed: may("archiveVersion"), verb: t("do.archive"), danger: true,
                    title: t("version.archiveTitle", { name }), text: t("version.archive"), run: () => archiveVersion(id).then(changed),
                  },
              {
                label: t("do.delete"), icon: <IconTrash size={16} />, allowed: may("deleteVersion"), verb: t("do.delete"), danger: true,
                title: t("version.deleteTitle", { name }), text: t("version.delete"),
                run: async () => {
                  await deleteVersion(id);
                  notifications.show({ message: t("version.deleted", { name }), color: "petrol" });
                  await navigate({ to: "/products/$id", params: { id: product } });
                  client.removeQueries({ queryKey: ["versions", id] });
                  await client.invalidateQueries({ queryKey: ["products", product, "versions"] });
                },
              },
            ]}
          />
        </>
      }
    >
      {archived && <Alert color="yellow" icon={<IconArchive />}>{t("version.archived")}</Alert>}
      <Licenses version={version} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Section title={t("policy.title")} lead={t("version.lead")}>
            <PolicyFacts policy={version.policy} />
          </Section>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Section title={t("product.record")}>
            <RecordFacts record={version} />
          </Section>
        </Grid.Col>
      </Grid>
    </Page>
  );
}

function Licenses({ version }: { version: Record }) {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const { search = "" } = useSearch({ from: "/inside/versions/$id" });
  const { id, policy } = version;
  const query = useInfiniteQuery(licensesQuery(id, search));
  const add = may("createLicense") && (
    <LinkButton to="/versions/$id/licenses/new" params={{ id }} leftSection={<IconPlus size={16} />}>
      {t("license.new")}
    </LinkButton>
  );
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text component="h2" fz="h2" fw={620} m={0}>
          {t("license.title")}
        </Text>
        {query.data?.length !== 0 && add}
      </Group>
      <ListView
        label={t("license.title")}
        query={query}
        keyOf={(license) => license.id}
        search={{ text: search, set: (text) => void navigate({ to: "/versions/$id", params: { id }, search: text ? { search: text } : {}, replace: true }) }}
        empty={{ title: t("license.emptyTitle"), text: t(add ? "license.empty" : "license.emptyViewer"), icon: <IconFileCertificate />, action: add }}
        columns={[
          {
            title: t("field.name"),
            cell: (license) => (
              <>
                <Link className="name break" to="/licenses/$id" params={{ id: license.id }}>
                  {nameOf(license)}
                </Link>
                <Below>{license.name && license.customer ? license.customer : short(license.id)}</Below>
              </>
            ),
          },
          { title: t("field.status"), cell: (license) => <Mark state={stateOf(license)} /> },
          ...(counted(policy.type) ? [{ title: t("license.allowance"), cell: (license: License) => <span className="tabular">{number(license.allowance)}</span>, wideOnly: true, align: "right" as const }] : []),
          ...(expiring(policy.type) ? [{ title: t("license.expires"), cell: (license: License) => (license.expires ? date(license.expires) : t("license.never")), wideOnly: true }] : []),
          { title: t("field.created"), cell: (license) => <When at={license.created} />, wideOnly: true },
        ]}
      />
    </Stack>
  );
}

/** What a license is called: a name is not asked for. */
export const nameOf = (license: Pick<License, "id" | "name" | "customer">) => license.name || license.customer || short(license.id);
