/**
 * Statements that are on their way: signed, kept, and sent until the server says yes or no, or their time is over.
 *
 * The same bytes go out at every attempt, so nothing is done twice, whatever becomes of an answer.
 */
import { Offline, Refused } from "./api";
import { handIn, type Logged, type Made } from "./statements";
import { change, KEY, read } from "./store";

export type State = "waiting" | "done" | "refused" | "late";

export interface Item extends Made {
  state: State;
  /** What people see of it: who is paid, how much, what for. */
  shown: { to?: string; name?: string; units?: number; words?: string };
  madeAt: number;
  said?: string;
  logEntry?: number;
}

/** Sent items are shown for a while, and then forgotten. */
const KEPT_MS = 24 * 3_600_000;

export async function items(): Promise<Item[]> {
  return (await read<Item[]>(KEY.outbox)) ?? [];
}

/** Put a statement in, unless it is there already; return it as it is kept: a second tap changes nothing. */
export async function put(item: Item): Promise<Item> {
  const all = await change<Item[]>(KEY.outbox, (before = []) =>
    before.some((each) => each.id === item.id) ? before : [...before, item],
  );
  return all.find((each) => each.id === item.id)!;
}

async function mark(id: string, more: Partial<Item>): Promise<void> {
  await change<Item[]>(KEY.outbox, (before = []) =>
    before.map((each) => (each.id === id ? { ...each, ...more } : each)),
  );
}

/** Send one; returns how it stands now. */
export async function sendOne(item: Item): Promise<Item> {
  if (item.state !== "waiting") return item;
  let more: Partial<Item>;
  try {
    const logged: Logged = await handIn(item.text);
    more = { state: "done", logEntry: logged.log_entry };
  } catch (error) {
    if (error instanceof Offline || (error instanceof Refused && [429, 503].includes(error.status))) {
      if (Date.now() <= item.notAfter) return item;
      more = { state: "late" };
    } else if (error instanceof Refused) {
      more = { state: "refused", said: error.message };
    } else {
      throw error;
    }
  }
  await mark(item.id, more);
  return { ...item, ...more };
}

/** Send all that waits, in order; one tab at a time. Returns whether something changed. */
export async function flush(): Promise<boolean> {
  return navigator.locks.request("outbox", async () => {
    let changed = false;
    for (const item of await items()) {
      const after = await sendOne(item);
      changed ||= after.state !== item.state;
    }
    const before = Date.now() - KEPT_MS;
    await change<Item[]>(KEY.outbox, (all = []) =>
      all.filter((each) => each.state === "waiting" || each.madeAt > before),
    );
    return changed;
  });
}

export async function forget(id: string): Promise<void> {
  await change<Item[]>(KEY.outbox, (all = []) => all.filter((each) => each.id !== id || each.state === "waiting"));
}
