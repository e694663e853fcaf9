"""A reading and its versions, as rows. Pure.

>>> SIGNERS[Signer.OPERATORS]
'two operators'
"""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ledger.primitives.counted import counted
from ledger.primitives.periods import SECONDS
from settlement.why_version_model import Counted, ShareTold, Signer, UsedReading, Version
from settlement.why_words import HASH_DIGITS, local_instant, quality_words, row, run_list

SIGNERS = {
    Signer.ADAPTER: "the operator's adapter",
    Signer.METER: "the meter's own key",
    Signer.OPERATORS: "two operators",
    Signer.UNKNOWN: "a key of an earlier roster",
}
"""Whose key signed."""

PERCENT_PPM = 10_000
"""Parts per million in a percent."""

INPUTS_SHOWN_MAX = 6
"""How many of an estimate's inputs are printed; the rest is counted."""

COUNTED_WORDS = {
    Counted.MISSING: "no reading: counted as zero",
    Counted.SILENT: "nobody read it for two weeks: counted as zero",
    Counted.ERASED: "the reading was erased",
    Counted.HELD_BACK: "counted as zero until the last run: estimates of what is given earn nothing",
    Counted.AS_READ: "",
}
"""How a reading counts where it is not as read."""


def reading_rows(reading: UsedReading, zone: ZoneInfo) -> Iterator[str]:
    """Yield the rows of a reading as a run used it."""
    name = f"{reading.meter} {reading.channel}"
    used, note = reading.used, COUNTED_WORDS[reading.counted]
    if used is None:
        yield from row("Reading", f"{name}: {note}")
    else:
        words = f"{name}: {used.wh:,} Wh, {quality_words(used)}"
        yield from row("Reading", words, used.entry.position)
        if note:
            yield from row("", note)
        yield from version_rows(used, zone)
    yield from _share_row(reading.share)
    for version in reading.later:
        by = f"used by {run_list(version.used_by)}" if version.used_by else "used by no run yet"
        words = f"later: {version.wh:,} Wh, {quality_words(version)}, {by}"
        yield from row("", words, version.entry.position)
        yield from version_rows(version, zone)


def _share_row(share: ShareTold | None) -> Iterator[str]:
    """Yield which part of a common generator's reading counts for the member."""
    if share is not None:
        whose = "others'" if share.owned else "yours"
        words = f"{share.ppm / PERCENT_PPM:g} % of it is {whose}: {share.wh:,} Wh"
        yield from row("Shared", words, None if share.entry is None else share.entry.position)


def version_rows(version: Version, zone: ZoneInfo, *, numbered: bool = True) -> Iterator[str]:
    """Yield how a version came: when, by whose key, from where."""
    words = f"version {version.number}, " if numbered else ""
    if version.received_ms is not None:
        words += f"came {local_instant(version.received_ms, zone)}, "
    words += f"signed by {SIGNERS[version.signer]}, key {version.key_id[:HASH_DIGITS]}"
    yield from row("", words)
    if version.reason is not None:
        yield from row("", f"reason: {version.reason}")
    if version.file is not None:
        line = "" if version.line is None else f", line {version.line:,}"
        yield from row("", f"file {version.file}{line}")
    for each in version.inputs[:INPUTS_SHOWN_MAX]:
        yield from row("", f"made from {input_words(each, zone)}", each.get("entry"))
    more = len(version.inputs) - INPUTS_SHOWN_MAX
    if more > 0:
        yield from row("", f"and {more:,} more: see commonwatt meters trace")


def input_words(each: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Write what an estimate was made from.

    >>> input_words({"what": "rules", "first": 1}, ZoneInfo("Europe/London"))
    'version 1 of the rules of estimation'
    """
    what = each["what"]
    where = f"{each.get('meter', 'all meters')} {each.get('channel', '')}".strip()
    if what == "rules":
        return f"version {each['first']} of the rules of estimation"
    if what == "advance":
        first, end = (local_instant(each[name] * 1000, zone) for name in ("first", "end"))
        span = f"{first} to {end}"
        return f"the register of {where}, {span}: {each['wh']:,} Wh"
    half_hours = counted(each.get("count", 1), "half-hour")
    start = local_instant(each["first"] * SECONDS * 1000, zone)
    return f"{half_hours} of {where} from {start}"
