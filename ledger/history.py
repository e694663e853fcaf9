"""Balances of the past: at any half-hour, as known at any time.

Transfers are numbered in the order of posting, so "as known at a time" is a highest number.
Every full chunk of transfers leaves, for each account in it, running totals by the half-hour that
the transfers are about; nothing of it changes later, however late a correction comes. A balance
is then one look-up a chunk, and a sum over the transfers of the last chunk, which is not full.
The cost does not depend on how far back the half-hour lies (docs/adr/0010).

>>> CHUNK_TRANSFERS
4096
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, TextClause, text

from ledger.primitives.periods import PERIOD_MAX
from ledger.records import MOVES, Kind

CHUNK_TRANSFERS = 4_096
"""Transfers in a chunk: few enough to add up in half a millisecond."""

_MOVES = f"kind IN {tuple(sorted(map(int, MOVES)))}"


def fill(connection: Connection, community: int, before: int, last: int) -> None:
    """Write the running totals of the chunks that became full.

    Args:
        connection: the transaction that posted.
        community: its number.
        before: number of the last transfer before the posting.
        last: number of the last transfer after it.
    """
    for chunk in range(before // CHUNK_TRANSFERS, last // CHUNK_TRANSFERS):
        connection.exec_driver_sql(
            'INSERT INTO history (community, chunk, account, effective, total, "first", "last")'
            f" {totals_query(community, chunk)}"
        )


def totals_query(community: int, chunk: int) -> str:
    """Return the SQL that computes a chunk's rows of `history` from its transfers."""
    first, last = 1 + chunk * CHUNK_TRANSFERS, (chunk + 1) * CHUNK_TRANSFERS
    mine = f"community = {community:d} AND number BETWEEN {first:d} AND {last:d} AND {_MOVES}"
    return f"""
        SELECT {community:d} AS community, {chunk:d} AS chunk, account, effective,
          sum(sum(delta)) OVER (PARTITION BY account ORDER BY effective) AS total,
          min(number) AS "first", max(number) AS "last"
        FROM (
          SELECT number, debit AS account, effective, -amount AS delta FROM transfer WHERE {mine}
          UNION ALL
          SELECT number, credit, effective, amount FROM transfer WHERE {mine}
        ) AS sides
        GROUP BY account, effective
        ORDER BY account, effective
    """


def last_number(connection: Connection, community: int, known_ms: int | None = None) -> int:
    """Return the number of the last transfer that was recorded at or before a time."""
    values = {"community": community, "known": _FOREVER_MS if known_ms is None else known_ms}
    return int(connection.execute(_LAST_NUMBER, values).scalar() or 0)


def balance_at(
    connection: Connection,
    community: int,
    account: int,
    end: int = PERIOD_MAX + 1,
    known_ms: int | None = None,
) -> int:
    """Return what was posted in an account for half-hours before one.

    Args:
        connection: an open transaction.
        community: its number.
        account: the account's number.
        end: the first half-hour that does not count.
        known_ms: the balance as it was known at this time; as it is known now if left out.

    Returns:
        The balance in the asset's smallest unit.
    """
    known = _FOREVER_MS if known_ms is None else known_ms
    values = {"community": community, "account": account, "known": known, "end": end}
    return _ask(connection, _balance_as_known(CHUNK_TRANSFERS), values)


def balance_after(
    connection: Connection, community: int, account: int, last: int, end: int = PERIOD_MAX + 1
) -> int:
    """Return an account's balance over the transfers up to a number, before a half-hour."""
    values = {"community": community, "account": account, "number": last, "end": end}
    return _ask(connection, _balance_up_to(CHUNK_TRANSFERS), values)


