/** The auditor's own key: made in this browser when a report is signed first, and kept here. */
import { get, set } from "idb-keyval";
import { utf8, type Bytes } from "../core/bytes";
import { envelopeText, keyIdOf, sealed, type Signer } from "../core/signing";
import { newKey, signerFrom, type Kept } from "../phone/device";

const KEY = "auditor";
const TYPE = "application/vnd.commonwatt.audit_report.v1+json";

interface Auditor {
  publicKey: Bytes;
  kept: Kept;
}

export async function auditorsKey(): Promise<Signer> {
  const known = await get<Auditor>(KEY);
  if (known) return signerFrom(known.publicKey, known.kept);
  const { signer, kept } = await newKey();
  await set(KEY, { publicKey: signer.publicKey, kept });
  return signer;
}

/** A signed report's file. */
export async function signedReport(body: Bytes, signer: Signer): Promise<Bytes> {
  return utf8(envelopeText(await sealed(TYPE, body, [signer])));
}

export { keyIdOf };
