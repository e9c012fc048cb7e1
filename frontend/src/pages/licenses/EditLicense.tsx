import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { editLicense, licenseQuery } from "@/api/requests";
import { Loaded, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { nameOf } from "../versions/Version";
import { useAbove } from "./above";
import { LicenseForm } from "./LicenseForm";
import { editOf } from "./terms";

export default function EditLicense() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/licenses/$id/edit" });
  const client = useQueryClient();
  const navigate = useNavigate();
  // The form keeps what it began with: an edit must name the revision that its person saw.
  const query = useQuery({ ...licenseQuery(id), staleTime: Infinity, refetchOnMount: "always" });
  const { crumbs, version } = useAbove(query.data);
  const both = query.data && version.data && !query.isRefetching ? { license: query.data, version: version.data } : undefined;
  return (
    <Loaded query={{ data: both, error: query.error ?? version.error, refetch: query.refetch }}>
      {({ license, version }) => (
        <Page title={t("license.edit")} above={[...crumbs, { label: nameOf(license), to: `/licenses/${id}` }]} narrow>
          <LicenseForm
            version={version}
            license={license}
            send={(values) => editLicense(id, editOf(values, license, version.policy))}
            verb={t("do.save")}
            leave={`/licenses/${id}`}
            reload={() => void query.refetch()}
            done={() => {
              void client.invalidateQueries({ queryKey: ["licenses", id] });
              void client.invalidateQueries({ queryKey: ["versions", license.version, "licenses"] });
              void navigate({ to: "/licenses/$id", params: { id }, replace: true });
            }}
          />
        </Page>
      )}
    </Loaded>
  );
}
