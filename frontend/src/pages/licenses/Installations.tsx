import { Button } from "@mantine/core";
import { IconDevices } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useMay } from "@/api/may";
import { activationsQuery, deactivate } from "@/api/requests";
import type { License } from "@/api/types";
import { Below, Device, Mark, When } from "@/components/bits";
import { ConfirmDialog, type Question } from "@/components/ConfirmDialog";
import { ListView } from "@/components/ListView";
import { Section } from "@/components/Section";
import { number, short } from "@/components/units";
import { useTranslation } from "@/i18n";

/** The machines that activated a license. */
export function Installations({ license }: { license: License }) {
  const { t } = useTranslation();
  const may = useMay();
  const client = useQueryClient();
  const query = useInfiniteQuery(activationsQuery(license.id));
  const [question, ask] = useState<Question>();
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
            cell: ({ id, generation, closed }) => (
              <>
                <Device id={id} what={t("activation.device")} />
                <Below narrow>
                  <Mark state={closed ? "closed" : "running"} />
                </Below>
                {generation > 1 && <Below>{t("activation.restored", { count: generation - 1 })}</Below>}
              </>
            ),
          },
          { title: t("field.status"), cell: ({ closed }) => <Mark state={closed ? "closed" : "running"} />, wideOnly: true },
          { title: t("activation.calls"), cell: ({ counted }) => <span className="tabular">{number(counted)}</span>, align: "right" },
          { title: t("activation.since"), cell: ({ created }) => <When at={created} as="moment" />, wideOnly: true },
          { title: t("activation.lastSync"), cell: ({ last_sync }) => <When at={last_sync} />, wideOnly: true },
          {
            title: t("activation.deactivate"),
            silent: true,
            align: "right",
            cell: ({ id, closed }) =>
              !closed &&
              may("deactivate") && (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t("activation.deactivateThis", { id: short(id) })}
                  onClick={() =>
                    ask({
                      title: t("activation.deactivateTitle"),
                      text: t("activation.deactivate_", { id: short(id) }),
                      verb: t("activation.deactivate"),
                      danger: true,
                      run: async () => {
                        await deactivate(license.id, id);
                        await client.invalidateQueries({ queryKey: ["licenses", license.id] });
                      },
                    })
                  }
                >
                  {t("activation.deactivate")}
                </Button>
              ),
          },
        ]}
      />
      <ConfirmDialog question={question} close={() => ask(undefined)} />
    </Section>
  );
}
