"""The ledger's flat tables as Parquet files, by Arrow's own library.

Whole numbers stay whole numbers of 64 bits, times are UTC, words are kept once a row group. Rows
are written by the fifty thousand, so that memory does not grow with the ledger. Importing this
module loads pyarrow, which takes time: only the command that writes Parquet does.

>>> import io
>>> from ledger.columns import BALANCES
>>> file = io.BytesIO()
>>> write_parquet(BALANCES, [("pool/a", "WH/0", 5, 0, 0, 0, None)], file)
1
>>> pq.read_table(io.BytesIO(file.getvalue())).column("posted").to_pylist()
[5]
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.columns import Column, Form, Row
from ledger.primitives.periods import SECONDS

ROWS_A_GROUP = 50_000
"""Rows in memory at once: measured, 60 MB of transfers; larger groups compress no better."""

TYPES = {
    Form.INTEGER: pa.int64(),
    Form.TEXT: pa.string(),
    Form.WORD: pa.string(),
    Form.START: pa.timestamp("ms", tz="UTC"),
}
"""What a column's cells are in Arrow. Parquet has no whole seconds, only milliseconds and finer."""

MILLISECONDS = SECONDS * 1000
"""Length of a half-hour."""


def write_parquet(
    columns: Sequence[Column],
    rows: Iterable[Row],
    out: BinaryIO,
    *,
    metadata: Mapping[str, str] | None = None,
    rows_a_group: int = ROWS_A_GROUP,
) -> int:
    """Write a table as one Parquet file.

    Args:
        columns: the table's.
        rows: one cell a column.
        out: takes the bytes; the caller closes it.
        metadata: words about the file, kept in it.
        rows_a_group: most rows held in memory, and of one row group.

    Returns:
        How many rows were written.
    """
    schema = pa.schema(
        [pa.field(c.name, TYPES[c.form], nullable=c.optional) for c in columns],
        metadata=dict(metadata or {}),
    )
    words = [column.name for column in columns if column.form is Form.WORD]
    count = 0
    with pq.ParquetWriter(out, schema, use_dictionary=words, compression="zstd") as writer:
        for table in _tables(schema, columns, iter(rows), rows_a_group):
            writer.write_table(table, rows_a_group)
            count += table.num_rows
    return count


def _tables(
    schema: pa.Schema, columns: Sequence[Column], rows: Iterator[Row], size: int
) -> Iterator[pa.Table]:
    for first in rows:
        # The rows have no name here, so they are gone before the next ones are read.
        yield _table(schema, columns, [first, *islice(rows, size - 1)])


def _table(schema: pa.Schema, columns: Sequence[Column], rows: Sequence[Row]) -> pa.Table:
    arrays = [
        pa.array(_cells(column, cells), type=TYPES[column.form])
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _cells(column: Column, cells: Sequence[int | str | None]) -> Sequence[int | str | None]:
    """Return a column's cells as Arrow takes them: an instant as milliseconds from 1970."""
    if column.form is Form.START:
        return [cell * MILLISECONDS if isinstance(cell, int) else None for cell in cells]
    return cells
