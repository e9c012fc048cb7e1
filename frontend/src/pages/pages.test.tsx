import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { expect, it } from "vitest";

import {
  activation,
  apiURL,
  license,
  openPage,
  problem,
  product,
  server,
  defaultHandlers,
  version,
  useMockServer,
} from "@/testing/renderApp";

useMockServer();

// proves U09
it("shows server errors above the form and beside their fields", async () => {
  server.use(
    ...defaultHandlers(),
    http.post(apiURL(`/versions/${version.id}/licenses`), () =>
      problem(422, "invalid", "Unprocessable Entity", "entitlements.0.slots is 9, allowed are 0 to 8", [
        { field: "entitlements[0].slots", detail: "is 9, allowed are 0 to 8" },
        { field: "contexts.1", detail: "repeats ui" },
        { field: "somewhere.else", detail: "is odd" },
      ]),
    ),
  );
  const user = userEvent.setup();
  openPage(`/versions/${version.id}/licenses/new`);
  await user.type(await screen.findByLabelText("Calls allowed"), "10");
  await user.type(screen.getAllByLabelText("Contexts")[0]!, "ui{Enter}");
  // The first row stays empty, so that the first entitlement of the request is the second row of the form.
  await user.click(screen.getByRole("button", { name: "Add an entitlement" }));
  await user.type(screen.getByLabelText("Entitlement 2"), "rendering");
  await user.click(screen.getByRole("button", { name: "Create the license" }));
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("Unprocessable Entity");
  expect(alert.textContent).toContain("somewhere.else is odd");
  expect(screen.getByLabelText("Slots of rendering").getAttribute("aria-invalid")).toBe("true");
  expect(screen.getAllByText("is 9, allowed are 0 to 8").length).toBeGreaterThan(0);
  expect(screen.getAllByText("repeats ui").length).toBeGreaterThan(0);
});

// proves part of S07
it("offers only the actions that the role permits", async () => {
  server.use(
    ...defaultHandlers("viewer"),
    http.get(apiURL(`/licenses/${license.id}/activations`), () => HttpResponse.json({ items: [activation] })),
    http.get(apiURL(`/licenses/${license.id}/reservations`), () => HttpResponse.json({ items: null })),
  );
  openPage(`/licenses/${license.id}`);
  expect(await screen.findByRole("heading", { name: "Plant 7" })).toBeTruthy();
  expect(await screen.findByText("No reservations")).toBeTruthy();
  expect(await within(screen.getByRole("table", { name: "Installations" })).findByText("dddddddd")).toBeTruthy();
  for (const name of ["License file", "More actions", /^Deactivate/]) expect(screen.queryByRole("button", { name })).toBeNull();
  expect(screen.queryByRole("link", { name: "Edit" })).toBeNull();
  expect(screen.getByRole("link", { name: "Instructions" })).toBeTruthy();
});

// proves U01
it("an expired session redirects to the login, which leads back", async () => {
  const ended = () => problem(401, "session_expired", "Unauthorized", "the session has ended; log in again");
  server.use(
    http.get(apiURL(`/versions/${version.id}`), () => {
      server.use(http.get(apiURL("/session"), ended));
      return ended();
    }),
    ...defaultHandlers(),
  );
  const { router } = openPage(`/versions/${version.id}`);
  await waitFor(() => expect(router.state.location.pathname).toBe("/login"));
  expect(router.state.location.search).toEqual({ next: `/versions/${version.id}`, ended: "yes" });
});

it("changing requests send the CSRF token", async () => {
  let token: string | null = null;
  server.use(
    ...defaultHandlers(),
    http.get(apiURL(`/products/${product.id}/versions`), () => HttpResponse.json({ items: [] })),
    http.post(apiURL(`/products/${product.id}/archive`), ({ request }) => {
      token = request.headers.get("X-CSRF-Token");
      return HttpResponse.json({ ...product, archived: true });
    }),
  );
  const user = userEvent.setup();
  openPage(`/products/${product.id}`);
  await user.click(await screen.findByRole("button", { name: "More actions" }));
  await user.click(await screen.findByRole("menuitem", { name: "Archive" }));
  expect(token).toBeNull(); // a confirmation comes first
  await user.click(await screen.findByRole("button", { name: "Archive" }));
  await waitFor(() => expect(token).toBe("c".repeat(64)));
});

it("reports a response that is not from the server", async () => {
  server.use(
    http.get(apiURL("/products"), () => new HttpResponse("<h1>Bad gateway</h1>", { status: 500, statusText: "Oops" })),
    ...defaultHandlers(),
  );
  openPage("/products");
  expect((await screen.findByRole("alert")).textContent).toContain("answered with status 500");
});
