import { Button, FileButton, Group, Paper, Select, Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconFileCertificate, IconFolder, IconKey } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { moduleSha256 } from "onelicense";
import { useEffect, useRef, useState } from "react";

import { toProblem } from "@/api/problem";
import { publicKeysQuery, productsQuery, sessionQuery } from "@/api/requests";
import { Page } from "@/components/Page";
import { Section } from "@/components/Section";
import { useTranslation } from "@/i18n";
import { platform } from "@/platform";
import { type Candidate, toCandidate, verifyCandidate, readDrop, fromFolder, fromLocalFile } from "@/verifier/files";
import type { Result } from "@/verifier/types";

import { VerifyResults } from "./VerifyResults";

const TYPING_DELAY_MS = 300; // after the last key press, before the certificate is tried

export default function Verify() {
  const { t } = useTranslation();
  const [keyring, setKeyring] = useState("");
  const [chosen, setChosen] = useState<{ candidates: Candidate[]; empty: string[] }>({ candidates: [], empty: [] });
  const [settled] = useDebouncedValue(keyring.trim(), TYPING_DELAY_MS);
  const { results, checking } = useVerification(chosen.candidates, settled);
  useEffect(() => platform.onOpened?.((files) => setChosen({ candidates: files.map(fromLocalFile), empty: [] })), []);
  return (
    <Page title={t("verify.title")} lead={t("verify.lead")} narrow>
      <Section title={t("verify.keyStep")} lead={t("verify.keyHint")}>
        <KeyInput value={keyring} onChange={setKeyring} />
      </Section>
      <Section title={t("verify.fileStep")}>
        <DropZone onChoose={setChosen} />
        <Text size="sm" c="dimmed" mt="xs" role="status">
          {!settled && chosen.candidates.some(needsKeyring) && t("verify.needKey")}
          {checking && t("verify.checking", { name: checking })}
        </Text>
      </Section>
      <VerifyResults results={results} empty={chosen.empty} clear={() => setChosen({ candidates: [], empty: [] })} />
      <Text size="xs" c="dimmed" className="mono break">
        client.wasm sha256 {moduleSha256}
      </Text>
    </Page>
  );
}

const needsKeyring = ({ verifyLocally: judge }: Candidate) => !judge;

/** Verifies one file after the other, and all of them again when the key changes. */
function useVerification(candidates: Candidate[], keyring: string) {
  const [results, setResults] = useState<Result[]>([]);
  const [checking, setChecking] = useState("");
  useEffect(() => {
    setResults([]);
    const judged = keyring ? candidates : candidates.filter((one) => !needsKeyring(one));
    let stopped = false;
    const run = async () => {
      for (const one of judged) {
        setChecking(one.name);
        const result = await verifyCandidate(one, keyring);
        if (stopped) return;
        setResults((before) => [...before, result]);
      }
      setChecking("");
    };
    void run();
    return () => {
      stopped = true;
      setChecking("");
    };
  }, [candidates, keyring]);
  return { results, checking };
}

const MAX_KEY_BYTES = 2 ** 20; // bytes

function KeyInput({ value, onChange }: { value: string; onChange: (keyring: string) => void }) {
  const { t } = useTranslation();
  const { data: session } = useQuery({ ...sessionQuery, enabled: false });
  const [error, setError] = useState("");
  const read = async (file: File | null) => {
    if (!file) return;
    setError("");
    if (file.size > MAX_KEY_BYTES) return setError(t("verify.keyTooLarge", { name: file.name }));
    try {
      onChange(await file.text());
    } catch (reason) {
      setError(t("verify.keyUnreadable", { name: file.name, reason: reason instanceof Error ? reason.message : String(reason) }));
    }
  };
  return (
    <Stack gap="sm">
      <Group gap="sm" align="flex-end">
        {session && <ProductKeySelect onKey={onChange} onError={setError} />}
        <FileButton onChange={(file) => void read(file)} accept=".asc,.gpg,.pgp,.pub,.txt">
          {(props) => (
            <Button {...props} variant="default" leftSection={<IconKey size={16} />}>
              {t("verify.keyChoose")}
            </Button>
          )}
        </FileButton>
      </Group>
      <Textarea
        label={t("verify.keyLabel")}
        placeholder={t("verify.keyPlaceholder")}
        error={error}
        autosize
        minRows={4}
        maxRows={9}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12 } }}
        value={value}
        onChange={(event) => {
          setError("");
          onChange(event.currentTarget.value);
        }}
      />
    </Stack>
  );
}

/** Select for members: fills in the key of one of their products. */
function ProductKeySelect({ onKey, onError }: { onKey: (keyring: string) => void; onError: (text: string) => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, TYPING_DELAY_MS);
  const { data = [] } = useInfiniteQuery(productsQuery(asked));
  const [known, setKnown] = useState<string | null>(null);
  return (
    <Select
      label={t("verify.product")}
      placeholder={t("verify.productPlaceholder")}
      searchable
      style={{ flex: "1 1 220px" }}
      data={data.map(({ id, name }) => ({ value: id, label: name }))}
      searchValue={search}
      onSearchChange={setSearch}
      filter={({ options }) => options} // the server has filtered
      value={known}
      onChange={async (id) => {
        setKnown(id);
        onError("");
        if (!id) return;
        try {
          onKey(await client.fetchQuery(publicKeysQuery(id)));
        } catch (error) {
          onError(toProblem(error).detail);
        }
      }}
    />
  );
}

function DropZone({ onChoose }: { onChoose: (chosen: { candidates: Candidate[]; empty: string[] }) => void }) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  return (
    <Paper
      className="drop"
      data-over={over || undefined}
      p="xl"
      data-testid="drop"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void readDrop(event.dataTransfer).then(onChoose);
      }}
    >
      <Stack align="center" gap="sm">
        <IconFileCertificate size={34} stroke={1.4} color="var(--mantine-color-dimmed)" aria-hidden />
        <Text fw={570}>{t("verify.drop")}</Text>
        <Group gap="xs" justify="center">
          <FileButton
            multiple
            onChange={(files) => files.length > 0 && onChoose({ candidates: files.map((file) => toCandidate(file)), empty: [] })}
          >
            {(props) => (
              <Button {...props} variant="default" leftSection={<IconFileCertificate size={16} />}>
                {t("verify.chooseFiles")}
              </Button>
            )}
          </FileButton>
          <Button variant="default" leftSection={<IconFolder size={16} />} onClick={() => folder.current?.click()}>
            {t("verify.chooseFolder")}
          </Button>
          <input
            ref={folder}
            type="file"
            hidden
            aria-label={t("verify.chooseFolder")}
            {...{ webkitdirectory: "" }}
            onChange={(event) => {
              const files = [...(event.currentTarget.files ?? [])];
              const name = files[0]?.webkitRelativePath.split("/")[0] ?? t("verify.folder");
              const candidates = fromFolder(files);
              onChoose({ candidates, empty: candidates.length === 0 ? [name] : [] });
              event.currentTarget.value = ""; // so that the same folder can be chosen again
            }}
          />
        </Group>
      </Stack>
    </Paper>
  );
}
