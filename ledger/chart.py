"""The accounts of one community in the database: their numbers, and their limits.

>>> Chart(7).names
{}
"""

import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from ledger import bulk
from ledger.book import Balance, Book
from ledger.bulk import Reads
from ledger.errors import RefusedError
from ledger.status import Status
from ledger.tables import AccountRow, BalanceRow, BatchRow, LimitRow

_accounts, _balances = AccountRow.__table__, BalanceRow.__table__  # type: ignore[attr-defined]
_batches, _limits = BatchRow.__table__, LimitRow.__table__  # type: ignore[attr-defined]

_BALANCE = "SELECT account, posted, pending_out, pending_in, floor, ceiling FROM balance"


class Chart:
    """Account numbers by name, and names by number: they never change once given."""

    def __init__(self, community: int) -> None:
        self.community = community
        self.numbers: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self._highest = 0
        self._lock = threading.Lock()

    def open(
        self, connection: Connection, accounts: Sequence[tuple[str, int | None]], now_ms: int
    ) -> None:
        """Open those of the (account, floor) pairs that are not open yet."""
        self.load(connection)
        named = dict(accounts)
        fresh = [(name, floor) for name, floor in named.items() if name not in self.numbers]
        if not fresh:
            return
        me, first = self.community, len(self.numbers) + 1
        numbered = list(enumerate(fresh, start=first))
        bulk.insert_rows(
            connection, _accounts, [(me, n, name, now_ms) for n, (name, _) in numbered]
        )
        bulk.insert_rows(
            connection, _balances, [(me, n, 0, 0, 0, floor, None, 0) for n, (_, floor) in numbered]
        )
        limits = [(n, floor, None) for n, (_, floor) in numbered if floor is not None]
        self._record_limits(connection, limits, None, now_ms)
        self.load(connection)

    def set_limits(
        self,
        connection: Connection,
        account: str,
        floor: int | None,
        ceiling: int | None,
        now_ms: int,
        *,
        position: int | None = None,
    ) -> None:
        """Change an open account's floor and ceiling; the change is kept, not only its outcome.

        Raises:
            RefusedError: the account is not open, or its balance is beyond the new limits.
        """
        number = self.number_of(connection, account)
        book = Book()
        book.balances[account] = self.balances(connection, [number])[account]
        status = book.limit(account, floor, ceiling)
        if status is not Status.CREATED:
            balance = book.balances[account]
            raise RefusedError(
                f"{account} has {balance.posted}, of which {balance.pending_out} are set aside, "
                f"and {balance.pending_in} coming in: the new limits would be broken at once "
                f"({status.words}). Nothing was changed."
            )
        self._record_limits(connection, [(number, floor, ceiling)], position, now_ms)
        mine = (_balances.c.community == self.community) & (_balances.c.account == number)
        connection.execute(
            _balances.update()
            .where(mine)
            .values(floor=floor, ceiling=ceiling, version=_balances.c.version + 1)
        )

    def _record_limits(
        self,
        connection: Connection,
        limits: Sequence[tuple[int, int | None, int | None]],
        position: int | None,
        now_ms: int,
    ) -> None:
        batch = _highest(connection, self.community, _batches.c.number)
        first = _highest(connection, self.community, _limits.c.number) + 1
        bulk.insert_rows(
            connection,
            _limits,
            [
                (self.community, number, *limit, batch, position, now_ms)
                for number, limit in enumerate(limits, start=first)
            ],
        )

    def number_of(self, connection: Connection, account: str) -> int:
        """Return an open account's number.

        Raises:
            RefusedError: it is not open.
        """
        if account not in self.numbers:
            self.load(connection)
        if account not in self.numbers:
            raise RefusedError(f"The account {account} is not open.")
        return self.numbers[account]

    def balances(
        self, connection: Connection, accounts: Sequence[int] | None = None
    ) -> dict[str, Balance]:
        """Return the balances of some accounts, or of all in the order of their numbers."""
        reads = Reads(connection)
        opened = self.ask(reads)
        if accounts is None:
            rows = reads.query(f"{_BALANCE} WHERE community = {self.community:d} ORDER BY account")
        else:
            rows = self.ask_balances(reads, accounts)
        reads.run()
        self.learn(opened)
        return {self.names[account]: Balance(*state) for account, *state in rows}

    def ask_balances(self, reads: Reads, accounts: Sequence[int]) -> list[Any]:
        """Ask for the rows (account's number, then what a `Balance` takes) of some accounts."""
        return reads.select_in(_BALANCE, "account", self.community, accounts)

    def load(self, connection: Connection) -> None:
        """Learn of accounts that were opened since the last look."""
        reads = Reads(connection)
        opened = self.ask(reads)
        reads.run()
        self.learn(opened)

    def ask(self, reads: Reads) -> list[Any]:
        """Ask for accounts that were opened since the last look; `learn` takes the answer."""
        return reads.query(
            f"SELECT name, number FROM account WHERE community = {self.community:d}"  # noqa: S608 - our own numbers
            f" AND number > {self._highest:d}"
        )

    def learn(self, opened: Sequence[tuple[str, int]]) -> None:
        """Remember accounts: of committed rows, or of this very transaction.

        Numbers never change once given; `forget` drops them when the transaction fails.
        """
        with self._lock:
            for name, number in opened:
                self.numbers[name] = number
                self.names[number] = name
                self._highest = max(self._highest, number)

    def forget(self) -> None:
        """Drop what is remembered: after a transaction was rolled back."""
        with self._lock:
            # Whoever reads with the old ones goes on with them, whole.
            self.numbers, self.names, self._highest = {}, {}, 0


def _highest(connection: Connection, community: int, column: Any) -> int:
    query = select(func.max(column)).where(column.table.c.community == community)
    return connection.scalar(query) or 0
