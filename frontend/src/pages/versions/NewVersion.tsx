import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { createVersion, productQuery } from "@/api/requests";
import { Loaded, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { VersionForm } from "./VersionForm";

export default function NewVersion() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/products/$id/versions/new" });
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <Loaded query={useQuery(productQuery(id))}>
      {(product) => (
        <Page title={t("version.new")} lead={t("version.lead")} above={[{ label: t("product.title"), to: "/products" }, { label: product.name, to: `/products/${id}` }]} narrow>
          <VersionForm
            send={(values) => createVersion(id, values)}
            verb={t("version.create")}
            leave={`/products/${id}`}
            done={(version) => {
              void client.invalidateQueries({ queryKey: ["products", id, "versions"] });
              void navigate({ to: "/versions/$id", params: { id: version.id }, replace: true });
            }}
          />
        </Page>
      )}
    </Loaded>
  );
}
