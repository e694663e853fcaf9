"""Runs, lines and nets in the database.

>>> RunSummary("2026-06-15", "SF", 48, 81_234, 0).missing
0
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, select

from ledger.accounts import wallet
from ledger.store import LedgerStore
from settlement.postings import Line
from settlement.tables import LineRow, NetRow, RunRow

_runs, _lines = RunRow.__table__, LineRow.__table__  # type: ignore[attr-defined]
_nets = NetRow.__table__  # type: ignore[attr-defined]

WH_AND_UNITS = tuple(name for name in Line._fields if name not in ("member", "period"))
"""What lines and nets count, in the order of a line's fields."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A finished run.

    Attributes:
        day: the local day.
        code: the run's.
        periods: half-hours of the day.
        matched_wh: traded between neighbours, as this run left it.
        missing: readings that counted as zero.
        known: log position before which its readings stand.
        position: that of its seal.
        settled: half-hours that it worked out anew.
    """

    day: str
    code: str
    periods: int
    matched_wh: int
    missing: int
    known: int = 0
    position: int = 0
    settled: int = 0


def find_run(connection: Connection, community: int, day: str, code: str) -> RunSummary | None:
    """Return a finished run, or None."""
    row = connection.execute(
        select(_runs).where(
            _runs.c.community == community, _runs.c.day == day, _runs.c.code == code
        )
    ).one_or_none()
    return None if row is None else _summary(row)


def runs_of(connection: Connection, community: int, day: str) -> list[RunSummary]:
    """Return the finished runs of a day, in the order in which they were made."""
    rows = connection.execute(
        select(_runs)
        .where(_runs.c.community == community, _runs.c.day == day)
        .order_by(_runs.c.position)
    )
    return [*map(_summary, rows)]


def last_run(connection: Connection, community: int) -> RunSummary | None:
    """Return the last run of the latest local day that has any."""
    row = connection.execute(
        select(_runs)
        .where(_runs.c.community == community)
        .order_by(_runs.c.day.desc(), _runs.c.position.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _summary(row)


def runs(connection: Connection, community: int) -> list[RunSummary]:
    """Return every finished run, by day, and of a day in their order."""
    rows = connection.execute(
        select(_runs).where(_runs.c.community == community).order_by(_runs.c.day, _runs.c.position)
    )
    return [*map(_summary, rows)]


def _summary(row: Row[Any]) -> RunSummary:
    return RunSummary(
        *(row.day, row.code, row.periods, row.matched_wh, row.missing),
        *(row.known, row.position, row.settled),
    )


def save_run(
    connection: Connection,
    community: int,
    summary: RunSummary,
    *,
    known_at_ms: int,
    now_ms: int,
) -> None:
    """Add a finished run."""
    connection.execute(
        insert(_runs).values(
            community=community,
            day=summary.day,
            code=summary.code,
            known_at=known_at_ms,
            position=summary.position,
            periods=summary.periods,
            matched_wh=summary.matched_wh,
            missing=summary.missing,
            recorded_at=now_ms,
            known=summary.known,
            settled=summary.settled,
        )
    )


def save_lines(
    connection: Connection,
    ledger: LedgerStore,
    asset: str,
    code: str,
    lines: Sequence[tuple[Line, int]],
) -> None:
    """Add (line, log position of its settlement) pairs of a run."""
    number_of = ledger.chart.number_of
    rows = [
        {
            **dict(zip(WH_AND_UNITS, line[2:], strict=True)),
            "community": ledger.community,
            "member": number_of(connection, wallet(line.member, asset)),
            "period": line.period,
            "code": code,
            "position": position,
        }
        for line, position in lines
    ]
    if rows:
        connection.execute(insert(_lines), rows)


@dataclass(frozen=True, slots=True)
class Net:
    """What a run of a day changed for a member.

    Attributes:
        member: whose it is.
        day: the local day that was worked out.
        code: the run's.
        period: the half-hour in which the money counts.
        position: of the netting in the log.
        change: Wh and money, as the difference from what was posted before; ``period`` as above.
        cash_units: what moved in the wallet.
        claim_units: what moved in claims: below zero, the member owes more.
        given_wh: of what was sold, given to the community's fund.
        given_units: the money of it.
    """

    member: str
    day: str
    code: str
    period: int
    position: int
    change: Line
    cash_units: int
    claim_units: int
    given_wh: int = 0
    given_units: int = 0


def save_nets(connection: Connection, ledger: LedgerStore, asset: str, nets: Sequence[Net]) -> None:
    """Add the nets of a run."""
    rows = [
        {
            **dict(zip(WH_AND_UNITS, net.change[2:], strict=True)),
            "community": ledger.community,
            "member": ledger.chart.number_of(connection, wallet(net.member, asset)),
            "day": net.day,
            "code": net.code,
            "period": net.period,
            "position": net.position,
            "cash_units": net.cash_units,
            "claim_units": net.claim_units,
            "given_wh": net.given_wh,
            "given_units": net.given_units,
        }
        for net in nets
    ]
    if rows:
        connection.execute(insert(_nets), rows)


def bought_in_month(
    connection: Connection, ledger: LedgerStore, month: str, members: Iterable[str], asset: str
) -> dict[str, int]:
    """Return the units that some members paid for energy in a month's days, all runs together."""
    numbers = {ledger.chart.number_of(connection, wallet(m, asset)): m for m in members}
    if not numbers:
        return {}
    rows = connection.execute(
        select(_nets.c.member, func.sum(_nets.c.bought_units).label("units"))
        .where(_nets.c.community == ledger.community, _nets.c.member.in_(numbers))
        .where(_nets.c.day.startswith(month))
        .group_by(_nets.c.member)
    )
    return {numbers[row.member]: int(row.units) for row in rows}


