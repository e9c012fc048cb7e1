// Renders the whole app at one route, against a mock server.

import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll } from "vitest";

import { createQueryClient } from "@/api/queryClient";
import type { Activation, License, Product, Session, Version } from "@/api/types";
import { createAppRouter } from "@/router";
import { cssVariables, theme } from "@/theme";

export const apiURL = (path: string) => `${location.origin}/api/v1${path}`;

export const session = (role: Session["member"]["role"] = "owner"): Session => ({
  member: { id: "1".repeat(24), name: "Ada", email: "ada@acme.example", role },
  organisation: { id: "2".repeat(24), name: "Acme", created: "2026-01-01T00:00:00Z" },
  csrf_token: "c".repeat(64),
  expires: "2099-01-01T00:00:00Z",
});

const times = { created: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:00Z", revision: 1, metadata: {} };

export const product: Product = { id: "a".repeat(24), name: "Acme CAD", description: "", archived: false, ...times };

export const version: Version = {
  id: "b".repeat(24),
  product: product.id,
  name: "2027",
  description: "",
  archived: false,
  policy: {
    type: "calls",
    period_length_ms: 0,
    trigger: "interval",
    interval_ms: 3_600_000,
    max_retries: 3,
    grace_ms: 86_400_000,
    prepaid_block: 0,
    clock_tolerance_ms: 300_000,
    journal_interval_calls: 100,
    statistics: false,
    activation_limit: 10,
    max_machines: null,
    transfer_limit: null,
    activation_delay_ms: 0,
    trial_once: false,
    clone_action: "refuse",
    clone_limit: 2,
    fingerprint_action: "report",
    fingerprint_tolerance: 0,
    max_borrow_ms: 0,
    queue_timeout_ms: 0,
  },
  ...times,
};

export const license: License = {
  id: "c".repeat(24),
  product: product.id,
  version: version.id,
  name: "Plant 7",
  customer: "Initech",
  contexts: ["ui"],
  entitlements: [{ name: "rendering", slots: 4 }],
  allowance: 1000,
  calls_used: 447,
  status: "active",
  archived: false,
  overrides: {},
  ...times,
};

export const activation: Activation = {
  id: "d".repeat(64),
  calls_used: 95,
  calls_charged: 95,
  generation: 1,
  lease_number: 7,
  reactivations: 0,
  evidence: [],
  created: times.created,
  last_sync: times.created,
};

export const problem = (status: number, code: string, title: string, detail: string, errors?: { field: string; detail: string }[]) =>
  HttpResponse.json(
    { type: "about:blank", status, code, title, detail, errors },
    { status, headers: { "Content-Type": "application/problem+json" } },
  );

export const server = setupServer();

// The app loads a page on first use. Loading all of them here keeps that time out of the first test.
await Promise.all(Object.values(import.meta.glob(["../pages/**/*.tsx", "!**/*.test.tsx"])).map((load) => load()));

/** Starts and stops the mock server. Call it once in each test file that renders pages. */
export function useMockServer() {
  beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
  afterEach(() => server.resetHandlers());
  afterAll(() => server.close());
}

/** Handlers of the requests that every page sends. */
export const defaultHandlers = (role?: Session["member"]["role"]) => [
  http.get(apiURL("/session"), () => HttpResponse.json(session(role))),
  http.get(apiURL("/products"), () => HttpResponse.json({ items: [product] })),
  http.get(apiURL(`/products/${product.id}`), () => HttpResponse.json(product)),
  http.get(apiURL(`/versions/${version.id}`), () => HttpResponse.json(version)),
  http.get(apiURL(`/licenses/${license.id}`), () => HttpResponse.json(license)),
];

export function openPage(path: string) {
  const client = createQueryClient();
  const router = createAppRouter(client, createMemoryHistory({ initialEntries: [path] }));
  const view = render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...view, router, client };
}
