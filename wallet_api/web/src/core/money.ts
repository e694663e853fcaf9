/**
 * Money is a whole number of units of 0.0000001; a price one of ticks of 0.0001 a kWh. Nothing here is a fraction
 * but what is shown.
 */
export const UNITS_PER_MAJOR = 10_000_000;
export const UNITS_PER_MINOR = 100_000;

const MINUS = "\u2212";

/** Whole pence of units, ties to the even one, as statements print them. */
export function penceOf(units: number): number {
  const size = Math.abs(units);
  const rest = size % UNITS_PER_MINOR;
  let pence = (size - rest) / UNITS_PER_MINOR;
  if (rest * 2 > UNITS_PER_MINOR || (rest * 2 === UNITS_PER_MINOR && pence % 2 === 1)) pence += 1;
  return units < 0 && pence ? -pence : pence;
}

export interface MoneyStyle {
  symbol: string;
  /** Say a plus before what came in. */
  plus?: boolean;
}

/** Money as people read it, as in −£1,234.56. */
export function moneyText(units: number, { symbol, plus }: MoneyStyle): string {
  const pence = penceOf(units);
  const size = Math.abs(pence);
  const whole = String(Math.floor(size / 100)).replace(/\B(?=(\d{3})+$)/g, ",");
  const sign = pence < 0 ? MINUS : plus && pence > 0 ? "+" : "";
  return `${sign}${symbol}${whole}.${String(size % 100).padStart(2, "0")}`;
}

/** A price in ticks as pence a kWh, exactly, as in 14.30p. */
export function priceText(ticks: number): string {
  const size = Math.abs(ticks);
  return `${ticks < 0 ? MINUS : ""}${Math.floor(size / 100)}.${String(size % 100).padStart(2, "0")}p`;
}

/** Units of what a person typed, as in 3.60 or 3,60; null where it is no amount above zero. */
export function unitsTyped(text: string): number | null {
  const found = /^\s*£?\s*(\d{1,8})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  if (!found) return null;
  const pence = Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
  return pence > 0 ? pence * UNITS_PER_MINOR : null;
}

/** Ticks of a price in pence that a person typed, as in 14.3. */
export function ticksTyped(text: string): number | null {
  const found = /^\s*(\d{1,4})(?:[.,](\d{1,2}))?\s*p?\s*$/.exec(text);
  if (!found) return null;
  return Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
}

/** Energy as people read it: kWh with one place, two below 10. */
export function kwhText(wh: number): string {
  const places = Math.abs(wh) < 10_000 ? 2 : 1;
  const text = (Math.abs(wh) / 1000).toFixed(places).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return `${wh < 0 ? MINUS : ""}${text} kWh`;
}
