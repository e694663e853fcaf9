/** Questions to the server: typed by its own description, signed in by the device's key when it asks for it. */
import { encode } from "../core/canonical";
import type { components } from "../core/schema";
import { envelopeText, sealed, typeOf } from "../core/signing";
import { device, signerOf, type Device } from "./device";
import { KEY, read, write } from "./store";

export type Schemas = components["schemas"];
export type Home = Schemas["HomeOut"];
export type Moved = Schemas["MovedOut"];
export type EnergyDay = Schemas["EnergyDayOut"];
export type HalfHour = Schemas["HalfHourOut"];
export type Community = Schemas["CommunityOut"];

const WAIT_MS = 20_000;

/** The server said no, and why, in a sentence that says what to do. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly slug: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** There is no way to the server now. */
export class Offline extends Error {}

export interface Known<T> {
  value: T;
  /** When the server said so, by this device's clock. */
  at: number;
  /** Whether it was said just now. */
  isNow: boolean;
}

interface Kept {
  etag: string | null;
  text: string;
  at: number;
}

/** Ask an address of this account's own; where the server cannot be reached, what it said last. */
export async function ask<T>(path: string): Promise<Known<T>> {
  const key = KEY.answer(path);
  const before = await read<Kept>(key);
  try {
    const got = await signedIn(path, before?.etag ? { headers: { "If-None-Match": before.etag } } : {});
    const text = got.status === 304 && before ? before.text : await got.text();
    const at = Date.now();
    await write(key, { etag: got.headers.get("ETag") ?? before?.etag ?? null, text, at });
    return { value: JSON.parse(text) as T, at, isNow: true };
  } catch (error) {
    if (!(error instanceof Offline) || !before) throw error;
    return { value: JSON.parse(before.text) as T, at: before.at, isNow: false };
  }
}

/** What the server said last, without asking. */
export async function last<T>(path: string): Promise<Known<T> | undefined> {
  const before = await read<Kept>(KEY.answer(path));
  return before && { value: JSON.parse(before.text) as T, at: before.at, isNow: false };
}

/** Send to an address of this account's own, signing in if need be. */
export async function signedIn(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await send(path, init);
  } catch (error) {
    if (!(error instanceof Refused) || error.slug !== "not-signed-in") throw error;
  }
  const mine = await device();
  if (!mine) throw new Refused(401, "not-signed-in", "");
  await signIn(mine);
  return send(path, init);
}

export async function json<T>(got: Promise<Response>): Promise<T> {
  return (await (await got).json()) as T;
}

export function withBody(method: string, body: unknown): RequestInit {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

let signingIn: Promise<void> | undefined;

/** Sign in with the device's key; several who ask at once share one answer. */
export function signIn(mine: Device): Promise<void> {
  signingIn ??= begin(mine.account, mine.ledger, signerOf(mine)).finally(() => (signingIn = undefined));
  return signingIn;
}

export async function begin(account: string, ledger: string | null, signer: ReturnType<typeof signerOf>): Promise<void> {
  const challenge = await json<Schemas["ChallengeOut"]>(send("/v1/sign-in/challenge", { method: "POST" }));
  if (ledger !== null && challenge.ledger !== ledger) {
    throw new Refused(403, "not-allowed", "This server keeps another ledger than the one this wallet belongs to.");
  }
  const answer = { account, challenge: challenge.challenge, cookie: true, ledger: challenge.ledger, v: 1 };
  const envelope = await sealed(typeOf("sign_in"), encode(answer), [signer]);
  await send("/v1/sign-in", { method: "POST", body: envelopeText(envelope), headers: { "Content-Type": "application/json" } });
}

/** Send to any address; throws what the server refuses, and that it cannot be reached. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let got: Response;
  try {
    got = await fetch(path, { ...init, signal: AbortSignal.timeout(WAIT_MS), credentials: "same-origin" });
  } catch (error) {
    throw new Offline("The server cannot be reached.", { cause: error });
  }
  if (got.ok || got.status === 304) return got;
  if (got.status >= 502 && got.status <= 504) throw new Offline("The server does not answer.");
  let problem: Partial<Schemas["Problem"]> = {};
  try {
    problem = (await got.json()) as Schemas["Problem"];
  } catch {
    // Something in between answered, and no problem of ours.
  }
  throw new Refused(got.status, (problem.type ?? "").split(":").at(-1) ?? "", problem.detail ?? got.statusText);
}
