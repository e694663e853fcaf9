"""The audit's report as text: a list of checks, counts, and a verdict in words.

>>> print(render(Report("", 0, "", failed="bundle", failure="manifest.json is missing")))
<BLANKLINE>
  ✗ bundle                 manifest.json is missing
  · checkpoint             not reached
  · witnesses              not reached
  · earlier checkpoint     not reached
  · tiles                  not reached
  · leaves                 not reached
  · commitments            not reached
  · keys and signatures    not reached
  · sequence and expiry    not reached
  · agreements             not reached
  · readings               not reached
  · funds and mandates     not reached
  · clearings              not reached
  · postings               not reached
  · balances and seals     not reached
  · erasures               not reached
<BLANKLINE>
UNSOUND. Do not trust this ledger before the failure above is explained.
"""

from datetime import UTC, datetime

from ledger.kinds import a_kind
from ledger.primitives.energy import format_kwh
from settlement.audit.verdict import FAILED, NOT_REACHED, PASSED, UNKNOWN, Report

_DETAILS = {
    "bundle": "{files:,} files as the manifest names them",
    "checkpoint": "signed by the log's key",
    "tiles": "{entries:,} entries give the signed root",
    "leaves": "{entries:,} in canonical form",
    "commitments": "{entries:,} facts are those the log commits to",
    "keys and signatures": "{statements:,} statements, each by the right keys",
    "sequence and expiry": "no id or number twice, none too late",
    "agreements": "{account_open:,} members, {consent:,} meters, {offer:,} offers, {mandate:,} mandates",
    "readings": "{readings:,} half-hours in {reading_batch:,} signed chains' batches",
    "funds and mandates": "{orders:,} orders capped by what could be set aside",
    "clearings": "{clearing:,} half-hours proved by certificate, no solver",
    "postings": "{transfers:,} transfers recomputed, each half-hour sums to zero",
    "balances and seals": "{seal:,} days sealed, every balance recomputed",
    "erasures": "{erased:,} facts or details were erased, each by two operators",
}

DAYS_SHOWN = 5
"""Days that a sentence names."""

_COUNTED = (
    "files",
    "entries",
    "statements",
    "account_open",
    "consent",
    "offer",
    "mandate",
    "readings",
    "reading_batch",
    "orders",
    "clearing",
    "transfers",
    "seal",
    "erased",
)


def render(report: Report) -> str:
    """Return the report for people to read."""
    counts = {name: report.counts.get(name, 0) for name in _COUNTED}
    lines = []
    if report.origin:
        lines += [f"Audit of {report.origin}", f"{report.size:,} entries, root {report.root}"]
        if report.resumed:
            lines.append(f"The first {report.resumed:,} entries were audited before.")
    lines.append("")
    for check, state in report.states():
        detail = {
            FAILED: report.failure,
            NOT_REACHED: NOT_REACHED,
            UNKNOWN: f"cannot tell: {report.unknown.get(check, '')}",
        }.get(state, "")
        if not detail and check == "witnesses":
            detail = _witnesses(report)
        if not detail and check == "earlier checkpoint":
            detail = (
                "consistent with the one you kept"
                if report.earlier
                else "none given: keep this one for next time (--since)"
            )
        shown = detail or _DETAILS[check].format(**counts)
        lines.append(f"  {_mark(report, check, state)} {check:<22} {shown}")
    return "\n".join([*lines, "", *_verdict(report)])


def _witnesses(report: Report) -> str:
    """Say who cosigned the checkpoint."""
    witnessed = report.witnessed
    if witnessed is None or not witnessed.times_s:
        return "not witnessed: no independent witness cosigned the checkpoint"
    named = ", ".join(sorted(witnessed.times_s))
    first = datetime.fromtimestamp(min(witnessed.times_s.values()), UTC)
    when = f"{first:%Y-%m-%d %H:%M} UTC"
    if not witnessed.met:
        return f"not witnessed by enough: only {named} cosigned the checkpoint, {when}"
    whose = "" if report.asked else ", witnesses that the bundle itself names (see --policy)"
    return f"witnessed by {named}, {when}{whose}"


def _mark(report: Report, check: str, state: str) -> str:
    """Return a check's mark; what nobody witnessed passes and is not ticked."""
    unwitnessed = check == "witnesses" and not (report.witnessed and report.witnessed.met)
    return "–" if unwitnessed and state == PASSED else _MARKS[state]


_MARKS = {PASSED: "✓", FAILED: "✗", UNKNOWN: "?", NOT_REACHED: "·"}


def _verdict(report: Report) -> list[str]:
    if report.verdict == "unsound" or report.replay is None:
        return ["UNSOUND. Do not trust this ledger before the failure above is explained."]
    replay = report.replay
    if report.verdict == "sound":
        lines = ["SOUND. Every signature, reading, clearing, posting and balance holds."]
    else:
        lines = [
            "CANNOT TELL. Nothing is wrong with what is here, but facts were erased that the",
            "checks marked ? need. Go on from a checkpoint that you audited before (--state).",
        ]
        lines += [
            f"  erased: the {what} of entry {at}, {a_kind(kind)}"
            for at, what, kind in replay.erased
        ]
    lines.append(f"{format_kwh(replay.run_state.matched_wh)} kWh were matched between neighbours.")
    words = _witnesses(report)
    lines.append(f"{words[:1].upper()}{words[1:]}.")
    if replay.run_state.days:
        days = ", ".join(str(day) for day in sorted(replay.run_state.days))
        lines.append(f"Begun and not finished at the log's end: the run of {days}.")
    left_out = report.days_without_run()
    if left_out:
        shown = ", ".join(map(str, left_out[:DAYS_SHOWN]))
        more = f" and {len(left_out) - DAYS_SHOWN:,} more" if len(left_out) > DAYS_SHOWN else ""
        lines.append(f"Due by the log's end and never run: {shown}{more}.")
    if any(rules.replay for _, rules in replay.community.rules_history):
        lines.append(
            "This ledger replays past or simulated readings: its clock is not the real one."
        )
    return lines
