"""A member's day for people: a table of half-hours that sums exactly to the wallet's movement. Pure.

>>> pounds(-503_360), pounds(0)
('−0.0503360', '0.0000000')
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import load_zone
from settlement.postings import Line
from settlement.why_day_model import DayRun, WhyDay
from settlement.why_model import Outcome
from settlement.why_words import (
    RULER,
    WARNING,
    account,
    begins,
    differing,
    exact,
    local_instant,
    long_date,
    paragraph,
    pennies,
    row,
)

WH_COLUMNS = ("sold_wh", "bought_wh", "grid_import_wh", "grid_export_wh", "own_use_wh")
WH_HEADS = ("sold", "bought", "from grid", "to grid", "own use")


def why_day_text(why: WhyDay) -> str:
    """Return a day as a person reads it, at most 78 columns wide."""
    lines = [account(why.name, why.member), "", *paragraph(" ".join(_story(why))), ""]
    lines += _table(why)
    if why.runs:
        lines += ["", *_runs(why.runs)]
    changes = [run for run in why.runs if run.changes]
    for run in changes:
        lines += ["", *_changes(why, run)]
    return "\n".join([*lines, "", *_verdict(why), ""])


def _story(why: WhyDay) -> Iterator[str]:
    total, when = why.total, long_date(date.fromisoformat(why.day))
    if why.differences:
        yield WARNING
    parts = []
    if total.sold_wh:
        parts.append(f"sold {_kwh(total.sold_wh)} to neighbours for {pennies(total.sold_units)}")
    if total.bought_wh:
        parts.append(
            f"bought {_kwh(total.bought_wh)} from neighbours for {pennies(total.bought_units)}"
        )
    yield f"On {when} you {' and '.join(parts) or 'traded nothing with neighbours'}."
    if not why.posts:
        yield "This is on its way, not final: nothing was paid yet."
        return
    nets = [run.net for run in why.runs if run.net is not None]
    cash, claims = sum(net.cash_units for net in nets), sum(net.claim_units for net in nets)
    yield f"In your wallet that is {exact(cash)}, in {counted(len(nets), 'net line')}."
    given = sum(net.given_units for net in nets)
    if given:
        yield f"Of what you sold, {exact(given)[1:]} went to the help fund."
    if claims < 0:
        yield f"{exact(-claims)[1:]} you owe still, as the wallet could not pay it then."
    elif claims > 0:
        yield f"{exact(claims)[1:]} was not paid to you yet, or repaid an older debt of yours."


def _kwh(energy_wh: int) -> str:
    return f"{format_kwh(energy_wh, 3)} kWh"


def pounds(units: int) -> str:
    """Write units as pounds, with all seven decimals and a true minus sign."""
    whole, part = divmod(abs(units), UNITS_PER_MAJOR)
    return f"{'−' if units < 0 else ''}{whole:,}.{part:07d}"


def _table(why: WhyDay) -> list[str]:
    """Return the half-hours, in Wh and pounds."""
    zone = load_zone(why.zone)
    lines = [f"{'Wh, run ' + why.code:<13}{_cells(WH_HEADS)}{'£':>15}"]
    lines += [f"{begins(line.period, zone):<13}{_counts(line)}" for line in why.lines]
    return [*lines, RULER, f"{'The day':<13}{_counts(why.total)}"]


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"{text:>10}" for text in texts)


def _counts(line: Line) -> str:
    wh = _cells(f"{getattr(line, name):,}" for name in WH_COLUMNS)
    return f"{wh}{pounds(line.sold_units - line.bought_units):>15}"


def _runs(runs: Sequence[DayRun]) -> list[str]:
    """Return the net line of each run."""
    heads = ("Run", "Statement", "sold Wh", "bought Wh", "in the wallet", "owed", "log entry")
    lines = [_net_row(heads)]
    for run in runs:
        net = run.net
        if net is None or run.netting is None or run.month is None:
            at = "" if run.seal is None else f"{run.seal.position:,}"
            lines.append(_net_row((run.code, "nothing", "", "", "", "", at)))
            continue
        month = date.fromisoformat(f"{run.month}-01")
        lines.append(
            _net_row(
                (
                    run.code,
                    f"{month:%b %Y}",
                    f"{net.change.sold_wh:,}".replace("-", "−"),
                    f"{net.change.bought_wh:,}".replace("-", "−"),
                    pounds(net.cash_units),
                    pounds(net.claim_units),
                    f"{run.netting.position:,}",
                )
            )
        )
    return lines


def _net_row(cells: Sequence[str]) -> str:
    code, month, sold, bought, cash, owed, at = cells
    return f"{code:<5}{month:<11}{sold:>9}{bought:>11}{cash:>15}{owed:>15}{at:>12}".rstrip()


def _changes(why: WhyDay, run: DayRun) -> Iterator[str]:
    """Yield the half-hours that a later run changed, and the readings that made it."""
    zone = load_zone(why.zone)
    yield f"What run {run.code} changed"
    for change in run.changes:
        before, after = change.before, change.after
        units = (after.sold_units - after.bought_units) - (before.sold_units - before.bought_units)
        words = [
            f"{verb} {old:,} → {new:,} Wh"
            for verb, old, new in (
                ("sold", before.sold_wh, after.sold_wh),
                ("bought", before.bought_wh, after.bought_wh),
                ("from the grid", before.grid_import_wh, after.grid_import_wh),
                ("to the grid", before.grid_export_wh, after.grid_export_wh),
            )
            if old != new
        ]
        words.append(exact(units))
        read = [f"{m} {c} {old:,} → {new:,} Wh" for m, c, old, new in change.readings]
        why_so = "; ".join(read) or "a neighbour's reading changed, none of yours"
        yield from row(begins(after.period, zone), f"{', '.join(words)} ({why_so})")


def _verdict(why: WhyDay) -> list[str]:
    held = sum(check.outcome is Outcome.HOLDS for check in why.checks)
    if why.differences:
        return differing(why.differences)
    lines = []
    if why.posts:
        lines += paragraph(
            f"The half-hours sum to the net lines, and these to what moved: {counted(held, 'comparison')}"
            ", all agree."
        )
    if why.next_run is not None:
        code, due_ms = why.next_run
        lines.append(
            f"The next run of this day is {code}, from {local_instant(due_ms, load_zone(why.zone))} on."
        )
    example = f"{why.day}T13:00"
    return [*lines, *paragraph(f"One half-hour in full: commonwatt why {_who(why)} {example}")]


def _who(why: WhyDay) -> str:
    name = why.name or why.member[:8]
    return f'"{name}"' if " " in name else name
