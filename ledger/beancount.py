"""The ledger as a Beancount file: every transfer that moved something, and every balance.

Consecutive transfers of one log entry and half-hour are one transaction, dated in UTC. What was
set aside or released moves nothing and stands as a comment. On the day after the last, when all
is booked, every balance is asserted with a tolerance of zero: left to itself Beancount would
forgive one unit. Accounts open in 1970, as half-hours may be posted out of order. Written as it
is read; nothing but balances is kept.

>>> import sys
>>> from ledger.records import Kind
>>> move = Transfer(bytes([1] * 16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> _ = write_beancount([(move, 7)], sys.stdout, title="Riverside")
; Riverside: every transfer, for Beancount
option "title" "Riverside"
<BLANKLINE>
1970-01-01 commodity WH
  asset: "WH/0"
1970-01-01 open Assets:Pool:A
  name: "pool/a"
1970-01-01 open Equity:Grid:Export
  name: "grid/export"
<BLANKLINE>
2026-06-15 * "half-hour from 2026-06-15T12:30:00Z"
  log: 7
  Assets:Pool:A  -5 WH
  Equity:Grid:Export  5 WH
<BLANKLINE>
2026-06-16 balance Assets:Pool:A  -5 ~ 0 WH
2026-06-16 balance Equity:Grid:Export  5 ~ 0 WH
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TextIO

from ledger.accounts import parse_account
from ledger.journals import amount_text, entries_of, note_text, number_text
from ledger.primitives.periods import start_text
from ledger.records import MOVES, Transfer

FIRST_DAY = "1970-01-01"
"""The day of half-hour 0: before it nothing can be booked."""

OUTSIDE = ("grid/", "issuer/")
"""Accounts that mirror what lies outside the street: Beancount's Equity; all others are Assets."""

WORDS = ("TRUE", "FALSE", "NULL")
"""Codes that Beancount would read as something else than a commodity."""

_ESCAPED = re.compile(r"[^A-Za-z0-9]")


def write_beancount(
    transfers: Iterable[tuple[Transfer, int]],
    out: TextIO,
    *,
    title: str = "Commonwatt",
    accounts: Sequence[str] = (),
) -> dict[str, int]:
    """Write a complete Beancount file.

    Args:
        transfers: every (transfer, log position of its cause), in the order of posting.
        out: takes the text; UTF-8 if it is a file.
        title: one line for the head, as the community's name.
        accounts: accounts to open, and assert, even if nothing moved in them.

    Returns:
        The balances asserted at the end, by account, in the asset's smallest unit.
    """
    line = " ".join(title.split())
    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
    out.write(f'; {line}: every transfer, for Beancount\noption "title" "{quoted}"\n')
    journal = _Journal(out)
    for account in accounts:
        journal.open(account)
    for position, period, group in entries_of(transfers):
        journal.write_group(position, period, group)
    journal.write_balances()
    return journal.balances


def beancount_name(name: str) -> str:
    """Return an account's name as Beancount spells it; no two names share one.

    >>> beancount_name("meter/a:b/c/import"), beancount_name("meter/NMI1/import")
    ('Assets:Meter:A-3Ab-2Fc:Import', 'Assets:Meter:X--NMI1:Import')
    """
    first, _, rest = name.partition("/")
    middle, slash, last = rest.rpartition("/")
    parts = (first, middle, last) if slash else (first, rest)
    root = "Equity" if name.startswith(OUTSIDE) else "Assets"
    return ":".join((root, *(_component(part) for part in parts)))


@dataclass
class _Journal:
    """What must be remembered while the file is written."""

    out: TextIO
    balances: dict[str, int] = field(default_factory=dict)
    _names: dict[str, tuple[str, str]] = field(default_factory=dict)
    _declared: set[str] = field(default_factory=set)
    _last_day: str = FIRST_DAY

    def open(self, account: str) -> None:
        """Write the directives of an account and its commodity, at its first use."""
        if account in self._names:
            return
        parsed = parse_account(account)
        name, commodity = beancount_name(parsed.name), _commodity(parsed.asset)
        if not self._declared:
            self.out.write("\n")
        for directive in (
            f'commodity {commodity}\n  asset: "{parsed.asset}"',
            f'open {name}\n  name: "{parsed.name}"',
        ):
            if directive not in self._declared:
                self._declared.add(directive)
                self.out.write(f"{FIRST_DAY} {directive}\n")
        self._names[account] = (name, commodity)
        self.balances[account] = 0

    def write_group(self, position: int, period: int, group: Sequence[Transfer]) -> None:
        """Write the transfers of one log entry and half-hour."""
        start = start_text(period)
        self._last_day = max(self._last_day, start[:10])
        for transfer in group:
            self.open(transfer.debit)
            self.open(transfer.credit)
        if any(transfer.kind in MOVES for transfer in group):
            lines = ["", f'{start[:10]} * "half-hour from {start}"', f"  log: {position}"]
            comment = "  ; "
        else:
            lines = ["", f"; {start[:10]} log {position}, half-hour from {start}"]
            comment = ";   "
        for transfer in group:
            if transfer.kind in MOVES:
                lines += self._postings(transfer)
            else:
                lines.append(comment + note_text(transfer, *self._names[transfer.debit]))
        self.out.write("\n".join(lines) + "\n")

    def write_balances(self) -> None:
        """Assert every balance, at the start of the day after the last transfer."""
        day = date.fromisoformat(self._last_day) + timedelta(days=1)
        if self.balances:
            self.out.write("\n")
        for account, balance in self.balances.items():
            name, commodity = self._names[account]
            value = number_text(balance, commodity)
            self.out.write(f"{day} balance {name}  {value} ~ 0 {commodity}\n")

    def _postings(self, transfer: Transfer) -> tuple[str, str]:
        self.balances[transfer.debit] -= transfer.amount
        self.balances[transfer.credit] += transfer.amount
        debit, commodity = self._names[transfer.debit]
        credit, _ = self._names[transfer.credit]
        return (
            f"  {debit}  {amount_text(-transfer.amount, commodity)}",
            f"  {credit}  {amount_text(transfer.amount, commodity)}",
        )


def _component(text: str) -> str:
    """Return one part of a name in letters, digits and hyphens, from which it can be read back.

    What is neither letter nor digit becomes a hyphen and two hexadecimal digits. A small first
    letter becomes a capital, a digit stays, and before anything else stands ``X--``, which no
    other name has.
    """
    escaped = _ESCAPED.sub(lambda found: f"-{ord(found[0]):02X}", text)
    first = escaped[0]
    if first.islower() or first.isdigit():
        return first.upper() + escaped[1:]
    return f"X--{escaped}"


def _commodity(asset: str) -> str:
    """Return an asset's commodity; a code that is one of Beancount's words keeps its decimals.

    >>> _commodity("BRM/7"), _commodity("TRUE/7")
    ('BRM', 'TRUE-7')
    """
    code, _, decimals = asset.partition("/")
    return f"{code}-{decimals}" if code in WORDS else code
