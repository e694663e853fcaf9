"""Which days may be published, and their half-hours, read from the database.

A day is published once, as the first run that posted it left it: later runs add lines with higher
log positions and change nothing here, because two views of one half-hour tell more than one.

>>> NOTHING_YET.rows
()
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, select

from ledger.accounts import wallet
from ledger.primitives.periods import load_zone, minute_of_day, of_local_day, parse_date
from market.model import Rules, Side
from market.rules import in_band, set_price_ticks
from settlement.binding import Binding
from settlement.community import Community
from settlement.open_data import HalfHour, OpenRow, open_row
from settlement.tables import LineRow, RunRow
from settlement.terms import CommunityRules, Mandate, Offer

_runs, _lines = RunRow.__table__, LineRow.__table__  # type: ignore[attr-defined]

_Line = Row[Any]
"""A line's columns, as they are read here."""

DAYS_MAX = 4_000
"""Most days that are kept at hand: ten years, some 60 MB."""


@dataclass(frozen=True, slots=True)
class OpenDay:
    """A published day: it never changes.

    Attributes:
        day: the local day.
        recorded_ms: when its run was finished.
        rows: its half-hours.
    """

    day: date
    recorded_ms: int
    rows: tuple[OpenRow, ...]


NOTHING_YET = OpenDay(date.min, 0, ())
"""Stands for a day of which no half-hour was posted."""


class OpenDays:
    """A community's published days, worked out once each and kept, for a server that is asked often."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], OpenDay] = {}
        self._lock = threading.Lock()

    def of(
        self, community: Community, first: date | None = None, last: date | None = None
    ) -> list[OpenDay]:
        """Return the published days of a range, in order.

        Args:
            community: whose.
            first: the first local day [the beginning].
            last: the last local day [the end].
        """
        with self._lock, community.reading() as connection:
            finished = _finished(connection, community.writer.community)
            wanted = [
                day
                for day in sorted(finished)
                if (first is None or day >= first) and (last is None or day <= last)
            ]
            return [
                found
                for day in wanted[-DAYS_MAX:]
                if (found := self._day(community, connection, day, finished[day])).rows
            ]

    def _day(
        self, community: Community, connection: Connection, day: date, runs: Mapping[str, int]
    ) -> OpenDay:
        key = community.writer.community, day.isoformat()
        if key in self._known:
            return self._known[key]
        found = open_day(community, connection, day, runs)
        if found.rows:
            self._known[key] = found
        if len(self._known) > DAYS_MAX:
            self._known.pop(next(iter(self._known)))
        return found


def total_matched_wh(days: Iterable[OpenDay]) -> int | None:
    """Add up the matched energy that is published; None if none is, so that a sum tells no more."""
    shown = [row.matched_wh for day in days for row in day.rows if row.matched_wh is not None]
    return sum(shown) if shown else None


def open_day(
    community: Community, connection: Connection, day: date, runs: Mapping[str, int]
) -> OpenDay:
    """Return what may be published of a day.

    Args:
        community: whose.
        connection: open for reading.
        day: the local day.
        runs: when each finished run of the day was recorded, by code.
    """
    state = community.state
    periods = of_local_day(day, load_zone(state.rules_now.zone))
    members = _wallets(community, connection)
    code, lines = _first_lines(connection, community.writer.community, members, periods)
    rules = state.rules_of(periods.start)  # a run's are those that bind its first half-hour
    if code not in runs or rules is None:
        return NOTHING_YET
    offers, mandates = Binding(state.offers), Binding(state.mandates)
    rows = []
    for period, here in sorted(lines.items()):
        minute = minute_of_day(period, load_zone(rules.zone))
        bound = replace(rules, market=in_band(rules.market, minute))
        offers_now, mandates_now = offers.at(period), mandates.at(period)
        names = (members[line.member] for line in here)
        terms = ((offers_now.get(name), mandates_now.get(name)) for name in names)
        open_to_all = all(admits(bound, *each, period) for each in terms)
        rows.append(open_row(_half_hour(day, period, here, bound.market, open_to_all=open_to_all)))
    return OpenDay(day, runs[code], tuple(rows))


def admits(
    rules: CommunityRules, offer: Offer | None, mandate: Mandate | None, period: int
) -> bool:
    """Say whether a member's offer and mandate admit every price that the rules can set.

    Args:
        rules: the community's, with the price of this time of day.
        offer: the member's.
        mandate: the member's.
        period: the half-hour.
    """
    if offer is None or mandate is None or not mandate.first <= period <= mandate.last:
        return False
    if not rules.market.price.is_set:
        return False
    limit = min(offer.buy_ticks, mandate.price_ticks_max)
    lowest, highest = _prices(rules.market)
    _, buys_to = rules.order_at_boundary(Side.BID, 1000, limit)
    _, sells_from = rules.order_at_boundary(Side.ASK, 1000, offer.sell_ticks)
    return buys_to >= highest + rules.market.charge_ticks and sells_from <= lowest


def _prices(rules: Rules) -> tuple[int, int]:
    """Return the lowest and the highest price that rules can set: in plenty, and in want."""
    prices = set_price_ticks(rules, 1, 1), set_price_ticks(rules, 0, 1)
    return min(prices), max(prices)


def _finished(connection: Connection, community: int) -> dict[date, dict[str, int]]:
    """Return when each finished run was recorded, by day and code."""
    rows = connection.execute(
        select(_runs.c.day, _runs.c.code, _runs.c.recorded_at).where(_runs.c.community == community)
    )
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[parse_date(row.day)][row.code] = int(row.recorded_at)
    return found


def _first_lines(
    connection: Connection, community: int, members: Mapping[int, str], periods: range
) -> tuple[str, dict[int, list[_Line]]]:
    """Return the code of the run that posted first in some half-hours, and its lines of each."""
    fields = ("bought_wh", "sold_wh", "grid_import_wh", "grid_export_wh")
    rows = connection.execute(
        select(*(_lines.c[field] for field in ("member", "period", "code", "position", *fields)))
        # The table is ordered by member first: so the database looks a day up, and reads no year.
        .where(_lines.c.community == community, _lines.c.member.in_(members))
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
    ).all()
    first = min(rows, key=lambda row: row.position, default=None)
    found: dict[int, list[_Line]] = defaultdict(list)
    for row in rows:
        if first is not None and row.code == first.code:
            found[row.period].append(row)
    return "" if first is None else first.code, found


def _wallets(community: Community, connection: Connection) -> dict[int, str]:
    """Return members by the number of their wallet's account, as lines name them."""
    chart, asset = community.writer.ledger.chart, community.state.rules_now.asset
    return {chart.number_of(connection, wallet(m, asset)): m for m in community.state.members}


def _half_hour(
    day: date, period: int, lines: list[_Line], market: Rules, *, open_to_all: bool
) -> HalfHour:
    return HalfHour(
        period,
        day.isoformat(),
        [line.bought_wh + line.grid_import_wh for line in lines],
        [line.sold_wh + line.grid_export_wh for line in lines],
        sum(line.sold_wh for line in lines),
        market,
        open_to_all,
    )
