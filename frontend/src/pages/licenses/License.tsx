import { Alert, Badge, Button, Grid, Group, Paper, Progress, SimpleGrid, Stack, Table, Text, VisuallyHidden } from "@mantine/core";
import { IconArchive, IconBan, IconCode, IconDownload, IconPencil, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { usePermissions } from "@/api/permissions";
import { invalidateLicense, removeLicense } from "@/api/cache";
import {
  activationsQuery,
  downloadLicenseFile,
  licenseQuery,
  reinstateLicense,
  reservationsQuery,
  revokeLicense,
  suspendLicense,
} from "@/api/requests";
import type { License as Record, Reservation, Version } from "@/api/types";
import { RecordDetails } from "@/components/DescriptionList";
import { LoadedPage, Page } from "@/components/Page";
import { ProblemAlert } from "@/components/ProblemAlert";
import { RecordMenu } from "@/components/RecordMenu";
import { Section } from "@/components/Section";
import { formatDate, formatFullDateTime, formatNumber, formatRelative } from "@/components/format";
import { Timestamp } from "@/components/Timestamp";
import { licenseName, licenseStatus } from "@/components/licenseLabels";
import { StatusBadge } from "@/components/StatusBadge";
import { useRecordActions } from "@/components/useRecordActions";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";
import { PolicyDetails } from "@/policy/PolicyDetails";
import { limitsCalls, limitsTime } from "@/policy/values";
import { platform } from "@/platform";

import { useBreadcrumbs } from "./useBreadcrumbs";
import { Installations } from "./Installations";
import { Reservations } from "./Reservations";

const REFRESH_MS = 10_000; // between two reads of the counters

export default function License() {
  const { id } = useParams({ from: "/member/licenses/$id" });
  return (
    <LoadedPage query={useQuery({ ...licenseQuery(id), refetchInterval: REFRESH_MS })}>
      {(license) => <LicensePage key={id} license={license} />}
    </LoadedPage>
  );
}

function LicensePage({ license }: { license: Record }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { crumbs, version } = useBreadcrumbs(license);
  const name = licenseName(license);
  const { id, status, archived } = license;
  const changed = () => invalidateLicense(client, license);
  const { archive, remove } = useRecordActions({
    kind: "license",
    id,
    name,
    archived,
    onChange: changed,
    onDelete: async () => {
      await navigate({ to: "/versions/$id", params: { id: license.version } });
      await removeLicense(client, license);
    },
  });
  const saving = useMutation({ mutationFn: async () => platform.saveFile(`${id}.txt`, await downloadLicenseFile(id), "text/plain") });
  return (
    <Page
      title={name}
      lead={license.name && license.customer}
      breadcrumbs={crumbs}
      status={<StatusBadge status={licenseStatus(license)} />}
      actions={
        <>
          <LinkButton leftSection={<IconCode size={16} />} to="/licenses/$id/instructions" params={{ id }}>
            {t("license.instructions")}
          </LinkButton>
          {may("getLicenseFile") && (
            <Button variant="default" leftSection={<IconDownload size={16} />} loading={saving.isPending} onClick={() => saving.mutate()}>
              {t("license.download")}
            </Button>
          )}
          {may("updateLicense") && (
            <LinkButton variant="default" leftSection={<IconPencil size={16} />} to="/licenses/$id/edit" params={{ id }}>
              {t("do.edit")}
            </LinkButton>
          )}
          <RecordMenu
            actions={[
              status === "suspended"
                ? {
                    label: t("license.reinstateDo"),
                    icon: <IconPlayerPlay size={16} />,
                    allowed: may("reinstateLicense"),
                    confirmLabel: t("license.reinstateDo"),
                    title: t("license.reinstateTitle", { name }),
                    text: t("license.reinstate"),
                    run: () => reinstateLicense(id).then(changed),
                  }
                : {
                    label: t("license.suspendDo"),
                    icon: <IconPlayerPause size={16} />,
                    allowed: may("suspendLicense") && status === "active",
                    confirmLabel: t("license.suspendDo"),
                    danger: true,
                    title: t("license.suspendTitle", { name }),
                    text: t("license.suspend"),
                    run: () => suspendLicense(id).then(changed),
                  },
              archive,
              {
                label: t("license.revokeDo"),
                icon: <IconBan size={16} />,
                allowed: may("revokeLicense") && status !== "revoked",
                confirmLabel: t("license.revokeDo"),
                danger: true,
                title: t("license.revokeTitle", { name }),
                text: t("license.revoke"),
                run: () => revokeLicense(id).then(changed),
              },
              remove,
            ]}
          />
        </>
      }
    >
      {archived && (
        <Alert color="yellow" icon={<IconArchive />}>
          {t("license.archived")}
        </Alert>
      )}
      {saving.isError && <ProblemAlert error={saving.error} focus />}
      <Counters license={license} version={version.data} />
      <Installations license={license} />
      <Reservations license={license} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Stack gap="lg">
            <Entitlements license={license} />
            <Section title={t("product.record")}>
              <RecordDetails record={license} />
            </Section>
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Section title={t("policy.title")}>
            {version.data && <PolicyDetails policy={version.data.policy} overrides={license.overrides} />}
          </Section>
        </Grid.Col>
      </Grid>
    </Page>
  );
}

/** The four key figures of a license. */
function Counters({ license, version }: { license: Record; version: Version | undefined }) {
  const { t } = useTranslation();
  const activations = useInfiniteQuery({ ...activationsQuery(license.id), refetchInterval: REFRESH_MS });
  const reservations = useInfiniteQuery({ ...reservationsQuery(license.id), refetchInterval: REFRESH_MS });
  const policy = version && { ...version.policy, ...license.overrides };
  const active = activations.data?.filter((activation) => !activation.closed);
  const latest = activations.data
    ?.map((activation) => activation.last_sync)
    .toSorted()
    .at(-1);
  const more = (query: { hasNextPage: boolean }) => (query.hasNextPage ? "+" : "");
  const { calls_used: used = 0 } = license;
  const allowance = license.allowance ?? 0;
  const slots = license.entitlements.reduce((sum, entitlement) => sum + (entitlement.slots ?? 0), 0);
  const limited = policy && limitsCalls(policy.type);
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing={{ base: "xs", sm: "md" }}>
      <Counter
        label={t("license.used")}
        value={formatNumber(used)}
        suffix={limited ? t("license.usedOf", { allowance: formatNumber(allowance) }) : undefined}
        note={
          limited
            ? used >= allowance
              ? t("license.nothingLeft")
              : t("license.left", { left: formatNumber(allowance - used) })
            : t("license.noCallLimit")
        }
        fraction={limited && allowance > 0 ? used / allowance : undefined}
      />
      <Counter
        label={t("license.expires")}
        value={
          policy && limitsTime(policy.type) && license.expires ? (
            <time dateTime={license.expires} title={formatFullDateTime(license.expires)}>
              {formatDate(license.expires)}
            </time>
          ) : (
            t("license.never")
          )
        }
        note={
          policy && limitsTime(policy.type) && license.expires
            ? formatRelative(license.expires)
            : policy && t(`policy.fields.type.${policy.type}_hint`)
        }
      />
      <Counter
        label={t("license.installations")}
        value={active ? `${formatNumber(active.length)}${more(activations)}` : "–"}
        suffix={policy?.max_machines ? t("license.ofMachines", { count: policy.max_machines }) : undefined}
        note={
          <>
            {t("license.lastSync")} {latest ? <Timestamp at={latest} /> : t("license.neverSynced")}
          </>
        }
        fraction={active && policy?.max_machines ? active.length / policy.max_machines : undefined}
      />
      <Counter
        label={t("license.held")}
        value={reservations.data ? `${formatNumber(reservations.data.length)}${more(reservations)}` : "–"}
        note={slots > 0 ? t("license.heldOf", { count: slots }) : t("license.heldFree")}
      />
    </SimpleGrid>
  );
}

