"""Balances of the past: at any half-hour, as known at any time.

Transfers are numbered in the order of posting, so "as known at a time" is a highest number.
Every full chunk of transfers leaves, for each account in it, running totals by the half-hour that
the transfers are about; nothing of it changes later, however late a correction comes. A balance
is then one look-up a chunk, and a sum over the transfers of the last chunk, which is not full.
The cost does not depend on how far back the half-hour lies (docs/adr/0010).

>>> CHUNK_TRANSFERS
4096
"""

from sqlalchemy import Connection, select

from ledger.primitives.periods import PERIOD_MAX
from ledger.records import MOVES
from ledger.tables import BatchRow, TransferRow

_transfers, _batches = TransferRow.__table__, BatchRow.__table__  # type: ignore[attr-defined]

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
    query = (
        select(_batches.c.first + _batches.c.count - 1)
        .where(_batches.c.community == community)
        .order_by(_batches.c.recorded_at.desc(), _batches.c.number.desc())
        .limit(1)
    )
    if known_ms is not None:
        query = query.where(_batches.c.recorded_at <= known_ms)
    return connection.scalar(query) or 0


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
    last = last_number(connection, community, known_ms)
    return _balance(connection, community, account, end, last)


def _balance(connection: Connection, community: int, account: int, end: int, last: int) -> int:
    """Return the balance for half-hours before `end` over the transfers up to number `last`."""
    chunks = last // CHUNK_TRANSFERS
    mine = f"community = {community:d}"
    query = f"""
        WITH RECURSIVE chunk (number) AS (
          SELECT 0 WHERE {chunks:d} > 0
          UNION ALL
          SELECT number + 1 FROM chunk WHERE number + 1 < {chunks:d}
        )
        SELECT coalesce((
          SELECT sum((
            SELECT total FROM history
            WHERE {mine} AND chunk = chunk.number AND account = {account:d}
              AND effective < {end:d}
            ORDER BY effective DESC LIMIT 1))
          FROM chunk), 0) + coalesce((
          SELECT sum(CASE WHEN debit = {account:d} THEN -amount ELSE amount END) FROM transfer
          WHERE {mine} AND number > {chunks * CHUNK_TRANSFERS:d} AND number <= {last:d}
            AND (debit = {account:d} OR credit = {account:d}) AND effective < {end:d}
            AND {_MOVES}), 0)
    """
    return int(connection.exec_driver_sql(query).scalar_one())
