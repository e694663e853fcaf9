"""What a reading caused, for people. Pure.

>>> said_of(MarketAt(1430, 9_525)), said_of(MarketAt(None, 0))
('9,525 Wh matched at 14.30p a kWh', 'nothing matched')
"""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from ledger.primitives.counted import counted, whose
from ledger.primitives.money import format_price
from ledger.primitives.periods import SECONDS, load_zone
from meters.readings import Quality
from settlement.postings import Line
from settlement.why_model import Outcome
from settlement.why_reading_model import (
    BatchDay,
    Effect,
    EstimateMade,
    MarketAt,
    WhyBatch,
    WhyReading,
)
from settlement.why_reading_words import PERCENT_PPM, version_rows
from settlement.why_text import line_words
from settlement.why_words import (
    QUALITY_WORDS,
    RULER,
    WARNING,
    begins,
    clock,
    differing,
    exact,
    heading,
    local_instant,
    long_date,
    month_name,
    paragraph,
    quality_words,
    row,
    run_list,
)

REWORKED_SHOWN_MAX = 12
"""How many half-hours of a run are named; more are counted."""


def why_reading_text(why: WhyReading) -> str:
    """Return what a reading caused as a person reads it, at most 78 columns wide."""
    zone = load_zone(why.zone)
    when = f"{clock(why.period, zone)} on {long_date(date.fromisoformat(why.day))}"
    lines = [f"Reading of {why.slot[0]} {why.slot[1]}, {when}", ""]
    lines += paragraph(" ".join(_story(why)))
    lines += ["", *heading("Versions")]
    for version in why.versions:
        used = f"used by {run_list(version.used_by)}" if version.used_by else "used by no run yet"
        words = f"{version.wh:,} Wh, {quality_words(version)}: {used}"
        lines += row(f"Version {version.number}", words, version.entry.position)
        lines += version_rows(version, zone, numbered=False)
    for effect in why.effects:
        lines += ["", *_effect(why, effect)]
    lines += ["", *_estimates(why.zone, why.estimates)]
    return "\n".join([*lines, "", *_verdict(why), ""])


def _story(why: WhyReading) -> Iterator[str]:
    """Say in a few sentences what came of the reading."""
    if why.differences:
        yield WARNING
    name = why.name or ("a closed account" if why.member else None)
    if name is None:
        yield "Nobody's consent covers it: it was traded by no run."
        return
    posted = [effect for effect in why.effects if effect.posts]
    if not posted:
        yield f"It is {whose(name)}. No run that posts used it yet."
        return
    last = posted[-1]
    if last.line is not None:
        rest = ""
        if why.holders:
            parts = [
                f"{ppm / PERCENT_PPM:g} % of it {whose(holder)}" for holder, ppm in why.holders
            ]
            rest = f", but {run_list(parts)}"
        came = f"As run {last.code} left it, the half-hour came to: {line_words(last.line)}"
        yield f"It is {whose(name)}{rest}. {came}{f' for {name}' if rest else ''}."
    for before, effect in pairwise(posted):
        if not (any(effect.part[2:]) or effect.others):
            continue
        if (effect.version, effect.wh) == (before.version, before.wh):
            yield f"Run {effect.code} took the same: what it changed came of other readings."
            continue
        part = _parts(effect.part) if any(effect.part[2:]) else "nothing"
        yield f"Run {effect.code} changed for {name}: {part}{_others(effect)}."


def _others(effect: Effect) -> str:
    if not effect.others:
        return ""
    units = effect.others_part.sold_units - effect.others_part.bought_units
    return f"; for {counted(effect.others, 'other member')}: {exact(units)}"


def said_of(market: MarketAt) -> str:
    """Say what a market came to."""
    if market.price_ticks is None or not market.matched_wh:
        return "nothing matched"
    return f"{market.matched_wh:,} Wh matched at {format_price(market.price_ticks)} a kWh"


def _effect(why: WhyReading, effect: Effect) -> Iterator[str]:
    """Yield what the reading did in a run."""
    verb = "" if effect.posts else ", only shown"
    took = "no version of it" if effect.version is None else f"version {effect.version}"
    yield from heading(f"Run {effect.code}{verb}: took {took}, {effect.wh:,} Wh")
    if effect.posts and not effect.worked_out:
        yield from row("Line", "left as the run before worked it out")
        return
    if effect.line is not None:
        at = None if effect.settlement is None else effect.settlement.position
        yield from row("Line", line_words(effect.line), at)
        if effect.before is not None and any(effect.part[2:]):
            yield from row("", f"changed: {_parts(effect.part)}")
    if effect.market is not None:
        at = None if effect.clearing is None else effect.clearing.position
        yield from row("Market", said_of(effect.market), at)
        if effect.before is not None and effect.before != effect.market:
            yield from row("", f"before: {said_of(effect.before)}")
    yield from _neighbours(effect)
    yield from _money(effect)
    yield from _frame(why, effect)


