"""A statement as it is printed: rounded so that everything on the page still adds up. Pure.

>>> from datetime import date
>>> may = DayLine(date(2026, 5, 31), sold_wh=1_234, sold_units=1_450_000)
>>> [line.sold_units for line in _rounded_days([may], opening=50_000, step_wh=10)]
[1500000]
"""

from collections.abc import Sequence
from dataclasses import replace

from ledger.primitives.apportion import apportion
from ledger.primitives.money import UNITS_PER_MAJOR, round_half_even, split_closing
from market.model import Side
from settlement.statement_model import (
    WH_FIELDS,
    Adjustment,
    Charge,
    DayLine,
    GridComparison,
    GridPart,
    HouseholdStatement,
    OnTheWay,
)

PENNY_UNITS = UNITS_PER_MAJOR // 100
"""Ledger units in what is printed as 0.01."""

CHANGE_STEP_WH = 10
"""Energy of days that changed, or are on the way, is printed to 0.01 kWh, as `format_kwh` does."""


def at_printed_precision(statement: HouseholdStatement) -> HouseholdStatement:
    """Round a statement to pence and to `kwh_places` so that everything printed still adds up.

    Columns sum to their totals; opening, sold, bought, given, changes, claims and payments sum to
    closing; what was paid for sums to what was bought, and net and VAT to gross; the comparison
    with the grid sums to its difference, tariff by tariff. No line is off by more than one step,
    what was paid for by a few. Each tariff's amount is the nearest penny, so a sum of them is off by
    half a penny a tariff at most, and what a member is better off by, which is worked out from
    figures that are printed, by a penny more.
    """
    step_wh = 10 ** (3 - statement.kwh_places)
    exact = statement.total
    days = _rounded_days(statement.days, statement.opening_units, step_wh)
    before = statement.opening_units + exact.sold_units - exact.bought_units - exact.given_units
    adjusted = _rounded_adjustments(statement.adjustments, before)
    before += statement.adjusted_units
    [owing] = _split(before, [-statement.claim_units])
    before -= statement.claim_units
    payments = _split(before, [payment.units for payment in statement.payments])
    rounded = replace(
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
        on_the_way=tuple(_rounded_on_the_way(statement.on_the_way)),
    )
    charges = _rounded_charges(statement.charges, rounded)
    grid = _rounded_grid(statement, step_wh)
    return replace(rounded, charges=tuple(charges), grid=grid)


def _rounded_days(days: Sequence[DayLine], opening: int, step_wh: int) -> list[DayLine]:
    """Round days column by column; money runs on from the opening: sold, bought, then given."""
    sold = [line.sold_units for line in days]
    bought = [-line.bought_units for line in days]
    gave = [-line.given_units for line in days]
    money, count = _split(opening, sold + bought + gave), len(days)
    columns = {
        "sold_units": money[:count],
        "bought_units": [-m for m in money[count : 2 * count]],
        "given_units": [-m for m in money[2 * count :]],
    }
    for name in (*WH_FIELDS, "given_wh"):
        columns[name] = _split_wh([getattr(line, name) for line in days], step_wh)
    return [  # a day's charges stay exact: no form prints them by day
        replace(line, **{name: column[index] for name, column in columns.items()})  # type: ignore[arg-type]
        for index, line in enumerate(days)
    ]


def _rounded_adjustments(lines: Sequence[Adjustment], opening: int) -> list[Adjustment]:
    """Round adjustments so that their money runs on from what was before, column by column."""
    count = len(lines)
    parts = [line.sold_units for line in lines]
    parts += [-line.bought_units for line in lines] + [-line.given_units for line in lines]
    money = _split(opening, parts)
    sold_wh, bought_wh = (
        _split_wh([getattr(line, name) for line in lines], CHANGE_STEP_WH)
        for name in ("sold_wh", "bought_wh")
    )
    return [
        Adjustment(
            *(line.day, line.code, sold_wh[index], money[index]),
            *(bought_wh[index], -money[count + index], -money[2 * count + index]),
        )
        for index, line in enumerate(lines)
    ]


