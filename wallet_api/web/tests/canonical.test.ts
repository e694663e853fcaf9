import { expect, test } from "vitest";
import { textOf, utf8 } from "../src/core/bytes";
import { CanonicalError, decode, encode, type Value } from "../src/core/canonical";

test("keys are sorted, texts escaped as little as can be", () => {
  expect(textOf(encode({ b: [1, true], a: "é" }))).toBe('{"a":"é","b":[1,true]}');
  expect(textOf(encode('a"b\\c/\u2028'))).toBe('"a\\"b\\\\c/\u2028"');
});

test.each([
  '{"b":[1,true],"a":"é"}',
  '{"a": 1}',
  '{"a":"\\u00e9"}',
  '{"a":null}',
  '{"a":1.0}',
  '{"a":-0}',
  '{"a":1,"a":1}',
  '{"A":1}',
  "9007199254740992",
  '"e\u0301"',
  '"\u0000"',
  '{"__proto__":1}',
  "[1,]",
  "",
])("%s is refused", (text) => {
  expect(() => decode(utf8(text))).toThrow(CanonicalError);
});

test("what is written is read, to the bytes", () => {
  for (const value of [0, -(2 ** 53 - 1), "", [], {}, { a: [{ b: "ß" }] }] as Value[]) {
    expect(decode(encode(value))).toEqual(value);
  }
});

test.each([0.5, NaN, Infinity, -0, 2 ** 53, "\ud800", "\u0007"])("%s is not written", (value) => {
  expect(() => encode(value as Value)).toThrow(CanonicalError);
});

test("nothing is nested deeper than sixteen", () => {
  const nested = (depth: number): Value => (depth ? [nested(depth - 1)] : 0);
  expect(() => encode(nested(16))).not.toThrow();
  expect(() => encode(nested(17))).toThrow(CanonicalError);
});
