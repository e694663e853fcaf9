/**
 * The catalogue of words: one for screens and letters, a file a language (wallet_api/words).
 *
 * English comes with the page; another language is loaded when it is chosen. A community may word things its own way.
 */
import type console from "../../../words/console/en.json";
import type desk from "../../../words/desk/en.json";
import english from "../../../words/en.json";

/** Words of the pages for desks (console, auditor) come with those pages alone. */
export type Key = keyof typeof english | keyof typeof desk | keyof typeof console;
export type Values = Record<string, string | number>;

export interface Language {
  code: string;
  /** How dates and numbers are written. */
  locale: string;
  direction: "ltr" | "rtl";
  name: string;
}

export const LANGUAGES: Language[] = [
  { code: "en", locale: "en-GB", direction: "ltr", name: "English" },
  { code: "cy", locale: "cy-GB", direction: "ltr", name: "Cymraeg" },
  { code: "ur", locale: "ur-PK-u-nu-latn", direction: "rtl", name: "اردو" },
];

const LATER: Record<string, () => Promise<{ default: Record<string, string> }>> = {
  cy: () => import("../../../words/cy.json"),
  ur: () => import("../../../words/ur.json"),
};

type Words = Record<string, string>;

const state = $state({ language: LANGUAGES[0]!, words: english as Words, own: {} as Words });

/** More English, and where more of another language comes from: of the page that is open. */
let more: { english: Words; later: Record<string, () => Promise<{ default: Words }>> } = { english: {}, later: {} };

/** Add a page's own words to those that all pages have. */
export function learn(words: Words, later: Record<string, () => Promise<{ default: Words }>>): void {
  more = { english: words, later };
}

/** Speak another language, once its words are there. */
export async function speak(code: string): Promise<void> {
  const found = LANGUAGES.find((each) => each.code === code) ?? LANGUAGES[0]!;
  const [words, others] = await Promise.all(
    [LATER, more.later].map(async (later) => (found.code in later ? (await later[found.code]!()).default : {})),
  );
  Object.assign(state, { language: found, words: { ...words, ...others } });
}

/** The language that a browser asks for, if it is one of ours. */
export function preferred(asked: readonly string[]): string {
  const codes = asked.map((each) => each.split("-")[0]!);
  return codes.find((code) => LANGUAGES.some((each) => each.code === code)) ?? "en";
}

export function language(): Language {
  return state.language;
}

/** The words of a key, with values in the place of their names. */
export function t(key: Key, values: Values = {}): string {
  return parts(key, values)
    .map((part) => part.text)
    .join("");
}

export interface Part {
  text: string;
  isValue: boolean;
}

/** The same in parts, so that values can be shown apart from what stands around them. */
export function parts(key: Key, values: Values = {}): Part[] {
  const text = state.own[key] ?? state.words[key] ?? (english as Words)[key] ?? more.english[key] ?? key;
  return text.split(/(\{\w+\})/).flatMap((part): Part[] => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined) return part ? [{ text: part, isValue: false }] : [];
    return [{ text: String(values[name] ?? part), isValue: true }];
  });
}

export function isKey(key: string): key is Key {
  return key in english;
}
