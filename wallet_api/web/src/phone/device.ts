/**
 * The device's own key: made here, never shown, never sent. Its private half cannot be read even by this page.
 *
 * Browsers that do not know Ed25519 keep a seed that is sealed by a key of theirs which cannot be read.
 */
import { joined, type Bytes } from "../core/bytes";
import { keyIdOf, signerOfSeed, type Signer } from "../core/signing";
import { change, KEY, read, write } from "./store";

export type Kept =
  | { kind: "native"; pair: CryptoKeyPair }
  | { kind: "sealed"; sealing: CryptoKey; nonce: Bytes; sealed: Bytes };

export interface Device {
  account: string;
  ledger: string;
  publicKey: Bytes;
  kept: Kept;
  /** The highest number that this key has used. */
  seq: number;
}

/** A key that nobody has yet: it counts once a statement names it. */
export interface NewKey {
  signer: Signer;
  kept: Kept;
}

export async function newKey(): Promise<NewKey> {
  try {
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"])) as CryptoKeyPair;
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const kept: Kept = { kind: "native", pair };
    return { signer: { publicKey, sign: signing(kept) }, kept };
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NotSupportedError") throw error;
    return sealedKey();
  }
}

async function sealedKey(): Promise<NewKey> {
  return sealedFrom(crypto.getRandomValues(new Uint8Array(32)));
}

/** The key of a seed, which is overwritten here once it is sealed. */
export async function sealedFrom(seed: Bytes): Promise<NewKey> {
  const sealing = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, sealing, seed));
  const kept: Kept = { kind: "sealed", sealing, nonce, sealed };
  const { publicKey } = await signerOfSeed(seed);
  seed.fill(0);
  return { signer: { publicKey, sign: signing(kept) }, kept };
}

function signing(kept: Kept): (message: Bytes) => Promise<Bytes> {
  return async (message) => {
    if (kept.kind === "native") {
      return new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, kept.pair.privateKey, message));
    }
    const { sealing, nonce, sealed } = kept;
    const seed = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, sealing, sealed));
    try {
      return await (await signerOfSeed(seed)).sign(message);
    } finally {
      seed.fill(0);
    }
  };
}

export function device(): Promise<Device | undefined> {
  return read<Device>(KEY.device);
}

export async function keep(account: string, ledger: string, key: NewKey, seq: number): Promise<Device> {
  const made = { account, ledger, publicKey: joined(key.signer.publicKey), kept: key.kept, seq };
  await write(KEY.device, made);
  return made;
}

export function signerOf({ publicKey, kept }: Device): Signer {
  return signerFrom(publicKey, kept);
}

export function signerFrom(publicKey: Bytes, kept: Kept): Signer {
  return { publicKey, sign: signing(kept) };
}

export function keyId(of: Device): string {
  return keyIdOf(of.publicKey);
}

/** The next number of this key; of two tabs each gets its own. */
export async function nextSeq(): Promise<number> {
  const after = await change<Device>(KEY.device, (before) => {
    if (!before) throw new Error("there is no key on this device");
    return { ...before, seq: before.seq + 1 };
  });
  return after.seq;
}
