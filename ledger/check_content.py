"""The rows of a ledger as they stand: numbered without gaps, and with the hashes they were given.

A batch's hash is computed from records built here column by column, not by `ledger.records`, so
that neither can be wrong alone.

>>> Numbering.name, Content.name
('numbering', 'content')
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import inspect

from ledger.check_columns import BrokenError, Chunk, Ledger, first_wrong, raise_first
from ledger.primitives.periods import SECONDS
from ledger.status import Status


class Numbering:
    """Batches and transfers are numbered without gaps, and time and the log go on only."""

    name = "numbering"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = 0
        self._batches = 0

    def chunk(self, chunk: Chunk) -> None:
        """Check some batches."""
        batches = chunk.batches
        size = len(batches["number"])
        expected = np.arange(self._batches + 1, self._batches + size + 1)
        first = self.count + 1 + chunk.begins[:-1]
        before = {
            name: np.concatenate(([had], batches[name])) for name, had in chunk.before.items()
        }
        back = {name: np.diff(column) < 0 for name, column in before.items()}
        same_posting = np.diff(before["recorded_at"]) == 0
        late = batches["period"] > batches["recorded_at"] // (SECONDS * 1000)
        wrongs = [
            (batches["number"] != expected, "the batch before it is missing"),
            (batches["count"] < 0, "its count is negative"),
            (batches["first"] != first, "its first transfer is not the one after those before it"),
            (back["recorded_at"], "it was recorded before the batch before it"),
            (back["period"], "it lies in an earlier half-hour than the batch before it"),
            (back["position"], "its log position is before that of the batch before it"),
            (late, "its half-hour is later than the time when it was recorded"),
            (
                same_posting & (np.diff(before["period"]) != 0),
                "it shares a posting with the batch before it, but not the half-hour",
            ),
        ]
        wrong = first_wrong(wrongs)
        if wrong is not None:
            raise BrokenError(f"{chunk.say_batch(wrong[0])}: {wrong[1]}.")
        self._transfers(chunk)
        self._batches += size
        self.count += chunk.count

    def _transfers(self, chunk: Chunk) -> None:
        numbers, expected = chunk.transfers["number"], int(chunk.begins[-1])
        wanted = np.arange(self.count + 1, self.count + expected + 1)
        wrong = np.flatnonzero(numbers != wanted[: len(numbers)])
        if len(wrong) or len(numbers) < expected:
            row = int(wrong[0]) if len(wrong) else len(numbers)
            batch = int(np.searchsorted(chunk.begins, row, "right")) - 1
            raise BrokenError(f"transfer {wanted[row]} of {chunk.say_batch(batch)} is missing.")
        elsewhere = chunk.transfers["batch"] != chunk.of_batch("number")
        words = "it lies among the transfers of another batch"
        raise_first(chunk, self._ledger, [(elsewhere, words)])

    def finish(self) -> None:
        """Check that there is no transfer outside of the batches."""
        where = f"FROM transfer WHERE community = {self._ledger.community:d}"
        # SQLite reads the whole table for both in one query, and none of it for one.
        for which in ("min", "max"):
            [(number,)] = self._ledger.rows(f"SELECT {which}(number) {where}")
            if number is not None and not 1 <= number <= self.count:
                raise BrokenError(f"transfer {number} belongs to no batch.")


_RECORD = np.dtype(
    [
        ("tag", "V23"),
        ("id", "V16"),
        ("kind", "u1"),
        ("debit", "V32"),
        ("credit", "V32"),
        ("amount", ">i8"),
        ("effective", ">i8"),
        ("original", "V16"),
        ("expires", ">i8"),
    ]
)
_PLAIN_BYTES = 136
_TAG_PLAIN = np.frombuffer(b"commonwatt/transfer/v1\x00", "V23")[0]
_TAG_EXPIRING = np.frombuffer(b"commonwatt/transfer/v2\x00", "V23")[0]
_CONTENT = hashlib.sha256(b"commonwatt/batch/v1\x00")


def records_of(chunk: Chunk, ledger: Ledger) -> tuple[memoryview, NDArray[np.int64]]:
    """Return the records of a chunk's transfers, one after another, and where each begins."""
    t, size = chunk.transfers, chunk.count
    rows = np.empty(size, _RECORD)
    highest = len(ledger.hashes) - 1
    rows["tag"] = _TAG_PLAIN
    for name in ("id", "amount", "effective", "original"):
        rows[name] = t[name]
    rows["kind"] = t["kind"]
    # Accounts that are not there have the empty name's hash: no content has it.
    for name in ("debit", "credit"):
        rows[name] = ledger.hashes[np.where((t[name] > highest) | (t[name] < 1), 0, t[name])]
    there = t["has_expires"]
    table = rows.view(np.uint8).reshape(size, _RECORD.itemsize)
    if not there.any():
        plain = np.ascontiguousarray(table[:, :_PLAIN_BYTES])
        return memoryview(plain.ravel()), np.arange(size + 1) * _PLAIN_BYTES  # type: ignore[arg-type]
    rows["tag"][there] = _TAG_EXPIRING
    rows["expires"] = t["expires"]
    kept = np.ones(table.shape, bool)
    kept[~there, _PLAIN_BYTES:] = False
    lengths = np.where(there, _RECORD.itemsize, _PLAIN_BYTES)
    return memoryview(table[kept]), np.concatenate(([0], np.cumsum(lengths)))  # type: ignore[arg-type]


