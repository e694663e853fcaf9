import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bytesOfHex, hexOf, textOf, utf8, type Bytes } from "../src/core/bytes";
import { envelopeText, pae, readEnvelope, signed, signedBy, signerOfSeed, txIdOf, verifies, verifiesByScript } from "../src/core/signing";
import { recoveryOf, signerOfWords, WordsError } from "../src/core/words12";
import { linesAfter } from "./spec";

const OFFER = linesAfter("statements.md", "An offer, signed with the key whose seed is 32 zero bytes");
const SHARED = process.env["COMMONWATT_SHARED"] ?? join(__dirname, "../../../../shared");

describe("the specification's offer", () => {
  test("signs to the same bytes here", async () => {
    const [whatIsSigned, txId, text] = OFFER as [string, string, string];
    const { fields, body } = readEnvelope(text);
    expect(textOf(pae("application/vnd.commonwatt.offer.v1+json", body))).toBe(whatIsSigned);
    expect(txIdOf("application/vnd.commonwatt.offer.v1+json", body)).toBe(txId);
    const signer = await signerOfSeed(new Uint8Array(32));
    expect(envelopeText(await signed("offer", fields, [signer]))).toBe(text);
  });

  test("any other encoding of it is refused", () => {
    const text = OFFER[2]!;
    expect(() => readEnvelope(text.replace(",", ", "))).toThrow();
    expect(() => readEnvelope(text.replace("offer.v1", "transfer.v1"))).toThrow();
    expect(() => readEnvelope(text.replace('"payload":', '"x":1,"payload":'))).toThrow();
  });

  test("a changed letter breaks the signature", async () => {
    const { envelope, body } = readEnvelope(OFFER[2]!);
    const signer = await signerOfSeed(new Uint8Array(32));
    expect((await signedBy(envelope, body, [signer.publicKey])).size).toBe(1);
    body[20]! ^= 1;
    expect((await signedBy(envelope, body, [signer.publicKey])).size).toBe(0);
  });
});

describe("twelve words", () => {
  const [entropy, words, seed, publicKey, commitment] = linesAfter("statements.md", "A paper code: its 16 bytes") as [
    string,
    string,
    string,
    string,
    string,
  ];
  const [invitation, voucher, phone] = linesAfter("statements.md", "The public keys of an invitation, of a voucher") as [
    string,
    string,
    string,
  ];

  test("stand for the same keys as in Python", async () => {
    expect(entropy).toHaveLength(32);
    expect(hexOf((await signerOfSeed(bytesOfHex(seed))).publicKey)).toBe(publicKey);
    const code = await signerOfWords("recovery", `  ${words.toUpperCase()} `);
    expect(hexOf(code.publicKey)).toBe(publicKey);
    expect(hexOf(recoveryOf(code.publicKey))).toBe(commitment);
    expect(hexOf((await signerOfWords("invitation", words)).publicKey)).toBe(invitation);
    expect(hexOf((await signerOfWords("phone", words)).publicKey)).toBe(phone);
    expect(hexOf((await signerOfWords("voucher", words.replaceAll(" ", "-"))).publicKey)).toBe(voucher);
  });

  test.each([
    ["legal winner", "words.count"],
    [words.replace("sausage", "sausages"), "words.unknown"],
    [words.replace("yellow", "year"), "words.checksum"],
  ])("%s says what is wrong", async (text, key) => {
    await expect(signerOfWords("invitation", text)).rejects.toMatchObject({ key });
    await expect(signerOfWords("invitation", text)).rejects.toBeInstanceOf(WordsError);
  });
});

describe.skipIf(!existsSync(join(SHARED, "vectors")))("published vectors", () => {
  test("Wycheproof is judged as published, by the browser and by the script", async () => {
    const { groups } = read("ed25519-wycheproof.json") as {
      groups: { pk: string; tests: [number, string, string, string, string, string[]][] }[];
    };
    let counted = 0;
    for (const { pk, tests } of groups) {
      for (const [number, , message, signature, result] of tests) {
        const given = [pk, message, signature].map(bytesOfHex) as [Bytes, Bytes, Bytes];
        expect([number, await verifies(...given)]).toEqual([number, result === "valid"]);
        expect([number, await verifiesByScript(...given)]).toEqual([number, result === "valid"]);
        counted++;
      }
    }
    expect(counted).toBe(151);
  });

  test("of CCTV's edge cases the browser and the script take those that Python does", async () => {
    const { rows } = read("ed25519-cctv.json.gz") as {
      rows: [number, string, string, string, string[], number, number][];
    };
    expect(rows).toHaveLength(914);
    for (const [number, key, signature, message, , , byLibsodium] of rows) {
      const given = [bytesOfHex(key), utf8(message), bytesOfHex(signature)] as const;
      expect([number, await verifies(...given)]).toEqual([number, byLibsodium === 1]);
      expect([number, await verifiesByScript(...given)]).toEqual([number, byLibsodium === 1]);
    }
  });
});

function read(name: string): unknown {
  const bytes = readFileSync(join(SHARED, "vectors", name));
  return JSON.parse((name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString());
}
