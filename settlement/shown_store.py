"""Runs that only show, in the database: the last look at a day takes the place of the one before.

>>> Shown("2026-06-15", "II", 0, 0, b"{}").code
'II'
"""

import zlib
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from settlement.tables import ShownRow

_shown = ShownRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Shown:
    """A run that only shows: nothing of it is posted, and a later look may replace it.

    Attributes:
        day: the local day.
        code: the run's.
        known_at_ms: when its readings were known.
        known: log position before which they stand.
        data: every member's lines, as canonical JSON.
    """

    day: str
    code: str
    known_at_ms: int
    known: int
    data: bytes


def save_shown(connection: Connection, community: int, shown: Shown) -> None:
    """Put a run that only shows in the place of an earlier look at the day."""
    where = (_shown.c.community == community, _shown.c.day == shown.day)
    connection.execute(delete(_shown).where(*where, _shown.c.code == shown.code))
    connection.execute(
        insert(_shown).values(
            community=community,
            day=shown.day,
            code=shown.code,
            known_at=shown.known_at_ms,
            known=shown.known,
            data=zlib.compress(shown.data),
        )
    )


def find_shown(connection: Connection, community: int, day: str) -> Shown | None:
    """Return the last run of a day that only shows, or None."""
    row = connection.execute(
        select(_shown)
        .where(_shown.c.community == community, _shown.c.day == day)
        .order_by(_shown.c.known.desc())
    ).first()
    if row is None:
        return None
    return Shown(row.day, row.code, row.known_at, row.known, zlib.decompress(row.data))


def shown_runs(connection: Connection, community: int) -> dict[tuple[str, str], int]:
    """Return when readings were known, in Unix milliseconds, by (day, code) of runs that only show."""
    columns = _shown.c.day, _shown.c.code, _shown.c.known_at
    rows = connection.execute(select(*columns).where(_shown.c.community == community))
    return {(row.day, row.code): row.known_at for row in rows}
