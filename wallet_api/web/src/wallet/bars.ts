/** What the charts draw: bars above the line (used) and below it (sold), of half-hours or of days. Pure. */
import type { EnergyDay, HalfHour } from "../phone/api";

export interface Bar {
  /** What it stands for: a half-hour's number or a day. */
  key: number | string;
  own: number;
  near: number;
  grid: number;
  soldNear: number;
  soldGrid: number;
  /** Nothing is known of it: drawn as a gap, and never as zero. */
  isMissing: boolean;
}

export type Sums = Omit<Bar, "key" | "isMissing">;

export function barsOfDay(day: EnergyDay): Bar[] {
  const known = new Map(day.items.map((item) => [item.period, item]));
  return Array.from({ length: day.periods }, (_, index) => bar(day.first + index, known.get(day.first + index)));
}

function bar(key: number, item: HalfHour | undefined): Bar {
  return {
    key,
    own: item?.own_use_wh ?? 0,
    near: item?.bought_wh ?? 0,
    grid: item?.grid_import_wh ?? 0,
    soldNear: item?.sold_wh ?? 0,
    soldGrid: item?.grid_export_wh ?? 0,
    isMissing: item === undefined,
  };
}

export function barOfDay(day: EnergyDay): Bar {
  return { key: day.day, ...sums(barsOfDay(day)), isMissing: day.items.length === 0 };
}

export function sums(bars: Sums[]): Sums {
  const total = { own: 0, near: 0, grid: 0, soldNear: 0, soldGrid: 0 };
  for (const each of bars) {
    for (const name of Object.keys(total) as (keyof Sums)[]) total[name] += each[name];
  }
  return total;
}

export function used({ own, near, grid }: Sums): number {
  return own + near + grid;
}

export function sold({ soldNear, soldGrid }: Sums): number {
  return soldNear + soldGrid;
}

/** Parts of a hundred, whole, that add up to a hundred: the largest remainders round up. */
export function ofHundred(values: number[]): number[] {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (!total) return values.map(() => 0);
  const exact = values.map((value) => (value * 100) / total);
  const whole = exact.map(Math.floor);
  const left = 100 - whole.reduce((sum, value) => sum + value, 0);
  const order = exact.map((value, index) => [value - whole[index]!, index] as const).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  for (const [, index] of order.slice(0, left)) whole[index]!++;
  return whole;
}
