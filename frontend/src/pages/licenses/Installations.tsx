import { Box, Button, Group, Stack } from "@mantine/core";
import { IconDevices } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { usePermissions } from "@/api/permissions";
import { invalidateUsage } from "@/api/cache";
import { activationsQuery, deactivateInstallation, clearEvidence } from "@/api/requests";
import type { Activation, License } from "@/api/types";
import { ConfirmDialog, type Confirmation } from "@/components/ConfirmDialog";
import { ListView } from "@/components/ListView";
import { Section } from "@/components/Section";
import { DeviceId } from "@/components/CopyableValue";
import { Timestamp } from "@/components/Timestamp";
import { SecondaryText } from "@/components/SecondaryText";
import { StatusBadges } from "@/components/StatusBadge";
import { formatNumber, shortId } from "@/components/format";
import { useTranslation } from "@/i18n";

import { InstallationDetails } from "./InstallationDetails";
import { hasEvidenceToClear, installationStatuses } from "./cloneHistory";

/** Lists the installations of a license. */
export function Installations({ license }: { license: License }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const client = useQueryClient();
  const query = useInfiniteQuery(activationsQuery(license.id));
  const [confirmation, setConfirmation] = useState<Confirmation>();
  const [opened, open] = useState<string>();
  const detailed = query.data?.find(({ id }) => id === opened);
  const changed = () => invalidateUsage(client, license.id);
  const confirmClearEvidence = ({ id }: Activation) =>
    setConfirmation({
      title: t("activation.clearEvidenceTitle"),
      text: t("activation.clearEvidence_", { id: shortId(id) }),
      confirmLabel: t("activation.clearEvidence"),
      run: () => clearEvidence(license.id, id).then(changed),
    });
  return (
    <Section title={t("activation.title")} lead={t("activation.lead")} flush>
      <ListView
        bare
        label={t("activation.title")}
        query={query}
        keyOf={(activation) => activation.id}
        empty={{ title: t("activation.empty"), text: t("activation.emptyDo"), icon: <IconDevices /> }}
        columns={[
          {
            title: t("activation.device"),
            cell: ({ id, generation, ...past }) => (
              <>
                <DeviceId id={id} what={t("activation.device")} />
                {generation > 1 && <SecondaryText>{t("activation.restored", { count: generation - 1 })}</SecondaryText>}
                <SecondaryText narrow>
                  <Stack gap={4} align="flex-start">
                    <StatusBadges statuses={installationStatuses(past)} />
                  </Stack>
                </SecondaryText>
              </>
            ),
          },
          {
            title: t("field.status"),
            cell: (past) => (
              <Stack gap={4} align="flex-start">
                <StatusBadges statuses={installationStatuses(past)} />
              </Stack>
            ),
            wideOnly: true,
          },
          {
            title: t("activation.calls"),
            cell: ({ calls_used, calls_charged }) => (
              <>
                <span className="tabular">{formatNumber(calls_used)}</span>
                {calls_charged > calls_used && (
                  <Box visibleFrom="sm">
                    <SecondaryText>{t("activation.prepaid", { calls: formatNumber(calls_charged - calls_used) })}</SecondaryText>
                  </Box>
                )}
              </>
            ),
            align: "right",
          },
          { title: t("activation.since"), cell: ({ created }) => <Timestamp at={created} as="datetime" />, wideOnly: true },
          { title: t("activation.lastSync"), cell: ({ last_sync }) => <Timestamp at={last_sync} />, wideOnly: true },
          {
            title: t("do.actions"),
            hiddenTitle: true,
            align: "right",
            cell: ({ id, closed }) => (
              <Group gap={6} justify="flex-end">
                <Button
                  size="compact-sm"
                  variant="subtle"
                  aria-label={t("activation.detailsThis", { id: shortId(id) })}
                  onClick={() => open(id)}
                >
                  {t("activation.details")}
                </Button>
                {!closed && may("deactivate") && (
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t("activation.deactivateThis", { id: shortId(id) })}
                    onClick={() =>
                      setConfirmation({
                        title: t("activation.deactivateTitle"),
                        text: t("activation.deactivate_", { id: shortId(id) }),
                        confirmLabel: t("activation.deactivate"),
                        danger: true,
                        run: () => deactivateInstallation(license.id, id).then(changed),
                      })
                    }
                  >
                    {t("activation.deactivate")}
                  </Button>
                )}
              </Group>
            ),
          },
        ]}
      />
      <InstallationDetails
        activation={detailed}
        close={() => open(undefined)}
        clearEvidence={detailed && hasEvidenceToClear(detailed) && may("clearEvidence") ? () => confirmClearEvidence(detailed) : undefined}
        dialogOpen={confirmation !== undefined}
      />
      <ConfirmDialog confirmation={confirmation} close={() => setConfirmation(undefined)} />
    </Section>
  );
}
