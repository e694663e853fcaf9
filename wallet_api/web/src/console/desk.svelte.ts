/** What every screen of the console shares: who works here, for whom, what there is, and how to ask and to sign. */
import { encode, type Fields } from "../core/canonical";
import { newId } from "../core/ids";
import { moneyText } from "../core/money";
import { PERIOD_MS, clock, localDay, startMs, type Day } from "../core/periods";
import { bytesOfBase64 } from "../core/bytes";
import { envelopeText, keyIdOf, sealed, typeOf, type Signer } from "../core/signing";
import { t } from "../core/words.svelte";
import { Offline, Refused, send, type Community, type Schemas } from "../phone/api";
import * as key from "./key";

export type Sums = Schemas["SumsOut"];
export type Proposal = Schemas["ProposalOut"];

export interface Roster {
  version: number;
  threshold: number;
  keys: { key: string; role: string; id: string }[];
  [other: string]: unknown;
}

export const desk = $state({
  route: here(),
  community: undefined as Community | undefined,
  /** What this desk's key may do; nothing before somebody is signed in. */
  role: "" as string,
  keyId: "",
  sums: undefined as Sums | undefined,
  waiting: 0,
  /** How often the header was looked at again. */
  looked: 0,
  trouble: "",
});

/** In memory alone, and not in the cookie, which is the wallet's. */
let token = "";
const EVERY_MS = 30_000;
const GOOD_MS = 7 * 24 * 3_600_000;

function here(): string {
  return location.hash.slice(1) || "/";
}

export function go(route: string): void {
  location.hash = route;
  desk.route = here();
}

export async function start(): Promise<void> {
  addEventListener("hashchange", () => (desk.route = here()));
  desk.community = (await (await send("/v1/community")).json()) as Community;
  setInterval(() => void (desk.role && refresh().catch(() => undefined)), EVERY_MS);
  const mine = await key.desk();
  if (mine) await enter(mine.signer).catch((error: unknown) => (desk.trouble = said(error)));
}

/** Sign in with a key of the roster, and then do what must be done before anybody works; throws where it is none. */
async function enter(signer: Signer, before: () => Promise<void> = async () => {}): Promise<void> {
  const post = (path: string, body?: string) =>
    send(path, { method: "POST", ...(body && { body, headers: { "Content-Type": "application/json" } }) });
  const asked = (await (await post("/v1/sign-in/challenge")).json()) as Schemas["ChallengeOut"];
  const answer = { account: "community", challenge: asked.challenge, cookie: false, ledger: asked.ledger, v: 1 };
  const envelope = envelopeText(await sealed(typeOf("sign_in"), encode(answer), [signer]));
  const session = (await (await post("/v1/sign-in", envelope)).json()) as Schemas["SessionOut"];
  token = session.token!;
  await before();
  Object.assign(desk, { role: session.role, keyId: keyIdOf(signer.publicKey), trouble: "" });
  await refresh();
}

/** Work here from now on, by a desk card's words. */
export async function enterByCard(words: string): Promise<void> {
  const { signer, kept } = await key.keyOfCard(words);
  await enter(signer, () => key.keep(signer, kept, desk.community!.origin));
}

export async function leave(): Promise<void> {
  await ask("/v1/session", { method: "DELETE" }).catch(() => undefined);
  await key.forget();
  token = "";
  Object.assign(desk, { role: "", keyId: "", sums: undefined });
  go("/");
}

/** Send to an address of this desk's, signing in again where the session is over. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const sent = () => send(path, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
  try {
    return await sent();
  } catch (error) {
    if (!(error instanceof Refused) || error.slug !== "not-signed-in") throw error;
  }
  const mine = await key.desk();
  if (!mine) throw new Refused(401, "not-signed-in", "");
  await enter(mine.signer);
  return sent();
}

export async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

/** Look again at what always stands in the header. */
export async function refresh(): Promise<void> {
  desk.sums = await get<Sums>("/v1/sums");
  desk.looked++;
  if (desk.role === "auditor") return;
  desk.waiting = (await get<Schemas["ProposalsOut"]>("/v1/proposals")).items.filter(lacksMine).length;
}

export function isWaiting(each: Proposal): boolean {
  return each.log_entry === undefined || each.log_entry === null;
}

/** What came of signing: it is in the log, or waits for somebody else. */
export function outcome(made: Proposal): string {
  return isWaiting(made) ? t("desk.waits_for_another") : t("desk.is_done", { entry: made.log_entry! });
}

function lacksMine(each: Proposal): boolean {
  return isWaiting(each) && !each.signed_by.includes(desk.keyId);
}

/** Sign a statement of the community, or about a member, and put it up for the others to sign. */
export async function propose(kind: string, fields: Fields, account = "community"): Promise<Proposal> {
  const mine = (await key.desk())!;
  const now = Math.max(Date.now(), startMs(desk.community!.now) + PERIOD_MS);
  const body: Fields = {
    ...fields,
    account,
    id: newId(),
    kind,
    ledger: mine.ledger,
    not_after: now + GOOD_MS,
    seq: await key.nextSeq(),
    v: 1,
  };
  return put("/v1/proposals", envelopeText(await sealed(typeOf(kind), encode(body), [mine.signer])));
}

/** Add this desk's signature to what waits. */
export async function countersign(waiting: Proposal): Promise<Proposal> {
  const mine = (await key.desk())!;
  const body = bytesOfBase64(waiting.payload);
  return put(`/v1/proposals/${waiting.id}/signatures`, envelopeText(await sealed(waiting.payload_type, body, [mine.signer])));
}

async function put(path: string, body: string): Promise<Proposal> {
  const got = await ask(path, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const told = (await got.json()) as Proposal;
  await refresh();
  return told;
}

export async function takeBack(waiting: Proposal): Promise<void> {
  await ask(`/v1/proposals/${waiting.id}`, { method: "DELETE" });
  await refresh();
}

// How things are written here.

export function zone(): string {
  return desk.community?.zone ?? "UTC";
}

export function money(units: number, plus = false): string {
  return moneyText(units, { symbol: "£", plus });
}

export function today(): Day {
  return localDay(desk.community?.now ?? Math.floor(Date.now() / PERIOD_MS), zone());
}

export function dayText(day: Day): string {
  const style = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat("en-GB", style).format(new Date(`${day}T12:00:00Z`)).replace(",", "");
}

export function timeText(ms: number): string {
  const period = Math.floor(ms / PERIOD_MS);
  return `${dayText(localDay(period, zone()))} ${clock(period, zone())}`;
}

export function said(error: unknown): string {
  if (error instanceof Offline) return "The server cannot be reached. Nothing was lost: try again when there is a connection.";
  return error instanceof Error ? error.message : String(error);
}
