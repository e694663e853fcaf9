"""A household statement as plain text: for a terminal, an e-mail or a line printer.

At most 78 columns; every column of figures lines up and adds up.

>>> _table([["Day", "kWh"], ["Mon 15", "1.20"]])
['Day      kWh', 'Mon 15  1.20']
"""

import textwrap
from collections.abc import Iterable, Sequence
from datetime import date

from ledger.primitives.energy import format_kwh
from ledger.primitives.money import format_money
from settlement.statement import NOT_THE_BILL, DayLine, HouseholdStatement
from settlement.statement_rounding import at_printed_precision
from settlement.statement_words import (
    ADJUSTED,
    SEAL_DIGITS,
    account_line,
    adjusted_sums,
    comparison,
    day_name,
    fine_print,
    full_day_name,
    having,
    limits,
    month_name,
    payment_party,
    progress,
    signed_money,
)

WIDTH = 78
"""Columns of the page: a terminal's 80, less the breath at its edge."""


def render_text(statement: HouseholdStatement) -> str:
    """Return the statement, rounded as it is printed, ending in a line break."""
    printed = at_printed_precision(statement)
    sections = [
        _head(printed),
        _sums(printed),
        _days(printed, statement.kwh_places),
        _adjustments(printed),
        _payments(printed),
        _with_the_grid(printed),
        _checks(printed),
        [*_wrap(NOT_THE_BILL), *_wrap(" ".join(fine_print(printed)))],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _head(printed: HouseholdStatement) -> list[str]:
    has = f"You have {format_money(printed.closing_units)} {having(printed)}."
    return [
        *_wrap(printed.community),
        f"Statement for {month_name(printed.month)}",
        *_wrap(account_line(printed)),
        "",
        *_wrap(has),
        *_wrap(". ".join(limits(printed)) + "."),
        "",
        *_wrap(comparison(printed)),
        *_wrap(progress(printed)),
    ]


def _sums(printed: HouseholdStatement) -> list[str]:
    total = printed.total
    return _table(
        [
            ["You had at the start", format_money(printed.opening_units)],
            ["Sold to neighbours", signed_money(total.sold_units)],
            ["Bought from neighbours", signed_money(-total.bought_units)],
            *adjusted_sums(printed),
            ["Payments", signed_money(printed.paid_units)],
            ["You have", format_money(printed.closing_units)],
        ]
    )


def _days(printed: HouseholdStatement, places: int) -> list[str]:
    if not printed.days:
        return []
    rows = [
        ["", "Sold", "", "Bought", "", "Own", "From", "To"],
        ["Day", "kWh", "£", "kWh", "£", "use", "grid", "grid"],
        *(_day_row(day_name(line.day), line, places) for line in printed.days),
        _day_row("Total", printed.total, places),
    ]
    lines = _table(rows)
    lines.insert(-1, "-" * len(lines[-1]))
    return ["Your days, in kWh", *lines]


def _day_row(label: str, line: DayLine, places: int) -> list[str]:
    return [
        label,
        format_kwh(line.sold_wh, places),
        format_money(line.sold_units, ""),
        format_kwh(line.bought_wh, places),
        format_money(line.bought_units, ""),
        format_kwh(line.own_use_wh, places),
        format_kwh(line.grid_import_wh, places),
        format_kwh(line.grid_export_wh, places),
    ]


def _adjustments(printed: HouseholdStatement) -> list[str]:
    if not printed.adjustments:
        return []
    rows = [["Day", "Run", "Sold kWh", "£", "Bought kWh", "£"]]
    rows += [
        [
            full_day_name(line.day),
            line.code,
            format_kwh(line.sold_wh, 2),
            format_money(line.sold_units, ""),
            format_kwh(line.bought_wh, 2),
            format_money(line.bought_units, ""),
        ]
        for line in printed.adjustments
    ]
    return [*_wrap(ADJUSTED), *_table(rows)]


def _payments(printed: HouseholdStatement) -> list[str]:
    if not printed.payments:
        return []
    amounts = [signed_money(line.units) for line in printed.payments]
    days = [day_name(line.day) for line in printed.payments]
    wide, width = max(map(len, days)), max(map(len, amounts))
    lines = ["Payments"]
    for line, day, amount in zip(printed.payments, days, amounts, strict=True):
        head = f"{day:<{wide}}  {amount:>{width}}  "
        said = payment_party(line)
        if line.payment.reference:
            said += f": {line.payment.reference}"
        lines += _wrap(said, head)
    return lines


def _with_the_grid(printed: HouseholdStatement) -> list[str]:
    total = printed.total
    if not (total.sold_wh or total.bought_wh):
        return []
    return [
        "The same energy with the grid alone, at your own tariffs",
        *_table(
            [
                ["", "Here", "With the grid", "Better by"],
                [
                    "Sold",
                    signed_money(total.sold_units),
                    signed_money(printed.grid.sold_units),
                    signed_money(printed.sold_gain_units),
                ],
                [
                    "Bought",
                    signed_money(-total.bought_units),
                    signed_money(-printed.grid.bought_units),
                    signed_money(printed.bought_saving_units),
                ],
                [
                    "Together",
                    signed_money(total.sold_units - total.bought_units),
                    signed_money(printed.grid.sold_units - printed.grid.bought_units),
                    signed_money(printed.better_units),
                ],
            ]
        ),
    ]


def _checks(printed: HouseholdStatement) -> list[str]:
    if not printed.seals:
        return []
    rows = [["Day", "Worked out in", "Log entry", "Seal"]]
    rows += [
        [
            day_name(date.fromisoformat(seal.day)),
            f"run {seal.code}",
            str(seal.position),
            seal.tx_id[:SEAL_DIGITS],
        ]
        for seal in printed.seals
    ]
    return [*_wrap(f"Each day is sealed in the log {printed.origin}"), *_table(rows)]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Line up columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else 1
    return [_row(row, widths, " " * gap) for row in rows]


def _row(row: Iterable[str], widths: Sequence[int], gap: str) -> str:
    first, *others = row
    cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
    return gap.join([f"{first:<{widths[0]}}", *cells]).rstrip()


def _wrap(text: str, head: str = "") -> list[str]:
    """Break a sentence into lines; what a terminal would obey or hide is shown as a mark."""
    plain = "".join(c if c.isprintable() else "�" for c in text)
    return textwrap.wrap(plain, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)) or [
        head.rstrip()
    ]
