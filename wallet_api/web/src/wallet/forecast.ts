/** The next two days of the street, from published figures alone (docs/forecast.md). */
import { PERIOD_MS, type Day } from "../core/periods";
import { json, send } from "../phone/api";

export interface Ahead {
  day: Day;
  /** The hours in which neighbours will have most to spare: first half-hour, and the first after. */
  best: { first: number; end: number };
  /** Wh that neighbours will have to spare, half-hour by half-hour. */
  hours: { period: number; spare: number }[];
}

interface Told {
  day: Day;
  enough: boolean;
  wash?: { from: string; until: string };
  half_hours?: { start: string; surplus_wh: { expected: number } }[];
}

const periodOf = (utc: string) => Math.round(Date.parse(utc) / PERIOD_MS);

/** The days of which there is a forecast. */
export async function ahead(): Promise<Ahead[]> {
  const { days } = await json<{ days: Told[] }>(send("/v1/forecast"));
  return days.flatMap(({ day, enough, wash, half_hours }) => {
    if (!enough || !wash || !half_hours) return [];
    const hours = half_hours.map((each) => ({ period: periodOf(each.start), spare: Math.max(0, each.surplus_wh.expected) }));
    return [{ day, best: { first: periodOf(wash.from), end: periodOf(wash.until) }, hours }];
  });
}
