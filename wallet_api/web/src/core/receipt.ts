/**
 * The check of a receipt, on the phone, without the server: a payment or a settled half-hour stands in the log
 * whose key is known (docs/spec/log.md, "Receipts"). In that order: checkpoint, leaf, roster, signatures, line.
 */
import { bytesOfBase64, bytesOfHex, eight, hexOf, joined, sha256, textOf, utf8, type Bytes } from "./bytes";
import { decode, encode, type Fields } from "./canonical";
import { openCheckpoint, type Checkpoint, type Verifier } from "./note";
import { keyOfHex, readEnvelope, signedBy, verifies, type Envelope, type Verify } from "./signing";
import { isIncluded, leafHash } from "./tree";

export class ReceiptError extends Error {}

export interface Line {
  member: string;
  period: number;
  own_use_wh: number;
  bought_wh: number;
  sold_wh: number;
  grid_import_wh: number;
  grid_export_wh: number;
  bought_units: number;
  sold_units: number;
}

export interface Proved {
  checkpoint: Checkpoint;
  index: number;
  /** The half-hour in which it was logged. */
  logged: number;
  statement: Fields;
  /** Of a settled half-hour: the member's own line. */
  line?: Line;
}

interface Shown {
  envelope: string;
  logged: number;
}

const HEADER = "c2sp.org/tlog-proof@v1";
const CLEAR = new Set(["rules", "roster", "seal", "erasure"]);

/** What kinds are proved here, and what their extra data holds beside `envelope`, `logged` and `v`. */
const FIELDS: Record<string, string[]> = {
  transfer: ["keys", "salt"],
  donation: ["keys", "salt"],
  issue: ["roster", "salt"],
  redeem: ["roster", "salt"],
  grant: ["roster", "salt"],
  reversal: ["roster", "salt"],
  correction: ["roster", "salt"],
  settlement: ["line", "roster", "salt"],
};

const LINE_COUNTS = [
  "own_use_wh",
  "bought_wh",
  "sold_wh",
  "grid_import_wh",
  "grid_export_wh",
  "bought_units",
  "sold_units",
] as const;

/** Check a receipt's file with the log's key; throws and says why where it proves nothing. */
export async function checkReceipt(
  file: Uint8Array,
  verifier: Verifier,
  verify: Verify = verifies,
): Promise<Proved> {
  const proof = readProof(file);
  const checkpoint = await openCheckpoint(proof.note, verifier, verify);
  const extra = decode(proof.extra) as Fields;
  const { envelope, body, fields } = readEnvelope(String(extra["envelope"]));
  const kind = String(fields["kind"]);
  const needed = FIELDS[kind];
  need(needed, `A receipt of ${kind} is not checked here.`);
  const names = ["envelope", "logged", "v", ...needed].sort().join();
  need(Object.keys(extra).sort().join() === names, "The receipt lacks something, or says too much.");
  const shown = extra as unknown as Shown;
  const leaf = leafOf(kind, shown, bytesOfHex(String(extra["salt"])));
  need(
    isIncluded(proof.index, checkpoint.size, leafHash(leaf), proof.hashes, checkpoint.root),
    "The statement is not in the log at the place that is told.",
  );
  need(fields["ledger"] === checkpoint.origin, "The statement is for another ledger.");
  if (needed.includes("keys")) {
    await checkKeys(envelope, body, extra["keys"] as string[], verify);
  } else {
    await checkRoster(extra, proof.index, kind, envelope, body, checkpoint, verifier, verify);
  }
  const proved = { checkpoint, index: proof.index, logged: shown.logged, statement: fields };
  return needed.includes("line") ? { ...proved, line: lineOf(extra["line"] as Fields, fields) } : proved;
}

interface Proof {
  index: number;
  hashes: Bytes[];
  note: Bytes;
  extra: Bytes;
}

function readProof(file: Uint8Array): Proof {
  const text = textOf(file);
  const at = text.indexOf("\n\n");
  const [header, extra, index, ...hashes] = text.slice(0, at).split("\n");
  const place = /^index (0|[1-9]\d{0,15})$/.exec(index ?? "");
  need(at > 0 && header === HEADER && place && extra?.startsWith("extra "), "This is no receipt.");
  return {
    index: Number(place[1]),
    hashes: hashes.map(bytesOfBase64),
    note: utf8(text.slice(at + 2)),
    extra: bytesOfBase64(extra!.slice(6)),
  };
}

