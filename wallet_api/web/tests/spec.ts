/** Blocks of the specification: the same vectors as Python's tests read. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DOCS = new URL("../../../docs/spec/", import.meta.url);

/** The first fenced block after a heading or sentence, without its fence. */
export function blockAfter(page: string, words: string): string {
  const text = readFileSync(fileURLToPath(new URL(page, DOCS)), "utf8");
  const from = text.indexOf(words);
  if (from < 0) throw new Error(`${words} is not in ${page}`);
  const found = /```\w*\n([\s\S]*?)\n```/.exec(text.slice(from));
  if (!found) throw new Error(`no block after ${words}`);
  return found[1]!;
}

export function linesAfter(page: string, words: string): string[] {
  return blockAfter(page, words).split("\n");
}
