"""The stored history against the transfers: running totals by half-hour, computed again.

Rows are read packed into three numbers; the same three are computed from each full chunk.

>>> History.name
'history'
"""

import numpy as np
from numpy.typing import NDArray

from ledger import history
from ledger.check_columns import BrokenError, Chunk, Column, Ledger, half_hour
from ledger.primitives.periods import PERIOD_MAX

Numbers = NDArray[np.int64]

ACCOUNT_SHIFT, CHUNK_SHIFT, CHUNKS_AT_ONCE_MAX = 22, 52, 2_048
"""Where a history row's account and chunk begin in its key: half-hours take 22 bits."""

NUMBER_BITS = 31
NUMBER_MAX = 2**NUMBER_BITS - 1
"""Highest number of a transfer whose history can be compared: two billion."""

_HISTORY = 'chunk, account, effective, total, "first", "last"'


class History:
    """The running totals by half-hour are those that follow from each chunk of transfers."""

    name = "history"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = 0
        self._size = history.CHUNK_TRANSFERS
        self._chunks = 0
        self._waiting: list[Numbers] = []
        self._waiting_count = 0

    def chunk(self, chunk: Chunk) -> None:
        """Take in some transfers, and compare the history of those that fill chunks of it."""
        t, moved = chunk.transfers, chunk.found["moved"]
        names = ("number", "debit", "credit", "effective")
        self._waiting.append(np.stack([*(t[name] for name in names), moved]))
        self._waiting_count += chunk.count
        full = self._waiting_count // self._size
        if full:
            rows = np.concatenate(self._waiting, axis=1)
            cut = full * self._size
            self._waiting, self._waiting_count = [rows[:, cut:]], self._waiting_count - cut
            step = CHUNKS_AT_ONCE_MAX * self._size
            for begin in range(0, cut, step):
                some = rows[:, begin : min(begin + step, cut)]
                self._compare(some, some.shape[1] // self._size)

    def _compare(self, rows: Numbers, full: int) -> None:
        wanted = np.stack(self._totals(rows[:, rows[4] > 0]))
        where = f"community = {self._ledger.community:d} AND chunk >= {self._chunks:d}"
        where += f" AND chunk < {self._chunks + full:d} ORDER BY chunk, account, effective"
        known = f"account BETWEEN 1 AND {len(self._ledger.names) - 1:d}"
        # Three numbers a row instead of six: reading them is what takes time. A row with a
        # value that does not fit has a key that no row can have.
        columns = (
            Column(
                "key",
                expression=f"CASE WHEN {known} AND effective BETWEEN 0 AND {PERIOD_MAX:d}"
                f' AND "first" BETWEEN 1 AND {NUMBER_MAX:d} AND "last" BETWEEN 1 AND {NUMBER_MAX:d}'
                f" THEN ((chunk - {self._chunks:d}) << {CHUNK_SHIFT:d})"
                f" | (account << {ACCOUNT_SHIFT:d}) | effective ELSE -1 END",
            ),
            Column("total"),
            Column("ends", expression=f'("first" << {NUMBER_BITS:d}) | "last"'),
        )
        stored = self._ledger.read("history", columns, where)
        there = np.stack([stored[column.name] for column in columns])
        common = min(there.shape[1], wanted.shape[1])
        differs = (there[:, :common] != wanted[:, :common]).any(axis=0)
        if differs.any() or there.shape != wanted.shape:
            at = int(differs.argmax()) if differs.any() else common
            found = self._ledger.rows(f"SELECT {_HISTORY} FROM history WHERE {where}")[at : at + 1]  # noqa: S608 - our own words
            self._raise(list(found[0]) if found else [], self._unpacked(wanted[:, at : at + 1]))
        self._chunks += full
        self.count += common

    def _totals(self, rows: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return what `history.totals_query` computes, as it is read: key, total, ends."""
        number, debit, credit, effective, moved = rows
        if not len(number):
            return number, number, number
        common = (((number - 1) // self._size - self._chunks) << CHUNK_SHIFT) | effective
        key = np.concatenate([common | (side << ACCOUNT_SHIFT) for side in (debit, credit)])
        order = np.argsort(key)
        key, numbers = key[order], np.concatenate((number, number))[order]
        begins = np.flatnonzero(np.diff(key, prepend=-1))
        found = key[begins]
        total = np.cumsum(np.add.reduceat(np.concatenate((-moved, moved))[order], begins))
        starts = np.flatnonzero(np.diff(found >> ACCOUNT_SHIFT, prepend=-1))
        before = np.concatenate(([0], total))[starts]
        total -= np.repeat(before, np.diff(np.concatenate((starts, [len(found)]))))
        first, last = np.minimum.reduceat(numbers, begins), np.maximum.reduceat(numbers, begins)
        return found, total, (first << NUMBER_BITS) | last

    def _unpacked(self, row: Numbers) -> list[int]:
        if not row.size:
            return []
        key, total, ends = row.ravel().tolist()
        account = (key >> ACCOUNT_SHIFT) & ((1 << (CHUNK_SHIFT - ACCOUNT_SHIFT)) - 1)
        effective = key & ((1 << ACCOUNT_SHIFT) - 1)
        chunk = (key >> CHUNK_SHIFT) + self._chunks
        return [chunk, account, effective, total, ends >> NUMBER_BITS, ends & NUMBER_MAX]

    def _raise(self, there: list[int], wanted: list[int]) -> None:
        def words(row: list[int]) -> str:
            _, _, _, total, first, last = row
            return f"{total} (transfers {first} to {last})"

        if there[:3] == wanted[:3]:
            found, stands = wanted, f"stands {words(there)}, and {words(wanted)} follows"
        elif not there or (wanted and wanted[:3] < there[:3]):
            found, stands = wanted, f"nothing stands, and {words(wanted)} follows"
        else:
            found, stands = there, f"stands {words(there)}, and nothing follows"
        chunk, account, effective = found[:3]
        raise BrokenError(
            f"the history of {self._ledger.name(account)}, chunk {chunk}, {half_hour(effective)}: "
            f"{stands} from the transfers."
        )

    def finish(self) -> None:
        """No row belongs to a chunk that is not full."""
        rows = self._ledger.rows(
            f"SELECT chunk, account FROM history WHERE community = {self._ledger.community:d}"  # noqa: S608 - our own words
            f" AND (chunk < 0 OR chunk >= {self._chunks:d}) LIMIT 1"
        )
        for chunk, account in rows:
            raise BrokenError(
                f"the history of {self._ledger.name(account)} has a row of chunk {chunk}, and only "
                f"{self._chunks} chunks of {self._size} transfers are full."
            )
