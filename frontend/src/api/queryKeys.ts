// The keys under which query results are cached. A key that begins with another one is invalidated together with it.

export const queryKeys = {
  session: ["session"],
  products: ["products"],
  product: (id: string) => ["products", id],
  publicKeys: (product: string) => ["products", product, "keys"],
  versions: (product: string) => ["products", product, "versions"],
  version: (id: string) => ["versions", id],
  licenses: (version: string) => ["versions", version, "licenses"],
  license: (id: string) => ["licenses", id],
  activations: (license: string) => ["licenses", license, "activations"],
  reservations: (license: string) => ["licenses", license, "reservations"],
} as const;
