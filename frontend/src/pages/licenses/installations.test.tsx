import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { expect, it } from "vitest";

import type { Activation, Session } from "@/api/types";
import { activation, apiURL, license, openPage, problem, server, defaultHandlers, useMockServer } from "@/testing/renderApp";

useMockServer();

const cloned: Activation = {
  ...activation,
  calls_charged: 115,
  generation: 3,
  lease_number: 2,
  reactivations: 2,
  cloned: "2026-01-03T00:00:00Z",
  address: "192.0.2.7",
  statistics: { program: "27.1", platform: "linux/amd64", numbers: [{ name: "drawings", value: 1200 }] },
  evidence: [
    { time: "2026-01-01T00:00:00Z", generation: 0, lease_number: 0, changed_parts: [], alternation: false, refused: false },
    {
      time: "2026-01-03T00:00:00Z",
      generation: 2,
      lease_number: 4,
      address: "198.51.100.9",
      changed_parts: ["hostname", "disk"],
      alternation: true,
      refused: true,
    },
  ],
};

/** A server with these installations. */
function holds(installations: () => Activation[], role?: Session["member"]["role"]) {
  server.use(
    ...defaultHandlers(role),
    http.get(apiURL(`/licenses/${license.id}/activations`), () => HttpResponse.json({ items: installations() })),
    http.get(apiURL(`/licenses/${license.id}/reservations`), () => HttpResponse.json({ items: null })),
  );
}

const row = async (id: string) =>
  (await within(await screen.findByRole("table", { name: "Installations" })).findByText(id.slice(0, 8))).closest("tr")!;

it("shows restored, suspected and refused installations", async () => {
  const ids = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];
  holds(() => [
    { ...activation, id: ids[0] },
    { ...cloned, id: ids[1], cloned: undefined },
    { ...cloned, id: ids[2] },
  ]);
  openPage(`/licenses/${license.id}`);
  const quiet = await row(ids[0]);
  expect(quiet.textContent).not.toMatch(/restored|clone|prepaid/i);
  const suspect = await row(ids[1]);
  expect(within(suspect).getAllByText("Active").length).toBeGreaterThan(0);
  expect(within(suspect).getAllByText("Clone suspected").length).toBeGreaterThan(0);
  expect(suspect.textContent).toContain("restored 2×");
  expect(suspect.textContent).toContain("20 prepaid");
  const refused = await row(ids[2]);
  expect(within(refused).getAllByText("Cloned, refused").length).toBeGreaterThan(0);
  expect(within(refused).queryByText("Active")).toBeNull();
});

it("the details show the evidence, latest first", async () => {
  holds(() => [cloned]);
  const user = userEvent.setup();
  openPage(`/licenses/${license.id}`);
  await user.click(await screen.findByRole("button", { name: "Details of dddddddd" }));
  const dialog = await screen.findByRole("dialog", { name: "Installation dddddddd" });
  for (const text of ["95, 20 prepaid", "2 of chain 3", "2× in total, 2 of them in the current window", "27.1", "linux/amd64", "1,200"])
    expect(within(dialog).getByText(text)).toBeTruthy();
  expect(dialog.textContent).toContain("from 192.0.2.7");
  const [, latest, first] = within(within(dialog).getByRole("table", { name: "Evidence of clones" })).getAllByRole("row");
  for (const text of ["198.51.100.9", "4 of chain 2", "hostname, disk", "Alternated", "Refused as a clone"])
    expect(latest!.textContent).toContain(text);
  for (const text of ["unknown", "none", "nothing known", "Restored"]) expect(first!.textContent).toContain(text);
  expect(first!.textContent).not.toContain("Alternated");
});

it("asks before it clears the clone flag, and shows a refusal in the confirmation", async () => {
  let asked = 0;
  let now = cloned;
  holds(() => [now]);
  server.use(
    http.post(apiURL(`/licenses/${license.id}/activations/${cloned.id}/clear-evidence`), () => {
      asked++;
      if (asked === 1) return problem(409, "stale", "Conflict", "it changed at the same time");
      now = { ...cloned, cloned: undefined, reactivations: 0 };
      return new HttpResponse(null, { status: 204 });
    }),
  );
  const user = userEvent.setup();
  openPage(`/licenses/${license.id}`);
  await user.click(await screen.findByRole("button", { name: "Details of dddddddd" }));
  await user.click(await screen.findByRole("button", { name: "Clear clone flag" }));
  const question = await screen.findByRole("dialog", { name: "Clear the clone flag?" });
  expect(asked).toBe(0);
  expect(question.textContent).toContain("including clones");
  await user.click(within(question).getByRole("button", { name: "Clear clone flag" }));
  expect((await within(question).findByRole("alert")).textContent).toContain("it changed at the same time");
  await user.click(within(question).getByRole("button", { name: "Clear clone flag" }));
  await waitFor(() => expect(screen.queryByRole("dialog", { name: "Clear the clone flag?" })).toBeNull());
  // The details are still open, and say what is now: nothing is left to forgive, and the evidence is kept.
  const dialog = screen.getByRole("dialog", { name: "Installation dddddddd" });
  await waitFor(() => expect(within(dialog).queryByRole("button", { name: "Clear clone flag" })).toBeNull());
  expect(within(dialog).queryByText("Cloned, refused")).toBeNull();
  expect(within(dialog).getByText("hostname, disk")).toBeTruthy();
});

// proves part of S07
it("shows the evidence to roles that cannot clear the clone flag", async () => {
  holds(() => [cloned], "developer");
  const user = userEvent.setup();
  openPage(`/licenses/${license.id}`);
  await user.click(await screen.findByRole("button", { name: "Details of dddddddd" }));
  const dialog = await screen.findByRole("dialog", { name: "Installation dddddddd" });
  expect(within(dialog).getByText("hostname, disk")).toBeTruthy();
  expect(within(dialog).queryByRole("button", { name: "Clear clone flag" })).toBeNull();
});
