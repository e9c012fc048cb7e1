import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { expect, it } from "vitest";

import type { Policy } from "@/api/types";
import { apiURL, license, openPage, product, server, defaultHandlers, version, useMockServer } from "@/testing/renderApp";

useMockServer();

/** A page's lists, empty: forms lead to it. */
const nothing = [`/licenses`, `/licenses/${license.id}/activations`, `/licenses/${license.id}/reservations`].map((path) =>
  http.get(apiURL(path), () => HttpResponse.json({ items: null })),
);

const strict: Policy = {
  ...version.policy,
  journal_interval_calls: 7,
  prepaid_block: 20,
  max_borrow_ms: 86_400_000,
  statistics: true,
  clone_action: "suspend",
  clone_limit: 3,
};

/** What one request with a body was sent. */
function sent(method: "post" | "patch", path: string, answer: object) {
  const bodies: { policy: Policy; overrides: object }[] = [];
  server.use(
    http[method](apiURL(path), async ({ request }) => {
      bodies.push((await request.json()) as (typeof bodies)[number]);
      return HttpResponse.json(answer);
    }),
  );
  return bodies;
}

// proves part of U04
it("a new version shows what its type and choices make of use, and sends that", async () => {
  server.use(...defaultHandlers(), ...nothing);
  const bodies = sent("post", `/products/${product.id}/versions`, version);
  const user = userEvent.setup();
  openPage(`/products/${product.id}/versions/new`);
  await user.type(await screen.findByLabelText("Name"), "2028");
  await user.click(screen.getByRole("button", { name: "More settings" }));
  await user.click(screen.getByRole("button", { name: "Clones, machines and slots" }));
  expect(screen.getByLabelText("Prepaid calls")).toBeTruthy();
  await user.click(screen.getByRole("radio", { name: "Time" }));
  expect(screen.queryByLabelText("Prepaid calls")).toBeNull();
  await user.click(screen.getByRole("switch", { name: "Statistics" }));
  await user.clear(screen.getByLabelText("Borrowing"));
  await user.type(screen.getByLabelText("Borrowing"), "30");
  expect(screen.getByLabelText("Alternations before it is a clone")).toBeTruthy();
  await user.click(screen.getByRole("radio", { name: "Only report" }));
  expect(screen.queryByLabelText("Alternations before it is a clone")).toBeNull();
  await user.click(screen.getByRole("button", { name: "Create the version" }));
  await waitFor(() => expect(bodies).toHaveLength(1));
  expect(bodies[0]!.policy).toMatchObject({ type: "time", statistics: true, max_borrow_ms: 30 * 60_000, clone_action: "report" });
  expect(bodies[0]!.policy).not.toHaveProperty("prepaid_block");
  expect(bodies[0]!.policy).not.toHaveProperty("clone_limit");
});

// proves part of U10
it("an edit resets nothing of a policy", async () => {
  const before = { ...version, policy: { ...strict, trigger: "every_call" as const } };
  server.use(
    http.get(apiURL(`/versions/${version.id}`), () => HttpResponse.json(before)),
    ...defaultHandlers(),
    ...nothing,
  );
  const bodies = sent("patch", `/versions/${version.id}`, before);
  const user = userEvent.setup();
  openPage(`/versions/${version.id}/edit`);
  await user.type(await screen.findByLabelText("Description"), "Renamed");
  await user.click(screen.getByRole("button", { name: "Save changes" }));
  await waitFor(() => expect(bodies).toHaveLength(1));
  expect(bodies[0]!.policy).toEqual(before.policy);
});

it("a version's page says its policy in words", async () => {
  server.use(
    http.get(apiURL(`/versions/${version.id}`), () => HttpResponse.json({ ...version, policy: strict })),
    ...defaultHandlers(),
    ...nothing,
  );
  openPage(`/versions/${version.id}`);
  const fact = async (label: string) => (await screen.findByText(label)).nextSibling?.textContent;
  expect(await fact("Prepaid calls")).toBe("20 calls");
  expect(await fact("Borrowing")).toBe("1 d");
  expect(await fact("When two hold one installation")).toBe("Refuse both");
  expect(await fact("Alternations before it is a clone")).toBe("3");
  expect(await fact("Statistics")).toBe("reported");
});

// proves part of U10
it("a license's own values stay, also those that its form has no field for", async () => {
  const own = { ...license, overrides: { prepaid_block: 20, clone_action: "suspend", seats: "newest_wins" } };
  server.use(
    http.get(apiURL(`/licenses/${license.id}`), () => HttpResponse.json(own)),
    ...defaultHandlers(),
    ...nothing,
  );
  const bodies = sent("patch", `/licenses/${license.id}`, own);
  const user = userEvent.setup();
  openPage(`/licenses/${license.id}/edit`);
  expect((await screen.findByLabelText<HTMLInputElement>("Prepaid calls")).value).toBe("20");
  await user.click(screen.getByRole("switch", { name: "Own value for Borrowing" }));
  await user.click(screen.getByRole("button", { name: "Save changes" }));
  await waitFor(() => expect(bodies).toHaveLength(1));
  expect(bodies[0]!.overrides).toEqual({ ...own.overrides, max_borrow_ms: 0 });
});
