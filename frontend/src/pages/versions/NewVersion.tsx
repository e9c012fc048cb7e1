import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { invalidateVersions } from "@/api/cache";
import { createVersion, productQuery } from "@/api/requests";
import { LoadedPage, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { VersionForm } from "./VersionForm";

export default function NewVersion() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/member/products/$id/versions/new" });
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <LoadedPage query={useQuery(productQuery(id))}>
      {(product) => (
        <Page
          title={t("version.new")}
          lead={t("version.lead")}
          breadcrumbs={[
            { label: t("product.title"), to: "/products" },
            { label: product.name, to: `/products/${id}` },
          ]}
          narrow
        >
          <VersionForm
            send={(values) => createVersion(id, values)}
            submitLabel={t("version.create")}
            cancelTo={`/products/${id}`}
            onSuccess={(version) => {
              void invalidateVersions(client, id);
              void navigate({ to: "/versions/$id", params: { id: version.id }, replace: true });
            }}
          />
        </Page>
      )}
    </LoadedPage>
  );
}
