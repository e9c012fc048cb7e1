import { Alert, Badge, Button, Grid, Group, Paper, Progress, SimpleGrid, Stack, Table, Text, VisuallyHidden } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArchive, IconArchiveOff, IconBan, IconCode, IconDownload, IconPencil, IconPlayerPause, IconPlayerPlay, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { useMay } from "@/api/may";
import { activationsQuery, archiveLicense, deleteLicense, licenseFile, licenseQuery, reinstateLicense, reservationsQuery, revokeLicense, suspendLicense, unarchiveLicense } from "@/api/requests";
import type { License as Record, Reservation, Version } from "@/api/types";
import { Mark, stateOf, When } from "@/components/bits";
import { RecordFacts } from "@/components/Facts";
import { Loaded, Page } from "@/components/Page";
import { ProblemAlert } from "@/components/ProblemAlert";
import { RecordMenu } from "@/components/RecordMenu";
import { Section } from "@/components/Section";
import { date, exact, number, relative } from "@/components/units";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";
import { platform } from "@/platform";

import { counted, expiring } from "../versions/policy";
import { PolicyFacts } from "../versions/PolicyFacts";
import { nameOf } from "../versions/Version";
import { useAbove } from "./above";
import { Installations } from "./Installations";
import { Reservations } from "./Reservations";

const FRESH = 10_000; // ms between two looks at the counters

export default function License() {
  const { id } = useParams({ from: "/inside/licenses/$id" });
  return <Loaded query={useQuery({ ...licenseQuery(id), refetchInterval: FRESH })}>{(license) => <Shown key={id} license={license} />}</Loaded>;
}

function Shown({ license }: { license: Record }) {
  const { t } = useTranslation();
  const may = useMay();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { crumbs, version } = useAbove(license);
  const name = nameOf(license);
  const { id, status, archived } = license;
  const changed = async () => {
    await client.invalidateQueries({ queryKey: ["licenses", id] });
    await client.invalidateQueries({ queryKey: ["versions", license.version, "licenses"] });
  };
  const saving = useMutation({ mutationFn: async () => platform.saveFile(`${id}.txt`, await licenseFile(id), "text/plain") });
  return (
    <Page
      title={name}
      lead={license.name && license.customer}
      above={crumbs}
      mark={<Mark state={stateOf(license)} />}
      actions={
        <>
          <LinkButton leftSection={<IconCode size={16} />} to="/licenses/$id/instructions" params={{ id }}>
            {t("license.instructions")}
          </LinkButton>
          {may("licenseFile") && (
            <Button variant="default" leftSection={<IconDownload size={16} />} loading={saving.isPending} onClick={() => saving.mutate()}>
              {t("license.download")}
            </Button>
          )}
          {may("editLicense") && (
            <LinkButton variant="default" leftSection={<IconPencil size={16} />} to="/licenses/$id/edit" params={{ id }}>
              {t("do.edit")}
            </LinkButton>
          )}
          <RecordMenu
            deeds={[
              status === "suspended"
                ? {
                    label: t("license.reinstateDo"), icon: <IconPlayerPlay size={16} />, allowed: may("reinstateLicense"), verb: t("license.reinstateDo"),
                    title: t("license.reinstateTitle", { name }), text: t("license.reinstate"), run: () => reinstateLicense(id).then(changed),
                  }
                : {
                    label: t("license.suspendDo"), icon: <IconPlayerPause size={16} />, allowed: may("suspendLicense") && status === "active", verb: t("license.suspendDo"), danger: true,
                    title: t("license.suspendTitle", { name }), text: t("license.suspend"), run: () => suspendLicense(id).then(changed),
                  },
              archived
                ? {
                    label: t("do.unarchive"), icon: <IconArchiveOff size={16} />, allowed: may("unarchiveLicense"), verb: t("do.unarchive"),
                    title: t("license.unarchiveTitle", { name }), text: t("license.unarchive"), run: () => unarchiveLicense(id).then(changed),
                  }
                : {
                    label: t("do.archive"), icon: <IconArchive size={16} />, allowed: may("archiveLicense"), verb: t("do.archive"), danger: true,
                    title: t("license.archiveTitle", { name }), text: t("license.archive"), run: () => archiveLicense(id).then(changed),
                  },
              {
                label: t("license.revokeDo"), icon: <IconBan size={16} />, allowed: may("revokeLicense") && status !== "revoked", verb: t("license.revokeDo"), danger: true,
                title: t("license.revokeTitle", { name }), text: t("license.revoke"), run: () => revokeLicense(id).then(changed),
              },
              {
                label: t("do.delete"), icon: <IconTrash size={16} />, allowed: may("deleteLicense"), verb: t("do.delete"), danger: true,
                title: t("license.deleteTitle", { name }), text: t("license.delete"),
                run: async () => {
                  await deleteLicense(id);
                  notifications.show({ message: t("license.deleted", { name }), color: "petrol" });
                  await navigate({ to: "/versions/$id", params: { id: license.version } });
                  client.removeQueries({ queryKey: ["licenses", id] });
                  await client.invalidateQueries({ queryKey: ["versions", license.version, "licenses"] });
                },
              },
            ]}
          />
        </>
      }
    >
      {archived && <Alert color="yellow" icon={<IconArchive />}>{t("license.archived")}</Alert>}
      {saving.isError && <ProblemAlert error={saving.error} focus />}
      <Counters license={license} version={version.data} />
      <Installations license={license} />
      <Reservations license={license} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Stack gap="lg">
            <Grants license={license} />
            <Section title={t("product.record")}>
              <RecordFacts record={license} />
            </Section>
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Section title={t("policy.title")}>{version.data && <PolicyFacts policy={version.data.policy} overrides={license.overrides} />}</Section>
        </Grid.Col>
      </Grid>
    </Page>
  );
}

