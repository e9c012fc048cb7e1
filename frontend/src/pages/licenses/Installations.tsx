import { Box, Button, Group, Stack } from "@mantine/core";
import { IconDevices } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useMay } from "@/api/may";
import { activationsQuery, deactivate, forgive } from "@/api/requests";
import type { Activation, License } from "@/api/types";
import { Below, Device, When } from "@/components/bits";
import { ConfirmDialog, type Question } from "@/components/ConfirmDialog";
import { ListView } from "@/components/ListView";
import { Section } from "@/components/Section";
import { number, short } from "@/components/units";
import { useTranslation } from "@/i18n";

import { InstallationDetails, Marks } from "./InstallationDetails";
import { forgivable, standing } from "./past";

/** The machines that activated a license. */
export function Installations({ license }: { license: License }) {
  const { t } = useTranslation();
  const may = useMay();
  const client = useQueryClient();
  const query = useInfiniteQuery(activationsQuery(license.id));
  const [question, ask] = useState<Question>();
  const [opened, open] = useState<string>();
  const detailed = query.data?.find(({ id }) => id === opened);
  const changed = () => client.invalidateQueries({ queryKey: ["licenses", license.id] });
  const askToForgive = ({ id }: Activation) =>
    ask({
      title: t("activation.forgiveTitle"),
      text: t("activation.forgive_", { id: short(id) }),
      verb: t("activation.forgive"),
      run: () => forgive(license.id, id).then(changed),
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
                <Device id={id} what={t("activation.device")} />
                {generation > 1 && <Below>{t("activation.restored", { count: generation - 1 })}</Below>}
                <Below narrow>
                  <Stack gap={4} align="flex-start">
                    <Marks states={standing(past)} />
                  </Stack>
                </Below>
              </>
            ),
          },
          { title: t("field.status"), cell: (past) => <Stack gap={4} align="flex-start"><Marks states={standing(past)} /></Stack>, wideOnly: true },
          {
            title: t("activation.calls"),
            cell: ({ counted, granted }) => (
              <>
                <span className="tabular">{number(counted)}</span>
                {granted > counted && (
                  <Box visibleFrom="sm">
                    <Below>{t("activation.prepaid", { calls: number(granted - counted) })}</Below>
                  </Box>
                )}
              </>
            ),
            align: "right",
          },
          { title: t("activation.since"), cell: ({ created }) => <When at={created} as="moment" />, wideOnly: true },
          { title: t("activation.lastSync"), cell: ({ last_sync }) => <When at={last_sync} />, wideOnly: true },
          {
            title: t("do.actions"),
            silent: true,
            align: "right",
            cell: ({ id, closed }) => (
              <Group gap={6} justify="flex-end">
                <Button size="compact-sm" variant="subtle" aria-label={t("activation.detailsThis", { id: short(id) })} onClick={() => open(id)}>
                  {t("activation.details")}
                </Button>
                {!closed && may("deactivate") && (
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
                        run: () => deactivate(license.id, id).then(changed),
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
        forgive={detailed && forgivable(detailed) && may("forgive") ? () => askToForgive(detailed) : undefined}
        covered={question !== undefined}
      />
      <ConfirmDialog question={question} close={() => ask(undefined)} />
    </Section>
  );
}