/** The log's entry: in clear for what is public, else a commitment to the envelope. */
function leafOf(kind: string, shown: Shown, salt: Bytes): Bytes {
  const common = { k: kind, p: shown.logged, v: 1 };
  if (CLEAR.has(kind)) return encode({ f: shown.envelope, ...common });
  need(salt.length === 16, "The receipt's salt has not 16 bytes.");
  const commitment = sha256(utf8("commonwatt/commit/v1\0"), salt, utf8(shown.envelope));
  return encode({ c: hexOf(commitment), ...common });
}

async function checkKeys(envelope: Envelope, body: Bytes, keys: string[], verify: Verify): Promise<void> {
  const signers = await signedBy(envelope, body, keys.map(keyOfHex), verify);
  need(signers.size === new Set(keys).size && signers.size > 0, "A signature on the payment does not hold.");
  need(signers.has(envelope.signatures[0]!.keyid), "The first signature is by none of the keys that are shown.");
}

async function checkRoster(
  extra: Fields,
  index: number,
  kind: string,
  envelope: Envelope,
  body: Bytes,
  checkpoint: Checkpoint,
  verifier: Verifier,
  verify: Verify,
): Promise<void> {
  const shown = extra["roster"] as Fields;
  const roster = readEnvelope(String(shown["envelope"]));
  const path = (shown["path"] as string[]).map(bytesOfHex);
  const place = shown["index"] as number;
  const leaf = leafHash(leafOf("roster", shown as unknown as Shown, new Uint8Array()));
  need(roster.fields["kind"] === "roster", "What is shown is no roster.");
  need(isIncluded(place, checkpoint.size, leaf, path, checkpoint.root), "The roster is not in the log.");
  need(place < index, "The roster stands after the statement.");
  need(roster.fields["ledger"] === checkpoint.origin, "The roster is of another ledger.");
  need(roster.fields["log_key"] === hexOf(verifier.publicKey), "The roster names another key of the log.");
  const expires = roster.fields["expires"];
  const logged = extra["logged"] as number;
  need(expires === undefined || logged < (expires as number), "The roster had expired.");
  const keysOf = (role: string) =>
    (roster.fields["keys"] as { key: string; role: string }[])
      .filter((each) => each.role === role)
      .map((each) => keyOfHex(each.key));
  const threshold = roster.fields["threshold"] as number;
  const own = await signedBy(roster.envelope, roster.body, keysOf("operator"), verify);
  need(own.size >= threshold, "Too few of the roster's own operators signed it.");
  const role = kind === "settlement" ? "settlement" : "operator";
  const signers = await signedBy(envelope, body, keysOf(role), verify);
  need(signers.size >= (role === "operator" ? threshold : 1), "Too few of the roster's keys signed this.");
  need(signers.has(envelope.signatures[0]!.keyid), "The first signature is by none of the roster's keys.");
}

/** Check that a member's line stands under the settlement's root of lines, and return it. */
function lineOf(shown: Fields, statement: Fields): Line {
  const line = { member: shown["member"], period: statement["period"] } as Line;
  for (const name of LINE_COUNTS) line[name] = shown[name] as number;
  const record = joined(
    utf8("commonwatt/line/v1\0"),
    bytesOfHex(line.member),
    eight(line.period),
    ...LINE_COUNTS.map((name) => eight(line[name])),
  );
  const leaf = leafHash(joined(bytesOfHex(String(shown["salt"])), record));
  const path = (shown["path"] as string[]).map(bytesOfHex);
  const root = bytesOfHex(String(statement["lines_root"]));
  need(
    isIncluded(shown["index"] as number, statement["lines"] as number, leaf, path, root),
    "The line is not one that the statement binds.",
  );
  return line;
}

function need(holds: unknown, otherwise: string): asserts holds {
  if (!holds) throw new ReceiptError(otherwise);
}
