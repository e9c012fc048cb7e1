import { EmptyState } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";

import { errorCode } from "@/api/problem";
import { Page } from "@/components/Page";
import { ProblemAlert } from "@/components/ProblemAlert";
import { LinkButton } from "@/components/LinkButton";
import { useTranslation } from "@/i18n";

/** Shown in place of a page that failed: the server is unreachable, or the page has a bug. */
export function ErrorPage({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation();
  const router = useRouter();
  const queries = useQueryErrorResetBoundary();
  return (
    <Page title={t("problem.page")} narrow>
      <ProblemAlert
        error={error}
        action={{
          label: t("do.retry"),
          run: () => {
            // The server may have newer pages than this window. The fetch comes first: reloading while the server is unreachable would show
            // the error page of the browser.
            if (errorCode(error) === "no_page")
              return void fetch("/", { cache: "no-store" }).then(
                () => location.reload(),
                () => {},
              );
            queries.reset();
            reset();
            void router.invalidate();
          },
        }}
      />
    </Page>
  );
}

/** ErrorPage without the layout around it, for when the layout failed. */
export const StandaloneErrorPage = (props: ErrorComponentProps) => (
  <main id="content" tabIndex={-1}>
    <ErrorPage {...props} />
  </main>
);

export function NotFound() {
  const { t } = useTranslation();
  return (
    <main id="content" tabIndex={-1}>
      <Page title={t("problem.notFoundTitle")} narrow>
        <EmptyState withIndicatorBackground icon={<IconMapOff />} title={t("problem.notFound")}>
          <EmptyState.Actions>
            <LinkButton to="/products">{t("problem.home")}</LinkButton>
          </EmptyState.Actions>
        </EmptyState>
      </Page>
    </main>
  );
}
