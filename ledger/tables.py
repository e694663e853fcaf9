"""The ledger's and the log's tables. SQLModel declares rows; Core moves them.

Every key begins with the community, so that data can be spread over machines by it. `balance`,
`log_head`, `lease` and `inbox` are the only tables whose rows change; `fact` and `person` are the only ones
whose rows may be deleted (erasure); all others are append only (`ledger.guards`).

>>> TransferRow.__tablename__
'transfer'
"""

from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from ledger.records import RESOLVES, Kind

BIG = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit integer on both engines; SQLite's strict tables know it as INTEGER."""

COMPACT: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
"""Options of narrow tables that are read by their key: the key is the table on SQLite."""

STRICT: dict[str, Any] = {"sqlite_strict": True}
"""Options of tables with wide rows."""


def key(**options: Any) -> Any:
    """Declare an integer column of a composite primary key."""
    return Field(sa_column=Column(BIG, primary_key=True, autoincrement=False, **options))


def big(*, nullable: bool = False) -> Any:
    """Declare a 64-bit integer column."""
    return Field(sa_column=Column(BIG, nullable=nullable))


def text_column(*, nullable: bool = False) -> Any:
    """Declare a text column."""
    return Field(sa_column=Column(Text, nullable=nullable))


def text_key() -> Any:
    """Declare a text column of a composite primary key."""
    return Field(sa_column=Column(Text, primary_key=True))


def blob(*, nullable: bool = False) -> Any:
    """Declare a bytes column."""
    return Field(sa_column=Column(LargeBinary, nullable=nullable))


FINAL_KINDS = tuple(sorted(int(kind) for kind in {*RESOLVES, Kind.REVERSE}))
"""Kinds of which a transfer has one at most: what resolves a hold, and a full reversal."""


def _partial(name: str, column: str, where: str, *, unique: bool = False) -> Index:
    """Declare an index over some rows only."""
    condition = sql(where)
    return Index(
        name,
        "community",
        column,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


class CommunityRow(SQLModel, table=True):
    """A tenant: one ledger, one log."""

    __tablename__ = "community"
    __table_args__: ClassVar[Any] = (UniqueConstraint("origin"), STRICT)
    community: int = key()
    origin: str = text_column()
    name: str = text_column()
    created_at: int = big()


class AccountRow(SQLModel, table=True):
    """An account of the chart, opened once. ``name`` holds the asset too."""

    __tablename__ = "account"
    __table_args__: ClassVar[Any] = (UniqueConstraint("community", "name"), STRICT)
    community: int = key()
    number: int = key()
    name: str = text_column()
    opened_at: int = big()


class BalanceRow(SQLModel, table=True):
    """An account's balance now: derived from transfers, rewritten by every batch."""

    __tablename__ = "balance"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("floor IS NULL OR posted - pending_out >= floor", name="balance_floor"),
        CheckConstraint(
            "ceiling IS NULL OR posted + pending_in <= ceiling", name="balance_ceiling"
        ),
        CheckConstraint("pending_out >= 0 AND pending_in >= 0", name="balance_pending"),
        COMPACT,
    )
    community: int = key()
    account: int = key()
    posted: int = big()
    pending_out: int = big()
    pending_in: int = big()
    floor: int | None = big(nullable=True)
    ceiling: int | None = big(nullable=True)
    version: int = big()


class LimitRow(SQLModel, table=True):
    """A floor or ceiling given to an account, mirrored into its balance.

    ``batch`` is the last batch that was posted before it counted.
    """

    __tablename__ = "limit_change"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    number: int = key()
    account: int = big()
    floor: int | None = big(nullable=True)
    ceiling: int | None = big(nullable=True)
    batch: int = big()
    position: int | None = big(nullable=True)
    recorded_at: int = big()


class BatchRow(SQLModel, table=True):
    """Transfers that were posted together.

    ``period`` is the half-hour in which it was posted, by which holds expire. ``content`` is the
    hash of what was sent; its transfers are ``count`` from number ``first`` on.
    ``statuses`` is empty where all that was sent was created; else one byte each and the hash of
    those that were.
    """

    __tablename__ = "batch"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("community", "id"),
        Index("batch_recorded", "community", "recorded_at"),
        STRICT,
    )
    community: int = key()
    number: int = key()
    id: bytes = blob()
    content: bytes = blob()
    position: int = big()
    recorded_at: int = big()
    period: int = big()
    first: int = big()
    count: int = big()
    statuses: bytes | None = blob(nullable=True)


