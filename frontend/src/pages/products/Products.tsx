import { IconBox, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";

import { usePermissions } from "@/api/permissions";
import { productsQuery } from "@/api/requests";
import { ListView } from "@/components/ListView";
import { Page } from "@/components/Page";
import { Timestamp } from "@/components/Timestamp";
import { SecondaryText } from "@/components/SecondaryText";
import { StatusBadge } from "@/components/StatusBadge";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";

export default function Products() {
  const { t } = useTranslation();
  const may = usePermissions();
  const { search = "" } = useSearch({ from: "/member/products" });
  const navigate = useNavigate();
  const query = useInfiniteQuery(productsQuery(search));
  const add = may("createProduct") && (
    <LinkButton to="/products/new" leftSection={<IconPlus size={16} />}>
      {t("product.new")}
    </LinkButton>
  );
  return (
    <Page title={t("product.title")} lead={t("product.lead")} actions={add}>
      <ListView
        label={t("product.title")}
        query={query}
        keyOf={(product) => product.id}
        search={{ text: search, set: (text) => void navigate({ to: "/products", search: text ? { search: text } : {}, replace: true }) }}
        empty={{ title: t("product.emptyTitle"), text: t(add ? "product.empty" : "product.emptyViewer"), icon: <IconBox />, action: add }}
        columns={[
          {
            title: t("field.name"),
            cell: (product) => (
              <>
                <Link className="name break" to="/products/$id" params={{ id: product.id }}>
                  {product.name}
                </Link>
                <SecondaryText>{product.description}</SecondaryText>
              </>
            ),
          },
          { title: t("field.status"), cell: (product) => <StatusBadge status={product.archived ? "archived" : "offered"} /> },
          { title: t("field.created"), cell: (product) => <Timestamp at={product.created} />, wideOnly: true },
        ]}
      />
    </Page>
  );
}
