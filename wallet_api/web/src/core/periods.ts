/**
 * Half-hours: a period is its number since the Unix epoch, in UTC. A local day has 46, 48 or 50.
 *
 * Local time comes from the browser's own tables, as Python's comes from tzdata.
 */
export const PERIOD_MS = 1_800_000;

export type Day = string; // 2026-06-15
export type Month = string; // 2026-06

export interface LocalTime {
  day: Day;
  hour: number;
  minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB-u-ca-iso8601-nu-latn", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    formats.set(zone, format);
  }
  return format;
}

export function startMs(period: number): number {
  return period * PERIOD_MS;
}

export function periodAt(ms: number): number {
  return Math.floor(ms / PERIOD_MS);
}

export function localTime(period: number, zone: string): LocalTime {
  const part: Record<string, string> = {};
  for (const { type, value } of formatOf(zone).formatToParts(startMs(period))) part[type] = value;
  return {
    day: `${part["year"]!.padStart(4, "0")}-${part["month"]}-${part["day"]}`,
    hour: Number(part["hour"]),
    minute: Number(part["minute"]),
  };
}

export function localDay(period: number, zone: string): Day {
  return localTime(period, zone).day;
}

/** The clock's time at which a period begins, as in 13:30. */
export function clock(period: number, zone: string): string {
  const { hour, minute } = localTime(period, zone);
  return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

/** The first period of a local day. */
export function firstOf(day: Day, zone: string): number {
  const noon = periodAt(Date.parse(`${day}T12:00:00Z`));
  // No zone is further than 14 hours from UTC: the day begins within these.
  let period = noon - 52;
  while (localDay(period, zone) < day) period++;
  return period;
}

/** The periods of a local day: 46, 48 or 50. */
export function periodsOf(day: Day, zone: string): number[] {
  const first = firstOf(day, zone);
  const count = firstOf(addDays(day, 1), zone) - first;
  return Array.from({ length: count }, (_, index) => first + index);
}

export function addDays(day: Day, count: number): Day {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + count);
  return date.toISOString().slice(0, 10);
}

export function addMonths(month: Month, count: number): Month {
  const date = new Date(`${month}-01T00:00:00Z`);
  date.setUTCMonth(date.getUTCMonth() + count);
  return date.toISOString().slice(0, 7);
}

export function daysOf(month: Month): Day[] {
  const first = `${month}-01`;
  const days: Day[] = [];
  for (let day = first; day.startsWith(month); day = addDays(day, 1)) days.push(day);
  return days;
}

/** The Monday of a day's week. */
export function mondayOf(day: Day): Day {
  return addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));
}
