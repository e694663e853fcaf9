"""Runs and lines in the database.

>>> RunSummary("2026-06-15", "SF", 48, 81_234, 0).missing
0
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from ledger.accounts import wallet
from ledger.store import LedgerStore
from settlement.postings import Line
from settlement.tables import LineRow, RunRow

_runs, _lines = RunRow.__table__, LineRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A finished run: its day, code, half-hours, matched Wh and readings counted as zero."""

    day: str
    code: str
    periods: int
    matched_wh: int
    missing: int


def find_run(connection: Connection, community: int, day: str, code: str) -> RunSummary | None:
    """Return a finished run, or None."""
    row = connection.execute(
        select(_runs).where(
            _runs.c.community == community, _runs.c.day == day, _runs.c.code == code
        )
    ).one_or_none()
    if row is None:
        return None
    return RunSummary(row.day, row.code, row.periods, row.matched_wh, row.missing)


def runs(connection: Connection, community: int) -> list[RunSummary]:
    """Return every finished run, by day."""
    rows = connection.execute(
        select(_runs).where(_runs.c.community == community).order_by(_runs.c.day)
    )
    return [RunSummary(r.day, r.code, r.periods, r.matched_wh, r.missing) for r in rows]


def save_run(
    connection: Connection,
    community: int,
    summary: RunSummary,
    *,
    known_at_ms: int,
    position: int,
    now_ms: int,
) -> None:
    """Add a finished run."""
    connection.execute(
        insert(_runs).values(
            community=community,
            day=summary.day,
            code=summary.code,
            known_at=known_at_ms,
            position=position,
            periods=summary.periods,
            matched_wh=summary.matched_wh,
            missing=summary.missing,
            recorded_at=now_ms,
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
    rows = [
        {
            "community": ledger.community,
            "member": ledger.chart.number_of(connection, wallet(line.member, asset)),
            "period": line.period,
            "code": code,
            "own_use_wh": line.own_use_wh,
            "bought_wh": line.bought_wh,
            "sold_wh": line.sold_wh,
            "grid_import_wh": line.grid_import_wh,
            "grid_export_wh": line.grid_export_wh,
            "bought_units": line.bought_units,
            "sold_units": line.sold_units,
            "position": position,
        }
        for line, position in lines
    ]
    if rows:
        connection.execute(insert(_lines), rows)


def member_lines(
    connection: Connection, ledger: LedgerStore, member: str, asset: str, periods: range
) -> Iterator[Line]:
    """Yield a member's lines of some half-hours, in order."""
    number = ledger.chart.number_of(connection, wallet(member, asset))
    rows = connection.execute(
        select(_lines)
        .where(_lines.c.community == ledger.community, _lines.c.member == number)
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .order_by(_lines.c.period)
    )
    for row in rows:
        yield Line(
            member,
            row.period,
            row.own_use_wh,
            row.bought_wh,
            row.sold_wh,
            row.grid_import_wh,
            row.grid_export_wh,
            row.bought_units,
            row.sold_units,
        )


def member_totals(
    connection: Connection, ledger: LedgerStore, members: Iterable[str], asset: str, periods: range
) -> dict[str, Line]:
    """Return each member's sums over some half-hours; ``period`` is the first of them."""
    numbers = {ledger.chart.number_of(connection, wallet(m, asset)): m for m in members}
    fields = (
        "own_use_wh",
        "bought_wh",
        "sold_wh",
        "grid_import_wh",
        "grid_export_wh",
        "bought_units",
        "sold_units",
    )
    rows = connection.execute(
        select(_lines.c.member, *(func.sum(_lines.c[field]).label(field) for field in fields))
        .where(_lines.c.community == ledger.community)
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .group_by(_lines.c.member)
    )
    return {
        numbers[row.member]: Line(
            numbers[row.member], periods.start, *(int(getattr(row, field)) for field in fields)
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
        .group_by(_lines.c.period)
    )
    return {row.period: (int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in rows}
