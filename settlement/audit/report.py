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

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from ledger.kinds import a_kind
from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from settlement.audit.verdict import FAILED, NOT_REACHED, PASSED, UNKNOWN, Report

_DETAILS = {
    "tiles": "{entries} the signed root",
    "leaves": "{leaves} in canonical form",
    "keys and signatures": "{statement}, each by the right keys",
    "sequence and expiry": "no id or number twice, none too late",
    "agreements": "{account_open}, {consent}, {offer}, {mandate}",
    "readings": "{readings} in {reading_batch}",
    "funds and mandates": "{orders} capped by what could be set aside",
    "clearings": "{clearing} proved by certificate, no solver",
    "postings": "{transfers} recomputed, each half-hour sums to zero",
    "balances and seals": "{seal} sealed, every balance recomputed",
    "erasures": "{erased} erased, each by two operators",
}

_COUNTED = {
    "statement": ("statements", "statement", "statements"),
    "account_open": ("account_open", "member", "members"),
    "consent": ("consent", "meter", "meters"),
    "offer": ("offer", "offer", "offers"),
    "mandate": ("mandate", "mandate", "mandates"),
    "readings": ("readings", "half-hour", "half-hours"),
    "reading_batch": ("reading_batch", "signed chain's batch", "signed chains' batches"),
    "orders": ("orders", "order", "orders"),
    "clearing": ("clearing", "half-hour", "half-hours"),
    "transfers": ("transfers", "transfer", "transfers"),
    "seal": ("seal", "day", "days"),
    "erased": ("erased", "fact or detail was", "facts or details were"),
}
"""By the word in a detail: the report's count, what one is called, what many are."""

DAYS_SHOWN = 5
"""Days that a sentence names."""

_MARKS = {PASSED: "✓", FAILED: "✗", UNKNOWN: "?", NOT_REACHED: "·"}

ON_ITS_WORD = "–"
"""The mark of a check that passed, but compared nothing with what the auditor knows."""


def render(report: Report) -> str:
    """Return the report for people to read."""
    lines = []
    if report.origin:
        lines += [
            f"Audit of {report.origin}",
            f"{counted(report.size, 'entry', 'entries')}, root {report.root}",
        ]
    if report.resumed:
        lines.append(
            f"The first {counted(report.resumed, 'entry was', 'entries were')} audited before; "
            "what is not called new is counted from the log's beginning."
        )
    lines.append("")
    lines += [f"  {mark} {check:<22} {said}" for check, mark, said in checks(report)]
    return "\n".join([*lines, "", *verdict_lines(report)])


