"""The sequencer: statements into the log, in the same transaction as what they cause.

Rows with contiguous positions are appended and the head (size, frontier, signed note) is moved
by compare-and-swap. Files follow after the commit (`ledger.log_files`). The community's lock keeps
sequencers apart; where it did not, the positions' unique keys and the swap refuse the later one.

>>> Entry("offer", 989737, b"...", bytes(16)).detail is None
True
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ledger import bulk
from ledger.db import erases
from ledger.erasure import DETAIL, erased_by
from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.leaf import CLEAR_KINDS, Leaf
from ledger.log.tree import Frontier, leaf_hash
from ledger.primitives.hashing import commitment
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement
from ledger.tables import FactRow, LogEntryRow, LogHeadRow, StatementRow

_entries, _heads = LogEntryRow.__table__, LogHeadRow.__table__  # type: ignore[attr-defined]
_facts, _statements = FactRow.__table__, StatementRow.__table__  # type: ignore[attr-defined]

# Every statement asks these: putting the queries together anew would take longer than they do.
_mine = _statements.c.community == bindparam("community")
_HEAD = select(_heads.c.size, _heads.c.frontier, _heads.c.note).where(
    _heads.c.community == bindparam("community")
)
_LAST_RECORDED = (
    select(_statements.c.recorded_at).where(_mine).order_by(_statements.c.position.desc()).limit(1)
)
_LAST_SEQ = select(func.max(_statements.c.seq)).where(
    _mine, _statements.c.signer == bindparam("signer")
)
_FACTS = (
    select(
        _statements.c.position,
        _statements.c.kind,
        _statements.c.period,
        _facts.c.envelope,
        _facts.c.salt,
        _facts.c.detail,
    )
    .outerjoin(
        _facts,
        (_facts.c.community == _statements.c.community)
        & (_facts.c.position == _statements.c.position),
    )
    .where(_mine)
)
_FACT_AT = _FACTS.where(_statements.c.position == bindparam("position"))
_WITH_ID = select(_statements.c.position).where(_mine, _statements.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact of the log.

    Attributes:
        kind: the statement's kind.
        period: the half-hour in which it is logged.
        envelope: the signed bytes.
        salt: 16 bytes that hide the fact behind its commitment.
        detail: bytes that the statement binds by a hash or a root, or None.
    """

    kind: str
    period: int
    envelope: bytes
    salt: bytes
    detail: bytes | None = None

    @property
    def leaf(self) -> bytes:
        """The entry's public bytes."""
        if self.kind in CLEAR_KINDS:
            return Leaf(self.kind, self.period, fact=self.envelope).encode()
        return Leaf(self.kind, self.period, commitment(self.salt, self.envelope)).encode()


def create_log(connection: Connection, community: int, origin: str, key: SigningKey) -> None:
    """Make an empty log with a signed head."""
    frontier = Frontier()
    connection.execute(
        insert(_heads).values(
            community=community,
            size=0,
            frontier=frontier.to_bytes(),
            note=sign_checkpoint(Checkpoint(origin, 0, frontier.root()), key),
        )
    )


def head(connection: Connection, community: int) -> tuple[int, bytes, bytes]:
    """Return (size, frontier, signed note) of the log."""
    row = connection.execute(_HEAD, {"community": community}).one()
    return row.size, row.frontier, row.note


def append(
    connection: Connection,
    community: int,
    origin: str,
    key: SigningKey,
    entries: Sequence[tuple[Statement, Entry]],
    now_ms: int,
) -> int:
    """Append checked statements and return the first one's position.

    Raises:
        LogError: another sequencer moved the head meanwhile, or the head is not the one that was
            signed. Nothing was written; the caller's transaction must be rolled back.
    """
    size, frontier_bytes, signed = head(connection, community)
    frontier = Frontier.from_bytes(frontier_bytes)
    if not signed.startswith(Checkpoint(origin, size, frontier.root()).encode() + b"\n"):
        raise LogError(
            "The log's head in the database is not the one that was signed last. Nothing was "
            "written: another signature would make two histories. Run 'commonwatt ledger check'."
        )
    entry_rows, fact_rows, statement_rows = [], [], []
    for position, (statement, entry) in enumerate(entries, start=size):
        leaf = entry.leaf
        frontier.append(leaf_hash(leaf))
        where = (community, position)
        entry_rows.append((*where, leaf))
        fact_rows.append((*where, entry.salt, entry.envelope, entry.detail))
        named = (statement.id, entry.kind, statement.key_id, statement.body["seq"])
        tx_id = bytes.fromhex(statement.tx_id)
        statement_rows.append((*where, *named, tx_id, entry.period, now_ms))
    try:
        bulk.insert_rows(connection, _entries, entry_rows)
        bulk.insert_rows(connection, _facts, fact_rows)
        bulk.insert_rows(connection, _statements, statement_rows)
    except IntegrityError as error:
        raise LogError(
            f"Another writer moved the log's head from {size} entries, or logged one of these "
            "statements, or one is given twice. Nothing was written; try again."
        ) from error
    note = sign_checkpoint(Checkpoint(origin, frontier.size, frontier.root()), key)
    moved = connection.execute(
        update(_heads)
        .where(_heads.c.community == community, _heads.c.size == size)
        .where(_heads.c.frontier == frontier_bytes)
        .values(size=frontier.size, frontier=frontier.to_bytes(), note=note)
    )
    if moved.rowcount != 1:
        raise LogError("Another writer moved the log's head. Nothing was written; try again.")
    return size


