// Which cached query results a change makes stale, in one place.

import type { QueryClient } from "@tanstack/react-query";

import { queryKeys } from "./queryKeys";
import { productQuery, versionQuery } from "./requests";
import type { License, Product, Version } from "./types";

/** Marks all products, and the lists of their versions, as stale. */
export const invalidateProducts = (client: QueryClient) => client.invalidateQueries({ queryKey: queryKeys.products });

/** Replaces a product by the one that the server returned. */
export function storeProduct(client: QueryClient, product: Product) {
  client.setQueryData(productQuery(product.id).queryKey, product);
  return invalidateProducts(client);
}

/** Drops a deleted product. Call it after leaving the product's page, which would read it again. */
export function removeProduct(client: QueryClient, id: string) {
  client.removeQueries({ queryKey: queryKeys.product(id) });
  return invalidateProducts(client);
}

/** Marks the version lists of a product as stale. */
export const invalidateVersions = (client: QueryClient, product: string) =>
  client.invalidateQueries({ queryKey: queryKeys.versions(product) });

/** Marks a version, its licenses and the lists that contain it as stale. */
export async function invalidateVersion(client: QueryClient, { id, product }: Pick<Version, "id" | "product">) {
  await client.invalidateQueries({ queryKey: queryKeys.version(id) });
  await invalidateVersions(client, product);
}

/** Replaces a version by the one that the server returned. */
export function storeVersion(client: QueryClient, version: Version) {
  client.setQueryData(versionQuery(version.id).queryKey, version);
  return invalidateVersions(client, version.product);
}

/** Drops a deleted version. Call it after leaving the version's page. */
export function removeVersion(client: QueryClient, { id, product }: Pick<Version, "id" | "product">) {
  client.removeQueries({ queryKey: queryKeys.version(id) });
  return invalidateVersions(client, product);
}

/** Marks the license lists of a version as stale. */
export const invalidateLicenses = (client: QueryClient, version: string) =>
  client.invalidateQueries({ queryKey: queryKeys.licenses(version) });

/** Marks a license, its installations and its reservations as stale. */
export const invalidateUsage = (client: QueryClient, license: string) => client.invalidateQueries({ queryKey: queryKeys.license(license) });

/** Marks a license and the lists that contain it as stale. */
export async function invalidateLicense(client: QueryClient, { id, version }: Pick<License, "id" | "version">) {
  await invalidateUsage(client, id);
  await invalidateLicenses(client, version);
}

/** Drops a deleted license. Call it after leaving the license's page. */
export function removeLicense(client: QueryClient, { id, version }: Pick<License, "id" | "version">) {
  client.removeQueries({ queryKey: queryKeys.license(id) });
  return invalidateLicenses(client, version);
}
