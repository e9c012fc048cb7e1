import { Badge, Button, Group, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconFolderOff, IconX } from "@tabler/icons-react";

import { DescriptionItem, DescriptionList } from "@/components/DescriptionList";
import { Section } from "@/components/Section";
import { Timestamp } from "@/components/Timestamp";
import { formatNumber, size as bytes } from "@/components/format";
import { useTranslation } from "@/i18n";
import type { Result, Verdict } from "@/verifier/types";

interface Props {
  results: Result[];
  /** Names of folders without license files. */
  empty: string[];
  clear: () => void;
}

/** Lists the results, file by file, with reason and advice. */
export function VerifyResults({ results, empty, clear }: Props) {
  const { t } = useTranslation();
  if (results.length === 0 && empty.length === 0) return null;
  return (
    <Section
      title={t("verify.results")}
      aside={
        <Button variant="default" size="xs" onClick={clear}>
          {t("do.clear")}
        </Button>
      }
    >
      <Stack gap="lg" component="ul" p={0} m={0} style={{ listStyle: "none" }} aria-live="polite" aria-label={t("verify.results")}>
        {empty.map((name) => (
          <Group key={name} component="li" gap="sm" align="flex-start" wrap="nowrap">
            <ThemeIcon variant="default" size={28} radius="xl">
              <IconFolderOff size={16} />
            </ThemeIcon>
            <Stack gap={2}>
              <Text fw={570} className="break">
                {name}
              </Text>
              <Text size="sm">{t("verify.emptyFolder")}</Text>
            </Stack>
          </Group>
        ))}
        {results.map((result, i) => (
          // oxlint-disable-next-line react/no-array-index-key -- several files may have the same name
          <ResultItem key={i} result={result} />
        ))}
      </Stack>
    </Section>
  );
}

function ResultItem({ result: { name, size, verdict } }: { result: Result }) {
  const { t } = useTranslation();
  return (
    <Group component="li" gap="sm" align="flex-start" wrap="nowrap" data-verdict={verdict.genuine ? "ok" : verdict.answer.code}>
      <ThemeIcon
        variant="outline"
        size={28}
        radius="xl"
        style={{ color: verdict.genuine ? "var(--good)" : "var(--bad)", borderColor: "currentColor", flexShrink: 0 }}
      >
        {verdict.genuine ? <IconCheck size={16} /> : <IconX size={16} />}
      </ThemeIcon>
      <Stack gap={6} style={{ minWidth: 0, flex: 1 }}>
        <Group gap="xs">
          <Text fw={600} c={verdict.genuine ? "var(--good)" : "var(--bad)"}>
            {t(verdict.genuine ? "verify.genuine" : "verify.refused")}
          </Text>
          <Text size="sm" className="break">
            {name}
          </Text>
          {size !== undefined && (
            <Text size="xs" c="dimmed">
              {bytes(size)}
            </Text>
          )}
        </Group>
        {verdict.genuine ? <LicenseDetails license={verdict.license} /> : <VerdictDetails answer={verdict.answer} />}
      </Stack>
    </Group>
  );
}

function LicenseDetails({ license }: { license: Extract<Verdict, { genuine: true }>["license"] }) {
  const { t } = useTranslation();
  return (
    <DescriptionList>
      <DescriptionItem label={t("verify.license")}>
        <span className="mono">{license.id}</span>
      </DescriptionItem>
      <DescriptionItem label={t("verify.contexts")}>
        <Group gap={6}>
          {license.contexts.map((context) => (
            <Badge key={context} className="mono">
              {context}
            </Badge>
          ))}
        </Group>
      </DescriptionItem>
      <DescriptionItem label={t("verify.entitlements")}>
        <Group gap={6}>
          {license.entitlements.map(({ name, slots }) => (
            <Badge key={name} className="mono">
              {name}
              {slots ? ` · ${formatNumber(slots)}` : ""}
            </Badge>
          ))}
        </Group>
      </DescriptionItem>
      <DescriptionItem label={t("verify.signed")}>
        <Timestamp at={license.signed} as="datetime" />
      </DescriptionItem>
      <DescriptionItem label={t("verify.signedBy")}>
        <span className="mono">{license.key}</span>
      </DescriptionItem>
      <DescriptionItem label={t("verify.root")}>
        <span className="mono">{license.root}</span>
      </DescriptionItem>
    </DescriptionList>
  );
}

function VerdictDetails({ answer }: { answer: Extract<Verdict, { genuine: false }>["answer"] }) {
  const { t } = useTranslation();
  return (
    <>
      <Text size="sm">{answer.message}</Text>
      {answer.detail && (
        <Text size="sm" c="dimmed" className="break">
          {t("verify.detail", { detail: answer.detail })}
        </Text>
      )}
      <Text size="sm">{t("verify.advice", { do: answer.do })}</Text>
      <Text size="xs" c="dimmed" className="mono">
        {t("problem.code", { code: answer.code })}
      </Text>
    </>
  );
}
