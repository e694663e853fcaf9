"""Standing gifts: what a seller gives of each day's sales to the community's fund. Pure.

A member says how many Wh a month; each local day has its part of it, so that no day depends on
another: what a cloudy day does not sell lapses.

>>> [day_quota(5_000, date(2026, 6, day)) for day in (1, 2, 3)], sum(
...     day_quota(5_000, date(2026, 6, day)) for day in range(1, 31))
([166, 167, 167], 5000)
>>> given(Sold(1_000, 1_430_000), 167)
(167, 238810)
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from settlement.binding import Binding
from settlement.postings import Line
from settlement.state import CommunityState


class Sold(NamedTuple):
    """What a member sold to neighbours in a day, and got for it."""

    wh: int = 0
    units: int = 0


def day_quota(wh_month: int, day: date) -> int:
    """Return a day's part of a monthly gift: parts differ by one Wh at most and sum to the whole."""
    _, days = monthrange(day.year, day.month)
    return wh_month * day.day // days - wh_month * (day.day - 1) // days


def quotas_of(state: CommunityState, day: date, periods: range) -> dict[str, int]:
    """Return the Wh that each member gives of a day's sales, as said before its first half-hour."""
    said = Binding(state.gifts).at(periods.start)
    quotas = ((member, day_quota(wh_month, day)) for member, wh_month in sorted(said.items()))
    return {member: wh for member, wh in quotas if wh}


def sold_of(lines: Iterable[Line]) -> dict[str, Sold]:
    """Return what each member sold, over some lines."""
    sold: dict[str, Sold] = {}
    for line in lines:
        if line.sold_wh:
            before = sold.get(line.member, Sold())
            sold[line.member] = Sold(before.wh + line.sold_wh, before.units + line.sold_units)
    return sold


def given(sold: Sold, quota_wh: int) -> tuple[int, int]:
    """Return (Wh, units) that are given: at the day's own average price, rounded down.

    Who had to pay to sell gives nothing.
    """
    wh = min(quota_wh, sold.wh)
    return (wh, sold.units * wh // sold.wh) if wh > 0 and sold.units > 0 else (0, 0)


def gifts_of(sold: Mapping[str, Sold], quotas: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return (Wh, units) given by each member who gives anything."""
    made = ((member, given(sold[member], wh)) for member, wh in quotas.items() if member in sold)
    return {member: gift for member, gift in made if gift[0]}