const NEAR_LIMIT = 0.9; // fraction of a limit from which on the bar is highlighted

interface CounterProps {
  label: string;
  value: React.ReactNode;
  suffix?: string;
  note?: React.ReactNode;
  /** Used fraction of the limit, from 0 to 1. */
  fraction?: number;
}

function Counter({ label, value, suffix, note, fraction }: CounterProps) {
  return (
    <Paper p="md" radius="md">
      <Stack gap={4} h="100%">
        <Text size="xs" c="dimmed" fw={550}>
          {label}
        </Text>
        <Group gap={6} align="baseline">
          <Text fz={22} fw={620} lh={1.25} className="tabular">
            {value}
          </Text>
          {suffix && (
            <Text size="sm" c="dimmed">
              {suffix}
            </Text>
          )}
        </Group>
        {fraction !== undefined && (
          <Progress
            value={Math.min(fraction, 1) * 100}
            size={5}
            color={fraction >= NEAR_LIMIT ? "orange" : "petrol"}
            aria-label={label}
            my={3}
          />
        )}
        <Text size="xs" c="dimmed" component="div">
          {note}
        </Text>
      </Stack>
    </Paper>
  );
}

function Entitlements({ license }: { license: Record }) {
  const { t } = useTranslation();
  const reservations = useInfiniteQuery(reservationsQuery(license.id));
  const held = (name: string) => (reservations.data ?? []).filter((reservation: Reservation) => reservation.entitlement === name).length;
  return (
    <Section
      title={t("license.grants")}
      flush
      aside={
        <Group gap={6}>
          <VisuallyHidden>{t("license.contexts")}</VisuallyHidden>
          {license.contexts.map((context) => (
            <Badge key={context} className="mono">
              {context}
            </Badge>
          ))}
        </Group>
      }
    >
      <Table aria-label={t("license.entitlements")}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("license.entitlements")}</Table.Th>
            <Table.Th ta="right">{t("license.held")}</Table.Th>
            <Table.Th ta="right">{t("license.slotsHeader")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {license.entitlements.map(({ name, slots }) => (
            <Table.Tr key={name}>
              <Table.Td className="mono break">{name}</Table.Td>
              <Table.Td ta="right" className="tabular">
                {reservations.data ? held(name) : "–"}
              </Table.Td>
              <Table.Td ta="right" className="tabular">
                {slots ? formatNumber(slots) : t("license.unlimited")}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  );
}
