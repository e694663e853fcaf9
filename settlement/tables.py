"""What settlement keeps for reading back: runs, lines and nets, append only.

All follow from the log and can be rebuilt from it; they are here so that a statement is one query.

>>> LineRow.__tablename__
'line'
"""

from typing import Any, ClassVar

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from ledger.tables import COMPACT, STRICT, big, blob, key, text_key


def _code() -> Any:
    return Field(sa_column=Column(Text, primary_key=True))


class RunRow(SQLModel, table=True):
    """A finished run of a local day.

    ``known`` is the log position before which its readings stand; ``position`` that of its seal;
    ``settled`` counts the half-hours that it worked out anew.
    """

    __tablename__ = "run"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    day: str = Field(sa_column=Column(Text, primary_key=True))
    code: str = _code()
    known_at: int = big()
    position: int = big()
    periods: int = big()
    matched_wh: int = big()
    missing: int = big()
    recorded_at: int = big()
    known: int = big()
    settled: int = big()


class LineRow(SQLModel, table=True):
    """A member's half-hour as a run that changed it left it; the one with the last position counts.

    ``member`` is the number of their wallet account.
    """

    __tablename__ = "line"
    __table_args__: ClassVar[Any] = COMPACT
    community: int = key()
    member: int = key()
    period: int = key()
    code: str = _code()
    own_use_wh: int = big()
    bought_wh: int = big()
    sold_wh: int = big()
    grid_import_wh: int = big()
    grid_export_wh: int = big()
    bought_units: int = big()
    sold_units: int = big()
    position: int = big()


class NetRow(SQLModel, table=True):
    """What a run of a day changed for a member: their net line, and what is behind it.

    ``position`` is that of the netting in the log; ``period`` the half-hour in which the money
    counts; ``cash_units`` moved in the wallet, ``claim_units`` in what is owed to the member;
    ``given_units`` went to the fund.
    """

    __tablename__ = "net"
    __table_args__: ClassVar[Any] = (
        Index("net_period", "community", "member", "period"),
        COMPACT,
    )
    community: int = key()
    member: int = key()
    day: str = Field(sa_column=Column(Text, primary_key=True))
    code: str = _code()
    position: int = big()
    period: int = big()
    own_use_wh: int = big()
    bought_wh: int = big()
    sold_wh: int = big()
    grid_import_wh: int = big()
    grid_export_wh: int = big()
    bought_units: int = big()
    sold_units: int = big()
    cash_units: int = big()
    claim_units: int = big()
    given_wh: int = big()
    given_units: int = big()


class ShownRow(SQLModel, table=True):
    """A run that only shows: what a day would come to. ``data`` is canonical JSON, packed by zlib.

    A later look at the day replaces it.
    """

    __tablename__ = "shown"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    day: str = Field(sa_column=Column(Text, primary_key=True))
    code: str = _code()
    known_at: int = big()
    known: int = big()
    data: bytes = blob()


class AskAnswerRow(SQLModel, table=True):
    """Which log entry answered a request to be paid: a payment, or the word that ends it."""

    __tablename__ = "ask_answer"
    __table_args__: ClassVar[Any] = COMPACT
    community: int = key()
    ask: str = text_key()
    position: int = big()


APPEND_ONLY = ("run", "line", "net", "ask_answer")
"""Tables of this package that never change a row."""

ERASABLE = ("shown",)
"""Tables of this package whose rows may be deleted: a later look takes the place of an earlier one."""
