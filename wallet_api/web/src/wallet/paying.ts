/** A payment as it is thought about, before and after it is confirmed. */
import { newId } from "../core/ids";
import { signedIn, json, withBody, type Schemas } from "../phone/api";
import { put, sendOne, type Item } from "../phone/outbox";
import { make, notAfter } from "../phone/statements";

export type Check = Schemas["PaymentCheckOut"];

export interface Draft {
  /** Made when the screen to confirm opens, and the same at every attempt. */
  id: string;
  to: string;
  name: string | undefined;
  units: number;
  words: string;
  ask?: string;
}

export function draft(to: string, name: string | undefined, units: number, words: string, ask?: string): Draft {
  return { id: newId(), to, name, units, words, ...(ask ? { ask } : {}) };
}

export function check({ to, units, ask }: Draft): Promise<Check> {
  return json<Check>(signedIn("/v1/payments/check", withBody("POST", { to, units, ...(ask ? { ask } : {}) })));
}

const begun = new Map<string, Promise<Item>>();

/** Sign and send; however often it is called for one draft, one statement is made. */
export function pay(of: Draft, ledgerNow: number | undefined): Promise<Item> {
  let going = begun.get(of.id);
  if (!going) {
    going = signedItem(of, ledgerNow).then(put).then(sendOne);
    begun.set(of.id, going);
  }
  return going;
}

async function signedItem(of: Draft, ledgerNow: number | undefined): Promise<Item> {
  const fields = { to: of.to, amount: of.units, reference: of.words, ...(of.ask ? { ask: of.ask } : {}) };
  const made = await make("transfer", fields, notAfter(ledgerNow), of.id);
  return {
    ...made,
    state: "waiting",
    madeAt: Date.now(),
    shown: { to: of.to, units: of.units, words: of.words, ...(of.name ? { name: of.name } : {}) },
  };
}

export type Target = { kind: "ask"; id: string } | { kind: "account"; id: string };

const ID = /^[0-9a-f]{32}$/;

/** What a scanned or pasted text leads to: a request, an account; null where it is neither of this community. */
export function targetOf(text: string): Target | null {
  const plain = text.trim();
  if (ID.test(plain)) return { kind: "account", id: plain };
  const found = /#\/pay\/(ask|to)\/([0-9a-f]{32})$/.exec(plain);
  if (!found || !plain.startsWith(`${location.origin}/wallet/`)) return null;
  return { kind: found[1] === "ask" ? "ask" : "account", id: found[2]! };
}

export function askLink(id: string): string {
  return `${location.origin}/wallet/#/pay/ask/${id}`;
}

