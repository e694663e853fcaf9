/** Envelopes: DSSE with Ed25519 over canonical JSON (docs/spec/statements.md). */
import { base64Of, bytesOfBase64, bytesOfHex, hexOf, joined, sha256, utf8, type Bytes } from "./bytes";
import { decode, encode, type Fields } from "./canonical";
import { isOfSmallOrder } from "./small_order";

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

/** The same on browsers that do not know Ed25519. */
export async function verifiesByScript(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  const { holds } = await import("./strict");
  return holds(publicKey, message, signature);
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
