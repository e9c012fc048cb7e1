import { Button, Group, Modal, Stack, Table, Text, Title } from "@mantine/core";
import { useDidUpdate } from "@mantine/hooks";
import { useRef } from "react";

import type { Activation, Evidence } from "@/api/types";
import { DescriptionItem, DescriptionList } from "@/components/DescriptionList";
import { CopyableValue } from "@/components/CopyableValue";
import { Timestamp } from "@/components/Timestamp";
import { SecondaryText } from "@/components/SecondaryText";
import { StatusBadges } from "@/components/StatusBadge";
import { formatNumber, shortId } from "@/components/format";
import { useTranslation } from "@/i18n";

import { installationStatuses, evidenceStatuses } from "./cloneHistory";

interface Props {
  /** The installation whose details are open. */
  activation: Activation | undefined;
  close: () => void;
  /** Asks for confirmation, then clears the clone flag; undefined when there is nothing to clear, or the role does not permit it. */
  clearEvidence?: () => void;
  /** A confirmation is open above: Escape closes that one. */
  dialogOpen: boolean;
}

/** Dialog with the details of one installation and the evidence of clones. */
export function InstallationDetails({ activation, close, clearEvidence: forgive, dialogOpen }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={activation !== undefined}
      onClose={close}
      size={760}
      title={activation && t("activation.detailsTitle", { id: shortId(activation.id) })}
      styles={{ title: { fontWeight: 620 } }}
      closeOnEscape={!dialogOpen}
      closeOnClickOutside={!dialogOpen}
    >
      {activation && <Details activation={activation} forgive={forgive} />}
    </Modal>
  );
}

function Details({ activation, forgive }: { activation: Activation; forgive?: () => void }) {
  const { t } = useTranslation();
  const {
    id,
    closed,
    cloned,
    calls_used,
    calls_charged,
    generation,
    lease_number: leases,
    reactivations,
    address,
    created,
    last_sync,
    statistics,
  } = activation;
  const ended = closed ?? cloned;
  const status = useRef<HTMLDivElement>(null);
  // Once the flag is cleared, the button that had the focus is gone.
  useDidUpdate(() => {
    if (!forgive) status.current?.focus();
  }, [forgive === undefined]);
  return (
    <Stack gap="lg">
      <DescriptionList>
        <DescriptionItem label={t("activation.device")}>
          <CopyableValue text={id} what={t("activation.device")} />
        </DescriptionItem>
        <DescriptionItem label={t("field.status")}>
          <Group gap={6} ref={status} tabIndex={-1}>
            <StatusBadges statuses={installationStatuses(activation)} />
            {ended && <Timestamp at={ended} />}
          </Group>
        </DescriptionItem>
        <DescriptionItem label={t("activation.calls")}>
          {formatNumber(calls_used)}
          {calls_charged > calls_used && `, ${t("activation.prepaid", { calls: formatNumber(calls_charged - calls_used) })}`}
        </DescriptionItem>
        <DescriptionItem label={t("activation.since")}>
          <Timestamp at={created} as="datetime" />
        </DescriptionItem>
        <DescriptionItem label={t("activation.lastSync")}>
          <Timestamp at={last_sync} />
          {address && ` ${t("activation.from", { address })}`}
        </DescriptionItem>
        <DescriptionItem label={t("activation.chain")}>
          {t("activation.lease", { number: formatNumber(leases), chain: formatNumber(generation) })}
        </DescriptionItem>
        <DescriptionItem label={t("activation.restores")}>
          {generation > 1
            ? t("activation.restoresOf", { all: formatNumber(generation - 1), present: formatNumber(reactivations) })
            : t("policy.none")}
        </DescriptionItem>
        {statistics?.program && <DescriptionItem label={t("activation.program")}>{statistics.program}</DescriptionItem>}
        {statistics?.platform && <DescriptionItem label={t("activation.platform")}>{statistics.platform}</DescriptionItem>}
        {statistics?.host && <DescriptionItem label={t("activation.host")}>{statistics.host}</DescriptionItem>}
        {statistics?.numbers?.map(({ name, value }) => (
          <DescriptionItem key={name} label={name}>
            {formatNumber(value)}
          </DescriptionItem>
        ))}
      </DescriptionList>
      {activation.evidence.length > 0 && <EvidenceTable evidence={activation.evidence} />}
      {forgive && (
        <Group justify="space-between" gap="sm">
          <Text size="sm" c="dimmed" flex="1 1 280px">
            {t("activation.clearEvidenceHint")}
          </Text>
          <Button variant="default" onClick={forgive}>
            {t("activation.clearEvidence")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** Table of the evidence, latest first. */
function EvidenceTable({ evidence }: { evidence: Evidence[] }) {
  const { t } = useTranslation();
  const shown = ({ generation, lease_number: lease }: Evidence) =>
    lease > 0 ? t("activation.lease", { number: formatNumber(lease), chain: formatNumber(generation) }) : t("activation.noLease");
  return (
    <Stack gap={4}>
      <Title order={3}>{t("activation.evidence")}</Title>
      <Text size="sm" c="dimmed">
        {t("activation.evidenceLead")}
      </Text>
      <div className="list">
        <Table aria-label={t("activation.evidence")} horizontalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("activation.when")}</Table.Th>
              <Table.Th visibleFrom="sm">{t("activation.address")}</Table.Th>
              <Table.Th visibleFrom="sm">{t("activation.shown")}</Table.Th>
              <Table.Th>{t("activation.differs")}</Table.Th>
              <Table.Th visibleFrom="sm">{t("activation.seen")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {evidence.toReversed().map((one) => (
              <Table.Tr key={`${one.time} ${one.generation} ${one.lease_number}`}>
                <Table.Td>
                  <Timestamp at={one.time} as="datetime" />
                  <SecondaryText narrow>
                    {one.address && <div className="mono">{one.address}</div>}
                    {shown(one)}
                    <Group gap={4} mt={4}>
                      <StatusBadges statuses={evidenceStatuses(one)} />
                    </Group>
                  </SecondaryText>
                </Table.Td>
                <Table.Td visibleFrom="sm" className="mono break">
                  {one.address ?? t("activation.unknown")}
                </Table.Td>
                <Table.Td visibleFrom="sm">{shown(one)}</Table.Td>
                <Table.Td className="break">
                  {one.changed_parts.length > 0 ? one.changed_parts.join(", ") : t("activation.nothing")}
                </Table.Td>
                <Table.Td visibleFrom="sm">
                  <Stack gap={4} align="flex-start">
                    <StatusBadges statuses={evidenceStatuses(one)} />
                  </Stack>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </Stack>
  );
}
