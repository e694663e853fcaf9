"""What settlement keeps for reading back: runs and lines, append only.

Both follow from the log and can be rebuilt from it; they are here so that a statement is one
query.

>>> LineRow.__tablename__
'line'
"""

from typing import Any, ClassVar

from sqlalchemy import Column, Text
from sqlmodel import Field, SQLModel

from ledger.tables import COMPACT, STRICT, big, key


class RunRow(SQLModel, table=True):
    """A finished run of a local day."""

    __tablename__ = "run"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    day: str = Field(sa_column=Column(Text, primary_key=True))
    code: str = Field(sa_column=Column(Text, primary_key=True))
    known_at: int = big()
    position: int = big()
    periods: int = big()
    matched_wh: int = big()
    missing: int = big()
    recorded_at: int = big()


class LineRow(SQLModel, table=True):
    """A member's half-hour in a run. ``member`` is the number of their wallet account."""

    __tablename__ = "line"
    __table_args__: ClassVar[Any] = COMPACT
    community: int = key()
    member: int = key()
    period: int = key()
    code: str = Field(sa_column=Column(Text, primary_key=True))
    own_use_wh: int = big()
    bought_wh: int = big()
    sold_wh: int = big()
    grid_import_wh: int = big()
    grid_export_wh: int = big()
    bought_units: int = big()
    sold_units: int = big()
    position: int = big()


APPEND_ONLY = ("run", "line")
"""Tables of this package that never change a row."""
