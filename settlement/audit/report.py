"""The audit's report as text: a list of checks, counts, and a verdict in words.

>>> print(render(Report("", 0, "", failed="bundle", failure="manifest.json is missing")))
<BLANKLINE>
  ✗ bundle                 manifest.json is missing
  · checkpoint             not reached
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
<BLANKLINE>
UNSOUND. Do not trust this ledger before the failure above is explained.
"""

from ledger.primitives.energy import format_kwh
from settlement.audit.verify import Report

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
}

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
)


def render(report: Report) -> str:
    """Return the report for people to read."""
    counts = {name: report.counts.get(name, 0) for name in _COUNTED}
    lines = []
    if report.origin:
        lines += [f"Audit of {report.origin}", f"{report.size:,} entries, root {report.root}"]
    lines.append("")
    for check, state in report.passed():
        mark = {True: "✓", False: "✗", None: "·"}[state]
        if state is False:
            detail = report.failure
        elif state is None:
            detail = "not reached"
        elif check == "earlier checkpoint":
            detail = (
                "consistent with the one you kept"
                if report.earlier
                else "none given: keep this one for next time (--since)"
            )
        else:
            detail = _DETAILS[check].format(**counts)
        lines.append(f"  {mark} {check:<22} {detail}")
    return "\n".join([*lines, "", *_verdict(report)])


def _verdict(report: Report) -> list[str]:
    if report.failed or report.replay is None:
        return ["UNSOUND. Do not trust this ledger before the failure above is explained."]
    replay = report.replay
    lines = [
        "SOUND. Every signature, reading, clearing, posting and balance holds.",
        f"{format_kwh(replay.matched_wh)} kWh were matched between neighbours.",
        "Not witnessed: no independent witness cosigned the checkpoint.",
    ]
    if replay.days:
        days = ", ".join(str(day) for day in sorted(replay.days))
        lines.append(f"Begun and not finished at the log's end: the run of {days}.")
    if any(rules.replay for _, rules in replay.state.rules_history):
        lines.append(
            "This ledger replays past or simulated readings: its clock is not the real one."
        )
    return lines
