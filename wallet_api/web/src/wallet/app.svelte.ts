/** What every screen shares: where we are, whose wallet it is, what time it is for the ledger. */
import { kwhText, moneyText } from "../core/money";
import { addDays, clock, localDay, startMs, type Day } from "../core/periods";
import { language, preferred, speak, t } from "../core/words.svelte";
import { ask, Offline, Refused, send, type Community, type Home, type Known } from "../phone/api";
import { device, type Device } from "../phone/device";
import { flush, items, type Item } from "../phone/outbox";
import { handIn } from "../phone/statements";
import { KEY, read, remove, write } from "../phone/store";

export type Look = "auto" | "light" | "dark";

interface Choices {
  look: Look;
  language?: string;
}

export const app = $state({
  /** The address after #, as in /energy/2026-06-18. */
  route: here(),
  ready: false,
  device: undefined as Device | undefined,
  community: undefined as Community | undefined,
  home: undefined as Known<Home> | undefined,
  queue: [] as Item[],
  /** The half-hour from which this phone's key counts: it asked for the account by a paper code. */
  waits: undefined as number | undefined,
  /** This phone's key does not count: it was ended, or never came to. */
  locked: false,
  /** Why an account that was asked for was not opened after all. */
  refused: "",
  look: "auto" as Look,
});

const EVERY_MS = 20_000;

function here(): string {
  return location.hash.slice(1) || "/";
}

export function go(route: string, replace = false): void {
  if (replace) history.replaceState(null, "", `#${route}`);
  else location.hash = route;
  app.route = here();
}

/** Begin: read what is kept, then ask what is new. */
export async function start(): Promise<void> {
  addEventListener("hashchange", () => (app.route = here()));
  addEventListener("online", () => void catchUp());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void catchUp());
  const chosen = await read<Choices>(KEY.choices);
  app.look = chosen?.look ?? "auto";
  showLook();
  await speak(chosen?.language ?? preferred(navigator.languages)).catch(() => undefined);
  app.community = await read<Community>("community");
  app.device = await device();
  app.queue = await items();
  app.ready = true;
  await catchUp();
  setInterval(() => app.queue.some((item) => item.state === "waiting") && void catchUp(), EVERY_MS);
}

/** Send what waits, and look at the first screen again. */
export async function catchUp(): Promise<void> {
  try {
    app.community = (await (await send("/v1/community")).json()) as Community;
    await write("community", $state.snapshot(app.community));
  } catch (error) {
    if (!(error instanceof Offline)) throw error;
  }
  app.waits = await read<number>("waits");
  await finishJoining();
  app.device = await device();
  if (!app.device) return;
  await flush();
  app.queue = await items();
  await lookHome();
}

/** A key that was made here and perhaps never got through: the same statement goes out again. */
async function finishJoining(): Promise<void> {
  const opening = await read<string>("opening");
  if (!opening) return;
  try {
    await handIn(opening);
  } catch (error) {
    if (!(error instanceof Refused)) return; // there was no way: later
    app.refused = error.message;
    await remove(KEY.device);
  }
  await remove("opening");
}

/** What a server answers to a key that does not count. */
const NO_SESSION = [401, 403];

export async function lookHome(): Promise<void> {
  try {
    app.home = await ask<Home>("/v1/home");
    app.locked = false;
    if (app.waits !== undefined) {
      app.waits = undefined;
      await remove("waits");
    }
  } catch (error) {
    app.locked = error instanceof Refused && NO_SESSION.includes(error.status);
    if (!app.locked && !(error instanceof Offline)) throw error;
  }
}

export async function chooseLook(look: Look): Promise<void> {
  app.look = look;
  showLook();
  await write(KEY.choices, { look, language: language().code });
}

export async function chooseLanguage(code: string): Promise<void> {
  await speak(code);
  await write(KEY.choices, { look: app.look, language: code });
}

function showLook(): void {
  document.documentElement.dataset["look"] = app.look;
}

// How things are written, for this community and language.

export function zone(): string {
  return app.community?.zone ?? "UTC";
}

export function money(units: number, plus = false): string {
  return moneyText(units, { symbol: "£", plus });
}

export { kwhText };

/** A local day in words, as in Thursday 18 June. */
export function dayText(day: Day, style: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long" }): string {
  return new Intl.DateTimeFormat(language().locale, { ...style, timeZone: "UTC" }).format(new Date(`${day}T12:00:00Z`));
}

export function monthText(month: string): string {
  return dayText(`${month}-15`, { month: "long", year: "numeric" });
}

/** A half-hour in words, as in Thu 18 June 13:30. */
export function whenText(period: number): string {
  const day = localDay(period, zone());
  return `${dayText(day, { weekday: "short", day: "numeric", month: "short" })} ${clock(period, zone())}`;
}

/** A time of this device's clock, as in 14:40, with its day where it is another. */
export function atText(ms: number): string {
  const at = new Date(ms);
  const isToday = at.toDateString() === new Date().toDateString();
  const style: Intl.DateTimeFormatOptions = isToday
    ? { hour: "2-digit", minute: "2-digit" }
    : { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(language().locale, style).format(at);
}

/** The ledger's now: a half-hour. */
export function now(): number | undefined {
  return app.home?.value.now;
}

export function today(): Day {
  return localDay(now() ?? Math.floor(Date.now() / 1_800_000), zone());
}

export function yesterday(): Day {
  return addDays(today(), -1);
}

export function untilText(ms: number): string {
  return whenText(Math.floor(ms / 1_800_000));
}

export function said(error: unknown): string {
  if (error instanceof Offline) return t("offline.nothing");
  return error instanceof Error ? error.message : String(error);
}

export { startMs };
