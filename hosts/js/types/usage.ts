// Uses the declarations as a program does. It is compiled and never run.

import {
  type Answer,
  codes,
  FileStorage,
  initialize,
  type License,
  LicenseError,
  Licensing,
  machineParts,
  MemoryStorage,
  moduleSha256,
  OneLicenseClient,
  type Receipt,
  root,
  type Status,
  type Storage,
  verdict,
  verify,
  verifyReceipt,
  version,
} from "onelicense";
import { codes as sameCodes } from "onelicense/verdicts";

const ids = { server_url: "https://licenses.example.com/api/v1", product_id: "", version_id: "" };

export async function client(storage: Storage = new FileStorage("state")): Promise<Answer> {
  const client = await OneLicenseClient.create({
    ...ids,
    license_id: "",
    storage,
    fingerprint: machineParts(),
    offline: true,
    on_verdict: ({ code, do: advice }) => console.log(code, advice),
  });
  await client.consume();
  await client.reserve("ui", "rendering", { borrow: 86_400_000 });
  await client.check(null, "rendering");
  await client.release("ui", "rendering");
  await client.statistics({ documents: 3 });
  await client.importAnswer(await client.exportRequest());
  await client.sync();
  await client.deactivate();
  const status: Status = client.status();
  const receipt: Receipt = await verifyReceipt(status.licenses?.[0]?.receipt ?? "", "");
  console.log(receipt.counters.used, moduleSha256, version);
  return client.shutdown();
}

export async function files(): Promise<License> {
  const licensing: Licensing = await initialize({ ...ids, keyring: "", directory: "licenses", storage: new MemoryStorage() });
  const error: LicenseError | undefined = await licensing.reserve("ui", "rendering");
  if (error?.code === codes.NO_SLOTS) console.log(error.message, error.retry_at, verdict(codes.NO_SLOTS).do, sameCodes.OK);
  const returned: boolean = await licensing.unreserve("ui", "rendering");
  console.log(returned, await root(""));
  await licensing.shutdown();
  return verify("", "", { list: "", now: 0 });
}

// @ts-expect-error -- a client is created with create()
new OneLicenseClient();

// @ts-expect-error -- unknown settings are refused
void OneLicenseClient.create({ ...ids, license_id: "", server: "" });
