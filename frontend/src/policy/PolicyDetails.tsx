import { Text } from "@mantine/core";

import type { Overrides, Policy } from "@/api/types";
import { DescriptionItem, DescriptionList } from "@/components/DescriptionList";
import { useTranslation } from "@/i18n";

import { applies, fields, formatSetting, labelOf, policyValues } from "./values";

/** Shows a policy; for a license, with its overrides marked. */
export function PolicyDetails({ policy, overrides = {} }: { policy: Policy; overrides?: Overrides }) {
  const { t } = useTranslation();
  const own = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const effective: Policy = { ...policy, ...own };
  const values = policyValues(effective);
  return (
    <DescriptionList>
      {fields
        .filter((field) => applies(field, values))
        .map((field) => (
          <DescriptionItem key={field.name} label={labelOf(field, values)}>
            {formatSetting(field, effective)}
            {field.name in own && (
              <Text span size="xs" c="var(--mantine-color-anchor)" ml={6}>
                {t("policy.ofLicense")}
              </Text>
            )}
          </DescriptionItem>
        ))}
    </DescriptionList>
  );
}
