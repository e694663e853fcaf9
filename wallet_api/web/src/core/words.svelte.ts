/**
 * The catalogue of words: one for screens and letters, a file a language (wallet_api/words).
 *
 * English comes with the page; another language is loaded when it is chosen. A community may word things its own way.
 */
import english from "../../../words/en.json";

export type Key = keyof typeof english;
export type Values = Record<string, string | number>;

export interface Language {
  code: string;
  /** How dates and numbers are written. */
  locale: string;
  direction: "ltr" | "rtl";
  name: string;
}

export const LANGUAGES: Language[] = [{ code: "en", locale: "en-GB", direction: "ltr", name: "English" }];

const state = $state({ language: LANGUAGES[0]!, words: english as Record<string, string>, own: {} as Record<string, string> });

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
  const text = state.own[key] ?? state.words[key] ?? english[key];
  return text.split(/(\{\w+\})/).flatMap((part): Part[] => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined) return part ? [{ text: part, isValue: false }] : [];
    return [{ text: String(values[name] ?? part), isValue: true }];
  });
}

export function isKey(key: string): key is Key {
  return key in english;
}