def _parts(part: Line) -> str:
    """Write what was changed of a line."""
    names = ("own use", "bought", "sold", "from the grid", "to the grid")
    words = [f"{name} {_signed(wh)} Wh" for name, wh in zip(names, part[2:7], strict=True) if wh]
    units = part.sold_units - part.bought_units
    return ", ".join([*words, *([exact(units)] if units else [])]) or "nothing"


def _signed(number: int) -> str:
    return f"{'−' if number < 0 else '+'}{abs(number):,}"


def _neighbours(effect: Effect) -> Iterator[str]:
    if effect.others:
        words = f"{counted(effect.others, 'other member')} changed; added up: {_parts(effect.others_part)}"
        yield from row("Others", words)
    for name, part in effect.named:
        yield from row("", f"{name}: {_parts(part)}")
    if effect.together:
        readings = counted(effect.together, "other reading")
        yield from row("Together", f"{readings} of this half-hour changed in the same run, too")


def _money(effect: Effect) -> Iterator[str]:
    net, netting = effect.net, effect.netting
    if net is None or netting is None or effect.month is None:
        if effect.posts:
            yield from row("Money", "none of this member's moved in this run")
        return
    units = effect.part.sold_units - effect.part.bought_units
    part = exact(units) if units else "nothing for this half-hour"
    words = f"{part} in the net line of {exact(net.cash_units)}"
    if net.claim_units:
        words += f" and {exact(net.claim_units)} in what is owed"
    words += f", on the statement of {month_name(effect.month)}"
    yield from row("Money", words, netting.position)


def _frame(why: WhyReading, effect: Effect) -> Iterator[str]:
    zone = load_zone(why.zone)
    if effect.reworked:
        starts = [begins(period, zone) for period in effect.reworked]
        named = ", ".join(starts[:REWORKED_SHOWN_MAX])
        more = len(starts) - REWORKED_SHOWN_MAX
        words = f"{counted(len(starts), 'half-hour')} of the day worked out anew: {named}"
        yield from row("Day", words + (f" and {more} more" if more > 0 else ""))
    if effect.begin is not None:
        words = "money was set aside" if effect.begin.kind == "hold" else "run begun"
        yield from row("Begun", words, effect.begin.position)
    if effect.seal is not None:
        yield from row("Sealed", "the day's run", effect.seal.position)


def _estimates(zone_name: str, estimates: tuple[EstimateMade, ...]) -> Iterator[str]:
    """Yield what was estimated from a reading."""
    if not estimates:
        yield "No estimate was made from it."
        return
    zone = load_zone(zone_name)
    yield from heading("Estimates that were made from it")
    for each in estimates:
        words = (
            f"{each.meter} {each.channel}, {counted(each.half_hours, 'half-hour')} from "
            f"{local_instant(each.first * SECONDS * 1000, zone)}: "
            f"{QUALITY_WORDS[Quality(each.quality)]}"
        )
        if not each.exact:
            words += " (its inputs name the half-hour, and no log entry)"
        yield from row("Estimate", words, each.entry.position)


def _verdict(why: WhyReading) -> Iterator[str]:
    for sentence in why.gone:
        yield from paragraph(sentence)
    if why.differences:
        yield from differing(why.differences)
    elif all(check.outcome is Outcome.HOLDS for check in why.checks):
        yield "Compared just now: the stored readings are those that were signed."
    if why.next_run is not None:
        code, due_ms = why.next_run
        when = local_instant(due_ms, load_zone(why.zone))
        yield f"The next run of this day is {code}, from {when} on."


def why_batch_text(why: WhyBatch) -> str:
    """Return what a batch caused as a person reads it, at most 78 columns wide."""
    zone = load_zone(why.zone)
    kind = "Edit" if why.entry.kind == "reading_edit" else "Batch"
    start = local_instant(why.first * SECONDS * 1000, zone)
    lines = paragraph(
        f"{kind} of {counted(why.count, 'reading')} of {why.slot[0]} {why.slot[1]} from {start}: log "
        f"entry {why.entry.position:,}, of {why.name or 'a closed account'}"
    )
    lines += [
        "",
        f"{'Day':<17}{'Readings':>9}{'Run':>6}{'counted':>10}{'net line of the day':>23}{'log entry':>13}",
    ]
    lines.append(RULER)
    for day in why.days:
        lines += _batch_day(day)
    lines += ["", *_estimates(why.zone, why.estimates), ""]
    return "\n".join(lines)


def _batch_day(day: BatchDay) -> Iterator[str]:
    found = date.fromisoformat(day.day)
    head = f"{found:%a} {found.day} {found:%b %Y}"
    begin = f"{head:<17}{day.half_hours:>9,}"
    if not day.runs:
        yield f"{begin}  no run yet"
    for run in day.runs:
        money = "nothing moved" if run.net is None else exact(run.net.cash_units)
        at = "" if run.netting is None else f"{run.netting.position:,}"
        yield f"{begin}{run.code:>6}{run.counted:>10,}{money:>23}{at:>13}".rstrip()
        begin = " " * 26
