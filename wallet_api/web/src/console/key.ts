/** The desk's key: of a desk card's words, kept by this browser so that no page can read it. */
import { createStore, del, get, set, update } from "idb-keyval";
import type { Bytes } from "../core/bytes";
import { keyIdOf, type Signer } from "../core/signing";
import { seedOfWords } from "../core/words12";
import { signerFrom, sealedFrom, type Kept } from "../phone/device";

interface Desk {
  publicKey: Bytes;
  kept: Kept;
  ledger: string;
  /** The highest number that this key has used. */
  seq: number;
}

const store = createStore("commonwatt-desk", "desk");
const KEY = "desk";

/** The key that twelve words stand for, sealed. It is not kept yet: first the server is asked whether it counts. */
export async function keyOfCard(words: string): Promise<{ signer: Signer; kept: Kept }> {
  return sealedFrom(await seedOfWords("desk", words));
}

export function keep(signer: Signer, kept: Kept, ledger: string): Promise<void> {
  return set(KEY, { publicKey: signer.publicKey, kept, ledger, seq: 0 } satisfies Desk, store);
}

export async function desk(): Promise<{ signer: Signer; id: string; ledger: string } | undefined> {
  const found = await get<Desk>(KEY, store);
  if (!found) return undefined;
  return { signer: signerFrom(found.publicKey, found.kept), id: keyIdOf(found.publicKey), ledger: found.ledger };
}

/** The next number of this key; of two tabs each gets its own. */
export async function nextSeq(): Promise<number> {
  let seq = 0;
  await update<Desk>(
    KEY,
    (before) => {
      if (!before) throw new Error("there is no key at this desk");
      seq = before.seq + 1;
      return { ...before, seq };
    },
    store,
  );
  return seq;
}

export function forget(): Promise<void> {
  return del(KEY, store);
}
