/**
 * What this device keeps, in IndexedDB: its key, the account, statements on their way, and the last answers.
 *
 * Keys of entries are written once, here.
 */
import { clear, createStore, del, get, set, update, type UseStore } from "idb-keyval";

let kept: UseStore | undefined;

function store(): UseStore {
  kept ??= createStore("commonwatt", "wallet");
  return kept;
}

export const KEY = { device: "device", outbox: "outbox", choices: "choices", answer: (path: string) => `answer ${path}` };

export function read<T>(key: string): Promise<T | undefined> {
  return get<T>(key, store());
}

export function write(key: string, value: unknown): Promise<void> {
  return set(key, value, store());
}

export function remove(key: string): Promise<void> {
  return del(key, store());
}

/** Change an entry in one transaction: another tab sees the one or the other, and never half. */
export async function change<T>(key: string, by: (before: T | undefined) => T): Promise<T> {
  let after: T | undefined;
  await update<T>(key, (before) => (after = by(before)), store());
  return after as T;
}

export function forgetAll(): Promise<void> {
  return clear(store());
}
