import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";

import { createProduct } from "@/api/requests";
import { Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { ProductForm } from "./ProductForm";

export default function NewProduct() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <Page title={t("product.new")} above={[{ label: t("product.title"), to: "/products" }]} narrow>
      <ProductForm
        send={createProduct}
        verb={t("product.create")}
        leave="/products"
        done={({ id }) => {
          void client.invalidateQueries({ queryKey: ["products"] });
          void navigate({ to: "/products/$id", params: { id }, replace: true });
        }}
      />
    </Page>
  );
}
