// Every request to the server: a function for each change, a query for each read.

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { unwrap, http, setCSRF } from "./client";
import { queryKeys } from "./queryKeys";
import type { components } from "./schema";
import type { Page, Session } from "./types";

type Schemas = components["schemas"];

const byId = (id: string) => ({ params: { path: { id } } });

const storeCSRF = (session: Session) => {
  setCSRF(session.csrf_token);
  return session;
};

// People

export const setUpServer = async (body: Schemas["SetupInput"]) => storeCSRF(await unwrap(http.POST("/api/v1/setup", { body }), true));
export const login = async (body: Schemas["LoginInput"]) => storeCSRF(await unwrap(http.POST("/api/v1/session", { body }), true));
export const logout = () => unwrap(http.DELETE("/api/v1/session"));
export const changePassword = (body: Schemas["ChangePasswordInput"]) => unwrap(http.PUT("/api/v1/session/password", { body }));

/** The session of the logged-in member. Fails with a session code when nobody is logged in. */
export const sessionQuery = queryOptions({
  queryKey: queryKeys.session,
  queryFn: async () => storeCSRF(await unwrap(http.GET("/api/v1/session"), true)),
  staleTime: 60_000,
});

// Lists

/** Returns a query that reads a list page by page. `search` matches a part of the name. */
function listQuery<T>(key: readonly unknown[], search: string, read: (query: { cursor?: string; search?: string }) => Promise<Page<T>>) {
  return infiniteQueryOptions({
    queryKey: [...key, "list", search],
    initialPageParam: "",
    queryFn: ({ pageParam }) => read({ ...(pageParam && { cursor: pageParam }), ...(search && { search }) }),
    getNextPageParam: (last) => last.next,
    select: (data) => data.pages.flatMap((page) => page.items ?? []),
  });
}

export const productsQuery = (search = "") =>
  listQuery(queryKeys.products, search, (query) => unwrap(http.GET("/api/v1/products", { params: { query } })));
export const versionsQuery = (product: string, search = "") =>
  listQuery(queryKeys.versions(product), search, (query) =>
    unwrap(http.GET("/api/v1/products/{id}/versions", { params: { path: { id: product }, query } })),
  );
export const licensesQuery = (version: string, search = "") =>
  listQuery(queryKeys.licenses(version), search, (query) =>
    unwrap(http.GET("/api/v1/licenses", { params: { query: { ...query, version } } })),
  );
export const activationsQuery = (license: string) =>
  listQuery(queryKeys.activations(license), "", (query) =>
    unwrap(http.GET("/api/v1/licenses/{id}/activations", { params: { path: { id: license }, query } })),
  );
export const reservationsQuery = (license: string) =>
  listQuery(queryKeys.reservations(license), "", (query) =>
    unwrap(http.GET("/api/v1/licenses/{id}/reservations", { params: { path: { id: license }, query } })),
  );

// Products

export const productQuery = (id: string) =>
  queryOptions({ queryKey: queryKeys.product(id), queryFn: () => unwrap(http.GET("/api/v1/products/{id}", byId(id))) });
/** The armored certificate with the product's public keys. It changes only when a key is rotated. */
export const publicKeysQuery = (id: string) =>
  queryOptions({
    queryKey: queryKeys.publicKeys(id),
    queryFn: () => unwrap(http.GET("/api/v1/products/{id}/public-keys", { ...byId(id), parseAs: "text" })),
    staleTime: 300_000,
  });
export const createProduct = (body: Schemas["CreateProductInput"]) => unwrap(http.POST("/api/v1/products", { body }));
export const updateProduct = (id: string, body: Schemas["UpdateProductInput"]) =>
  unwrap(http.PATCH("/api/v1/products/{id}", { ...byId(id), body }));
export const archiveProduct = (id: string) => unwrap(http.POST("/api/v1/products/{id}/archive", byId(id)));
export const unarchiveProduct = (id: string) => unwrap(http.POST("/api/v1/products/{id}/unarchive", byId(id)));
export const deleteProduct = (id: string) => unwrap(http.DELETE("/api/v1/products/{id}", byId(id)));

// Versions

export const versionQuery = (id: string) =>
  queryOptions({ queryKey: queryKeys.version(id), queryFn: () => unwrap(http.GET("/api/v1/versions/{id}", byId(id))) });
export const createVersion = (product: string, body: Schemas["CreateVersionInput"]) =>
  unwrap(http.POST("/api/v1/products/{id}/versions", { ...byId(product), body }));
export const updateVersion = (id: string, body: Schemas["UpdateVersionInput"]) =>
  unwrap(http.PATCH("/api/v1/versions/{id}", { ...byId(id), body }));
export const archiveVersion = (id: string) => unwrap(http.POST("/api/v1/versions/{id}/archive", byId(id)));
export const unarchiveVersion = (id: string) => unwrap(http.POST("/api/v1/versions/{id}/unarchive", byId(id)));
export const deleteVersion = (id: string) => unwrap(http.DELETE("/api/v1/versions/{id}", byId(id)));

// Licenses

export const licenseQuery = (id: string) =>
  queryOptions({ queryKey: queryKeys.license(id), queryFn: () => unwrap(http.GET("/api/v1/licenses/{id}", byId(id))) });
export const createLicense = (version: string, body: Schemas["CreateLicenseInput"]) =>
  unwrap(http.POST("/api/v1/versions/{id}/licenses", { ...byId(version), body }));
export const updateLicense = (id: string, body: Schemas["UpdateLicenseInput"]) =>
  unwrap(http.PATCH("/api/v1/licenses/{id}", { ...byId(id), body }));
export const suspendLicense = (id: string) => unwrap(http.POST("/api/v1/licenses/{id}/suspend", byId(id)));
export const archiveLicense = (id: string) => unwrap(http.POST("/api/v1/licenses/{id}/archive", byId(id)));
export const unarchiveLicense = (id: string) => unwrap(http.POST("/api/v1/licenses/{id}/unarchive", byId(id)));
export const reinstateLicense = (id: string) => unwrap(http.POST("/api/v1/licenses/{id}/reinstate", byId(id)));
export const revokeLicense = (id: string) => unwrap(http.POST("/api/v1/licenses/{id}/revoke", byId(id)));
export const deleteLicense = (id: string) => unwrap(http.DELETE("/api/v1/licenses/{id}", byId(id)));
/** Returns the exact bytes of the signed license file. */
export const downloadLicenseFile = async (id: string) =>
  new Uint8Array((await unwrap(http.GET("/api/v1/licenses/{id}/file", { ...byId(id), parseAs: "arrayBuffer" }))) as ArrayBuffer);

// Installations

export const deactivateInstallation = (license: string, activation: string) =>
  unwrap(http.POST("/api/v1/licenses/{id}/activations/{activation}/deactivate", { params: { path: { id: license, activation } } }));
/** Resets the count of reactivations and the clone flag of an installation. The recorded evidence stays. */
export const clearEvidence = (license: string, activation: string) =>
  unwrap(http.POST("/api/v1/licenses/{id}/activations/{activation}/clear-evidence", { params: { path: { id: license, activation } } }));
export const releaseReservation = (license: string, activation: string, entitlement: string) =>
  unwrap(
    http.DELETE("/api/v1/licenses/{id}/activations/{activation}/reservations/{entitlement}", {
      params: { path: { id: license, activation, entitlement } },
    }),
  );
