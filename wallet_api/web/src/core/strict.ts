/**
 * Ed25519 without the browser's own: the strict rule of docs/spec/statements.md, as OpenSSL keeps it.
 *
 * The library's own check multiplies by the cofactor and takes more: here R is compared.
 */
import { Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { joined, same, type Bytes } from "./bytes";
import { isOfSmallOrder } from "./small_order";

/** Points of keys that were seen: finding one takes as long as a check. */
const points = new Map<string, Point>();

/** Whether a signature of 64 bytes holds under a public key of 32. */
export function holds(publicKey: Bytes, message: Bytes, signature: Bytes): boolean {
  if (isOfSmallOrder(publicKey, signature)) return false;
  const order = Point.CURVE().n;
  const s = numberOf(signature.slice(32));
  if (s >= order) return false;
  try {
    const key = pointOf(publicKey);
    const k = numberOf(sha512(joined(signature.slice(0, 32), publicKey, message))) % order;
    const r = Point.BASE.multiply(s, false).add(key.negate().multiply(k, false));
    return same(r.toBytes(), signature.slice(0, 32));
  } catch {
    return false;
  }
}

function pointOf(publicKey: Bytes): Point {
  const name = publicKey.join();
  const known = points.get(name) ?? Point.fromBytes(publicKey);
  points.set(name, known);
  return known;
}

/** The number that bytes are, the least first. */
function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}
