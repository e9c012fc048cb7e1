import { Button } from "@mantine/core";
import { IconTicket } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useMay } from "@/api/may";
import { release, reservationsQuery } from "@/api/requests";
import type { License } from "@/api/types";
import { Below, Device, When } from "@/components/bits";
import { ConfirmDialog, type Question } from "@/components/ConfirmDialog";
import { ListView } from "@/components/ListView";
import { Section } from "@/components/Section";
import { short } from "@/components/units";
import { useTranslation } from "@/i18n";

/** Which machine holds which slot, since when, and the way to take it back. */
export function Reservations({ license }: { license: License }) {
  const { t } = useTranslation();
  const may = useMay();
  const client = useQueryClient();
  const query = useInfiniteQuery(reservationsQuery(license.id));
  const [question, ask] = useState<Question>();
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
                <Below>{context}</Below>
                <Below narrow>
                  <Device id={activation} what={t("reservation.device")} />
                </Below>
              </>
            ),
          },
          { title: t("reservation.device"), cell: ({ activation }) => <Device id={activation} what={t("reservation.device")} />, wideOnly: true },
          { title: t("reservation.since"), cell: ({ since }) => <When at={since} /> },
          { title: t("reservation.until"), cell: ({ until }) => <When at={until} />, wideOnly: true },
          {
            title: t("reservation.release"),
            silent: true,
            align: "right",
            cell: ({ activation, entitlement }) =>
              may("release") && (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t("reservation.releaseThis", { entitlement, id: short(activation) })}
                  onClick={() =>
                    ask({
                      title: t("reservation.releaseTitle", { entitlement }),
                      text: t("reservation.release_", { id: short(activation) }),
                      verb: t("reservation.release"),
                      danger: true,
                      run: async () => {
                        await release(license.id, activation, entitlement);
                        await client.invalidateQueries({ queryKey: ["licenses", license.id] });
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
      <ConfirmDialog question={question} close={() => ask(undefined)} />
    </Section>
  );
}
