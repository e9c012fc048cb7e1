import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { invalidateLicenses } from "@/api/cache";
import { createLicense, productQuery, versionQuery } from "@/api/requests";
import { LoadedPage, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { LicenseForm } from "./LicenseForm";
import { toCreateInput } from "./licenseValues";

export default function NewLicense() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/member/versions/$id/licenses/new" });
  const client = useQueryClient();
  const navigate = useNavigate();
  const query = useQuery(versionQuery(id));
  const product = useQuery({ ...productQuery(query.data?.product ?? ""), enabled: query.data !== undefined });
  return (
    <LoadedPage query={query}>
      {(version) => (
        <Page
          title={t("license.new")}
          lead={`${t(`policy.fields.type.${version.policy.type}`)}: ${t(`policy.fields.type.${version.policy.type}_hint`)}`}
          breadcrumbs={[
            { label: t("product.title"), to: "/products" },
            { label: product.data?.name, to: `/products/${version.product}` },
            { label: version.name, to: `/versions/${id}` },
          ]}
          narrow
        >
          <LicenseForm
            version={version}
            send={(values) => createLicense(id, toCreateInput(values, version.policy))}
            submitLabel={t("license.create")}
            cancelTo={`/versions/${id}`}
            onSuccess={(license) => {
              void invalidateLicenses(client, id);
              void navigate({ to: "/licenses/$id", params: { id: license.id }, replace: true });
            }}
          />
        </Page>
      )}
    </LoadedPage>
  );
}