def nets_of_run(connection: Connection, ledger: LedgerStore, day: str, code: str) -> list[Net]:
    """Return what a run of a day changed, by member."""
    names = ledger.chart.names
    ledger.chart.load(connection)
    rows = connection.execute(
        select(_nets).where(
            _nets.c.community == ledger.community, _nets.c.day == day, _nets.c.code == code
        )
    )
    return sorted(
        (_net(row, names[row.member].split("/")[1]) for row in rows), key=lambda net: net.member
    )


def member_nets(
    connection: Connection, ledger: LedgerStore, member: str, asset: str, periods: range
) -> list[Net]:
    """Return a member's nets whose money counts in some half-hours, by day and run."""
    number = ledger.chart.number_of(connection, wallet(member, asset))
    rows = connection.execute(
        select(_nets)
        .where(_nets.c.community == ledger.community, _nets.c.member == number)
        .where(_nets.c.period >= periods.start, _nets.c.period < periods.stop)
        .order_by(_nets.c.position, _nets.c.day)
    )
    return [_net(row, member) for row in rows]


def _net(row: Row[Any], member: str) -> Net:
    return Net(
        *(member, row.day, row.code, row.period, row.position),
        Line(member, row.period, *(getattr(row, name) for name in WH_AND_UNITS)),
        *(row.cash_units, row.claim_units, row.given_wh, row.given_units),
    )


def _counting(*, first: bool = False) -> ColumnElement[bool]:
    """Return the condition that no later run changed a line; or that it is of the first run."""
    other = _lines.alias()
    before, after = (other, _lines) if first else (_lines, other)
    return ~exists().where(
        other.c.community == _lines.c.community,
        other.c.member == _lines.c.member,
        other.c.period == _lines.c.period,
        after.c.position > before.c.position,
    )


def member_lines(
    connection: Connection,
    ledger: LedgerStore,
    member: str,
    asset: str,
    periods: range,
    *,
    first: bool = False,
) -> Iterator[Line]:
    """Yield a member's lines of some half-hours, in order.

    Args:
        connection: an open transaction.
        ledger: of the community.
        member: whose they are.
        asset: of the wallet.
        periods: the half-hours.
        first: as the first run worked them out, and not as the last one left them.
    """
    number = ledger.chart.number_of(connection, wallet(member, asset))
    rows = connection.execute(
        select(_lines)
        .where(_lines.c.community == ledger.community, _lines.c.member == number)
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .where(_counting(first=first))
        .order_by(_lines.c.period)
    )
    for row in rows:
        yield Line(member, row.period, *(getattr(row, name) for name in WH_AND_UNITS))


def lines_by_period(
    connection: Connection, ledger: LedgerStore, periods: range, before: int | None = None
) -> dict[int, dict[str, Line]]:
    """Return every member's line of some half-hours as the last runs left them, by half-hour.

    Args:
        connection: an open transaction.
        ledger: of the community.
        periods: the half-hours.
        before: only what was settled before this log position; all if left out.
    """
    names = ledger.chart.names
    ledger.chart.load(connection)
    query = select(_lines) if before is None else select(_lines).where(_lines.c.position < before)
    rows = connection.execute(
        query.where(_lines.c.community == ledger.community)
        .where(_lines.c.member.in_([n for n, name in names.items() if "/wallet " in name]))
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .order_by(_lines.c.position)
    )
    found: dict[int, dict[str, Line]] = {period: {} for period in periods}
    for row in rows:
        member = names[row.member].split("/")[1]
        counts = (getattr(row, name) for name in WH_AND_UNITS)
        found[row.period][member] = Line(member, row.period, *counts)
    return found


def member_totals(
    connection: Connection, ledger: LedgerStore, members: Iterable[str], asset: str, periods: range
) -> dict[str, Line]:
    """Return each member's sums over some half-hours; ``period`` is the first of them."""
    numbers = {ledger.chart.number_of(connection, wallet(m, asset)): m for m in members}
    rows = connection.execute(
        select(_lines.c.member, *(func.sum(_lines.c[name]).label(name) for name in WH_AND_UNITS))
        .where(_lines.c.community == ledger.community)
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .where(_counting())
        .group_by(_lines.c.member)
    )
    return {
        numbers[row.member]: Line(
            numbers[row.member],
            periods.start,
            *(int(getattr(row, name)) for name in WH_AND_UNITS),
        )
        for row in rows
        if row.member in numbers
    }


def period_totals(
    connection: Connection, community: int, periods: range
) -> dict[int, tuple[int, int, int, int]]:
    """Return (own use, matched, grid import, grid export) Wh by half-hour."""
    fields = ("own_use_wh", "sold_wh", "grid_import_wh", "grid_export_wh")
    rows = connection.execute(
        select(_lines.c.period, *(func.sum(_lines.c[field]).label(field) for field in fields))
        .where(_lines.c.community == community)
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .where(_counting())
        .group_by(_lines.c.period)
    )
    return {row.period: (int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in rows}
