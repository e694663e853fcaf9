"""What the journals of hledger and Beancount share: entries, exact amounts, and notes.

An entry is the transfers of one log entry and half-hour, as they were posted one after another.
An amount is written with all its decimals, so that no reader has to round.

>>> amount_text(-885000, "BRM"), amount_text(5, "WH")
('-0.0885000 BRM', '5 WH')
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.records import Kind, Transfer


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
