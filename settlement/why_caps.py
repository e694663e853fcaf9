"""What cut an order down: its mandate's half-hour or day, or what was in the wallet. Pure.

The order itself is made by `settlement.orders`; this says which of its limits bound.

>>> bound_by(900, 408, 2450, Limits(funds_units=1_000_000, spent_units=0, own_units=0,
...     wh_max=2_000, units_max=50_000_000, day_units_max=50_000_000))
<Cap.FUNDS: 'funds'>
"""

from typing import NamedTuple

from settlement.terms import Mandate
from settlement.why_model import Cap


class Limits(NamedTuple):
    """What an order may come to.

    Attributes:
        funds_units: what there was for the day.
        spent_units: what other half-hours of the day had of it before.
        own_units: what the first run set aside for this half-hour, in a later run.
        wh_max: the mandate's Wh in a half-hour.
        units_max: the mandate's units in a half-hour.
        day_units_max: the mandate's units in a day.
    """

    funds_units: int
    spent_units: int
    own_units: int
    wh_max: int
    units_max: int
    day_units_max: int

    @classmethod
    def of(cls, mandate: Mandate, funds_units: int, spent_units: int, own_units: int) -> "Limits":
        """Return the limits of a mandate and a wallet."""
        return cls(
            funds_units,
            spent_units,
            own_units,
            mandate.wh_period_max,
            mandate.units_period_max,
            mandate.units_day_max,
        )


def bound_by(wanted_wh: int, ordered_wh: int, limit_ticks: int, limits: Limits) -> Cap | None:
    """Return which limit an order was cut by; None where it was not cut.

    Where several allow the same Wh, the one that a member can change most easily is named: funds.

    Args:
        wanted_wh: what it would be without limits.
        ordered_wh: what it is.
        limit_ticks: what a kWh may cost at most.
        limits: what it may come to.

    Raises:
        AssertionError: no limit explains the order.
    """
    if ordered_wh == wanted_wh:
        return None
    ticks = abs(limit_ticks)
    left_units = max(limits.own_units, limits.funds_units - limits.spent_units)
    day_units = max(limits.own_units, limits.day_units_max - limits.spent_units)
    allowed = {
        Cap.FUNDS: left_units // ticks,
        Cap.MANDATE_DAY: day_units // ticks,
        Cap.MANDATE_PERIOD: limits.units_max // ticks,
        Cap.MANDATE_WH: limits.wh_max,
    }
    cap = min(allowed, key=lambda name: allowed[name])
    if ordered_wh == limits.wh_max != max(0, allowed[cap]):
        return Cap.MANDATE_WH  # money enough for what all sellers offer, which is less
    if ordered_wh != max(0, allowed[cap]):
        raise AssertionError("no limit of the mandate or the wallet explains the order")
    return cap
