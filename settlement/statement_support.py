"""A member's statement for whoever supports them: money always, energy as far as the member allows. Pure.

Money by the day would tell energy by the day, as the price is known; so what is left is the month's sums.

>>> months_only((), date(2026, 6, 1))
()
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from meters.readings import Channel
from settlement.consents import HALF_HOUR, may_use
from settlement.state import CommunityState
from settlement.statement_model import (
    Adjustment,
    DayLine,
    GridComparison,
    HouseholdStatement,
    sum_of,
)
from settlement.supporting import DAY, SUPPORT


def allows_month(state: CommunityState, member: str, periods: range) -> bool:
    """Return whether a member allows for support to see each day of some half-hours.

    Of a month that was allowed in part nothing is: its sums would tell of the other part. Whoever has no
    meter has nothing to allow: their energy is a share of a neighbour's roof.

    Args:
        state: what was agreed.
        member: id.
        periods: half-hours that began already.
    """
    mine = [
        meter
        for meter, uses in state.meters.items()
        if any(use.member == member for _, use in uses)
    ]
    return all(
        may_use(state, meter, SUPPORT, period, channel) in (HALF_HOUR, DAY)
        for meter in mine
        for channel in Channel
        for period in periods
        if state.reader_of(meter, channel, period) == member
    )


def without_energy(statement: HouseholdStatement) -> HouseholdStatement:
    """Return a statement with its money by the month, and no energy at all."""
    first = date.fromisoformat(f"{statement.month}-01")
    return replace(
        statement,
        days=months_only(statement.days, first),
        adjustments=_changed(statement.adjustments, first),
        on_the_way=(),
        grid=GridComparison(0, 0),
        readings=0,
        estimated=0,
        is_without_energy=True,
    )


def months_only(days: Sequence[DayLine], first: date) -> tuple[DayLine, ...]:
    """Return the money of some days as one line, if there are any."""
    if not days:
        return ()
    whole = sum_of(first, days)
    names = ("sold_units", "bought_units", "given_units", "network_units", "fee_units")
    return (DayLine(first, **{name: getattr(whole, name) for name in names}),)


def _changed(changes: Sequence[Adjustment], first: date) -> tuple[Adjustment, ...]:
    if not changes:
        return ()
    names = ("sold_units", "bought_units", "given_units")
    sums = {name: sum(getattr(each, name) for each in changes) for name in names}
    return (Adjustment(first, "", **sums),)