def _ask(connection: Connection, query: TextClause, values: dict[str, int]) -> int:
    """Return a balance whose chunks are added up in two halves.

    One chunk's total fits into 64 bits, but many chunks' may not before they balance out.
    """
    row = connection.execute(query, values).first()
    return 0 if row is None else (int(row[0]) << 32) + int(row[1]) + int(row[2])


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an account's history.

    Attributes:
        number: of the transfer; the cursor for what follows.
        id: the transfer's 16 bytes.
        kind: what it does.
        effective: the half-hour it is about.
        recorded_ms: when it was posted.
        position: in the log, of the statement that caused it.
        other: number of the account on the other side.
        amount: positive when it came in.
        balance: after it, in the order of posting.
        original: id of the transfer that it resolves, reverses or corrects.
    """

    number: int
    id: bytes
    kind: Kind
    effective: int
    recorded_ms: int
    position: int
    other: int
    amount: int
    balance: int
    original: bytes | None


def entries(
    connection: Connection,
    community: int,
    account: int,
    *,
    after: int = 0,
    periods: range = range(PERIOD_MAX + 1),
    known_ms: int | None = None,
) -> Iterator[Entry]:
    """Yield what moved in an account in the order of posting, which never changes.

    Args:
        connection: an open transaction.
        community: its number.
        account: the account's number.
        after: the cursor: the number of the last entry that was read.
        periods: only what is about these half-hours; `Entry.balance` still counts all.
        known_ms: only what was recorded at or before this time.
    """
    last = last_number(connection, community, known_ms)
    balance = balance_after(connection, community, account, after) if after <= last else 0
    full = last // CHUNK_TRANSFERS
    chunk, size = after // CHUNK_TRANSFERS, 1
    while chunk <= full:
        end = min(chunk + size, full)
        values = {
            "community": community,
            "account": account,
            "chunk_first": chunk,
            "chunk_end": end,
            "tail": end * CHUNK_TRANSFERS if end == full else last,
            "after": after,
            "last": last,
        }
        for row in connection.execute(_ENTRIES[connection.dialect.name], values):
            out = row.debit == account
            amount = -row.amount if out else row.amount
            balance += amount
            if row.effective in periods:
                yield Entry(
                    row.number,
                    bytes(row.id),
                    Kind(row.kind),
                    row.effective,
                    row.recorded_at,
                    row.position,
                    row.credit if out else row.debit,
                    amount,
                    balance,
                    None if row.original is None else bytes(row.original),
                )
        if end == full:
            return
        chunk, size = end, min(2 * size, CHUNKS_A_QUERY_MAX)


CHUNKS_A_QUERY_MAX = 64
"""Most chunks that one query of `entries` looks at; the first looks at few, for short pages."""

_FOREVER_MS = 2**62

# Batches posted together have one time: the latest time first, by the index, then its last batch.
_LAST = (
    'SELECT max("first" + "count" - 1) AS number FROM batch WHERE community = :community'
    " AND recorded_at = (SELECT max(recorded_at) FROM batch"
    " WHERE community = :community AND recorded_at <= :known)"
)
_LAST_NUMBER = text(_LAST)


@lru_cache(maxsize=8)
def _balance_as_known(chunk_transfers: int) -> TextClause:
    """Return the query of a balance as known at a time: one round trip to the database."""
    return _balance(_LAST, chunk_transfers)


@lru_cache(maxsize=8)
def _balance_up_to(chunk_transfers: int) -> TextClause:
    """Return the query of a balance up to a transfer."""
    return _balance("SELECT CAST(:number AS BIGINT) AS number", chunk_transfers)


def _balance(last: str, chunk_transfers: int) -> TextClause:
    full = f"last.number / {chunk_transfers:d}"
    return text(
        f"""
        WITH RECURSIVE last AS (SELECT number FROM ({last}) AS found WHERE number IS NOT NULL),
        chunks (number) AS (
          SELECT {full} - 1 FROM last WHERE {full} > 0
          UNION ALL
          SELECT number - 1 FROM chunks WHERE number > 0
        )
        , found (total) AS (
          SELECT (
            SELECT total FROM history
            WHERE community = :community AND chunk = chunks.number AND account = :account
              AND effective < :end
            ORDER BY effective DESC LIMIT 1)
          FROM chunks)
        SELECT
          coalesce((SELECT sum(total >> 32) FROM found), 0),
          coalesce((SELECT sum(total & 4294967295) FROM found), 0),
          coalesce((
          SELECT sum(CASE WHEN debit = :account THEN -amount ELSE amount END) FROM transfer
          WHERE community = :community AND number <= last.number
            AND number > {full} * {chunk_transfers:d}
            AND (debit = :account OR credit = :account) AND effective < :end AND {_MOVES}), 0)
        FROM last
        """
    )


def _entries(moved: str) -> TextClause:
    return text(
        f"""
        WITH RECURSIVE chunks (number) AS (
          SELECT CAST(:chunk_first AS BIGINT) WHERE :chunk_first < :chunk_end
          UNION ALL
          SELECT number + 1 FROM chunks WHERE number + 1 < :chunk_end
        ), moved AS (
          {moved}
          UNION ALL
          SELECT * FROM transfer WHERE community = :community AND number > :tail
        )
        SELECT moved.number, moved.id, moved.kind, moved.debit, moved.credit, moved.amount,
          moved.effective, moved.original, batch.recorded_at, batch.position
        FROM moved JOIN batch ON batch.community = :community AND batch.number = moved.batch
        WHERE moved.number > :after AND moved.number <= :last AND moved.{_MOVES}
          AND (moved.debit = :account OR moved.credit = :account)
        ORDER BY moved.number
        """
    )


# From chunk to half-hour to transfers, each by its key: left alone, both engines begin with all
# transfers. Cross joins keep SQLite to an order, an offset keeps PostgreSQL's look-ups apart.
_ENTRIES = {
    "sqlite": _entries(
        """SELECT transfer.* FROM chunks CROSS JOIN history CROSS JOIN transfer
          WHERE history.community = :community AND history.chunk = chunks.number
            AND history.account = :account AND transfer.community = :community
            AND transfer.number BETWEEN history."first" AND history."last"
            AND transfer.effective = history.effective"""
    ),
    "postgresql": _entries(
        """SELECT found.* FROM chunks, LATERAL (
            SELECT * FROM history WHERE community = :community AND chunk = chunks.number
              AND account = :account OFFSET 0) AS half_hour, LATERAL (
            SELECT * FROM transfer WHERE community = :community
              AND number BETWEEN half_hour."first" AND half_hour."last"
              AND effective = half_hour.effective OFFSET 0) AS found"""
    ),
}
