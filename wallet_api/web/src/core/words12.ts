/**
 * Twelve words on paper, which stand for a key: of an invitation, a voucher, a paper code, a new phone.
 *
 * The words are those of BIP-39's English list; the seed is our own, so that words for one thing open no other.
 */
import { sha256, utf8, type Bytes } from "./bytes";
import { signerOfSeed, type Signer } from "./signing";

export type Purpose = "recovery" | "invitation" | "voucher" | "phone" | "desk";

export const WORDS = 12;

/** What is wrong with words, by the key of the sentence that says it. */
export class WordsError extends Error {
  constructor(
    readonly key: "words.count" | "words.unknown" | "words.checksum",
    readonly word = "",
  ) {
    super(key);
  }
}

export async function signerOfWords(purpose: Purpose, text: string): Promise<Signer> {
  return signerOfSeed(await seedOfWords(purpose, text));
}

export async function seedOfWords(purpose: Purpose, text: string): Promise<Bytes> {
  return sha256(utf8(`commonwatt/${purpose}-seed/v1\0`), await entropyOf(text));
}

/** New words, and their key's signer. */
export async function newWords(purpose: Purpose): Promise<{ words: string; signer: Signer }> {
  const { entropyToMnemonic } = await import("@scure/bip39");
  const { wordlist } = await import("@scure/bip39/wordlists/english.js");
  const words = entropyToMnemonic(crypto.getRandomValues(new Uint8Array(16)), wordlist);
  return { words, signer: await signerOfWords(purpose, words) };
}

/** The commitment that a statement's `recovery` holds. */
export function recoveryOf(publicKey: Bytes): Bytes {
  return sha256(utf8("commonwatt/recovery/v1\0"), publicKey);
}

async function entropyOf(text: string): Promise<Bytes> {
  const { mnemonicToEntropy } = await import("@scure/bip39");
  const { wordlist } = await import("@scure/bip39/wordlists/english.js");
  const words = text.trim().toLowerCase().split(/[\s-]+/);
  if (words.length !== WORDS) throw new WordsError("words.count");
  const unknown = words.find((word) => !wordlist.includes(word));
  if (unknown !== undefined) throw new WordsError("words.unknown", unknown);
  try {
    return new Uint8Array(mnemonicToEntropy(words.join(" "), wordlist));
  } catch {
    throw new WordsError("words.checksum");
  }
}
