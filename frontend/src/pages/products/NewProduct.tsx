import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";

import { invalidateProducts } from "@/api/cache";
import { createProduct } from "@/api/requests";
import { Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { ProductForm } from "./ProductForm";

export default function NewProduct() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <Page title={t("product.new")} breadcrumbs={[{ label: t("product.title"), to: "/products" }]} narrow>
      <ProductForm
        send={createProduct}
        submitLabel={t("product.create")}
        cancelTo="/products"
        onSuccess={({ id }) => {
          void invalidateProducts(client);
          void navigate({ to: "/products/$id", params: { id }, replace: true });
        }}
      />
    </Page>
  );
}
