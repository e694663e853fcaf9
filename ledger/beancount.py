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
from datetime import date, timedelta
from typing import TextIO

from ledger.accounts import Account
from ledger.journals import FIRST_DAY, Journal, number_text
from ledger.records import MOVES, Transfer

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
    return _Journal(out).write(transfers, accounts)


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


class _Journal(Journal):
    indent = "  "

    def directives(self, account: Account) -> tuple[str, str, Sequence[str]]:
        name, commodity = beancount_name(account.name), _commodity(account.asset)
        return (
            name,
            commodity,
            (
                f'{FIRST_DAY} commodity {commodity}\n  asset: "{account.asset}"',
                f'{FIRST_DAY} open {name}\n  name: "{account.name}"',
            ),
        )

    def entry(self, position: int, start: str, group: Sequence[Transfer]) -> list[str]:
        if any(transfer.kind in MOVES for transfer in group):
            head = [f'{start[:10]} * "half-hour from {start}"', f"  log: {position}"]
            return ["", *head, *self.lines_of(group, "  ; ")]
        head = [f"; {start[:10]} log {position}, half-hour from {start}"]
        return ["", *head, *self.lines_of(group, ";   ")]

    def write_balances(self) -> None:
        day = date.fromisoformat(self.last_day) + timedelta(days=1)
        if self.balances:
            self.out.write("\n")
        for account, balance in self.balances.items():
            name, commodity = self.names[account]
            value = number_text(balance, commodity)
            self.out.write(f"{day} balance {name}  {value} ~ 0 {commodity}\n")


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