def checks(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield each check with its mark and what was done, or what is wrong, in words."""
    for check, state in report.states():
        said = {
            FAILED: report.reason(check),
            NOT_REACHED: NOT_REACHED,
            UNKNOWN: f"cannot tell: {report.reason(check)}",
        }.get(state) or _detail(report, check)
        yield check, _mark(report, check, state), said


def _detail(report: Report, check: str) -> str:
    """Say what was done in a check that passed."""
    say = _SAID.get(check)
    if say is not None:
        return say(report)
    new = "new " if report.resumed else ""
    words = {
        word: counted(report.counts.get(name, 0), one, many)
        for word, (name, one, many) in _COUNTED.items()
    }
    entries = report.counts.get("entries", 0)
    words["entries"] = counted(entries, f"{new}entry gives", f"{new}entries give")
    words["leaves"] = f"{entries:,} {new}".rstrip()
    return _DETAILS[check].format(**words)


def _files(report: Report) -> str:
    """Say what was compared with the manifest, and what lies beside it."""
    files = counted(report.counts.get("files", 0), "file")
    named = f"{files} as the manifest names them"
    if report.resumed:
        named = f"{files} named; those that are new are as the manifest names them"
    more = report.counts.get("files_unnamed", 0)
    if not more:
        return named
    return f"{named}; {counted(more, 'other')} in it, which nothing looked at"


def _key(report: Report) -> str:
    """Say whose word the log's key is."""
    if report.key_given:
        return "signed by the log's key, which you gave"
    return "signed by the key that the bundle names: compare it, below (--vkey)"


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


def _earlier(report: Report) -> str:
    """Say with what of an earlier audit the log was compared."""
    found = []
    if report.resumed:
        found.append("goes on from your state file")
    if report.earlier:
        found.append("consistent with the one you kept")
    return "; ".join(found) or "none given: for next time keep log/checkpoint (--since)"


def _facts(report: Report) -> str:
    """Say how many facts were opened, and how many are not there."""
    facts = report.counts.get("facts", 0)
    gone = report.counts.get("entries", 0) - facts
    new = "new " if report.resumed else ""
    held = f"{counted(facts, f'{new}fact is', f'{new}facts are')} those the log commits to"
    if facts == 1:
        held = f"1 {new}fact is the one the log commits to"
    return held if not gone else f"{held}, {gone:,} {'is' if gone == 1 else 'are'} gone"


_SAID: dict[str, Callable[[Report], str]] = {
    "bundle": _files,
    "checkpoint": _key,
    "witnesses": _witnesses,
    "earlier checkpoint": _earlier,
    "commitments": _facts,
}
"""Checks whose detail depends on more than counts."""


def _mark(report: Report, check: str, state: str) -> str:
    """Return a check's mark; what rests on the bundle's own word passes and is not ticked."""
    known = {
        "checkpoint": report.key_given,
        "witnesses": report.asked and report.witnessed is not None and report.witnessed.met,
        "earlier checkpoint": report.earlier or report.resumed > 0,
    }
    return ON_ITS_WORD if state == PASSED and not known.get(check, True) else _MARKS[state]


def verdict_lines(report: Report) -> list[str]:
    """Return the verdict and what goes with it, a sentence or two a line."""
    replay = report.replay
    if replay is None or (report.verdict == "unsound" and not report.only_wanting):
        return ["UNSOUND. Do not trust this ledger before the failure above is explained."]
    if report.only_wanting:
        lines = [
            "UNSOUND. Fewer witnesses than you ask for have seen this ledger: others may be shown",
            "another one. Nothing else that was checked is wrong.",
        ]
    elif report.verdict == "sound":
        lines = ["SOUND. Every signature, reading, clearing, posting and balance holds."]
    else:
        lines = [
            "CANNOT TELL. Nothing is wrong with what is here, but facts were erased that the checks",
            "marked ? need. If you kept the state file of an audit from before, go on from it (--state).",
        ]
        lines += [
            f"  erased: the {what} of entry {at}, {a_kind(kind)}"
            for at, what, kind in replay.erased
        ]
    if not replay.run_state.sealed:
        lines.append("No day is settled yet: there was no clearing and no seal to check.")
    lines.append(f"{format_kwh(replay.run_state.matched_wh)} kWh were matched between neighbours.")
    words = _witnesses(report)
    lines.append(f"{words[:1].upper()}{words[1:]}.")
    lines += _days(report)
    if any(rules.replay for _, rules in replay.community.rules_history):
        lines.append(
            "This ledger replays past or simulated readings: its clock is not the real one."
        )
    if not report.key_given:
        lines += [
            "The log's key is the bundle's own word. Compare it with the one that the group published:",
            f"  {report.key}",
        ]
    return lines


def _days(report: Report) -> list[str]:
    """Say which days were begun, or are due, and not sealed."""
    lines = []
    if report.replay is not None and report.replay.run_state.days:
        days = ", ".join(str(day) for day in sorted(report.replay.run_state.days))
        lines.append(f"Begun and not finished at the log's end: the run of {days}.")
    left_out = report.days_without_run()
    if left_out:
        shown = ", ".join(map(str, left_out[:DAYS_SHOWN]))
        more = f" and {len(left_out) - DAYS_SHOWN:,} more" if len(left_out) > DAYS_SHOWN else ""
        lines.append(f"Due by the log's end and never run: {shown}{more}.")
    return lines
