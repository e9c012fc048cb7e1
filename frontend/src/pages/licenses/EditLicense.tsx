import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";

import { invalidateLicense } from "@/api/cache";
import { updateLicense, licenseQuery } from "@/api/requests";
import { licenseName } from "@/components/licenseLabels";
import { LoadedPage, Page } from "@/components/Page";
import { useTranslation } from "@/i18n";

import { useBreadcrumbs } from "./useBreadcrumbs";
import { LicenseForm } from "./LicenseForm";
import { toUpdateInput } from "./licenseValues";

export default function EditLicense() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/member/licenses/$id/edit" });
  const client = useQueryClient();
  const navigate = useNavigate();
  // The form keeps its initial data: an update must send the revision that the user saw.
  const query = useQuery({ ...licenseQuery(id), staleTime: Infinity, refetchOnMount: "always" });
  const { crumbs, version } = useBreadcrumbs(query.data);
  const both = query.data && version.data && !query.isRefetching ? { license: query.data, version: version.data } : undefined;
  return (
    <LoadedPage query={{ data: both, error: query.error ?? version.error, refetch: query.refetch }}>
      {({ license, version }) => (
        <Page title={t("license.edit")} breadcrumbs={[...crumbs, { label: licenseName(license), to: `/licenses/${id}` }]} narrow>
          <LicenseForm
            version={version}
            license={license}
            send={(values) => updateLicense(id, toUpdateInput(values, license, version.policy))}
            submitLabel={t("do.save")}
            cancelTo={`/licenses/${id}`}
            reload={() => void query.refetch()}
            onSuccess={() => {
              void invalidateLicense(client, license);
              void navigate({ to: "/licenses/$id", params: { id }, replace: true });
            }}
          />
        </Page>
      )}
    </LoadedPage>
  );
}
