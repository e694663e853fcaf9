/** Ids of statements: UUID version 7, so that they sort by time; written as 32 hexadecimal digits. */
import { hexOf, joined } from "./bytes";

export function newId(
  nowMs: number = Date.now(),
  chance: Uint8Array = crypto.getRandomValues(new Uint8Array(10)),
): string {
  const time = new Uint8Array(6);
  for (let at = 5, rest = nowMs; at >= 0; at--, rest = Math.floor(rest / 256)) time[at] = rest % 256;
  const id = joined(time, chance);
  id[6] = 0x70 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  return hexOf(id);
}

/** The last digits of an account's id, as people compare them. */
export function tail(id: string): string {
  return id.slice(-4).toUpperCase();
}