class Content:
    """Each batch has the hash of its transfers, and a status for each that was sent."""

    name = "content"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = 0

    def chunk(self, chunk: Chunk) -> None:
        """Check some batches' hashes."""
        if not self.count:
            self._check_unique()
        data, begins = chunk.found["records"] = records_of(chunk, self._ledger)
        contents: list[bytes] = chunk.batches["content"].tolist()
        statuses = self._statuses(chunk)
        edges: list[int] = begins[chunk.begins].tolist()
        for index, content in enumerate(contents):
            digest = _CONTENT.copy()
            digest.update(data[edges[index] : edges[index + 1]])
            sent = statuses.get(int(chunk.batches["number"][index])) if statuses else None
            if sent is not None:
                self._check_statuses(chunk, index, sent)
            if digest.digest() != (content if sent is None else sent[-32:]):
                first, last = chunk.batches["first"][index], chunk.batches["count"][index]
                raise BrokenError(
                    f"{chunk.say_batch(index)}: its transfers (numbers {first} to "
                    f"{first + last - 1}) do not give the content hash with which it was posted: "
                    "one of them was changed, or the hash was."
                )
        self.count += len(contents)

    def _statuses(self, chunk: Chunk) -> dict[int, bytes]:
        """Return what became of each transfer that was sent, where not all were created."""
        first, last = chunk.batches["number"][[0, -1]]
        rows = self._ledger.rows(
            f"SELECT number, statuses FROM batch WHERE community = {self._ledger.community:d}"  # noqa: S608 - our own words
            f" AND number BETWEEN {first:d} AND {last:d} AND statuses IS NOT NULL"
        )
        return {number: bytes(statuses) for number, statuses in rows}

    def _check_statuses(self, chunk: Chunk, index: int, sent: bytes) -> None:
        statuses, created = sent[:-32], int(chunk.batches["count"][index])
        taken = statuses.count(Status.CREATED)
        refused_whole = max(statuses, default=0) >= Status.BATCH_REFUSED
        if taken != created or taken == len(statuses) or refused_whole:
            raise BrokenError(
                f"{chunk.say_batch(index)}: its statuses say that {taken} of {len(statuses)} "
                f"transfers were created, and it has {created}."
            )

    def _check_unique(self) -> None:
        """No id comes twice: the database sees to that, unless somebody removed the index."""
        inspector = inspect(self._ledger.connection)
        for table in ("transfer", "batch"):
            uniques = [set(one["column_names"]) for one in inspector.get_unique_constraints(table)]
            if {"community", "id"} in uniques:
                continue
            where = f"community = {self._ledger.community:d}"
            twice = self._ledger.rows(
                f"SELECT id, min(number), max(number) FROM {table} WHERE {where}"  # noqa: S608 - our own words
                " GROUP BY id HAVING count(*) > 1 LIMIT 1"
            )
            for found, first, last in twice:
                raise BrokenError(f"{table} {first} and {last} have one id, {bytes(found).hex()}.")

    def finish(self) -> None:
        """Nothing is left to check."""
