"""What is printed on a statement's page: every word and figure, once, for all forms. Pure.

>>> _figure("sold_wh", 1_230), _figure("sold_units", 1_230_000)
('1.23', '0.12')
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_money, format_price
from market.model import Side
from settlement.statement_model import (
    NOT_THE_BILL,
    Adjustment,
    ChargedFor,
    DayLine,
    HouseholdStatement,
    OnTheWay,
    Seal,
)
from settlement.statement_page import (
    Entries,
    Entry,
    Notes,
    Page,
    Row,
    Section,
    Sums,
    Table,
)
from settlement.statement_rounding import at_printed_precision
from settlement.statement_words import (
    SEAL_DIGITS,
    account_end,
    account_line,
    comparison,
    day_name,
    dispute_words,
    fine_print,
    full_day_name,
    having,
    leaving,
    limits,
    month_name,
    payment_party,
    percent,
    progress,
    signed_money,
)


def page_of(statement: HouseholdStatement) -> Page:
    """Return the page of an exact statement, rounded as it is printed."""
    printed = at_printed_precision(statement)
    return Page(
        printed.community,
        f"Statement for {month_name(printed.month)}",
        account_line(printed),
        f"Statement for {month_name(printed.month)}, {account_end(printed)}",
        format_money(printed.closing_units),
        having(printed),
        tuple(limits(printed)),
        comparison(printed),
        progress(printed),
        tuple(leaving(printed)),
        tuple(_sections(printed, statement)),
        NOT_THE_BILL,
    )


def _sections(printed: HouseholdStatement, exact: HouseholdStatement) -> Iterator[Section]:
    yield _sums(printed)
    places, has_energy = exact.kwh_places, not printed.is_without_energy
    if printed.days and has_energy:
        yield _days(printed, places)
    if _is_charged(printed):
        yield _charges(printed)
    if printed.adjustments and has_energy:
        yield _adjustments(printed)
    if printed.disputes:
        yield Notes("Disputes", tuple(map(dispute_words, printed.disputes)))
    if printed.on_the_way:
        yield _on_the_way(printed)
    if printed.payments:
        yield _payments(printed)
    is_compared = bool(printed.total.sold_wh) and not printed.shares_only
    if is_compared or printed.total.bought_wh:
        yield _with_the_grid(printed)
        if printed.grid.parts:
            yield _tariffs(printed, exact, places)
    yield Notes("Good to know", tuple(fine_print(printed)))
    if printed.seals or printed.later_seals:
        yield _checks(printed)


def _sums(printed: HouseholdStatement) -> Sums:
    total = printed.total
    rows = [
        ("You had at the start", format_money(printed.opening_units)),
        ("Sold to neighbours", signed_money(total.sold_units)),
        ("Bought from neighbours", signed_money(-total.bought_units)),
    ]
    if total.given_units or total.given_wh:
        kwh = "" if printed.is_without_energy else f", {format_kwh(total.given_wh)} kWh"
        rows.append((f"Given to the help fund{kwh}", signed_money(-total.given_units)))
    if printed.adjustments:
        rows.append(("Changed since, of earlier days", signed_money(printed.adjusted_units)))
    if printed.claim_units < 0:
        words = "Not taken yet, as you could not pay it"
        rows.append((words, signed_money(-printed.claim_units)))
    elif printed.claim_units > 0:
        words = "Not paid to you yet, or repaid by you"
        rows.append((words, signed_money(-printed.claim_units)))
    rows.append(("Payments", signed_money(printed.paid_units)))
    rows.append(("You have", format_money(printed.closing_units)))
    return Sums("Your account", tuple(rows))


_NEIGHBOURS = (
    ("Sold\nkWh", "sold_wh"),
    ("Sold\n£", "sold_units"),
    ("Bought\nkWh", "bought_wh"),
    ("Bought\n£", "bought_units"),
)
_OTHERS = (
    ("Own use\nkWh", "own_use_wh"),
    ("From grid\nkWh", "grid_import_wh"),
    ("To grid\nkWh", "grid_export_wh"),
)
_SHARE_TO_GRID = ("Not taken\nkWh", "grid_export_wh")
"""What nobody took of a share: it goes to the grid elsewhere, and the member has no part in that."""

_PAIRED = {"sold_units": "sold_wh", "bought_units": "bought_wh"}
"""Money stands beside its energy, or neither does."""


def _days(printed: HouseholdStatement, places: int) -> Table:
    """Return the days, without columns of nothing: who only buys is not shown what was sold."""

    def is_used(name: str) -> bool:
        names = [name, *(each for pair in _PAIRED.items() for each in pair if name in pair)]
        return any(getattr(line, each) for each in names for line in printed.days)

    def row(label: str, line: DayLine) -> Row:
        return (label, *(_figure(name, getattr(line, name), places) for _, name in kept))

    neighbours = [column for column in _NEIGHBOURS if is_used(column[1])]
    others = [column for column in _OTHERS if is_used(column[1])]
    if printed.shares_only:
        others = [
            _SHARE_TO_GRID if name == "grid_export_wh" else (head, name) for head, name in others
        ]
    kept = [*neighbours, *others]
    both = bool(neighbours and others)
    return Table(
        "days",
        "Your days",
        ("Day", *(head for head, _ in kept)),
        tuple(row(day_name(line.day), line) for line in printed.days),
        row("Total", printed.total),
        split=len(neighbours) if both else None,
        split_titles=("With neighbours", "On your own and with the grid"),
    )


def _figure(name: str, value: int, places: int = 2) -> str:
    """Write energy or money, by what its name ends in."""
    return format_kwh(value, places) if name.endswith("_wh") else format_money(value, "")


_CHARGED_FOR = {
    ChargedFor.ENERGY: "Energy from neighbours",
    ChargedFor.NETWORK: "Network charge",
    ChargedFor.FEE: "Community’s charge",
}


def _has_vat(printed: HouseholdStatement) -> bool:
    return bool(printed.vat_number) or any(each.permille is not None for each in printed.charges)


def _is_charged(printed: HouseholdStatement) -> bool:
    """Return whether something is in what was paid for energy besides the energy."""
    others = any(each.what is not ChargedFor.ENERGY for each in printed.charges)
    return others or (bool(printed.charges) and _has_vat(printed))


def _charges(printed: HouseholdStatement) -> Table:
    has_vat = _has_vat(printed)
    rows = []
    for each in printed.charges:
        label = _CHARGED_FOR[each.what] + (", changed since" if each.changed else "")
        vat = (
            format_money(each.net_units, ""),
            "none" if each.permille is None else percent(each.permille),
            format_money(each.vat_units, ""),
        )
        gross = format_money(each.gross_units, "")
        if not any((each.net_units, each.vat_units, each.gross_units)):
            continue
        rows.append((label, *vat, gross) if has_vat else (label, gross))
    sums = [
        sum(getattr(each, f"{name}_units") for each in printed.charges)
        for name in ("net", "vat", "gross")
    ]
    net, vat_units, gross_units = (format_money(units, "") for units in sums)
    total = ("Together", net, "", vat_units, gross_units) if has_vat else ("Together", gross_units)
    heads = ("", "Without\nVAT, £", "Rate", "VAT\n£", "You paid\n£") if has_vat else ("", "£")
    number = f" The group’s number for VAT is {printed.vat_number}." if printed.vat_number else ""
    return Table(
        "charges",
        "What is in the price of what you bought",
        heads,
        tuple(rows),
        total,
        note=f"VAT is inside the prices that you pay.{number}" if has_vat else "",
    )


def _adjustments(printed: HouseholdStatement) -> Table | Notes:
    lines = [line for line in printed.adjustments if _is_printed(line)]
    rest = len(printed.adjustments) - len(lines)
    others = f"{counted(rest, 'other')} changed by less than is printed." if rest else ""
    if not lines:
        return Notes("Changed since", (f"{counted(rest, 'day')} changed by less than is printed.",))
    gave = any(line.given_units for line in lines)
    columns = [
        *_NEIGHBOURS,
        *([("Given\n£", "given_units")] if gave else []),
        ("For you\n£", "units"),
    ]
    return _by_run(
        *("adjustments", "Changed since", columns, lines, full_day_name),
        intro="Days that were worked out before, and again with readings that came later or were "
        "corrected. A figure here is what is more than before; less stands with a minus sign.",
        split=len(_NEIGHBOURS),
        split_titles=("Changed since", "Changed since, for you"),
        note=others,
    )


def _is_printed(line: Adjustment) -> bool:
    """Return whether a rounded line prints anything but zeros."""
    return any((line.sold_wh, line.sold_units, line.bought_wh, line.bought_units, line.given_units))


def _on_the_way(printed: HouseholdStatement) -> Table:
    return _by_run(
        *("way", "On the way, not final", _NEIGHBOURS, printed.on_the_way, day_name),
        intro="What these days would come to as far as is known. None of it is in what you have.",
    )


def _by_run(
    key: str,
    title: str,
    columns: Sequence[tuple[str, str]],
    lines: Sequence[Adjustment | OnTheWay],
    name_of: Callable[[date], str],
    **others: Any,
) -> Table:
    """Return one row a day and run, and their sum."""
    figures = [[getattr(line, name) for _, name in columns] for line in lines]
    sums = [sum(column) for column in zip(*figures, strict=True)]

    def row(day: str, run: str, values: Sequence[int]) -> Row:
        cells = (_figure(name, value) for (_, name), value in zip(columns, values, strict=True))
        return (f"{day}, {run}" if run else day, *cells)

    return Table(
        key,
        title,
        ("Day, run", *(head for head, _ in columns)),
        tuple(
            row(name_of(line.day), line.code, each)
            for line, each in zip(lines, figures, strict=True)
        ),
        row("Total", "", sums),
        **others,
    )


def _payments(printed: HouseholdStatement) -> Entries:
    return Entries(
        "Payments",
        tuple(
            Entry(
                payment_party(line),
                line.payment.reference or None,
                day_name(line.day),
                signed_money(line.units),
            )
            for line in printed.payments
        ),
    )


def _with_the_grid(printed: HouseholdStatement) -> Table:
    total, grid = printed.total, printed.grid
    rows = [
        ("Sold", total.sold_units, grid.sold_units, printed.sold_gain_units),
        ("Bought", -total.bought_units, -grid.bought_units, printed.bought_saving_units),
    ]
    used = [total.sold_wh > 0 and not printed.shares_only, total.bought_wh > 0]
    together = (
        total.sold_units - total.bought_units,
        grid.sold_units - grid.bought_units,
        printed.better_units,
    )
    return Table(
        "grid",
        "The same energy with the grid alone, at your own tariffs",
        ("", "Here", "With the grid", "Better by"),
        tuple(
            (label, *map(signed_money, units))
            for is_used, (label, *units) in zip(used, rows, strict=True)
            if is_used
        ),
        ("Together", *map(signed_money, together)) if all(used) else None,
    )


def _tariffs(printed: HouseholdStatement, exact: HouseholdStatement, places: int) -> Table:
    has_losses = any(part.units != part.wh * part.ticks for part in exact.grid.parts)
    rows = [
        (
            f"{'Sold' if part.side is Side.ASK else 'Bought'} at {format_price(part.ticks)}",
            format_kwh(part.wh, places),
            signed_money(part.units if part.side is Side.ASK else -part.units),
        )
        for part in printed.grid.parts
    ]
    together = printed.grid.sold_units - printed.grid.bought_units
    return Table(
        "tariffs",
        "How the grid’s amount is worked out",
        ("Your tariff", "kWh", "With the grid"),
        tuple(rows),
        ("Together", "", signed_money(together)) if len(rows) > 1 else None,
        note=_LOSSES if has_losses else "",
    )


_LOSSES = (
    "These kWh are at the network’s edge, with its losses: the grid’s amount is for what your meter "
    "says."
)


def _checks(printed: HouseholdStatement) -> Table:
    rows = [_seal_row(day_name(date.fromisoformat(seal.day)), seal) for seal in printed.seals]
    rows += [
        _seal_row(full_day_name(date.fromisoformat(seal.day)), seal) for seal in printed.later_seals
    ]
    return Table(
        "checks",
        "How to check this",
        ("Day", "Run", "Log entry", "Seal"),
        tuple(rows),
        intro=f"Each day was worked out by a run, and sealed in the log {printed.origin}",
    )


def _seal_row(label: str, seal: Seal) -> Row:
    return (label, seal.code, str(seal.position), seal.tx_id[:SEAL_DIGITS])