/** The four numbers that one looks for first. */
function Counters({ license, version }: { license: Record; version: Version | undefined }) {
  const { t } = useTranslation();
  const activations = useInfiniteQuery({ ...activationsQuery(license.id), refetchInterval: FRESH });
  const reservations = useInfiniteQuery({ ...reservationsQuery(license.id), refetchInterval: FRESH });
  const policy = version && { ...version.policy, ...license.overrides };
  const active = activations.data?.filter((activation) => !activation.closed);
  const latest = activations.data?.map((activation) => activation.last_sync).toSorted().at(-1);
  const more = (query: { hasNextPage: boolean }) => (query.hasNextPage ? "+" : "");
  const { used = 0, allowance } = license;
  const slots = license.entitlements.reduce((sum, entitlement) => sum + (entitlement.slots ?? 0), 0);
  const limited = policy && counted(policy.type);
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing={{ base: "xs", sm: "md" }}>
      <Figure
        label={t("license.used")}
        value={number(used)}
        beside={limited ? t("license.usedOf", { allowance: number(allowance) }) : undefined}
        below={limited ? (used >= allowance ? t("license.nothingLeft") : t("license.left", { left: number(allowance - used) })) : t("license.noCallLimit")}
        share={limited && allowance > 0 ? used / allowance : undefined}
      />
      <Figure
        label={t("license.expires")}
        value={policy && expiring(policy.type) && license.expires ? <time dateTime={license.expires} title={exact(license.expires)}>{date(license.expires)}</time> : t("license.never")}
        below={policy && expiring(policy.type) && license.expires ? relative(license.expires) : policy && t(`policy.typeHints.${policy.type}`)}
      />
      <Figure
        label={t("license.installations")}
        value={active ? `${number(active.length)}${more(activations)}` : "–"}
        beside={policy && policy.max_machines > 0 ? t("license.ofMachines", { count: policy.max_machines }) : undefined}
        below={
          <>
            {t("license.lastSync")} {latest ? <When at={latest} /> : t("license.neverSynced")}
          </>
        }
        share={active && policy && policy.max_machines > 0 ? active.length / policy.max_machines : undefined}
      />
      <Figure label={t("license.held")} value={reservations.data ? `${number(reservations.data.length)}${more(reservations)}` : "–"} below={slots > 0 ? t("license.heldOf", { count: slots }) : t("license.heldFree")} />
    </SimpleGrid>
  );
}

const NEARLY = 0.9; // of a limit, from which on it deserves a look

interface FigureProps {
  label: string;
  value: React.ReactNode;
  beside?: string;
  below?: React.ReactNode;
  /** Of a limit, from 0 to 1. */
  share?: number;
}

function Figure({ label, value, beside, below, share }: FigureProps) {
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
          {beside && (
            <Text size="sm" c="dimmed">
              {beside}
            </Text>
          )}
        </Group>
        {share !== undefined && <Progress value={Math.min(share, 1) * 100} size={5} color={share >= NEARLY ? "orange" : "petrol"} aria-label={label} my={3} />}
        <Text size="xs" c="dimmed" component="div">
          {below}
        </Text>
      </Stack>
    </Paper>
  );
}

function Grants({ license }: { license: Record }) {
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
          {license.entitlements.map(({ name, slots = 0 }) => (
            <Table.Tr key={name}>
              <Table.Td className="mono break">{name}</Table.Td>
              <Table.Td ta="right" className="tabular">
                {reservations.data ? held(name) : "–"}
              </Table.Td>
              <Table.Td ta="right" className="tabular">
                {slots === 0 ? t("license.unlimited") : number(slots)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  );
}
