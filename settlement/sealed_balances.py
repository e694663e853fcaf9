"""Every balance as it was when a seal was made: computed again, and compared with the seal's root.

>>> sealed_balances.__name__
'sealed_balances'
"""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from ledger.book import Balance
from ledger.errors import LogError
from ledger.log.tree import root_of
from ledger.records import MOVES, RESOLVES, Kind, salted_leaves
from ledger.store import LedgerStore
from ledger.tables import AccountRow, BatchRow, StatementRow, TransferRow
from settlement.postings import balance_records

_accounts, _batches = AccountRow.__table__, BatchRow.__table__  # type: ignore[attr-defined]
_statements = StatementRow.__table__  # type: ignore[attr-defined]
_transfers = TransferRow.__table__  # type: ignore[attr-defined]


def sealed_balances(
    connection: Connection, ledger: LedgerStore, position: int, seed: bytes, root: str
) -> tuple[dict[str, Balance], list[bytes]]:
    """Return the balances that a seal binds, in order of account, and their leaf hashes.

    Args:
        connection: an open transaction.
        ledger: of the community.
        position: of the seal in the log.
        seed: from the seal's detail.
        root: from the seal, in hexadecimal.

    Raises:
        LogError: what is stored does not give the root that was signed.
    """
    balances = _balances_before(connection, ledger, position)
    surely, opened = _opened_before(connection, ledger, position)
    for count in range(surely, len(opened) + 1):
        known = {name: balances[name] for name in sorted(opened[:count])}
        leaves = salted_leaves(seed, balance_records(known))
        if root_of(leaves).hex() == root:
            return known, leaves
    raise LogError(
        f"The balances in the database are not those that log entry {position} sealed. Run "
        "'commonwatt ledger check': it says what is wrong."
    )


def _opened_before(
    connection: Connection, ledger: LedgerStore, position: int
) -> tuple[int, list[str]]:
    """Return how many accounts surely were open at an entry, and all that may have been.

    Numbers are given in order, so it is the first ones. The clock alone cannot tell those that
    were opened in the same millisecond, before or after the seal.
    """
    logged_ms = connection.scalar(
        select(_statements.c.recorded_at).where(
            _statements.c.community == ledger.community, _statements.c.position == position
        )
    )
    rows = connection.execute(
        select(_accounts.c.name, _accounts.c.opened_at)
        .where(_accounts.c.community == ledger.community, _accounts.c.opened_at <= logged_ms)
        .order_by(_accounts.c.number)
    ).all()
    return sum(row.opened_at < logged_ms for row in rows), [row.name for row in rows]


def _balances_before(
    connection: Connection, ledger: LedgerStore, position: int
) -> Mapping[str, Balance]:
    """Return every account's balance before a log entry, from today's and what came since."""
    last = connection.scalar(
        select(func.max(_batches.c.first + _batches.c.count - 1)).where(
            _batches.c.community == ledger.community, _batches.c.position < position
        )
    )
    posted = {name: balance.posted for name, balance in ledger.balances(connection).items()}
    for transfer, _ in ledger.transfers(connection, (last or 0) + 1):
        if transfer.kind in MOVES:
            posted[transfer.debit] += transfer.amount
            posted[transfer.credit] -= transfer.amount
    aside = _set_aside(connection, ledger, last or 0)
    return {name: Balance(units, aside.get(name, 0)) for name, units in posted.items()}


def _set_aside(connection: Connection, ledger: LedgerStore, last: int) -> dict[str, int]:
    """Return what the transfers up to a number had set aside in each account."""
    later = _transfers.alias()
    resolved = select(later.c.number).where(
        later.c.community == ledger.community,
        later.c.original == _transfers.c.id,
        later.c.number <= last,
        later.c.kind.in_([int(kind) for kind in RESOLVES]),
    )
    rows = connection.execute(
        select(_transfers.c.debit, func.sum(_transfers.c.amount))
        .where(_transfers.c.community == ledger.community, _transfers.c.number <= last)
        .where(_transfers.c.kind == int(Kind.HOLD), ~resolved.exists())
        .group_by(_transfers.c.debit)
    )
    return {ledger.chart.names[number]: int(total) for number, total in rows}
