import { useQuery } from "@tanstack/react-query";

import { productQuery, versionQuery } from "@/api/requests";
import type { License } from "@/api/types";
import type { Breadcrumb } from "@/components/Page";
import { useTranslation } from "@/i18n";

/** Returns the breadcrumbs of a license, and the queries of its product and version. */
export function useBreadcrumbs(license: License | undefined) {
  const { t } = useTranslation();
  const enabled = license !== undefined;
  const product = useQuery({ ...productQuery(license?.product ?? ""), enabled });
  const version = useQuery({ ...versionQuery(license?.version ?? ""), enabled });
  const breadcrumbs: Breadcrumb[] = [
    { label: t("product.title"), to: "/products" },
    { label: product.data?.name, to: `/products/${license?.product}` },
    { label: version.data?.name, to: `/versions/${license?.version}` },
  ];
  return { crumbs: breadcrumbs, product, version };
}
