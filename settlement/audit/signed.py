"""A report that an auditor signed: who says so, of which log and head, check by check.

It is a DSSE envelope like any statement, but goes into no log: it says what somebody found who is no
part of the community. The signer's key is in it. Whose key that is, the reader must know otherwise.

>>> key = SigningKey.from_seed(bytes(32))
>>> body = report_body(Report("riverside.example/ledger/1", 3, "00" * 32), key.public, "Ann", 1_000)
>>> read_report(seal_envelope(TYPE, encode(body), [key])).said["verdict"]
'sound'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger.errors import CommonwattError, InputError
from ledger.primitives.canonical import (
    FREE_TEXT_CHARACTERS_MAX,
    INTEGER_MAX,
    decode,
    encode,
)
from ledger.primitives.shape import array, integer, one_of, record, text
from ledger.primitives.signing import Envelope, SigningKey, key_id_of, seal_envelope
from ledger.statements import payload_type
from settlement.audit.report import checks, verdict_lines
from settlement.audit.verdict import ALL_CHECKS, Report

TYPE = payload_type("audit_report")
"""What the envelope says that it holds."""

LINE_CHARACTERS_MAX = 2_000
LINES_MAX = 200
"""Longest sentence of a report, and most of them: a log can have more erased facts than are named."""

_HEX = "[0-9a-f]{64}"
_LINE = text(LINE_CHARACTERS_MAX)
_SHAPE = record(
    {
        "v": integer(1, 1),
        "kind": one_of("audit_report"),
        "key": text(64, _HEX),
        "name": text(FREE_TEXT_CHARACTERS_MAX),
        "signed_at_ms": integer(0, INTEGER_MAX),
        "size": integer(0, INTEGER_MAX),
        "verdict": one_of("sound", "unsound", "cannot tell"),
        "audited_before": integer(0, INTEGER_MAX),
        "checks": array(
            record({"check": one_of(*ALL_CHECKS), "mark": text(1), "said": _LINE}), len(ALL_CHECKS)
        ),
        "lines": array(_LINE, LINES_MAX),
    },
    # Not known of a bundle whose head cannot be read.
    {"origin": text(FREE_TEXT_CHARACTERS_MAX), "root": text(64, _HEX), "log_key": text(500)},
)


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report whose signature holds.

    Attributes:
        said: the report's fields, as `report_body` makes them.
        key_id: of the key that signed.
    """

    said: Mapping[str, Any]
    key_id: str


def report_body(report: Report, public_key: bytes, name: str, at_ms: int) -> dict[str, Any]:
    """Return what an auditor signs.

    Args:
        report: what the audit found.
        public_key: the auditor's, 32 bytes.
        name: what the auditor is called.
        at_ms: the auditor's clock.
    """
    lines = [_short(line) for line in verdict_lines(report)]
    if len(lines) > LINES_MAX:
        lines = [*lines[: LINES_MAX - 1], f"… and {len(lines) - LINES_MAX + 1:,} lines more"]
    head = {"origin": report.origin, "root": report.root, "log_key": report.key}
    return {name: value for name, value in head.items() if value} | {
        "v": 1,
        "kind": "audit_report",
        "key": public_key.hex(),
        "name": name,
        "signed_at_ms": at_ms,
        "size": report.size,
        "verdict": report.verdict,
        "audited_before": report.resumed,
        "checks": [
            {"check": check, "mark": mark, "said": _short(said)}
            for check, mark, said in checks(report)
        ],
        "lines": lines,
    }


def signed_report(report: Report, key: SigningKey, name: str, at_ms: int) -> bytes:
    """Return an auditor's signed report, as the bytes of an envelope.

    Raises:
        CanonicalError: the name has letters that are not written here.
    """
    return seal_envelope(TYPE, encode(report_body(report, key.public, name, at_ms)), [key])


def read_report(data: bytes) -> SignedReport:
    """Read a signed report and check its signature.

    Raises:
        InputError: it is none, or its signature does not hold; says which.
    """
    try:
        envelope = Envelope.decode(data.strip())
        said = _SHAPE(decode(envelope.body, bytes_max=len(envelope.body)), "report")
        public_key = bytes.fromhex(said["key"])
        holds = envelope.verified_by([public_key]) == [0]
    except CommonwattError as error:
        raise InputError(f"this is no signed report of an audit ({error})") from error
    if envelope.payload_type != TYPE:
        raise InputError("this is signed, but it is no report of an audit")
    if not holds:
        raise InputError(
            "the signature does not hold: the report was changed after it was signed, or somebody"
            " else signed it"
        )
    return SignedReport(said, key_id_of(public_key))


def render_report(found: SignedReport) -> str:
    """Return a signed report for people to read."""
    said = found.said
    when = datetime.fromtimestamp(said["signed_at_ms"] / 1000, UTC)
    return "\n".join(
        [
            f"{said['name']} says of {said.get('origin', 'a bundle of a log that it does not tell')},",
            f"its first {said['size']:,} entries, root {said.get('root', 'not known')}:",
            "",
            *(f"  {each['mark']} {each['check']:<22} {each['said']}" for each in said["checks"]),
            "",
            *said["lines"],
            "",
            f"Signed on {when:%Y-%m-%d at %H:%M} UTC by the clock of the signer, with the key",
            f"  {found.key_id}",
            "The signature holds. Whose key that is, ask its owner; the audit itself you can repeat.",
        ]
    )


def _short(line: str) -> str:
    """Cut a sentence that names more than anybody reads, and leave out what is not canonical."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in line)
    return clean if len(clean) < LINE_CHARACTERS_MAX else f"{clean[: LINE_CHARACTERS_MAX - 1]}…"