class TransferRow(SQLModel, table=True):
    """One movement of one asset: the fact that all balances follow from."""

    __tablename__ = "transfer"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount > 0", name="transfer_amount"),
        CheckConstraint("debit <> credit", name="transfer_accounts"),
        CheckConstraint("expires IS NULL OR kind = 2", name="transfer_expires"),
        UniqueConstraint("community", "id"),
        _partial("transfer_one_resolution", "original", f"kind IN {FINAL_KINDS}", unique=True),
        _partial("transfer_correction", "original", f"kind = {int(Kind.CORRECT)}"),
        _partial("transfer_expiry", "expires", "expires IS NOT NULL"),
        COMPACT,
    )
    community: int = key()
    number: int = key()
    id: bytes = blob()
    batch: int = big()
    kind: int = big()
    debit: int = big()
    credit: int = big()
    amount: int = big()
    effective: int = big()
    original: bytes | None = blob(nullable=True)
    expires: int | None = big(nullable=True)


class HistoryRow(SQLModel, table=True):
    """What moved in an account within a chunk of transfers, up to a half-hour.

    ``total`` is the running total of the chunk: the sum over this and all earlier half-hours.
    ``first`` and ``last`` are the numbers of the half-hour's own transfers.
    """

    __tablename__ = "history"
    __table_args__: ClassVar[Any] = COMPACT
    community: int = key()
    chunk: int = key()
    account: int = key()
    effective: int = key()
    total: int = big()
    first: int = big()
    last: int = big()


class LogEntryRow(SQLModel, table=True):
    """A leaf of the log, by its position."""

    __tablename__ = "log_entry"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    position: int = key()
    leaf: bytes = blob()


class LogHeadRow(SQLModel, table=True):
    """The log's head: moved by compare-and-swap together with the rows it covers."""

    __tablename__ = "log_head"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    size: int = big()
    frontier: bytes = blob()
    note: bytes = blob()


class StatementRow(SQLModel, table=True):
    """What a log entry is: no content, so nothing here needs to be erased."""

    __tablename__ = "statement"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("community", "id"),
        UniqueConstraint("community", "signer", "seq"),
        Index("statement_kind", "community", "kind", "position"),
        STRICT,
    )
    community: int = key()
    position: int = key()
    id: str = text_column()
    kind: str = text_column()
    signer: str = text_column()
    seq: int = big()
    tx_id: bytes = blob()
    period: int = big()
    recorded_at: int = big()


class FactRow(SQLModel, table=True):
    """The erasable store: the signed bytes, their salt, and the detail they bind."""

    __tablename__ = "fact"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    position: int = key()
    salt: bytes = blob()
    envelope: bytes = blob()
    detail: bytes | None = blob(nullable=True)


class PersonRow(SQLModel, table=True):
    """The erasable store of names, each sealed under a key of its own."""

    __tablename__ = "person"
    __table_args__: ClassVar[Any] = (UniqueConstraint("community", "member"), STRICT)
    community: int = key()
    number: int = key()
    member: str = text_column()
    secret: bytes = blob()
    sealed: bytes = blob()


class LeaseRow(SQLModel, table=True):
    """Which process writes for a community (`ledger.lease`)."""

    __tablename__ = "lease"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    holder: str = text_column()
    epoch: int = big()
    until_ms: int = big()


class InboxRow(SQLModel, table=True):
    """A request on its way to the process that writes (`ledger.inbox`)."""

    __tablename__ = "inbox"
    __table_args__: ClassVar[Any] = (Index("inbox_community", "community", "number"), STRICT)
    number: int | None = Field(default=None, sa_column=Column(BIG, Identity(), primary_key=True))
    community: int = big()
    request: bytes = blob()
    answer: bytes | None = blob(nullable=True)
    error: str | None = text_column(nullable=True)


APPEND_ONLY = (
    "community",
    "account",
    "limit_change",
    "batch",
    "transfer",
    "history",
    "log_entry",
    "statement",
)
"""Tables of this package that never change a row."""

REWRITTEN = ("balance", "log_head", "lease", "inbox")
"""Tables whose rows change: each follows from others, or is only on its way."""

ERASABLE = ("fact", "person")
"""Tables whose rows may be deleted, so that a person is forgotten."""
