import { formatDateTime, formatFullDateTime, formatRelative } from "./format";

/** Shows a point in time, relative to now or as date and time; the tooltip has the full date and time. */
export function Timestamp({ at, as = "relative" }: { at: string | number; as?: "relative" | "datetime" }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={formatFullDateTime(at)} className="tabular">
      {as === "relative" ? formatRelative(at) : formatDateTime(at)}
    </time>
  );
}
