import { Alert, Button, Group, List, Skeleton, Stack, Tabs, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconDownload, IconServer2, IconWorldOff } from "@tabler/icons-react";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { publicKeysQuery, licenseQuery } from "@/api/requests";
import type { License, Product } from "@/api/types";
import { DescriptionItem, DescriptionList } from "@/components/DescriptionList";
import { LoadedPage, Page } from "@/components/Page";
import { ProblemAlert } from "@/components/ProblemAlert";
import { CopyableValue, CopyButton } from "@/components/CopyableValue";
import { licenseName } from "@/components/licenseLabels";
import { keyFileName } from "@/components/keyFileName";
import { Section } from "@/components/Section";
import { useTranslation } from "@/i18n";
import { platform } from "@/platform";

import { useBreadcrumbs } from "./useBreadcrumbs";
import { codeSamples } from "./codeSamples";

export default function Instructions() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/member/licenses/$id/instructions" });
  const query = useQuery(licenseQuery(id));
  const { crumbs, product } = useBreadcrumbs(query.data);
  return (
    <LoadedPage query={query}>
      {(license) => (
        <Page
          title={t("instructions.title")}
          lead={t("instructions.lead")}
          breadcrumbs={[...crumbs, { label: licenseName(license), to: `/licenses/${id}` }]}
        >
          <InstructionsBody license={license} product={product} />
        </Page>
      )}
    </LoadedPage>
  );
}

const loopback = /^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;

function InstructionsBody({ license, product }: { license: License; product: UseQueryResult<Product> }) {
  const { t } = useTranslation();
  const keys = useQuery(publicKeysQuery(license.product));
  const root = product.data?.root;
  const origin = platform.serverOrigin();
  const values = root && {
    server_url: `${origin}/api/v1#${root}`,
    product_id: license.product,
    version_id: license.version,
    license_id: license.id,
    context: license.contexts[0] ?? "",
    entitlement: license.entitlements[0]?.name ?? "",
  };
  const error = product.error ?? keys.error;
  return (
    <>
      {loopback.test(origin) && (
        <Alert color="yellow" icon={<IconWorldOff />} title={t("instructions.originTitle")}>
          {t("instructions.origin", { origin })}
        </Alert>
      )}
      {error && (
        <Stack gap="xs">
          <ProblemAlert
            error={error}
            action={{ label: t("do.retry"), run: () => void (product.error ? product.refetch() : keys.refetch()) }}
          />
          <Text size="sm" c="dimmed">
            {t("instructions.failed")}
          </Text>
        </Stack>
      )}
      <Section title={t("instructions.code")}>
        {values ? <CodeTabs values={values} /> : !error && <Skeleton h={320} radius="md" role="status" aria-label={t("list.loading")} />}
      </Section>
      <Section title={t("instructions.values")} lead={t("instructions.server_url")}>
        <DescriptionList>
          {(["server_url", "product_id", "version_id", "license_id"] as const).map((name) => (
            <DescriptionItem key={name} label={name}>
              {values ? <CopyableValue text={values[name]} what={name} /> : <Skeleton h={14} w={220} />}
            </DescriptionItem>
          ))}
        </DescriptionList>
      </Section>
      <Section
        title={t("instructions.keyTitle")}
        lead={t("instructions.keyLead")}
        aside={
          keys.data && (
            <Group gap={4}>
              <CopyButton text={keys.data} what={t("instructions.keyTitle")} />
              <Button
                size="xs"
                variant="default"
                leftSection={<IconDownload size={14} />}
                onClick={() => void platform.saveFile(keyFileName(product.data?.name ?? "product"), keys.data, "application/pgp-keys")}
              >
                {t("do.download")}
              </Button>
            </Group>
          )
        }
      >
        <Stack gap="xs">
          {root && (
            <DescriptionList>
              <DescriptionItem label={t("product.root")}>
                <CopyableValue text={root} what={t("product.root")} />
              </DescriptionItem>
            </DescriptionList>
          )}
          {keys.data ? (
            <CodeBlock label={t("instructions.keyBlock")} text={keys.data} high={180} />
          ) : (
            !error && <Skeleton h={120} radius="md" />
          )}
        </Stack>
      </Section>
      <Warnings />
    </>
  );
}

function CodeTabs({ values }: { values: Parameters<(typeof codeSamples)[number]["code"]>[0] }) {
  const { t } = useTranslation();
  return (
    <Tabs defaultValue={codeSamples[0]!.language} keepMounted={false} variant="pills">
      <Tabs.List mb="md" aria-label={t("instructions.code")}>
        {codeSamples.map(({ language }) => (
          <Tabs.Tab key={language} value={language}>
            {language}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {codeSamples.map(({ language, install, file, code }) => (
        <Tabs.Panel key={language} value={language}>
          <Stack gap="sm">
            <CaptionedCode title={t("instructions.install")} text={install} />
            <CaptionedCode title={file} text={code(values)} />
          </Stack>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function CaptionedCode({ title, text }: { title: string; text: string }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text size="xs" c="dimmed" fw={550}>
          {title}
        </Text>
        <CopyButton text={text} what={title} />
      </Group>
      <CodeBlock label={title} text={text} />
    </Stack>
  );
}

/** Code block that can be scrolled with the keyboard. */
function CodeBlock({ label, text, high: maxHeight }: { label: string; text: string; high?: number }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable with the keyboard
    <pre className="code" tabIndex={0} role="region" aria-label={label} style={{ maxHeight: maxHeight }}>
      {text}
    </pre>
  );
}

function Warnings() {
  const { t } = useTranslation();
  const warnings = t("instructions.warn", { returnObjects: true });
  return (
    <Alert component="section" color="yellow" p="md">
      <Stack gap="md">
        <Stack gap="xs">
          <Group gap="xs">
            <IconAlertTriangle size={18} color="var(--warn)" aria-hidden />
            <Title order={2}>{t("instructions.warnTitle")}</Title>
          </Group>
          <List size="sm" spacing={6}>
            {warnings.map((text) => (
              <List.Item key={text}>{text}</List.Item>
            ))}
          </List>
        </Stack>
        <Stack gap="xs">
          <Group gap="xs">
            <IconServer2 size={18} color="var(--warn)" aria-hidden />
            <Title order={2}>{t("instructions.vmTitle")}</Title>
          </Group>
          <Text size="sm">{t("instructions.vm")}</Text>
        </Stack>
      </Stack>
    </Alert>
  );
}
