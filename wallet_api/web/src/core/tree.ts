/** The log's tree: RFC 6962 over SHA-256, and paths in it (docs/spec/log.md). */
import { same, sha256, type Bytes } from "./bytes";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(leaf: Uint8Array): Bytes {
  return sha256(LEAF, leaf);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(NODE, left, right);
}

/** Whether a leaf hash stands at an index of the tree of this size and root. */
export function isIncluded(index: number, size: number, leaf: Bytes, path: Bytes[], root: Bytes): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if ([leaf, root, ...path].some((hash) => hash.length !== 32)) return false;
  // BigInt: JavaScript's own shifts keep 32 bits.
  const place = BigInt(index);
  const inner = bitLength(place ^ BigInt(size - 1));
  const border = ones(place >> BigInt(inner));
  if (path.length !== inner + border) return false;
  let value = leaf;
  path.forEach((sibling, height) => {
    const onTheRight = height >= inner || (place >> BigInt(height)) & 1n;
    value = onTheRight ? nodeHash(sibling, value) : nodeHash(value, sibling);
  });
  return same(value, root);
}

/** The root of leaf hashes, in order. */
export function rootOf(leaves: Bytes[]): Bytes {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return nodeHash(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

function ones(value: bigint): number {
  return value.toString(2).replaceAll("0", "").length;
}
