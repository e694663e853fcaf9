import { describe, expect, test } from "vitest";
import { bytesOfBase64, bytesOfHex, utf8 } from "../src/core/bytes";
import { decode, type Fields } from "../src/core/canonical";
import { openCheckpoint, readVerifier, vkeyOf, type Verifier } from "../src/core/note";
import { readEnvelope, signedBy, signerOfSeed } from "../src/core/signing";
import { isIncluded, leafHash, nodeHash, rootOf } from "../src/core/tree";
import { blockAfter } from "./spec";

const ORIGIN = "riverside.example/ledger/1";

async function logKey(): Promise<Verifier> {
  return readVerifier(vkeyOf(ORIGIN, (await signerOfSeed(new Uint8Array(32))).publicKey));
}

describe("the specification's receipt", () => {
  const tailText = blockAfter("log.md", "The file is the header, `extra`");
  const note = utf8(tailText.slice(tailText.indexOf("\n\n") + 2) + "\n");

  test("its checkpoint opens with the log's key", async () => {
    const checkpoint = await openCheckpoint(note, await logKey());
    expect(checkpoint).toMatchObject({ origin: ORIGIN, size: 2 });
  });

  test("a checkpoint with one letter changed does not", async () => {
    for (const at of [0, 30, 40, note.length - 5]) {
      const changed = note.slice();
      changed[at]! ^= 1;
      await expect(openCheckpoint(changed, await logKey())).rejects.toThrow();
    }
  });

  test("its roster stands in the tree, and the operator signed it", async () => {
    const extra = decode(utf8(blockAfter("log.md", "### Worked receipt"))) as Fields;
    const shown = extra["roster"] as Fields;
    const { envelope, body, fields } = readEnvelope(String(shown["envelope"]));
    const operator = (fields["keys"] as { key: string }[])[0]!.key;
    expect((await signedBy(envelope, body, [bytesOfHex(operator)])).size).toBe(1);
    const checkpoint = await openCheckpoint(note, await logKey());
    const leaf = leafHash(
      utf8(
        JSON.stringify({ f: shown["envelope"], k: "roster", p: shown["logged"], v: 1 }),
      ),
    );
    const path = (shown["path"] as string[]).map(bytesOfHex);
    expect(isIncluded(0, 2, leaf, path, checkpoint.root)).toBe(true);
    expect(isIncluded(1, 2, leaf, path, checkpoint.root)).toBe(false);
    expect(isIncluded(0, 3, leaf, path, checkpoint.root)).toBe(false);
    expect(isIncluded(0, 2, leaf, [...path, leaf], checkpoint.root)).toBe(false);
  });
});

test("every leaf of every small tree is proved, and at no other place", () => {
  for (let size = 1; size <= 12; size++) {
    const leaves = Array.from({ length: size }, (_, index) => leafHash(Uint8Array.of(index)));
    const root = rootOf(leaves);
    for (let index = 0; index < size; index++) {
      const path = pathOf(leaves, index);
      for (let at = 0; at < size; at++) {
        expect(isIncluded(at, size, leaves[index]!, path, root)).toBe(at === index);
      }
    }
  }
});

/** The dumber way: split as RFC 6962 says. */
function pathOf(leaves: Uint8Array<ArrayBuffer>[], index: number): Uint8Array<ArrayBuffer>[] {
  if (leaves.length === 1) return [];
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half
    ? [...pathOf(left, index), rootOf(right)]
    : [...pathOf(right, index - half), rootOf(left)];
}

test("a node is not a leaf", () => {
  const zero = bytesOfBase64("AAAA");
  expect(nodeHash(zero, zero)).not.toEqual(leafHash(zero));
});

test.each(["", "a+b", `${ORIGIN}+00000000+AAAA`])("%j is no verifier key", (text) => {
  expect(() => readVerifier(text)).toThrow();
});
