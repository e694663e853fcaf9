"""What a community knows of its last weeks: settled days, and readings that came since.

A day that is settled counts as it was settled. Of the others a half-hour counts where all meters that
said anything lately have a reading of it, or nearly all: one late meter of a large street is no reason
to look a week back, and three of five would be another street.

>>> gather.__name__
'gather'
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from sqlalchemy import Connection, func, select

from ledger import log_store
from ledger.primitives.periods import load_zone, of_local_day
from market.model import Side
from meters.readings import Slot
from meters.silence import since_day
from meters.versions import payable
from settlement import store
from settlement.community import Community
from settlement.forecast import HISTORY_DAYS
from settlement.forecast_days import Total, rounded
from settlement.orders import PeriodInputs, by_half_hour, period_inputs
from settlement.tables import LineRow

MISSING_ONE_IN = 20
"""One meter in so many may be late, and counts as nothing: far less than a forecast is off."""

_lines = LineRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the days before one.

    Attributes:
        history: totals by half-hour.
        settled: the days among them that are settled.
    """

    history: dict[int, Total]
    settled: frozenset[date]

    @property
    def settled_through(self) -> date | None:
        """The last settled day."""
        return max(self.settled, default=None)


def gather(community: Community, connection: Connection, before: date) -> Known:
    """Return what is known now of the days before one that a forecast looks at.

    Prices are looked up only where members' limits make them: else the rules say them.
    """
    rules, number = community.state.rules_now, community.writer.community
    zone = load_zone(rules.zone)
    days = [before - timedelta(days=ago) for ago in range(HISTORY_DAYS, 0, -1)]
    periods = range(of_local_day(days[0], zone).start, of_local_day(days[-1], zone).stop)
    runs = {run.day for run in store.runs(connection, number)}
    settled = frozenset(day for day in days if day.isoformat() in runs)
    totals = store.period_totals(connection, number, periods)
    paid = {} if rules.market.price.is_set else _paid(connection, number, periods)
    history = {
        period: Total(matched_wh, import_wh, export_wh, paid.get(period))
        for period, (_, matched_wh, import_wh, export_wh) in totals.items()
    }
    for is_settled, some in groupby(days, settled.__contains__):
        span = list(some)
        if not is_settled:
            first, last = of_local_day(span[0], zone), of_local_day(span[-1], zone)
            history |= dict(_read(community, connection, range(first.start, last.stop)))
    return Known(history, settled)


def _paid(connection: Connection, community: int, periods: range) -> dict[int, int]:
    """Return what buyers paid neighbours for a kWh by half-hour, in ticks to the nearest."""
    units, wh = func.sum(_lines.c.bought_units), func.sum(_lines.c.bought_wh)
    rows = connection.execute(
        select(_lines.c.period, units, wh)
        .where(_lines.c.community == community, _lines.c.bought_wh > 0)
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .group_by(_lines.c.period)
    )
    return {period: rounded(int(paid), int(bought)) for period, paid, bought in rows}


def _read(
    community: Community, connection: Connection, periods: range
) -> Iterator[tuple[int, Total]]:
    """Yield the totals of half-hours of which nearly all readings are here."""
    size, _, _ = log_store.head(connection, community.writer.community)
    stored = community.readings.known(connection, periods)
    if not stored:
        return
    said = community.readings.said_since(connection, since_day(periods), size)
    readings = by_half_hour(
        {
            key: payable(key[1], version.quality, version.wh)
            for key, version in stored.items()
            if (key[0], key[1]) in said
        }
    )
    for item in period_inputs(community.state, periods, readings):
        if _is_known(item, said):
            yield item.period, _total(community, item)


def _is_known(item: PeriodInputs, said: set[Slot]) -> bool:
    expected = _count(item.readings, said)
    return expected > 0 and MISSING_ONE_IN * _count(item.missing, said) <= expected


def _count(slots: Iterable[Slot], said: set[Slot]) -> int:
    return sum(slot in said for slot in slots)


def _total(community: Community, item: PeriodInputs) -> Total:
    """Return a half-hour's totals as they count at the network's boundary, as settlement has them."""
    rules = community.state.rules_now
    flows = item.flows.values()
    offered_wh = sum(rules.at_boundary(Side.ASK, flow.offered_wh) for flow in flows)
    wanted_wh = sum(rules.at_boundary(Side.BID, flow.wanted_wh) for flow in flows)
    matched_wh = min(offered_wh, wanted_wh)
    return Total(matched_wh, wanted_wh - matched_wh, offered_wh - matched_wh)
