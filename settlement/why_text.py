"""Why a half-hour came to what it came to, for people: a sentence first, then the chain. Pure.

>>> from settlement.why_words import kwh
>>> kwh(352)
'0.352 kWh'
"""

from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

from ledger.primitives.counted import counted
from ledger.primitives.money import format_price
from ledger.primitives.periods import load_zone
from market.model import Side
from settlement.postings import Line
from settlement.why_cap_words import cap_sentence
from settlement.why_model import Brief, Outcome, RunTold, Why
from settlement.why_reading_words import reading_rows
from settlement.why_version_model import Counted
from settlement.why_words import (
    WARNING,
    account,
    amount,
    at_price,
    cite,
    clock,
    differing,
    exact,
    heading,
    kwh,
    local_instant,
    long_date,
    month_name,
    paragraph,
    pennies,
    row,
    rows,
    run_list,
)


def why_text(why: Why) -> str:
    """Return an explanation as a person reads it, at most 78 columns wide."""
    zone = load_zone(why.zone)
    when = f"{clock(why.period, zone)} on {long_date(date.fromisoformat(why.day))}"
    lines = [account(why.name, why.member), ""]
    lines += paragraph(" ".join(_story(why, when)))
    lines += ["", *_heading(why, zone), *_chain(why, zone)]
    if len(why.briefs) > 1:
        lines += ["", *_runs(why)]
    return "\n".join([*lines, "", *_verdict(why), ""])


def _story(why: Why, when: str) -> Iterator[str]:
    """Say in a few sentences what came of the half-hour."""
    told, line = why.told, why.told.line
    if why.differences:
        yield WARNING
    yield f"In the half-hour from {when} {_traded(line)}"
    yield from _rest(line)
    yield from _unread(told)
    if told.order is not None and told.order.cap is not None:
        yield cap_sentence(told.order)
    yield from _changed(why)
    if not told.posts:
        yield "This is on its way, not final: nothing was paid yet."


def _traded(line: Line) -> str:
    """Say what was traded with neighbours."""
    if line.sold_wh:
        got = "which is" if line.sold_units >= 0 else "and paid"
        money = pennies(abs(line.sold_units))
        price = at_price(line.sold_units, line.sold_wh)
        return f"you sold {kwh(line.sold_wh)} to neighbours {price}, {got} {money}."
    if line.bought_wh:
        paid = "which is" if line.bought_units >= 0 else "and got"
        money = pennies(abs(line.bought_units))
        price = at_price(line.bought_units, line.bought_wh)
        return f"you bought {kwh(line.bought_wh)} from neighbours {price}, {paid} {money}."
    return "you traded nothing with neighbours."


def _rest(line: Line) -> Iterator[str]:
    if line.grid_import_wh:
        yield f"{kwh(line.grid_import_wh)} came from the grid."
    if line.grid_export_wh:
        yield f"{kwh(line.grid_export_wh)} went to the grid."
    if line.own_use_wh:
        yield f"You used {kwh(line.own_use_wh)} of your own."


def _unread(told: RunTold) -> Iterator[str]:
    for reading in told.readings:
        name = f"{reading.meter} {reading.channel}"
        if reading.counted is Counted.MISSING:
            yield f"There was no reading of {name}: it counted as zero."
        elif reading.counted is Counted.SILENT:
            yield f"Nobody read {name} for two weeks, so it counted as zero."
        elif reading.counted is Counted.HELD_BACK:
            yield f"{name} was not read: an estimate of what was given counts only in the last run."
        elif reading.used is not None and reading.used.inputs:
            yield f"{name} was not read: an estimate counted."


def _changed(why: Why) -> Iterator[str]:
    """Say what a later run changed, and what may still change."""
    posted = [brief for brief in why.briefs if brief.posts]
    made = [brief.code for brief in posted]
    if why.told.code in made[1:]:
        at = made.index(why.told.code)
        before, now = posted[at - 1], posted[at]
        if before.line != now.line:
            yield f"Run {before.code} had it as {_came_to(before.line)}; {_because(now)}"
    for reading in why.told.readings:
        if any(not version.used_by for version in reading.later):
            yield f"Another reading of {reading.meter} {reading.channel} came since, and no run used it yet."


def _because(brief: Brief) -> str:
    """Say which readings made a run come to something else."""
    words = [
        f"{meter} {channel} is {now:,} Wh and not {was:,}"
        for meter, channel, was, now in brief.changed
    ]
    if brief.others == 1:
        words.append("a neighbour's reading changed")
    elif brief.others:
        words.append(f"{brief.others:,} readings of neighbours changed")
    if not words:
        words.append("earlier half-hours of the day took another part of the money that was left")
    return f"{brief.code} changed it, since {run_list(words)}."


