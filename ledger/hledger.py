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
from typing import TextIO

from ledger.accounts import Account
from ledger.journals import Journal, amount_text
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
    out.write(f"; {' '.join(title.split())}: every transfer, for hledger\n")
    return _Journal(out).write(transfers, accounts)


class _Journal(Journal):
    indent = "    "
    _next_position = 0

    def directives(self, account: Account) -> tuple[str, str, Sequence[str]]:
        name, symbol = _hledger_name(account.name), _symbol(account.asset)
        return name, symbol, (f"commodity {_sample(account.asset)} {symbol}", f"account {name}")

    def entry(self, position: int, start: str, group: Sequence[Transfer]) -> list[str]:
        self._next_position = max(self._next_position, position + 1)
        moves = any(transfer.kind in MOVES for transfer in group)
        head = f"{start[:10]} ({position}) half-hour from {start}"
        comment = "    ; " if moves else ";     "
        return ["", head if moves else f"; {head}", *self.lines_of(group, comment)]

    def write_balances(self) -> None:
        if not self.balances:
            return
        self.out.write(f"\n{self.last_day} ({self._next_position}) all balances\n")
        for account, balance in self.balances.items():
            name, symbol = self.names[account]
            zero, value = amount_text(0, symbol), amount_text(balance, symbol)
            self.out.write(f"    {name}  {zero} = {value}\n")


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
