import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { editProduct, productQuery } from "@/api/requests";
import { Loaded, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { ProductForm } from "./ProductForm";

export default function EditProduct() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/products/$id/edit" });
  const client = useQueryClient();
  const navigate = useNavigate();
  // The form keeps what it began with: an edit must name the revision that its person saw.
  const query = useQuery({ ...productQuery(id), staleTime: Infinity, refetchOnMount: "always" });
  return (
    <Loaded query={query.isRefetching ? { ...query, data: undefined } : query}>
      {(product) => (
        <Page title={t("product.edit")} above={[{ label: t("product.title"), to: "/products" }, { label: product.name, to: `/products/${id}` }]} narrow>
          <ProductForm
            product={product}
            send={(values) => editProduct(id, { ...values, revision: product.revision })}
            verb={t("do.save")}
            leave={`/products/${id}`}
            reload={() => void query.refetch()}
            done={(changed) => {
              client.setQueryData(productQuery(id).queryKey, changed);
              void client.invalidateQueries({ queryKey: ["products"] });
              void navigate({ to: "/products/$id", params: { id }, replace: true });
            }}
          />
        </Page>
      )}
    </Loaded>
  );
}
