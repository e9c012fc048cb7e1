import { Button, Group, Modal, Stack, Table, Text, Title } from "@mantine/core";
import { useDidUpdate } from "@mantine/hooks";
import { type ReactNode, useRef } from "react";

import type { Activation, Evidence } from "@/api/types";
import { Below, Mark, type State, Value, When } from "@/components/bits";
import { Fact, Facts } from "@/components/Facts";
import { number, short } from "@/components/units";
import { useTranslation } from "@/i18n";

import { standing, traces } from "./past";

interface Props {
  /** Whose details are open. */
  activation: Activation | undefined;
  close: () => void;
  /** Asks before it forgives; nothing where there is nothing to forgive, or one may not. */
  forgive?: () => void;
  /** A question stands above, and Escape is meant for that. */
  covered: boolean;
}

/** What the server knows of one installation, and what speaks for its being two. */
export function InstallationDetails({ activation, close, forgive, covered }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={activation !== undefined}
      onClose={close}
      size={760}
      title={activation && t("activation.detailsTitle", { id: short(activation.id) })}
      styles={{ title: { fontWeight: 620 } }}
      closeOnEscape={!covered}
      closeOnClickOutside={!covered}
    >
      {activation && <Details activation={activation} forgive={forgive} />}
    </Modal>
  );
}

function Details({ activation, forgive }: { activation: Activation; forgive?: () => void }) {
  const { t } = useTranslation();
  const { id, closed, cloned, counted, granted, generation, number: leases, restores, address, created, last_sync, statistics } = activation;
  const ended = closed ?? cloned;
  const status = useRef<HTMLDivElement>(null);
  // Once it is forgiven, the button that was pressed is gone.
  useDidUpdate(() => {
    if (!forgive) status.current?.focus();
  }, [forgive === undefined]);
  return (
    <Stack gap="lg">
      <Facts>
        <Fact label={t("activation.device")}>
          <Value text={id} what={t("activation.device")} />
        </Fact>
        <Fact label={t("field.status")}>
          <Group gap={6} ref={status} tabIndex={-1}>
            <Marks states={standing(activation)} />
            {ended && <When at={ended} />}
          </Group>
        </Fact>
        <Fact label={t("activation.calls")}>
          {number(counted)}
          {granted > counted && `, ${t("activation.prepaid", { calls: number(granted - counted) })}`}
        </Fact>
        <Fact label={t("activation.since")}>
          <When at={created} as="moment" />
        </Fact>
        <Fact label={t("activation.lastSync")}>
          <When at={last_sync} />
          {address && ` ${t("activation.from", { address })}`}
        </Fact>
        <Fact label={t("activation.chain")}>{t("activation.lease", { number: number(leases), chain: number(generation) })}</Fact>
        <Fact label={t("activation.restores")}>{generation > 1 ? t("activation.restoresOf", { all: number(generation - 1), present: number(restores) }) : t("policy.none")}</Fact>
        {statistics?.program && <Fact label={t("activation.program")}>{statistics.program}</Fact>}
        {statistics?.platform && <Fact label={t("activation.platform")}>{statistics.platform}</Fact>}
        {statistics?.host && <Fact label={t("activation.host")}>{statistics.host}</Fact>}
        {statistics?.numbers?.map(({ name, value }) => (
          <Fact key={name} label={name}>
            {number(value)}
          </Fact>
        ))}
      </Facts>
      {activation.evidence.length > 0 && <Past evidence={activation.evidence} />}
      {forgive && (
        <Group justify="space-between" gap="sm">
          <Text size="sm" c="dimmed" flex="1 1 280px">
            {t("activation.forgiveHint")}
          </Text>
          <Button variant="default" onClick={forgive}>
            {t("activation.forgive")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** The evidence, latest first. */
function Past({ evidence }: { evidence: Evidence[] }) {
  const { t } = useTranslation();
  const shown = ({ generation, number: lease }: Evidence) => (lease > 0 ? t("activation.lease", { number: number(lease), chain: number(generation) }) : t("activation.noLease"));
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
              <Table.Tr key={`${one.time} ${one.generation} ${one.number}`}>
                <Table.Td>
                  <When at={one.time} as="moment" />
                  <Below narrow>
                    {one.address && <div className="mono">{one.address}</div>}
                    {shown(one)}
                    <Group gap={4} mt={4}>
                      <Marks states={traces(one)} />
                    </Group>
                  </Below>
                </Table.Td>
                <Table.Td visibleFrom="sm" className="mono break">
                  {one.address ?? t("activation.unknown")}
                </Table.Td>
                <Table.Td visibleFrom="sm">{shown(one)}</Table.Td>
                <Table.Td className="break">{one.differs.length > 0 ? one.differs.join(", ") : t("activation.nothing")}</Table.Td>
                <Table.Td visibleFrom="sm">
                  <Stack gap={4} align="flex-start">
                    <Marks states={traces(one)} />
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

export const Marks = ({ states }: { states: State[] }): ReactNode => states.map((state) => <Mark key={state} state={state} />);
