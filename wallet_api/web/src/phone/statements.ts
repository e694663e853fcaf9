/** Statements of this device: made once, signed once, and sent as often as it takes. */
import type { Fields } from "../core/canonical";
import { newId } from "../core/ids";
import { PERIOD_MS, startMs } from "../core/periods";
import { envelopeText, signed, type Signer } from "../core/signing";
import { json, send, type Schemas } from "./api";
import { device, nextSeq, signerOf, type Device } from "./device";

/** How long a statement may be on its way. */
export const GOOD_MS = 24 * 3_600_000;

export type Logged = Schemas["LoggedOut"];

export interface Made {
  id: string;
  kind: string;
  text: string;
  notAfter: number;
}

/** Until when what is signed now may be logged: by this device's clock, or the ledger's if that is ahead. */
export function notAfter(ledgerNow: number | undefined): number {
  return Math.max(Date.now(), startMs(ledgerNow ?? 0) + PERIOD_MS) + GOOD_MS;
}

/** Sign a statement with this device's key, and others beside it. */
export async function make(
  kind: string,
  fields: Fields,
  until: number,
  id: string = newId(),
  others: Signer[] = [],
): Promise<Made> {
  const mine = await device();
  if (!mine) throw new Error("there is no key on this device");
  const text = await text_of(kind, fields, { account: mine.account, ledger: mine.ledger, id, until }, await nextSeq(), [
    signerOf(mine),
    ...others,
  ]);
  return { id, kind, text, notAfter: until };
}

export interface About {
  account: string;
  ledger: string;
  id: string;
  until: number;
}

/** A statement's envelope, signed by whoever is given: for keys that are not this device's own yet. */
export async function text_of(kind: string, fields: Fields, about: About, seq: number, signers: Signer[]): Promise<string> {
  const body: Fields = {
    ...fields,
    account: about.account,
    id: about.id,
    kind,
    ledger: about.ledger,
    not_after: about.until,
    seq,
    v: 1,
  };
  return envelopeText(await signed(kind, body, signers));
}

export function handIn(text: string): Promise<Logged> {
  return json<Logged>(
    send("/v1/statements", { method: "POST", body: text, headers: { "Content-Type": "application/json" } }),
  );
}

export type { Device };
