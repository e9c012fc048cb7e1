import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { createLicense, productQuery, versionQuery } from "@/api/requests";
import { Loaded, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { LicenseForm } from "./LicenseForm";
import { newOf } from "./terms";

export default function NewLicense() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/versions/$id/licenses/new" });
  const client = useQueryClient();
  const navigate = useNavigate();
  const query = useQuery(versionQuery(id));
  const product = useQuery({ ...productQuery(query.data?.product ?? ""), enabled: query.data !== undefined });
  return (
    <Loaded query={query}>
      {(version) => (
        <Page
          title={t("license.new")}
          lead={`${t(`policy.types.${version.policy.type}`)}: ${t(`policy.typeHints.${version.policy.type}`)}`}
          above={[{ label: t("product.title"), to: "/products" }, { label: product.data?.name, to: `/products/${version.product}` }, { label: version.name, to: `/versions/${id}` }]}
          narrow
        >
          <LicenseForm
            version={version}
            send={(values) => createLicense(id, newOf(values, version.policy))}
            verb={t("license.create")}
            leave={`/versions/${id}`}
            done={(license) => {
              void client.invalidateQueries({ queryKey: ["versions", id, "licenses"] });
              void navigate({ to: "/licenses/$id", params: { id: license.id }, replace: true });
            }}
          />
        </Page>
      )}
    </Loaded>
  );
}
