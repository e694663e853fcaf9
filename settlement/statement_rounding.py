"""A statement as it is printed: rounded so that everything on the page still adds up. Pure.

>>> may = DayLine(date(2026, 5, 31), sold_wh=1_234, sold_units=1_450_000)
>>> [line.sold_units for line in _rounded_days([may], opening=50_000, step_wh=10)]
[1500000]
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from ledger.primitives.money import UNITS_PER_MAJOR, round_half_even, split_closing
from settlement.statement import (
    WH_FIELDS,
    Adjustment,
    DayLine,
    GridComparison,
    HouseholdStatement,
    sum_of,
)

PENNY_UNITS = UNITS_PER_MAJOR // 100
"""Ledger units in what is printed as 0.01."""


def at_printed_precision(statement: HouseholdStatement) -> HouseholdStatement:
    """Round a statement to pence and to `kwh_places` so that everything printed still adds up.

    Columns sum to their totals; opening, sold, bought and payments sum to closing; the
    comparison with the grid sums to its difference. No line is off by more than one step, the
    grid's amounts by no more than two.
    """
    days = _rounded_days(statement.days, statement.opening_units, 10 ** (3 - statement.kwh_places))
    total = sum_of(date.min, days)
    saving, gain = _split(0, [statement.bought_saving_units, statement.sold_gain_units])
    exact = statement.total
    before = statement.opening_units + exact.sold_units - exact.bought_units - exact.given_units
    adjusted = _rounded_adjustments(statement.adjustments, before)
    before += statement.adjusted_units
    [owing] = _split(before, [-statement.claim_units])
    payments = _split(
        before - statement.claim_units, [payment.units for payment in statement.payments]
    )
    return replace(
        statement,
        adjustments=tuple(adjusted),
        claim_units=-owing,
        owed_units=_nearest(statement.owed_units),
        opening_units=_nearest(statement.opening_units),
        days=tuple(days),
        payments=tuple(
            replace(line, payment=replace(line.payment, units=units))
            for line, units in zip(statement.payments, payments, strict=True)
        ),
        closing_units=_nearest(statement.closing_units),
        set_aside_units=_nearest(statement.set_aside_units),
        grid=GridComparison(total.bought_units + saving, total.sold_units - gain),
    )


def _rounded_days(days: Sequence[DayLine], opening: int, step_wh: int) -> list[DayLine]:
    """Round days column by column; money runs on from the opening: first sold, then bought."""
    sold = [line.sold_units for line in days]
    bought = [-line.bought_units for line in days]
    gave = [-line.given_units for line in days]
    money, count = _split(opening, sold + bought + gave), len(days)
    columns = {
        "sold_units": money[:count],
        "bought_units": [-m for m in money[count : 2 * count]],
        "given_units": [-m for m in money[2 * count :]],
        "given_wh": [line.given_wh for line in days],
    }
    for name in WH_FIELDS:
        exact = [getattr(line, name) for line in days]
        columns[name] = [step_wh * s for s in split_closing(0, exact, sum(exact), step_wh)]
    return [
        DayLine(line.day, **{name: column[index] for name, column in columns.items()})
        for index, line in enumerate(days)
    ]


def _rounded_adjustments(lines: Sequence[Adjustment], opening: int) -> list[Adjustment]:
    """Round adjustments so that their money runs on from what was before."""
    parts = [
        units
        for line in lines
        for units in (line.sold_units, -line.bought_units, -line.given_units)
    ]
    money = _split(opening, parts)
    return [
        replace(line, sold_units=sold, bought_units=-bought, given_units=-gave)
        for line, sold, bought, gave in zip(lines, *(money[i::3] for i in range(3)), strict=True)
    ]


def _split(opening: int, lines: list[int]) -> list[int]:
    closing = opening + sum(lines)
    return [p * PENNY_UNITS for p in split_closing(opening, lines, closing, PENNY_UNITS)]


def _nearest(units: int) -> int:
    return round_half_even(units, PENNY_UNITS) * PENNY_UNITS
