/**
 * Canonical JSON: the one encoding that is hashed and signed (docs/spec/canonical-json.md).
 *
 * `decode` takes nothing that `encode` would not write.
 */
import { textOf, utf8, type Bytes } from "./bytes";

export type Value = string | number | boolean | Value[] | { [key: string]: Value };
export type Fields = { [key: string]: Value };

const DEPTH_MAX = 16;
const KEY = /^[a-z][a-z0-9_]{0,31}$/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

export class CanonicalError extends Error {}

export function encode(value: Value): Bytes {
  return utf8(written(value, 0));
}

export function decode(bytes: Uint8Array): Value {
  let value: Value;
  let text: string;
  try {
    text = textOf(bytes);
    value = JSON.parse(text) as Value;
  } catch (error) {
    throw new CanonicalError("This is no JSON.", { cause: error });
  }
  if (written(value, 0) !== text) throw new CanonicalError("This is not the canonical encoding.");
  return value;
}

function written(value: Value, depth: number): string {
  if (depth > DEPTH_MAX) throw new CanonicalError("This is nested too deep.");
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return numeral(value);
  if (Array.isArray(value)) return `[${value.map((each) => written(each, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) throw new CanonicalError("There is no null.");
  const pairs = Object.keys(value)
    .sort()
    .map((key) => {
      if (!KEY.test(key)) throw new CanonicalError(`${key} is not a key.`);
      return `"${key}":${written(value[key] as Value, depth + 1)}`;
    });
  return `{${pairs.join(",")}}`;
}

function numeral(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    throw new CanonicalError(`${value} is not a whole number that is kept exactly.`);
  }
  return String(value);
}

function quoted(text: string): string {
  if (CONTROL.test(text) || !text.isWellFormed() || text.normalize("NFC") !== text) {
    throw new CanonicalError("This text has letters that are not written here.");
  }
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
