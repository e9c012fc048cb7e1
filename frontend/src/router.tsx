// The routes. They are in the hash of the URL, so that the same pages work from a server and in the desktop window.

import type { QueryClient } from "@tanstack/react-query";
import {
  createHashHistory,
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type RouterHistory,
} from "@tanstack/react-router";

import { setOnSessionEnd } from "./api/client";
import { errorCode, isSessionEnd, pageLoadError } from "./api/problem";
import { endSession } from "./api/queryClient";
import { sessionQuery } from "./api/requests";
import { PageSkeleton } from "./components/Page";
import { AppLayout } from "./components/AppLayout";
import { ErrorPage, StandaloneErrorPage, NotFound } from "./pages/ErrorPage";

interface Context {
  client: QueryClient;
}

const layout = () => (
  <AppLayout>
    <Outlet />
  </AppLayout>
);

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  errorComponent: StandaloneErrorPage,
  notFoundComponent: NotFound,
});

/** Public pages. A logged-in member sees them in the same layout as the other pages. */
const publicRoute = createRoute({
  getParentRoute: () => root,
  id: "public",
  beforeLoad: ({ context }) => context.client.ensureQueryData(sessionQuery).then(nothing, nothing),
  component: layout,
  errorComponent: StandaloneErrorPage,
});

const nothing = () => {};

/** Pages for members. Without a session they redirect to the login, which leads back. */
const memberRoute = createRoute({
  getParentRoute: () => root,
  id: "member",
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.ensureQueryData(sessionQuery);
    } catch (error) {
      if (!isSessionEnd(error)) throw error;
      throw redirect({ to: "/login", search: loginSearch(location.href, errorCode(error)) });
    }
  },
  component: layout,
  errorComponent: StandaloneErrorPage,
});

/** Returns the search parameters of the login page: the way back, and whether a session ended. A first visit ends no session. */
const loginSearch = (href: string, code = "") => ({
  ...(href !== "/" && href !== "/products" && { next: href }),
  ...(code !== "not_authenticated" && { ended: "yes" }),
});

interface Search {
  search?: string;
}

const parseListSearch = (search: Record<string, unknown>): Search => (search.search ? { search: String(search.search) } : {});

type Load = () => Promise<{ default: React.ComponentType }>;

const pageLoaders: Load[] = [];

/** Loads the script of a page on first use. A failure is shown like that of any other request. */
function lazyPage(load: Load) {
  pageLoaders.push(load);
  return lazyRouteComponent(() =>
    load().catch((error: unknown) => {
      throw pageLoadError(error);
    }),
  );
}

/** Loads the scripts of all pages in the background after the login: later the network may be gone. */
const preloadPages = () => void Promise.allSettled(pageLoaders.map((load) => load()));

const page = <const P extends string>(path: P, load: Load) =>
  createRoute({ getParentRoute: () => memberRoute, path, validateSearch: parseListSearch, component: lazyPage(load) });

const setup = createRoute({
  getParentRoute: () => publicRoute,
  path: "/setup",
  validateSearch: (search): { token?: string } => (search.token ? { token: String(search.token) } : {}),
  component: lazyPage(() => import("./pages/people/Setup")),
});

const login = createRoute({
  getParentRoute: () => publicRoute,
  path: "/login",
  validateSearch: (search): { next?: string; ended?: string } => ({
    ...(search.next ? { next: String(search.next) } : {}),
    ...(search.ended ? { ended: "yes" } : {}),
  }),
  component: lazyPage(() => import("./pages/people/Login")),
});

const verify = createRoute({
  getParentRoute: () => publicRoute,
  path: "/verify",
  component: lazyPage(() => import("./pages/verify/Verify")),
});

const home = createRoute({
  getParentRoute: () => memberRoute,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/products", replace: true });
  },
});

const tree = root.addChildren([
  publicRoute.addChildren([setup, login, verify]),
  memberRoute.addChildren([
    home,
    page("/account", () => import("./pages/people/Account")),
    page("/products", () => import("./pages/products/Products")),
    page("/products/new", () => import("./pages/products/NewProduct")),
    page("/products/$id", () => import("./pages/products/Product")),
    page("/products/$id/edit", () => import("./pages/products/EditProduct")),
    page("/products/$id/versions/new", () => import("./pages/versions/NewVersion")),
    page("/versions/$id", () => import("./pages/versions/Version")),
    page("/versions/$id/edit", () => import("./pages/versions/EditVersion")),
    page("/versions/$id/licenses/new", () => import("./pages/licenses/NewLicense")),
    page("/licenses/$id", () => import("./pages/licenses/License")),
    page("/licenses/$id/edit", () => import("./pages/licenses/EditLicense")),
    page("/licenses/$id/instructions", () => import("./pages/licenses/Instructions")),
  ]),
]);

const PRELOAD_DELAY_MS = 1_500; // after the first page is rendered

/** Parses search parameters as plain text, not as JSON: a search for "5" is not a number. */
const parseSearch = (text: string) => Object.fromEntries(new URLSearchParams(text));

function stringifySearch(search: Record<string, unknown>) {
  const text = new URLSearchParams(
    Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  ).toString();
  return text && `?${text}`;
}

export function createAppRouter(client: QueryClient, history: RouterHistory = createHashHistory()) {
  const router = createRouter({
    routeTree: tree,
    history,
    context: { client },
    parseSearch,
    stringifySearch,
    defaultPendingComponent: PageSkeleton,
    defaultErrorComponent: ErrorPage,
    defaultNotFoundComponent: NotFound,
    defaultPendingMs: 300,
    scrollRestoration: true,
  });
  setOnSessionEnd((code) => {
    const { pathname, href } = router.state.location;
    if (pathname === "/login") return;
    void endSession(client, () => router.navigate({ to: "/login", search: { ...loginSearch(href, code), ended: "yes" } }));
  });
  const stop = router.subscribe("onRendered", () => {
    if (!client.getQueryData(sessionQuery.queryKey)) return;
    stop();
    setTimeout(preloadPages, PRELOAD_DELAY_MS);
  });
  // Focus the content after navigation, for screen readers and for the next Tab key.
  router.subscribe("onRendered", ({ fromLocation, pathChanged }) => {
    if (fromLocation && pathChanged && !document.querySelector("[data-autofocus]:focus, input:focus"))
      document.getElementById("content")?.focus({ preventScroll: true });
  });
  return router;
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
