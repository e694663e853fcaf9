/** What the page and the worker that audits tell each other. */
import type { Bytes } from "../core/bytes";

/** What the auditor knows already; what they do not know is left out. */
export interface Given {
  vkey?: string;
  policy?: Bytes;
  since?: Bytes;
  state?: Bytes;
}

export interface Check {
  check: string;
  /** ✓ holds, ✗ does not, ? cannot be told, – rests on the bundle's word, · not reached. */
  mark: string;
  said: string;
}

export interface Found {
  origin: string;
  size: number;
  root: string;
  verdict: "sound" | "unsound" | "cannot tell";
  /** The check that failed, or nothing. */
  failed: string;
  failure: string;
  checks: Check[];
  lines: string[];
}

export type Asked =
  | { ask: "audit"; bundle: Blob; given: Given }
  | { ask: "body"; publicKey: Bytes; name: string; atMs: number }
  | { ask: "memory" }
  | { ask: "read"; report: Bytes };

/** An answer closes what was asked; of an audit there is news before. */
export type Told =
  | { tell: "checks"; checks: string[] }
  | { tell: "progress"; done: number; size: number }
  | { tell: "found"; found: Found }
  | { tell: "trouble"; trouble: string }
  | { tell: "bytes"; bytes: Bytes }
  | { tell: "text"; text: string };
