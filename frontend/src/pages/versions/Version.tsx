import { Alert, Grid, Group, Stack, Text } from "@mantine/core";
import { IconArchive, IconFileCertificate, IconPencil, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { usePermissions } from "@/api/permissions";
import { invalidateVersion, removeVersion } from "@/api/cache";
import { licensesQuery, productQuery, versionQuery } from "@/api/requests";
import type { License, Version as Record } from "@/api/types";
import { RecordDetails } from "@/components/DescriptionList";
import { ListView } from "@/components/ListView";
import { LoadedPage, Page } from "@/components/Page";
import { RecordMenu } from "@/components/RecordMenu";
import { Section } from "@/components/Section";
import { formatDate, formatNumber, shortId } from "@/components/format";
import { Timestamp } from "@/components/Timestamp";
import { SecondaryText } from "@/components/SecondaryText";
import { licenseName, licenseStatus } from "@/components/licenseLabels";
import { StatusBadge } from "@/components/StatusBadge";
import { useRecordActions } from "@/components/useRecordActions";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";
import { PolicyDetails } from "@/policy/PolicyDetails";
import { limitsCalls, limitsTime } from "@/policy/values";

export default function Version() {
  const { id } = useParams({ from: "/member/versions/$id" });
  return <LoadedPage query={useQuery(versionQuery(id))}>{(version) => <VersionPage key={id} version={version} />}</LoadedPage>;
}

function VersionPage({ version }: { version: Record }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { id, name, archived, product } = version;
  const above = useQuery(productQuery(product));
  const { archive, remove } = useRecordActions({
    kind: "version",
    id,
    name,
    archived,
    onChange: () => invalidateVersion(client, version),
    onDelete: async () => {
      await navigate({ to: "/products/$id", params: { id: product } });
      await removeVersion(client, version);
    },
  });
  return (
    <Page
      title={name}
      lead={version.description && <span style={{ whiteSpace: "pre-line" }}>{version.description}</span>}
      breadcrumbs={[
        { label: t("product.title"), to: "/products" },
        { label: above.data?.name, to: `/products/${product}` },
      ]}
      status={archived && <StatusBadge status="archived" />}
      actions={
        <>
          {may("updateVersion") && (
            <LinkButton variant="default" leftSection={<IconPencil size={16} />} to="/versions/$id/edit" params={{ id }}>
              {t("do.edit")}
            </LinkButton>
          )}
          <RecordMenu actions={[archive, remove]} />
        </>
      }
    >
      {archived && (
        <Alert color="yellow" icon={<IconArchive />}>
          {t("version.archived")}
        </Alert>
      )}
      <Licenses version={version} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Section title={t("policy.title")} lead={t("version.lead")}>
            <PolicyDetails policy={version.policy} />
          </Section>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Section title={t("product.record")}>
            <RecordDetails record={version} />
          </Section>
        </Grid.Col>
      </Grid>
    </Page>
  );
}

function Licenses({ version }: { version: Record }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const navigate = useNavigate();
  const { search = "" } = useSearch({ from: "/member/versions/$id" });
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
        search={{
          text: search,
          set: (text) => void navigate({ to: "/versions/$id", params: { id }, search: text ? { search: text } : {}, replace: true }),
        }}
        empty={{
          title: t("license.emptyTitle"),
          text: t(add ? "license.empty" : "license.emptyViewer"),
          icon: <IconFileCertificate />,
          action: add,
        }}
        columns={[
          {
            title: t("field.name"),
            cell: (license) => (
              <>
                <Link className="name break" to="/licenses/$id" params={{ id: license.id }}>
                  {licenseName(license)}
                </Link>
                <SecondaryText>{license.name && license.customer ? license.customer : shortId(license.id)}</SecondaryText>
              </>
            ),
          },
          { title: t("field.status"), cell: (license) => <StatusBadge status={licenseStatus(license)} /> },
          ...(limitsCalls(policy.type)
            ? [
                {
                  title: t("license.allowance"),
                  cell: (license: License) => (
                    <span className="tabular">{license.allowance === null ? t("policy.noLimit") : formatNumber(license.allowance)}</span>
                  ),
                  wideOnly: true,
                  align: "right" as const,
                },
              ]
            : []),
          ...(limitsTime(policy.type)
            ? [
                {
                  title: t("license.expires"),
                  cell: (license: License) => (license.expires ? formatDate(license.expires) : t("license.never")),
                  wideOnly: true,
                },
              ]
            : []),
          { title: t("field.created"), cell: (license) => <Timestamp at={license.created} />, wideOnly: true },
        ]}
      />
    </Stack>
  );
}