def last_recorded_ms(connection: Connection, community: int) -> int:
    """Return when the last entry was logged, 0 for an empty log."""
    return connection.scalar(_LAST_RECORDED, {"community": community}) or 0


def position_at(connection: Connection, community: int, time_ms: int) -> int:
    """Return the position of the first entry that was logged after a time: its end if none was.

    Entries stand in order of time, so a few are looked at and not all.
    """
    recorded = select(_statements.c.recorded_at).where(_statements.c.community == community)
    low, high = 0, head(connection, community)[0]
    while low < high:
        middle = (low + high) // 2
        logged_ms = connection.scalar(recorded.where(_statements.c.position == middle)) or 0
        low, high = (middle + 1, high) if logged_ms <= time_ms else (low, middle)
    return low


def last_seq(connection: Connection, community: int, signer: str) -> int:
    """Return the highest ``seq`` of a key, 0 before its first statement."""
    return connection.scalar(_LAST_SEQ, {"community": community, "signer": signer}) or 0


def has_statement(connection: Connection, community: int, statement_id: str) -> int | None:
    """Return the position of the statement with an id, or None."""
    return connection.scalar(_WITH_ID, {"community": community, "id": statement_id})


def has_kind(connection: Connection, community: int, kinds: Sequence[str]) -> bool:
    """Return whether a statement of one of some kinds was logged."""
    query = select(_statements.c.position).where(
        _statements.c.community == community, _statements.c.kind.in_(kinds)
    )
    return connection.execute(query.limit(1)).first() is not None


def facts(
    connection: Connection, community: int, *, kinds: Sequence[str] | None = None, first: int = 0
) -> Iterator[tuple[int, Entry]]:
    """Yield (position, entry) in the log's order, of some kinds or of all.

    Raises:
        LogError: a fact is not in the store; see `stored_facts` for those that were erased.
    """
    for position, _, entry in stored_facts(connection, community, kinds=kinds, first=first):
        if entry is None:
            raise LogError(f"the fact of entry {position} is not in the store")
        yield position, entry


def stored_facts(
    connection: Connection, community: int, *, kinds: Sequence[str] | None = None, first: int = 0
) -> Iterator[tuple[int, str, Entry | None]]:
    """Yield (position, kind, entry or None where its fact was erased) in the log's order."""
    query = _FACTS.where(_statements.c.position >= first)
    if kinds is not None:
        query = query.where(_statements.c.kind.in_(kinds))
    query = query.order_by(_statements.c.position)
    where, options = {"community": community}, {"yield_per": 2_000}
    with connection.execute(query, where, execution_options=options) as rows:
        for row in rows:
            yield row.position, row.kind, None if row.envelope is None else _entry(row)


def entries_at(
    connection: Connection, community: int, positions: Sequence[int]
) -> dict[int, tuple[str, int]]:
    """Return (kind, half-hour of logging) of some entries, by log position."""
    rows = bulk.select_in(
        connection, "SELECT position, kind, period FROM statement", "position", community, positions
    )
    return {position: (kind, period) for position, kind, period in rows}


def erase(connection: Connection, community: int, body: Mapping[str, Any]) -> None:
    """Delete what a logged erasure names; what is gone already stays gone."""
    erases(connection)
    for item in body["entries"]:
        position = item["entry"]
        mine = (_facts.c.community == community) & (_facts.c.position == position)
        row = connection.execute(select(_facts).where(mine)).one_or_none()
        if row is not None:
            connection.execute(delete(_facts).where(mine))
        if row is not None and item["what"] == DETAIL:
            connection.execute(insert(_facts).values(**{**row._asdict(), "detail": None}))


def erased(
    connection: Connection, community: int, before: int | None = None
) -> set[tuple[int, str]]:
    """Return (log position, what) of all that logged erasures named, those before one if given."""
    return erased_by(
        Statement.decode(entry.envelope).body
        for position, entry in facts(connection, community, kinds=["erasure"])
        if before is None or position < before
    )


def fact_at(connection: Connection, community: int, position: int) -> Entry:
    """Return the entry at a position that is in the log.

    Raises:
        LogError: its fact was erased.
    """
    where = {"community": community, "position": position}
    return _entry(connection.execute(_FACT_AT, where).one())


def last_fact(connection: Connection, community: int, kind: str) -> Entry | None:
    """Return the latest entry of a kind, or None."""
    position = connection.scalar(
        select(func.max(_statements.c.position)).where(
            _statements.c.community == community, _statements.c.kind == kind
        )
    )
    return None if position is None else fact_at(connection, community, position)


def _entry(row: Row[Any, Any, Any, Any, Any, Any]) -> Entry:
    if row.envelope is None:
        raise LogError(f"the fact of entry {row.position} is not in the store")
    return Entry(row.kind, row.period, row.envelope, row.salt, row.detail)


def leaves(connection: Connection, community: int, first: int, end: int) -> list[bytes]:
    """Return the leaves of positions first to end - 1."""
    rows = connection.scalars(
        select(_entries.c.leaf)
        .where(_entries.c.community == community)
        .where(_entries.c.position >= first, _entries.c.position < end)
        .order_by(_entries.c.position)
    ).all()
    if len(rows) != end - first:
        raise LogError(f"the database lacks log entries between {first} and {end}")
    return list(rows)


def detail_hash(detail: bytes) -> str:
    """Return how a statement binds a detail: its SHA-256, in hexadecimal."""
    return hashlib.sha256(detail).hexdigest()
