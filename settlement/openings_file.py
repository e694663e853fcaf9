"""A file of opening balances: CSV with an account and an amount a line.

>>> read_amount("-12.5")
-125000000
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from ledger.accounts import fees, fund, wallet
from ledger.errors import InputError
from ledger.primitives.money import UNITS_MAX, UNITS_PER_MAJOR
from meters.formats.lines import numbered_lines
from settlement.openings import OPENINGS_MAX, check_openings

LINE_BYTES_MAX = 1_000
"""Longest line of a file of opening balances."""

_AMOUNT = re.compile(r"([-+−]?)([0-9]{1,9})(?:\.([0-9]{1,7}))?")


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """A line of a file: its number, the account in the ledger, and the balance in units."""

    line: int
    account: str
    units: int


def read_amount(cell: str) -> int:
    """Read an amount such as ``-12.50``, exactly.

    Raises:
        InputError: not a number with at most seven decimals.
    """
    found = _AMOUNT.fullmatch(cell.strip())
    if found is None:
        raise InputError(
            f"{cell[:40]!r} is not an amount; write -12.50, without currency or thousands' comma"
        )
    units = int(found[2]) * UNITS_PER_MAJOR + int((found[3] or "").ljust(7, "0") or 0)
    if units > UNITS_MAX:
        raise InputError(f"{cell[:40]!r} is more than a ledger can hold")
    return units if found[1] in ("", "+") else -units


def read_openings(
    stream: BinaryIO, asset: str, find_member: Callable[[str], str]
) -> list[OpeningRow]:
    """Read a CSV file with the columns ``account`` and ``amount``.

    Args:
        stream: UTF-8 text; an account is a member's name or id, ``community/fund`` or
            ``community/fees``.
        asset: the community's currency.
        find_member: returns the id of a member by name; raises InputError.

    Raises:
        InputError: names the line and what to do. Nothing of such a file is to be used.
    """
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    first = next(lines, None)
    header = [cell.strip().lower() for cell in _split(1, first.text if first else "")]
    if sorted(header) != ["account", "amount"]:
        raise InputError("line 1: the columns must be 'account,amount'")
    where, amount = header.index("account"), header.index("amount")
    rows: list[OpeningRow] = []
    seen: dict[str, int] = {}
    for line, content, _, _ in lines:
        if not content.strip():
            continue
        cells = _split(line, content)
        try:
            if len(cells) != 2:  # noqa: PLR2004 - account and amount
                raise InputError(f"has {len(cells)} cells, not 2")
            account = _account(cells[where].strip(), asset, find_member)
            units = read_amount(cells[amount])
        except InputError as error:
            raise InputError(f"line {line}: {error}") from error
        if account in seen:
            raise InputError(f"line {line}: the account stands on line {seen[account]} already")
        seen[account] = line
        if len(rows) == OPENINGS_MAX:
            raise InputError(f"line {line}: more than {OPENINGS_MAX:,} balances")
        rows.append(OpeningRow(line, account, units))
    check_openings({row.account: row.units for row in rows}, asset)
    return rows


def _split(line: int, content: str) -> list[str]:
    try:
        return next(csv.reader([content], strict=True), [])
    except csv.Error as error:
        raise InputError(f"line {line}: not CSV ({error})") from error


def _account(cell: str, asset: str, find_member: Callable[[str], str]) -> str:
    known = {account.partition(" ")[0]: account for account in (fund(asset), fees(asset))}
    if cell in known:
        return known[cell]
    if cell.startswith("meter/"):
        raise InputError("a meter's account counts from its first reading; it opens at zero")
    return wallet(find_member(cell), asset)
