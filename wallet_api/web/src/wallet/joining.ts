/** How a phone comes to an account: a letter's words, another phone's words, a paper code. */
import { hexOf } from "../core/bytes";
import { newId } from "../core/ids";
import { signerOfWords, type Purpose } from "../core/words12";
import type { Signer } from "../core/signing";
import { begin, json, Refused, send, signedIn, withBody, type Schemas } from "../phone/api";
import { device, keep, newKey } from "../phone/device";
import { handIn, make, notAfter, text_of } from "../phone/statements";
import { remove, write } from "../phone/store";

export type Way = "join" | "phone" | "recover";

type Words = Schemas["WordsOut"];

/** What a member's wallet may take for energy, until they say otherwise: as a group that signs people up on paper. */
const MANDATE = {
  may_debit: "settlement",
  wh_period_max: 100_000,
  units_period_max: 500_000_000,
  units_day_max: 500_000_000,
  last: 4_000_000,
};

/** Tariffs until the member says theirs: Great Britain's price cap and the lowest export tariff, in ticks. */
const TARIFFS = { import_tariff_ticks: 2_450, export_tariff_ticks: 410 };

export class JoinError extends Error {
  constructor(readonly key: "join.used" | "join.over") {
    super(key);
  }
}

async function meaningOf(purpose: Purpose, words: string): Promise<{ signer: Signer; found: Words }> {
  const signer = await signerOfWords(purpose, words);
  const found = await json<Words>(send(`/v1/words/${hexOf(signer.publicKey)}`));
  return { signer, found };
}

async function ledgerNow(): Promise<{ ledger: string; now: number }> {
  const { origin, now } = await json<Schemas["CommunityOut"]>(send("/v1/community"));
  return { ledger: origin, now };
}

/** Open an account by a letter's words, with a key that is made here. */
export async function joinBy(words: string, name: string): Promise<void> {
  const { signer, found } = await meaningOf("invitation", words);
  if (found.standing === "used") throw new JoinError("join.used");
  if (found.standing !== "open") throw new JoinError("join.over");
  const { ledger, now } = await ledgerNow();
  const key = await newKey();
  const account = newId();
  const until = notAfter(now);
  const opening = {
    class: found.member_class!,
    floor_units: found.floor_units!,
    invitation: found.id!,
    keys: [hexOf(key.signer.publicKey)],
    threshold: 1,
  };
  const text = await text_of("account_open", opening, { account, ledger, id: newId(), until }, 1, [key.signer, signer]);
  // Kept before it is sent: if the answer is lost, the same goes out again, and the key is not.
  await keep(account, ledger, key, 1);
  await write("opening", text);
  try {
    await handIn(text);
  } catch (error) {
    if (error instanceof Refused) await Promise.all([remove("device"), remove("opening")]);
    throw error;
  }
  await remove("opening");
  for (const made of [
    await make("offer", { buy_ticks: TARIFFS.import_tariff_ticks, sell_ticks: TARIFFS.export_tariff_ticks, ...TARIFFS }, until),
    await make("mandate", { ...MANDATE, price_ticks_max: TARIFFS.import_tariff_ticks, first: now + 1 }, until),
  ]) {
    await handIn(made.text);
  }
  await signedIn("/v1/name", withBody("PUT", { name }));
}

/** Put this phone's new key in the place of the words', in an account that there is. */
export async function addPhone(words: string): Promise<void> {
  const { signer, found } = await meaningOf("phone", words);
  const { ledger, now } = await ledgerNow();
  const account = found.account!;
  await begin(account, ledger, signer);
  const { keys } = await json<{ keys: { keys: string[]; threshold: number } }>(send("/v1/account"));
  const key = await newKey();
  const others = keys.keys.filter((each) => each !== hexOf(signer.publicKey));
  const change = {
    by: "keys",
    keys: [...others, hexOf(key.signer.publicKey)],
    reason: "A phone.",
    threshold: keys.threshold,
  };
  const about = { account, ledger, id: newId(), until: notAfter(now) };
  await handIn(await text_of("key_change", change, about, 1, [signer, key.signer]));
  await keep(account, ledger, key, 0);
}

/** Ask for the account back by its paper code; returns the half-hour from which this phone's key counts. */
export async function recoverBy(words: string): Promise<number> {
  const { signer, found } = await meaningOf("recovery", words);
  const { ledger, now } = await ledgerNow();
  const account = found.account!;
  const mine = await device();
  if (mine) throw new Error("This phone has a wallet already.");
  const key = await newKey();
  const change = {
    by: "code",
    code_key: hexOf(signer.publicKey),
    keys: [hexOf(key.signer.publicKey)],
    reason: "A lost phone.",
    threshold: 1,
  };
  const about = { account, ledger, id: newId(), until: notAfter(now) };
  await handIn(await text_of("key_change", change, about, 1, [signer, key.signer]));
  await keep(account, ledger, key, 0);
  await write("waits", now + WAITS_PERIODS);
  return now + WAITS_PERIODS;
}

/** Three days, in which the old phones may object. */
const WAITS_PERIODS = 144;

