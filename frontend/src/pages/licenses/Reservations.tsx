import { Button } from "@mantine/core";
import { IconTicket } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { usePermissions } from "@/api/permissions";
import { invalidateUsage } from "@/api/cache";
import { releaseReservation, reservationsQuery } from "@/api/requests";
import type { License } from "@/api/types";
import { ConfirmDialog, type Confirmation } from "@/components/ConfirmDialog";
import { ListView } from "@/components/ListView";
import { Section } from "@/components/Section";
import { DeviceId } from "@/components/CopyableValue";
import { Timestamp } from "@/components/Timestamp";
import { SecondaryText } from "@/components/SecondaryText";
import { shortId } from "@/components/format";
import { useTranslation } from "@/i18n";

/** Lists the reservations of a license, with a button to release each. */
export function Reservations({ license }: { license: License }) {
  const { t } = useTranslation();
  const may = usePermissions();
  const client = useQueryClient();
  const query = useInfiniteQuery(reservationsQuery(license.id));
  const [confirmation, setConfirmation] = useState<Confirmation>();
  return (
    <Section title={t("reservation.title")} lead={t("reservation.lead")} flush>
      <ListView
        bare
        label={t("reservation.title")}
        query={query}
        keyOf={({ activation, entitlement }) => `${activation} ${entitlement}`}
        empty={{ title: t("reservation.empty"), text: t("reservation.emptyDo"), icon: <IconTicket /> }}
        columns={[
          {
            title: t("reservation.entitlement"),
            cell: ({ entitlement, context, activation }) => (
              <>
                <span className="mono break">{entitlement}</span>
                <SecondaryText>{context}</SecondaryText>
                <SecondaryText narrow>
                  <DeviceId id={activation} what={t("reservation.device")} />
                </SecondaryText>
              </>
            ),
          },
          {
            title: t("reservation.device"),
            cell: ({ activation }) => <DeviceId id={activation} what={t("reservation.device")} />,
            wideOnly: true,
          },
          { title: t("reservation.since"), cell: ({ since }) => <Timestamp at={since} /> },
          { title: t("reservation.until"), cell: ({ until }) => <Timestamp at={until} />, wideOnly: true },
          {
            title: t("reservation.release"),
            hiddenTitle: true,
            align: "right",
            cell: ({ activation, entitlement }) =>
              may("releaseReservation") && (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t("reservation.releaseThis", { entitlement, id: shortId(activation) })}
                  onClick={() =>
                    setConfirmation({
                      title: t("reservation.releaseTitle", { entitlement }),
                      text: t("reservation.release_", { id: shortId(activation) }),
                      confirmLabel: t("reservation.release"),
                      danger: true,
                      run: async () => {
                        await releaseReservation(license.id, activation, entitlement);
                        await invalidateUsage(client, license.id);
                      },
                    })
                  }
                >
                  {t("reservation.release")}
                </Button>
              ),
          },
        ]}
      />
      <ConfirmDialog confirmation={confirmation} close={() => setConfirmation(undefined)} />
    </Section>
  );
}
