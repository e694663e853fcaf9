"""What the same energy would have cost and earned with the grid, at the member's own tariffs. Pure.

Each half-hour goes by the offer that bound it, at the tariff of its time of day, and by the rules of
its day. The supplier bills what the meter says; lines are of energy at the boundary.

>>> with_the_grid(CommunityState(), [])
GridComparison(bought_units=0, sold_units=0, parts=())
"""

from collections.abc import Iterable

from ledger.primitives.money import value_units
from ledger.primitives.periods import load_zone, local_date, minute_of_day, of_local_day
from market.model import PPM, Side
from settlement.postings import Line
from settlement.state import CommunityState
from settlement.statement_model import GridComparison, GridPart


def with_the_grid(
    state: CommunityState, lines: Iterable[Line], *, shares_only: bool = False
) -> GridComparison:
    """Return what a member's half-hours would have come to with their own supplier.

    What is sold of a share in another's generator alone is left out: no supplier of the member's
    would buy it.

    Where there are losses, a half-hour's amount is rounded down to a whole unit.
    """
    sums: dict[tuple[Side, int], list[int]] = {}
    for line in lines:
        for side, wh in ((Side.ASK, line.sold_wh), (Side.BID, line.bought_wh)):
            if wh and not (shares_only and side is Side.ASK):
                ticks, units = _billed(state, line, side, wh)
                total = sums.setdefault((side, ticks), [0, 0])
                total[0] += wh
                total[1] += units
    ordered = sorted(sums, key=lambda key: (key[0] is Side.BID, key[1]))
    parts = tuple(GridPart(*key, *sums[key]) for key in ordered)
    bought, sold = (
        sum(part.units for part in parts if part.side is side) for side in (Side.BID, Side.ASK)
    )
    return GridComparison(bought, sold, parts)


def _billed(state: CommunityState, line: Line, side: Side, wh: int) -> tuple[int, int]:
    """Return the tariff of a half-hour, and what its meter's energy comes to at that."""
    offer = state.offer_of(line.member, line.period)
    if offer is None:
        raise AssertionError("a member without an offer does not trade")
    zone = load_zone(state.rules_now.zone)
    day = of_local_day(local_date(line.period, zone), zone)
    rules = state.rules_of(day.start)
    if rules is None:
        raise AssertionError("a day without rules is not worked out")
    ticks = offer.tariff_at(side, minute_of_day(line.period, zone))
    factor_ppm = rules.import_ppm if side is Side.BID else rules.export_ppm
    return ticks, value_units(wh, ticks) * PPM // factor_ppm
