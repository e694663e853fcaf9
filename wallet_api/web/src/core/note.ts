/** Signed notes and the checkpoint in one (C2SP signed-note, tlog-checkpoint). */
import { bytesOfBase64, hexOf, joined, sha256, textOf, utf8, type Bytes } from "./bytes";
import { verifies, type Verify } from "./signing";

export interface Verifier {
  name: string;
  hash: string;
  publicKey: Bytes;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
}

export class NoteError extends Error {}

const ED25519 = Uint8Array.of(1);

/** Read a verifier key, as in riverside.example/ledger/1+90ad76db+ATtq…. */
export function readVerifier(text: string): Verifier {
  const [name, hash, key, ...rest] = text.trim().split("+");
  if (!name || !hash || !key || rest.length > 1) throw new NoteError("This is no verifier key.");
  // Standard base64 has plus signs, too.
  const bytes = bytesOfBase64([key, ...rest].join("+"));
  const publicKey = bytes.slice(1);
  if (bytes[0] !== 1 || publicKey.length !== 32 || keyHash(name, publicKey) !== hash) {
    throw new NoteError("This verifier key does not fit its own name and hash.");
  }
  return { name, hash, publicKey };
}

export function keyHash(name: string, publicKey: Bytes): string {
  return hexOf(sha256(utf8(`${name}\n`), ED25519, publicKey).slice(0, 4));
}

/** Check a checkpoint's note with the log's key, and read it. */
export async function openCheckpoint(
  note: Uint8Array,
  verifier: Verifier,
  verify: Verify = verifies,
): Promise<Checkpoint> {
  const whole = textOf(note);
  const at = whole.lastIndexOf("\n\n");
  const text = whole.slice(0, at + 1);
  const lines = whole.slice(at + 2).split("\n");
  if (at < 0 || lines.pop() !== "") throw new NoteError("This is no signed note.");
  let held = false;
  for (const line of lines) {
    const found = /^\u2014 (\S+) (\S+)$/.exec(line);
    if (!found) throw new NoteError("A signature line of the note is not of its form.");
    const blob = bytesOfBase64(found[2]!);
    if (found[1] !== verifier.name || hexOf(blob.slice(0, 4)) !== verifier.hash) continue;
    if (!(await verify(verifier.publicKey, utf8(text), blob.slice(4)))) {
      throw new NoteError("The log's signature on the checkpoint does not hold.");
    }
    held = true;
  }
  if (!held) throw new NoteError("The log did not sign this checkpoint.");
  const [origin, size, root, end, ...more] = text.split("\n");
  if (end !== "" || more.length || !/^(0|[1-9]\d{0,15})$/.test(size!)) {
    throw new NoteError("This is no checkpoint.");
  }
  if (origin !== verifier.name) throw new NoteError("This checkpoint is another log's.");
  return { origin, size: Number(size), root: bytesOfBase64(root!) };
}

/** The text of a verifier key, for people to compare. */
export function vkeyOf(name: string, publicKey: Bytes): string {
  const body = joined(ED25519, publicKey);
  return `${name}+${keyHash(name, publicKey)}+${btoa(String.fromCharCode(...body))}`;
}