def _heading(why: Why, zone: ZoneInfo) -> list[str]:
    told = why.told
    known = local_instant(told.known_at_ms, zone)
    verb = "Shown by" if not told.posts else "Worked out by"
    return heading(f"{verb} run {told.code}, with what was known on {known}")


def _chain(why: Why, zone: ZoneInfo) -> Iterator[str]:
    """Yield the rows from the statement's line down to the readings."""
    told = why.told
    yield from _statement(why)
    yield from _line(told)
    yield from _clearing(told)
    yield from _order(told)
    yield from _rules(told)
    yield from _meters(told)
    for reading in told.readings:
        yield from reading_rows(reading, zone)
    if told.begin is not None:
        verb = "money was set aside" if told.begin.kind == "hold" else "run begun"
        yield from row("Begun", f"{verb}, {cite(told.begin)}", told.begin.position)
    if told.dispute is not None:
        words = f"upheld, and led to this run, {cite(told.dispute)}"
        yield from row("Dispute", words, told.dispute.position)
    if told.seal is not None:
        yield from row("Sealed", f"the day's run, {cite(told.seal)}", told.seal.position)
    yield from row("Log", _log(why))


def _statement(why: Why) -> Iterator[str]:
    told = why.told
    paid = [moved for moved in told.moved if moved.part.sold_units != moved.part.bought_units]
    if told.posts and not paid:
        yield from row("Statement", "no money moved for this half-hour")
        return
    parts: list[tuple[str, int | None]] = []
    for moved in paid:
        units = moved.part.sold_units - moved.part.bought_units
        net = moved.net
        words = (
            f"{month_name(moved.month)}, run {net.code}: {exact(units)} is this half-hour's part of "
            f"the net line of {_day(why.day)}, {exact(net.cash_units)} in the wallet"
        )
        if net.claim_units:
            words += f" and {exact(net.claim_units)} in what is owed"
        if net.given_units:
            words += f"; {exact(net.given_units)[1:]} of what that day sold went to the help fund"
        parts.append((words, moved.netting.position))
    if len(paid) > 1:
        parts.append((f"the day's half-hours come to {exact(told.day_units)} together", None))
    elif not told.posts:
        parts.append((f"the day would come to {exact(told.day_units)}; nothing is paid yet", None))
    yield from rows("Statement", parts)


def _line(told: RunTold) -> Iterator[str]:
    line = told.line
    parts: list[tuple[str, int | None]] = [(line_words(line), None)]
    if told.settlement is not None:
        parts[0] = (parts[0][0], told.settlement.position)
        replaced = ""
        if told.replaces is not None:
            replaced = f", in place of that of log entry {told.replaces.position:,}"
        parts.append((f"settlement {cite(told.settlement)}{replaced}", None))
    if told.worked_in != told.code:
        parts.append((f"as run {told.worked_in} left it: {told.code} found nothing else", None))
    if told.place is not None:
        where = f"line {told.place.number} of {told.place.lines}"
        proof = {
            True: "together they give the root that was signed",
            False: "together they do NOT give the root that was signed",
            None: "the salts were erased, so the root cannot be made again",
        }[told.place.root]
        parts.append((f"{where}; {proof}", None))
    yield from rows("Line", parts)


def line_words(line: Line) -> str:
    """Write what a half-hour came to."""
    words = [
        f"{verb} {wh:,} Wh, {amount(units)}"
        for verb, wh, units in (
            ("sold", line.sold_wh, line.sold_units),
            ("bought", line.bought_wh, line.bought_units),
        )
        if wh
    ]
    words += [
        f"{where} {wh:,} Wh"
        for where, wh in (
            ("from the grid", line.grid_import_wh),
            ("to the grid", line.grid_export_wh),
            ("own use", line.own_use_wh),
        )
        if wh
    ]
    return "; ".join(words) or "nothing taken, nothing given"


def _clearing(told: RunTold) -> Iterator[str]:
    market = told.market
    at = None if told.clearing is None else told.clearing.position
    if market is None:
        if told.clearing is not None:
            yield from row("Clearing", f"clearing {cite(told.clearing)}", at)
        return
    sentences = " ".join(market.sentences) or (
        f"{kwh(market.matched_wh)} matched between neighbours."
    )
    parts: list[tuple[str, int | None]] = [(sentences, at)]
    if told.clearing is not None:
        hashes = f"market {market.market[:12]}, result {market.result[:12]}"
        parts.append((f"clearing {cite(told.clearing)}, {hashes}", None))
    if told.posts:
        proof = {
            True: "certificate verified just now: no other result follows from the rules",
            False: "the certificate does NOT hold",
            None: "the certificate cannot be verified any more",
        }[market.certificate]
        parts.append((proof, None))
    yield from rows("Clearing", parts)


