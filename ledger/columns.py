"""The ledger as flat tables: what the columns are, the rows, and CSV.

One row a transfer, as it was posted, or one row an account with its balance. Amounts are whole
numbers of the asset's smallest unit. In every table an account is its name and its asset, so that
balances follow by adding up. A row is made as it is read, and nothing is kept.

No cell is text that a spreadsheet would take for a formula: text is hexadecimal digits, a time,
a kind, or of the chart of accounts, which begins with letters; only whole numbers may have a minus.

>>> import sys
>>> from ledger.records import Kind
>>> move = Transfer(bytes([1] * 16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> write_csv(TRANSFERS, transfer_rows([(move, 7)]), sys.stdout)
number,id,position,effective,start_utc,kind,debit,credit,asset,amount,original,expires
1,010...101,7,989737,2026-06-15T12:30:00Z,post,pool/a,grid/export,WH/0,5,,
1
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import TextIO

from ledger.accounts import parse_account
from ledger.book import Balance
from ledger.primitives.periods import start_text
from ledger.records import Transfer


class Form(Enum):
    """What the cells of a column are."""

    INTEGER = auto()
    TEXT = auto()
    WORD = auto()  # text with few different values
    START = auto()  # a half-hour's first instant; in a row, its index


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``optional`` if a cell may be None."""

    name: str
    form: Form
    optional: bool = False


Row = tuple[int | str | None, ...]
"""One cell a column."""

TRANSFERS = (
    Column("number", Form.INTEGER),  # place in the order of posting, from 1
    Column("id", Form.TEXT),
    Column("position", Form.INTEGER),  # log entry that caused it
    Column("effective", Form.INTEGER),  # half-hour that it is about
    Column("start_utc", Form.START),
    Column("kind", Form.WORD),
    Column("debit", Form.WORD),
    Column("credit", Form.WORD),
    Column("asset", Form.WORD),
    Column("amount", Form.INTEGER),
    Column("original", Form.TEXT, optional=True),
    Column("expires", Form.INTEGER, optional=True),
)
"""The table of transfers."""

BALANCES = (
    Column("account", Form.TEXT),
    Column("asset", Form.WORD),
    Column("posted", Form.INTEGER),
    Column("pending_out", Form.INTEGER),
    Column("pending_in", Form.INTEGER),
    Column("floor", Form.INTEGER, optional=True),
    Column("ceiling", Form.INTEGER, optional=True),
)
"""The table of balances."""


def transfer_rows(transfers: Iterable[tuple[Transfer, int]]) -> Iterator[Row]:
    """Yield one row of TRANSFERS for each (transfer, log position), in the order of posting.

    Raises:
        InputError: an account is not of the chart.
    """
    for number, (transfer, position) in enumerate(transfers, start=1):
        debit, credit = parse_account(transfer.debit), parse_account(transfer.credit)
        yield (
            number,
            transfer.id.hex(),
            position,
            transfer.effective,
            transfer.effective,
            transfer.kind.name.lower(),
            debit.name,
            credit.name,
            debit.asset,
            transfer.amount,
            None if transfer.original is None else transfer.original.hex(),
            transfer.expires,
        )


def balance_rows(balances: Mapping[str, Balance]) -> Iterator[Row]:
    """Yield one row of BALANCES for each account."""
    for account, balance in balances.items():
        parsed = parse_account(account)
        yield (
            parsed.name,
            parsed.asset,
            balance.posted,
            balance.pending_out,
            balance.pending_in,
            balance.floor,
            balance.ceiling,
        )


def write_csv(columns: Sequence[Column], rows: Iterable[Row], out: TextIO) -> int:
    """Write a table as CSV: RFC 4180 with line feeds, a head, an empty cell for None.

    Args:
        columns: the table's.
        rows: one cell a column.
        out: takes the text; if it is a file, UTF-8 with ``newline=""``.

    Returns:
        How many rows were written.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    starts = [index for index, column in enumerate(columns) if column.form is Form.START]
    count = 0
    for row in rows:
        cells = list(row)
        for index in starts:
            cells[index] = _start_text(row[index])
        writer.writerow(cells)
        count += 1
    return count


@lru_cache(maxsize=4096)
def _start_text(period: int) -> str:
    return start_text(period)
