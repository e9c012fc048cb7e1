import { isEditConflict } from "@/api/problem";
import { useTranslation } from "@/i18n";

import { ProblemAlert } from "./ProblemAlert";

interface Props {
  error: unknown;
  /** Reads the record again after an edit conflict. */
  reload?: () => void;
}

/** Shows why a form was refused. After an edit conflict it offers to reload the record. */
export function FormProblem({ error, reload }: Props) {
  const { t } = useTranslation();
  if (!error) return null;
  return <ProblemAlert error={error} focus action={reload && isEditConflict(error) ? { label: t("do.reload"), run: reload } : undefined} />;
}