def _order(told: RunTold) -> Iterator[str]:
    order = told.order
    if order is None:
        return
    ask = order.side is Side.ASK
    least = "at least" if ask else "at most"
    words = f"{'offered' if ask else 'wanted'} {order.wh:,} Wh at {format_price(order.limit_ticks)} {least}"
    if order.cap is not None:
        words += f", cut from {order.boundary_wh:,} Wh"
    if order.hold_units:
        words += f"; {amount(order.hold_units)} set aside for it"
    yield from row("Order", words)
    offer = f"{'sell from' if ask else 'buy up to'} {format_price(order.offer_ticks)} a kWh"
    if order.price_lowered:
        offer += ", lowered by the mandate's price"
    yield from row("Offer", offer, None if order.offer is None else order.offer.position)
    needs_money = order.limit_ticks < 0 if ask else order.limit_ticks > 0
    if not needs_money:
        return
    mandate = order.mandate
    if mandate is None:
        yield from row("Mandate", "none covers this half-hour")
    else:
        yield from row(
            "Mandate",
            f"a half-hour {mandate.wh_period_max:,} Wh and {amount(mandate.units_period_max)}, a day "
            f"{amount(mandate.units_day_max)}, at {format_price(mandate.price_ticks_max)} at most",
            mandate.entry.position,
        )
    left = max(0, order.funds_units - order.spent_units)
    yield from row(
        "Funds",
        f"{amount(order.funds_units)} for the day, {amount(order.spent_units)} set aside for "
        f"other half-hours: {amount(left)} left",
        None if told.hold is None else told.hold.position,
    )


def _rules(told: RunTold) -> Iterator[str]:
    for agreed in told.agreements:
        yield from row(
            "Agreement",
            f"{agreed.id[-8:]} at {format_price(agreed.price_ticks)} a kWh: {agreed.wh:,} Wh served",
            agreed.entry.position,
        )
    at = None if told.rules is None else told.rules.position
    yield from row("Rules", f"version {told.rules_version}", at)


def _meters(told: RunTold) -> Iterator[str]:
    flow = told.flow
    if flow is None:
        return
    words = f"{flow.imported_wh:,} Wh taken, {flow.exported_wh:,} Wh given"
    if flow.own_use_wh:
        words += f"; {flow.own_use_wh:,} Wh of both is own use"
    if told.factors_ppm is not None:
        imports, exports = told.factors_ppm
        words += (
            f"; at the network's boundary, what is taken counts {_percent(imports)} and what is "
            f"given {_percent(exports)}"
        )
    yield from row("Meters", words)


def _percent(ppm: int) -> str:
    whole, part = divmod(ppm, 10_000)
    return f"{whole}.{part:04d}".rstrip("0").rstrip(".") + " %"


def _log(why: Why) -> str:
    words = f"{why.origin}, {why.log_size:,} entries"
    if why.published == why.log_size:
        words += ", all published"
    elif why.published is not None:
        words += f", published before entry {why.published:,}"
    return words


def _runs(why: Why) -> list[str]:
    """Return one line a run, with what changed and why."""
    lines = ["Run by run"]
    for at, brief in enumerate(why.briefs):
        if not brief.worked_out:
            words = "left it as it was"
        elif at and brief.line == why.briefs[at - 1].line:
            words = "came to the same"
        else:
            words = _came_to(brief.line)
        if at and brief.worked_out and (brief.changed or brief.others):
            words += f"; {_because(brief).partition('since ')[2].rstrip('.')}"
        shown = "" if brief.posts else " (only shown)"
        mark = " ←" if brief.code == why.told.code else ""
        entry = None if brief.seal is None else brief.seal.position
        lines += row(f"  {brief.code}{mark}", words + shown, entry)
    return lines


def _came_to(line: Line) -> str:
    """Say shortly what a half-hour came to."""
    if line.sold_wh:
        return f"sold {line.sold_wh:,} Wh, {exact(line.sold_units)}"
    if line.bought_wh:
        return f"bought {line.bought_wh:,} Wh, {exact(-line.bought_units)}"
    return f"nothing traded, {line_words(line)}"


def _verdict(why: Why) -> list[str]:
    lines: list[str] = []
    for sentence in why.gone:
        lines += paragraph(sentence)
    held = [check for check in why.checks if check.outcome is Outcome.HOLDS]
    if why.differences:
        lines += differing(why.differences)
    elif why.told.posts:
        known = "" if len(held) == len(why.checks) else " What was erased cannot be compared."
        lines += paragraph(
            f"Worked out again just now from the log, {counted(len(held), 'comparison')}: all agree."
            f"{known}"
        )
    lines += _next(why)
    return lines


def _next(why: Why) -> list[str]:
    if why.next_run is None:
        return ["The day is closed: only a dispute that is upheld changes it."]
    code, due_ms = why.next_run
    when = local_instant(due_ms, load_zone(why.zone))
    return paragraph(f"The next run of this day is {code}, from {when} on.")


def _day(day: str) -> str:
    found = date.fromisoformat(day)
    return f"{found:%a} {found.day}"
