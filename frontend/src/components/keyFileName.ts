/** Returns a file name for a product's public key that is valid on every operating system. */
export const keyFileName = (product: string) =>
  `${product.replaceAll(/[^\w.-]+/g, "-").replaceAll(/^[-.]+|[-.]+$/g, "") || "product"}.pub.asc`;
