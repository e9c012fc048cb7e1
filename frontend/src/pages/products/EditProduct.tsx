import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { storeProduct } from "@/api/cache";
import { updateProduct, productQuery } from "@/api/requests";
import { LoadedPage, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { ProductForm } from "./ProductForm";

export default function EditProduct() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/member/products/$id/edit" });
  const client = useQueryClient();
  const navigate = useNavigate();
  // The form keeps its initial data: an update must send the revision that the user saw.
  const query = useQuery({ ...productQuery(id), staleTime: Infinity, refetchOnMount: "always" });
  return (
    <LoadedPage query={query.isRefetching ? { ...query, data: undefined } : query}>
      {(product) => (
        <Page
          title={t("product.edit")}
          breadcrumbs={[
            { label: t("product.title"), to: "/products" },
            { label: product.name, to: `/products/${id}` },
          ]}
          narrow
        >
          <ProductForm
            product={product}
            send={(values) => updateProduct(id, { ...values, revision: product.revision })}
            submitLabel={t("do.save")}
            cancelTo={`/products/${id}`}
            reload={() => void query.refetch()}
            onSuccess={(changed) => {
              void storeProduct(client, changed);
              void navigate({ to: "/products/$id", params: { id }, replace: true });
            }}
          />
        </Page>
      )}
    </LoadedPage>
  );
}
