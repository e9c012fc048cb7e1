import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { storeVersion } from "@/api/cache";
import { updateVersion, productQuery, versionQuery } from "@/api/requests";
import { LoadedPage, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { VersionForm } from "./VersionForm";

export default function EditVersion() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/member/versions/$id/edit" });
  const client = useQueryClient();
  const navigate = useNavigate();
  // The form keeps its initial data: an update must send the revision that the user saw.
  const query = useQuery({ ...versionQuery(id), staleTime: Infinity, refetchOnMount: "always" });
  const product = useQuery({ ...productQuery(query.data?.product ?? ""), enabled: query.data !== undefined });
  return (
    <LoadedPage query={query.isRefetching ? { ...query, data: undefined } : query}>
      {(version) => (
        <Page
          title={t("version.edit")}
          lead={t("version.changedPolicy")}
          breadcrumbs={[
            { label: t("product.title"), to: "/products" },
            { label: product.data?.name, to: `/products/${version.product}` },
            { label: version.name, to: `/versions/${id}` },
          ]}
          narrow
        >
          <VersionForm
            version={version}
            send={(values) => updateVersion(id, { ...values, revision: version.revision })}
            submitLabel={t("do.save")}
            cancelTo={`/versions/${id}`}
            reload={() => void query.refetch()}
            onSuccess={(changed) => {
              void storeVersion(client, changed);
              void navigate({ to: "/versions/$id", params: { id }, replace: true });
            }}
          />
        </Page>
      )}
    </LoadedPage>
  );
}
