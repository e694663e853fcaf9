"""What a community's caps are measured by: lines and transfers of its last twelve months.

Energy counts as the last run of each day left it, up to the last settled day; money by the half-hour
that it is about, up to now.

>>> year_before(date(2028, 2, 29))
datetime.date(2027, 2, 28)
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from ledger.accounts import wallet
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, parse_date
from ledger.records import Kind
from ledger.tables import TransferRow
from settlement.caps import beyond_permille, euro_cents, watts_of
from settlement.community import Community
from settlement.tables import LineRow, RunRow

_lines, _runs = LineRow.__table__, RunRow.__table__  # type: ignore[attr-defined]
_transfers = TransferRow.__table__  # type: ignore[attr-defined]

PERIODS_AT_ONCE = 31 * 48
"""Half-hours read at once: a month, so that a year of a large group needs little memory."""

EURO = "EUR"
"""The currency that needs no rate."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        first: first local day of energy, or None: nothing is settled.
        last: last local day of energy.
        measures: by the cap's name.
        paid_units: money that left members' wallets, in the community's currency.
    """

    first: date | None
    last: date | None
    measures: dict[str, int | None]
    paid_units: int


@dataclass(slots=True)
class _Energy:
    """Sums of energy, and the highest half-hours."""

    given_wh: int = 0
    taken_wh: int = 0
    sold_most_wh: int = 0
    household_most_wh: int = 0


def measure(community: Community, rate_millionths: int | None) -> Measured:
    """Measure what the caps are about.

    Args:
        community: whose.
        rate_millionths: millionths of a euro for one of the currency; None if nobody gave it.
    """
    state, now_ms = community.state, community.writer.clock.now_ms()
    currency = state.rules_now.asset.partition("/")[0]
    rate = 10**6 if currency == EURO else rate_millionths
    with community.reading() as connection:
        wallets = _wallets(community, connection)
        last = _last_day(connection, community.writer.community)
        now = now_ms // (SECONDS * 1000)
        paid = _paid_units(connection, community.writer.community, wallets, now)
        cents = None if rate is None else euro_cents(paid, rate)
        if last is None:
            return Measured(None, None, {"payments": cents}, paid)
        first = year_before(last) + timedelta(days=1)
        zone = load_zone(state.rules_now.zone)
        periods = range(of_local_day(first, zone).start, of_local_day(last, zone).stop)
        households = {
            number
            for number, member in wallets.items()
            if state.members[member].member_class == "household"
        }
        energy = _energy(connection, community.writer.community, wallets, households, periods)
    measures = {
        "supply": watts_of(energy.sold_most_wh),
        "supply_domestic": watts_of(energy.household_most_wh),
        "payments": cents,
        "generation": beyond_permille(energy.given_wh, energy.taken_wh),
    }
    return Measured(first, last, measures, paid)


def year_before(day: date) -> date:
    """Return the same day a year before; of 29 February, the 28th."""
    leap = day.month == 2 and day.day == 29  # noqa: PLR2004 - the calendar's
    return day.replace(year=day.year - 1, day=28 if leap else day.day)


def _wallets(community: Community, connection: Connection) -> dict[int, str]:
    chart, asset = community.writer.ledger.chart, community.state.rules_now.asset
    return {chart.number_of(connection, wallet(m, asset)): m for m in community.state.members}


def _last_day(connection: Connection, community: int) -> date | None:
    found = connection.scalar(select(func.max(_runs.c.day)).where(_runs.c.community == community))
    return None if found is None else parse_date(found)


def _paid_units(
    connection: Connection, community: int, wallets: Mapping[int, str], now: int
) -> int:
    """Add up what left members' wallets: what is set aside counts when it is paid, a reversal never."""
    first = now - 366 * 48  # a leap year's half-hours, so that none is left out
    paid = connection.scalar(
        select(func.sum(_transfers.c.amount))
        .where(_transfers.c.community == community, _transfers.c.debit.in_(wallets))
        .where(_transfers.c.kind.in_([int(Kind.POST), int(Kind.POST_HOLD)]))
        .where(_transfers.c.effective > first, _transfers.c.effective <= now)
    )
    return int(paid or 0)


def _energy(
    connection: Connection,
    community: int,
    wallets: Mapping[int, str],
    households: set[int],
    periods: range,
) -> _Energy:
    energy = _Energy()
    for start in range(periods.start, periods.stop, PERIODS_AT_ONCE):
        some = range(start, min(start + PERIODS_AT_ONCE, periods.stop))
        sold: dict[int, int] = defaultdict(int)
        domestic: dict[int, int] = defaultdict(int)
        for line in _latest(connection, community, wallets, some):
            sold[line.period] += line.sold_wh
            energy.given_wh += line.sold_wh + line.grid_export_wh
            energy.taken_wh += line.bought_wh + line.grid_import_wh
            if line.member in households:
                domestic[line.period] += line.bought_wh
        energy.sold_most_wh = max(energy.sold_most_wh, *sold.values(), 0)
        energy.household_most_wh = max(energy.household_most_wh, *domestic.values(), 0)
    return energy


def _latest(
    connection: Connection, community: int, wallets: Mapping[int, str], periods: range
) -> Iterator[Row[Any]]:
    """Yield each member's line of each half-hour as the last run left it."""
    fields = ("bought_wh", "sold_wh", "grid_import_wh", "grid_export_wh")
    rows = connection.execute(
        select(*(_lines.c[field] for field in ("member", "period", "position", *fields)))
        .where(_lines.c.community == community, _lines.c.member.in_(wallets))
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .order_by(_lines.c.position)
    )
    latest = {(row.member, row.period): row for row in rows}
    yield from latest.values()