def _rounded_on_the_way(lines: Sequence[OnTheWay]) -> list[OnTheWay]:
    columns = [
        _split_wh([line.sold_wh for line in lines], CHANGE_STEP_WH),
        _split(0, [line.sold_units for line in lines]),
        _split_wh([line.bought_wh for line in lines], CHANGE_STEP_WH),
        _split(0, [line.bought_units for line in lines]),
    ]
    figures = zip(*columns, strict=True)
    return [OnTheWay(line.day, line.code, *row) for line, row in zip(lines, figures, strict=True)]


def _rounded_charges(charges: Sequence[Charge], printed: HouseholdStatement) -> list[Charge]:
    """Round what was paid for to what is printed as bought and changed, and VAT rate by rate."""
    bought = {
        False: printed.total.bought_units,
        True: sum(line.bought_units for line in printed.adjustments),
    }
    rounded = list(charges)
    for changed, units in bought.items():
        places = [place for place, each in enumerate(charges) if each.changed is changed]
        for place, share in zip(
            places, spread(units, [charges[place].gross_units for place in places]), strict=True
        ):
            rounded[place] = replace(rounded[place], gross_units=share)
    for rate in {each.permille for each in charges}:
        places = [place for place, each in enumerate(charges) if each.permille == rate]
        exact = [charges[place].vat_units for place in places]
        gross = [rounded[place].gross_units for place in places]
        for place, share in zip(places, _vat_shares(exact, gross), strict=True):
            rounded[place] = replace(rounded[place], vat_units=share)
    return rounded


def _vat_shares(exact: Sequence[int], gross: Sequence[int]) -> list[int]:
    """Split the printed VAT of a rate over what it is in.

    Where all was paid, by what is printed as paid: so no VAT is above what it is in, and none is in
    nothing. Where some was paid back, by the exact VAT.
    """
    total = _nearest(sum(exact))
    weights = [units // PENNY_UNITS for units in gross]
    if min(weights) < 0 or total < 0 or total // PENNY_UNITS > sum(weights):
        return spread(total, exact)
    shares = apportion(total // PENNY_UNITS, weights, lambda place: place)
    return [share * PENNY_UNITS for share in shares]


def _rounded_grid(statement: HouseholdStatement, step_wh: int) -> GridComparison:
    """Round each tariff's amount by itself: whoever multiplies finds it. The sums are of these."""
    exact = {Side.ASK: statement.grid.sold_units, Side.BID: statement.grid.bought_units}
    sums, parts = dict[Side, int](), list[GridPart]()
    for side, units in exact.items():
        mine = [part for part in statement.grid.parts if part.side is side]
        energy = _split_wh([part.wh for part in mine], step_wh)
        rounded = [
            replace(part, wh=wh, units=_nearest(part.units))
            for part, wh in zip(mine, energy, strict=True)
        ]
        sums[side] = sum(part.units for part in rounded) if rounded else _nearest(units)
        parts += rounded
    return GridComparison(sums[Side.BID], sums[Side.ASK], tuple(parts))


def spread(total: int, parts: Sequence[int]) -> list[int]:
    """Round parts to pence so that they sum to a total that is printed already, or nearly theirs.

    Each part is floored, and what is missing goes by the remainders; where there are none, or the
    total is below the floors as it was rounded with others, to the largest part.

    >>> spread(300_000, [149_999, 70_000, 50_000])
    [100000, 100000, 100000]
    """
    if not parts:
        return []
    steps = [part // PENNY_UNITS for part in parts]
    rests = [part % PENNY_UNITS for part in parts]
    missing = total // PENNY_UNITS - sum(steps)
    if missing > 0 and any(rests):
        shares = apportion(missing, rests, lambda place: place)
        return [(s + more) * PENNY_UNITS for s, more in zip(steps, shares, strict=True)]
    largest = max(range(len(parts)), key=lambda place: (abs(parts[place]), -place))
    steps[largest] += missing
    return [step * PENNY_UNITS for step in steps]


def _split(opening: int, lines: Sequence[int]) -> list[int]:
    closing = opening + sum(lines)
    return [p * PENNY_UNITS for p in split_closing(opening, list(lines), closing, PENNY_UNITS)]


def _split_wh(lines: Sequence[int], step_wh: int) -> list[int]:
    return [step_wh * s for s in split_closing(0, list(lines), sum(lines), step_wh)]


def _nearest(units: int) -> int:
    return round_half_even(units, PENNY_UNITS) * PENNY_UNITS
