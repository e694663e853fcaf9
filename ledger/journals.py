"""What the journals of hledger and Beancount share: entries, exact amounts, and notes.

An entry is the transfers of one log entry and half-hour, as they were posted one after another.
An amount is written with all its decimals, so that no reader has to round.

>>> amount_text(-885000, "BRM"), amount_text(5, "WH")
('-0.0885000 BRM', '5 WH')
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import ClassVar, TextIO

from ledger.accounts import Account, parse_account
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import start_text
from ledger.records import MOVES, Kind, Transfer

FIRST_DAY = "1970-01-01"
"""The day of half-hour 0: before it nothing can be booked."""


class Journal(ABC):
    """What must be remembered while a journal is written.

    Attributes:
        out: takes the text.
        balances: of every account so far, in the asset's smallest unit.
        names: of every account so far: (its name, its commodity) in the journal.
        last_day: the latest so far.
    """

    indent: ClassVar[str]

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.balances: dict[str, int] = {}
        self.names: dict[str, tuple[str, str]] = {}
        self.last_day = FIRST_DAY
        self._declared: set[str] = set()

    def write(
        self, transfers: Iterable[tuple[Transfer, int]], accounts: Sequence[str]
    ) -> dict[str, int]:
        """Write accounts, all transfers and the balances; return the balances asserted."""
        for account in accounts:
            self._declare(account)
        for position, period, group in entries_of(transfers):
            start = start_text(period)
            self.last_day = max(self.last_day, start[:10])
            for transfer in group:
                self._declare(transfer.debit)
                self._declare(transfer.credit)
            lines = self.entry(position, start, group)
            self.out.write("\n".join(lines) + "\n")
        self.write_balances()
        return self.balances

    @abstractmethod
    def directives(self, account: Account) -> tuple[str, str, Sequence[str]]:
        """Return an account's name, its commodity, and the lines that declare the two."""

    @abstractmethod
    def entry(self, position: int, start: str, group: Sequence[Transfer]) -> list[str]:
        """Return the lines of one log entry and half-hour."""

    @abstractmethod
    def write_balances(self) -> None:
        """Assert every balance, dated when all transfers are behind."""

    def lines_of(self, group: Sequence[Transfer], comment: str) -> list[str]:
        """Return the postings of what moved, and comments on what was set aside or released."""
        lines = []
        for transfer in group:
            debit, symbol = self.names[transfer.debit]
            if transfer.kind not in MOVES:
                lines.append(comment + note_text(transfer, debit, symbol))
                continue
            credit, _ = self.names[transfer.credit]
            self.balances[transfer.debit] -= transfer.amount
            self.balances[transfer.credit] += transfer.amount
            lines.append(f"{self.indent}{debit}  {amount_text(-transfer.amount, symbol)}")
            lines.append(f"{self.indent}{credit}  {amount_text(transfer.amount, symbol)}")
        return lines

    def _declare(self, account: str) -> None:
        """Write the directives of an account and its commodity, at its first use."""
        if account in self.names:
            return
        name, symbol, directives = self.directives(parse_account(account))
        if not self._declared:
            self.out.write("\n")
        for directive in directives:
            if directive not in self._declared:
                self._declared.add(directive)
                self.out.write(directive + "\n")
        self.names[account] = (name, symbol)
        self.balances[account] = 0


def entries_of(
    transfers: Iterable[tuple[Transfer, int]],
) -> Iterator[tuple[int, int, list[Transfer]]]:
    """Yield (log position, half-hour, transfers), as they come: one entry is held at a time."""
    for (position, period), group in groupby(transfers, lambda item: (item[1], item[0].effective)):
        yield position, period, [transfer for transfer, _ in group]


def amount_text(value: int, symbol: str) -> str:
    """Write an integer of smallest units and its commodity, exactly."""
    return f"{number_text(value, symbol)} {symbol}"


def number_text(value: int, symbol: str) -> str:
    """Write an integer of smallest units with the decimals of its commodity.

    >>> number_text(10_000_000, "BRM")
    '1.0000000'
    """
    if symbol == "WH":
        return str(value)
    whole, part = divmod(abs(value), UNITS_PER_MAJOR)
    return f"{'-' if value < 0 else ''}{whole}.{part:07d}"


def note_text(transfer: Transfer, account: str, symbol: str) -> str:
    """Say what a transfer did that moved nothing."""
    verb = "set aside" if transfer.kind is Kind.HOLD else "released"
    return f"{verb} {amount_text(transfer.amount, symbol)} from {account}"
