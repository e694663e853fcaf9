"""The ledger as an hledger journal: every transfer that moved something, and every balance.

Consecutive transfers of one log entry and half-hour are one transaction, dated in UTC, with the
log entry as its code. What was set aside or released moves nothing and stands as a comment. At
the end every account's balance is asserted, so ``hledger check --strict`` proves the file whole:
a changed amount anywhere is refused. Written as it is read; nothing but balances is kept.

>>> import sys
>>> from ledger.records import Kind
>>> move = Transfer(bytes([1] * 16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> _ = write_journal([(move, 7)], sys.stdout, title="Riverside")
; Riverside: every transfer, for hledger
<BLANKLINE>
commodity 1. WH
account pool:a
account grid:export
<BLANKLINE>
2026-06-15 (7) half-hour from 2026-06-15T12:30:00Z
    pool:a  -5 WH
    grid:export  5 WH
<BLANKLINE>
2026-06-15 (8) all balances
    pool:a  0 WH = -5 WH
    grid:export  0 WH = 5 WH
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TextIO

from ledger.accounts import parse_account
from ledger.journals import amount_text, entries_of, note_text
from ledger.primitives.periods import start_text
from ledger.records import MOVES, Transfer

COLON = "%3A"
"""Stands for a colon of a meter's id, as hledger divides account names by colons."""


def write_journal(
    transfers: Iterable[tuple[Transfer, int]],
    out: TextIO,
    *,
    title: str = "Commonwatt",
    accounts: Sequence[str] = (),
) -> dict[str, int]:
    """Write a complete journal.

    Args:
        transfers: every (transfer, log position of its cause), in the order of posting.
        out: takes the text; UTF-8 if it is a file.
        title: one line for the head, as the community's name.
        accounts: accounts to declare, and assert, even if nothing moved in them.

    Returns:
        The balances asserted at the end, by account, in the asset's smallest unit.
    """
    journal = _Journal(out)
    out.write(f"; {' '.join(title.split())}: every transfer, for hledger\n")
    for account in accounts:
        journal.declare(account)
    for position, period, group in entries_of(transfers):
        journal.write_group(position, period, group)
    journal.write_balances()
    return journal.balances


@dataclass
class _Journal:
    """What must be remembered while the file is written."""

    out: TextIO
    balances: dict[str, int] = field(default_factory=dict)
    _names: dict[str, tuple[str, str]] = field(default_factory=dict)
    _declared: set[str] = field(default_factory=set)
    _last_day: str = date.min.isoformat()
    _next_position: int = 0

    def declare(self, account: str) -> None:
        """Write the directives of an account and its commodity, at its first use."""
        if account in self._names:
            return
        parsed = parse_account(account)
        symbol = _symbol(parsed.asset)
        name = _hledger_name(parsed.name)
        if not self._declared:
            self.out.write("\n")
        for directive in (f"commodity {_sample(parsed.asset)} {symbol}", f"account {name}"):
            if directive not in self._declared:
                self._declared.add(directive)
                self.out.write(directive + "\n")
        self._names[account] = (name, symbol)
        self.balances[account] = 0

    def write_group(self, position: int, period: int, group: Sequence[Transfer]) -> None:
        """Write the transfers of one log entry and half-hour."""
        start = start_text(period)
        self._next_position = max(self._next_position, position + 1)
        self._last_day = max(self._last_day, start[:10])
        for transfer in group:
            self.declare(transfer.debit)
            self.declare(transfer.credit)
        moves = any(transfer.kind in MOVES for transfer in group)
        head = f"{start[:10]} ({position}) half-hour from {start}"
        lines = ["", head if moves else f"; {head}"]
        for transfer in group:
            if transfer.kind in MOVES:
                lines += self._postings(transfer)
            else:
                lines.append(("    ; " if moves else ";     ") + self._note(transfer))
        self.out.write("\n".join(lines) + "\n")

    def write_balances(self) -> None:
        """Assert every balance, dated when all transfers are behind."""
        if not self.balances:
            return
        day = max(self._last_day, "1970-01-01")
        self.out.write(f"\n{day} ({self._next_position}) all balances\n")
        for account, balance in self.balances.items():
            name, symbol = self._names[account]
            zero, value = amount_text(0, symbol), amount_text(balance, symbol)
            self.out.write(f"    {name}  {zero} = {value}\n")

    def _postings(self, transfer: Transfer) -> tuple[str, str]:
        self.balances[transfer.debit] -= transfer.amount
        self.balances[transfer.credit] += transfer.amount
        debit, symbol = self._names[transfer.debit]
        credit, _ = self._names[transfer.credit]
        return (
            f"    {debit}  {amount_text(-transfer.amount, symbol)}",
            f"    {credit}  {amount_text(transfer.amount, symbol)}",
        )

    def _note(self, transfer: Transfer) -> str:
        return note_text(transfer, *self._names[transfer.debit])


def _hledger_name(name: str) -> str:
    """Return an account's name as hledger divides it; no two names share one.

    >>> _hledger_name("meter/a:b/c/import")
    'meter:a%3Ab/c:import'
    """
    first, _, rest = name.replace(":", COLON).partition("/")
    middle, slash, last = rest.rpartition("/")
    return f"{first}:{middle}:{last}" if slash else f"{first}:{rest}"


def _symbol(asset: str) -> str:
    """Return an asset's commodity; hledger wants quotes around digits."""
    code = asset.partition("/")[0]
    return code if code.isalpha() else f'"{code}"'


def _sample(asset: str) -> str:
    """Return the amount that tells hledger a commodity's decimals."""
    return "1." + "0" * int(asset.partition("/")[2])
