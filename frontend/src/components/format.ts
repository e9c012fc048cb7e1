// Formatting of numbers, durations, sizes and dates. Durations of the API are whole milliseconds.

export const units = ["s", "min", "h", "d"] as const;
export type Unit = (typeof units)[number] | "ms";

export const millis: Record<Unit, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns the largest unit in which the duration is a whole number. */
export function largestUnit(ms: number): Unit {
  if (ms === 0) return "min";
  return (["d", "h", "min", "s"] as const).find((unit) => ms % millis[unit] === 0) ?? "ms";
}

export const inUnit = (ms: number, unit: Unit) => ms / millis[unit];

/** Formats milliseconds, such as "90 min" or "1 d". */
export function formatDuration(ms: number): string {
  const unit = largestUnit(ms);
  return `${formatNumber(inUnit(ms, unit))} ${unit}`;
}

const numberFormat = new Intl.NumberFormat("en");

/** Formats a number with thousands separators. */
export const formatNumber = (n: number) => numberFormat.format(n);

const dateFormat = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", day: "numeric" });
const dateTimeFormat = new Intl.DateTimeFormat("en", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const fullDateTimeFormat = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

export const formatDate = (at: string | number) => dateFormat.format(new Date(at));
export const formatDateTime = (at: string | number) => dateTimeFormat.format(new Date(at));
export const formatFullDateTime = (at: string | number) => fullDateTimeFormat.format(new Date(at));
export const timeZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

const relativeFormat = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** Formats the distance to now, such as "3 minutes ago" or "in 2 days". */
export function formatRelative(at: string | number, now = Date.now()): string {
  const ms = new Date(at).getTime() - now;
  const formatBytes = Math.abs(ms);
  if (formatBytes < 45_000) return ms <= 0 ? "just now" : "in a moment";
  if (formatBytes < millis.h) return relativeFormat.format(Math.round(ms / millis.min), "minute");
  if (formatBytes < millis.d) return relativeFormat.format(Math.round(ms / millis.h), "hour");
  if (formatBytes < 60 * millis.d) return relativeFormat.format(Math.round(ms / millis.d), "day");
  return relativeFormat.format(Math.round(ms / (30.44 * millis.d)), "month");
}

/** Formats bytes in decimal units, such as "1.4 MB". */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Returns the first characters of a long id, enough to tell a few records apart. */
export const shortId = (id: string) => id.slice(0, 8);
