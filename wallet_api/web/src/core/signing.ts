/** Envelopes: DSSE with Ed25519 over canonical JSON (docs/spec/statements.md). */
import { base64Of, bytesOfBase64, bytesOfHex, hexOf, joined, same, sha256, utf8, type Bytes } from "./bytes";
import { decode, encode, type Fields } from "./canonical";

export interface Signature {
  keyid: string;
  sig: string;
}

export interface Envelope {
  payload: string;
  payloadType: string;
  signatures: Signature[];
}

/** What signs: a key of this device, of words on paper, or a test's. */
export interface Signer {
  publicKey: Bytes;
  sign(message: Bytes): Promise<Bytes>;
}

export type Verify = (publicKey: Bytes, message: Bytes, signature: Bytes) => Promise<boolean>;

/** The 14 encodings of points of small order, which would make one signature fit many messages. */
const SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]);

export function typeOf(kind: string): string {
  return `application/vnd.commonwatt.${kind}.v1+json`;
}

export function keyIdOf(publicKey: Bytes): string {
  return hexOf(sha256(publicKey));
}

/** The bytes that are signed: DSSE's pre-authentication encoding. */
export function pae(type: string, body: Uint8Array): Bytes {
  const kind = utf8(type);
  return joined(utf8(`DSSEv1 ${kind.length} `), kind, utf8(` ${body.length} `), body);
}

/** What names a statement, whoever signed it. */
export function txIdOf(type: string, body: Uint8Array): string {
  return hexOf(sha256(pae(type, body)));
}

export async function sealed(type: string, body: Bytes, signers: Signer[]): Promise<Envelope> {
  const message = pae(type, body);
  const signatures = [];
  for (const signer of signers) {
    signatures.push({ keyid: keyIdOf(signer.publicKey), sig: base64Of(await signer.sign(message)) });
  }
  return { payload: base64Of(body), payloadType: type, signatures };
}

export async function signed(kind: string, fields: Fields, signers: Signer[]): Promise<Envelope> {
  return sealed(typeOf(kind), encode(fields), signers);
}

/** The envelope's own encoding: fields in this order, no spaces. */
export function envelopeText(envelope: Envelope): string {
  const signatures = envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig }));
  return JSON.stringify({ payload: envelope.payload, payloadType: envelope.payloadType, signatures });
}

/** Read an envelope's text; throws where it is not the one encoding of what it says. */
export function readEnvelope(text: string): { envelope: Envelope; body: Bytes; fields: Fields } {
  const envelope = JSON.parse(text) as Envelope;
  if (envelopeText(envelope) !== text) throw new RangeError("not an envelope");
  const body = bytesOfBase64(envelope.payload);
  const fields = decode(body);
  if (typeof fields !== "object" || Array.isArray(fields)) throw new RangeError("not a statement");
  if (envelope.payloadType !== typeOf(String(fields["kind"]))) throw new RangeError("not of its kind");
  return { envelope, body, fields };
}

/** The ids of those of some keys that signed; a signature of another key counts for nothing. */
export async function signedBy(
  envelope: Envelope,
  body: Bytes,
  keys: Bytes[],
  verify: Verify = verifies,
): Promise<Set<string>> {
  const message = pae(envelope.payloadType, body);
  const known = new Map(keys.map((key) => [keyIdOf(key), key]));
  const found = new Set<string>();
  for (const { keyid, sig } of envelope.signatures) {
    const key = known.get(keyid);
    if (key && (await verify(key, message, bytesOfBase64(sig)))) found.add(keyid);
  }
  return found;
}

/** Whether a signature holds: strict, so that every verifier in the project agrees. */
export async function verifies(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  if (isOfSmallOrder(publicKey, signature)) return false;
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    const unknown = error instanceof DOMException && error.name === "NotSupportedError";
    return unknown ? verifiesByScript(publicKey, message, signature) : false;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}

/**
 * The same on browsers that do not know Ed25519.
 *
 * The library's own check multiplies by the cofactor and takes more: here R is compared as OpenSSL does.
 */
export async function verifiesByScript(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  if (isOfSmallOrder(publicKey, signature)) return false;
  const { Point } = await import("@noble/ed25519");
  const { sha512 } = await import("@noble/hashes/sha2.js");
  const order = Point.CURVE().n;
  const s = numberOf(signature.slice(32));
  if (s >= order) return false;
  try {
    const key = Point.fromBytes(publicKey);
    const k = numberOf(sha512(joined(signature.slice(0, 32), publicKey, message))) % order;
    const r = Point.BASE.multiply(s, false).add(key.negate().multiply(k, false));
    return same(r.toBytes(), signature.slice(0, 32));
  } catch {
    return false;
  }
}

/** The number that bytes are, the least first. */
function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

function isOfSmallOrder(publicKey: Bytes, signature: Bytes): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return true;
  return SMALL_ORDER.has(hexOf(publicKey)) || SMALL_ORDER.has(hexOf(signature.slice(0, 32)));
}

/** A signer of a seed of 32 bytes: words on paper, and tests. */
export async function signerOfSeed(seed: Bytes): Promise<Signer> {
  const { getPublicKeyAsync, signAsync } = await import("@noble/ed25519");
  const publicKey = new Uint8Array(await getPublicKeyAsync(seed));
  return { publicKey, sign: async (message) => new Uint8Array(await signAsync(message, seed)) };
}

export function keyOfHex(text: string): Bytes {
  const key = bytesOfHex(text);
  if (key.length !== 32) throw new RangeError("not a key");
  return key;
}
