import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { editVersion, productQuery, versionQuery } from "@/api/requests";
import { Loaded, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { VersionForm } from "./VersionForm";

export default function EditVersion() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/versions/$id/edit" });
  const client = useQueryClient();
  const navigate = useNavigate();
  // The form keeps what it began with: an edit must name the revision that its person saw.
  const query = useQuery({ ...versionQuery(id), staleTime: Infinity, refetchOnMount: "always" });
  const product = useQuery({ ...productQuery(query.data?.product ?? ""), enabled: query.data !== undefined });
  return (
    <Loaded query={query.isRefetching ? { ...query, data: undefined } : query}>
      {(version) => (
        <Page
          title={t("version.edit")}
          lead={t("version.changedPolicy")}
          above={[{ label: t("product.title"), to: "/products" }, { label: product.data?.name, to: `/products/${version.product}` }, { label: version.name, to: `/versions/${id}` }]}
          narrow
        >
          <VersionForm
            version={version}
            send={(values) => editVersion(id, { ...values, revision: version.revision })}
            verb={t("do.save")}
            leave={`/versions/${id}`}
            reload={() => void query.refetch()}
            done={(changed) => {
              client.setQueryData(versionQuery(id).queryKey, changed);
              void client.invalidateQueries({ queryKey: ["products", version.product, "versions"] });
              void navigate({ to: "/versions/$id", params: { id }, replace: true });
            }}
          />
        </Page>
      )}
    </Loaded>
  );
}
