"""Whether each transfer may be made, given those before it: the book's rules a second time.

Conditions are computed for all transfers of a chunk at once; only a hold's resolution and an
amendment look at another transfer. Open holds and amended movements are kept in memory, nothing
else is.

>>> Rules.name
'rules'
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ledger import bulk
from ledger.book import expiry_id
from ledger.check_columns import (
    BrokenError,
    Chunk,
    Ledger,
    Wrong,
    first_wrong,
    half_hour,
    raise_first,
)
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.ids import ID_BYTES
from ledger.primitives.periods import PERIOD_MAX
from ledger.records import AMENDS, MOVES, RELEASES, RESOLVES, TRANSFER_MAX, Kind

Mask = NDArray[Any]


def is_kind(kinds: Mask, wanted: Iterable[Kind]) -> Mask:
    """Return which transfers are of some kinds."""
    table = np.zeros(256, bool)
    table[[int(kind) for kind in wanted]] = True
    found: Mask = table[np.clip(kinds, 0, 255)]
    return found


_HOLD_COLUMNS = ("number", "debit", "credit", "amount", "expires", "has_expires")
_HOLD_BYTES = 8 * len(_HOLD_COLUMNS)
_NO_HOLD = bytes(_HOLD_BYTES)


class Rules:
    """Each transfer may be made, given those before it; limits come later."""

    name = "rules"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = 0
        self._open: dict[bytes, bytes] = {}
        self._remaining: dict[bytes, int] = {}
        self._expiries: tuple[int, int, int] | None = None
        self._period = 0

    def chunk(self, chunk: Chunk) -> None:
        """Check some transfers; leaves what each moves and sets aside."""
        t, ledger = chunk.transfers, self._ledger
        raise_first(chunk, ledger, self._plain(chunk))
        holding = t["kind"] == Kind.HOLD
        held = np.where(holding, t["amount"], 0)
        self._add_holds(chunk, np.flatnonzero(holding))
        rows = np.flatnonzero(is_kind(t["kind"], RESOLVES))
        if len(rows):
            held[rows] = -self._resolve(chunk, rows)
        amending = np.flatnonzero(is_kind(t["kind"], AMENDS))
        if len(amending):
            self._amend(chunk, amending)
        self._check_expiry_batches(chunk)
        chunk.found["moved"] = np.where(is_kind(t["kind"], MOVES), t["amount"], 0)
        chunk.found["held"] = held
        self._period = int(chunk.batches["period"][-1])
        self.count += chunk.count

    def _plain(self, chunk: Chunk) -> Iterator[Wrong]:
        """Yield what a transfer can have wrong by itself."""
        t, most = chunk.transfers, len(self._ledger.names) - 1
        amount, effective, kind = t["amount"], t["effective"], t["kind"]
        yield (kind < Kind.POST) | (kind > Kind.CORRECT), "there is no such kind"
        yield (amount < 1) | (amount > TRANSFER_MAX), "the amount is not 1 to 2^51 - 1"
        yield (
            (effective < 0) | (effective > PERIOD_MAX),
            f"there is no half-hour {PERIOD_MAX + 1:,}",
        )
        known = (
            (t["debit"] >= 1) & (t["credit"] >= 1) & (t["debit"] <= most) & (t["credit"] <= most)
        )
        yield ~known, "an account is not there"
        yield t["debit"] == t["credit"], "debit and credit are one account"
        assets = self._ledger.assets
        debit, credit = np.where(known, t["debit"], 0), np.where(known, t["credit"], 0)
        yield assets[debit] != assets[credit], "the accounts are of different assets"
        needs = kind > Kind.HOLD
        yield t["has_original"] & ~needs, "it names an original, and its kind has none"
        yield ~t["has_original"] & needs, "it names no original"
        there = t["has_expires"]
        if there.any():
            yield there & (kind != Kind.HOLD), "it expires, and is not a hold"
            over = (t["expires"] <= chunk.of_batch("period")) | (t["expires"] > PERIOD_MAX)
            yield there & over, "it expires before it was posted, or after the last half-hour"

    def _add_holds(self, chunk: Chunk, rows: NDArray[np.int64]) -> None:
        if len(rows):
            t = chunk.transfers
            table = np.stack([t[name][rows] for name in _HOLD_COLUMNS], axis=1)
            packed = np.ascontiguousarray(table).view(f"V{_HOLD_BYTES}").ravel().tolist()
            self._open.update(zip(t["id"][rows].tolist(), packed, strict=True))

    def _resolve(self, chunk: Chunk, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Check the resolutions of holds, and return what each hold had set aside."""
        t = {name: column[rows] for name, column in chunk.transfers.items()}
        packed = map(self._open.pop, t["original"].tolist(), repeat(_NO_HOLD))
        table = np.frombuffer(b"".join(packed), np.int64).reshape(-1, len(_HOLD_COLUMNS))
        hold = dict(zip(_HOLD_COLUMNS, table.T, strict=True))
        expiring = t["kind"] == Kind.EXPIRE_HOLD
        there = hold["has_expires"] != 0
        over = there & (hold["expires"] <= chunk.of_batch("period")[rows])
        periods = np.concatenate(([self._period], chunk.batches["period"]))
        batch = np.searchsorted(chunk.begins, rows, "right") - 1
        forgotten = there & (hold["expires"] <= periods[batch])
        missing = (hold["number"] == 0) | (hold["number"] >= t["number"])
        other = (hold["debit"] != t["debit"]) | (hold["credit"] != t["credit"])
        releasing = is_kind(t["kind"], RELEASES)
        wrongs = [
            (missing, ""),
            (other, "its hold is between other accounts"),
            (t["amount"] > hold["amount"], "it is more than its hold set aside"),
            (releasing & (t["amount"] != hold["amount"]), "it does not release all of its hold"),
            (expiring & ~over, "its hold was not over"),
            (
                expiring & (t["effective"] != hold["expires"]),
                "its half-hour is not the one from which its hold was over",
            ),
            (over & ~expiring, "its hold was over"),
            (forgotten, "its hold was over before, and another batch was posted first"),
        ]
        wrong = first_wrong(wrongs)
        if wrong is not None:
            row, words = wrong
            words = words or self._explain(t["original"][row].tobytes(), int(t["number"][row]))
            raise BrokenError(f"{chunk.say(int(rows[row]), self._ledger)}: {words}.")
        if expiring.any():
            self._check_expiry_ids(chunk, rows[expiring])
        return hold["amount"]

    def _explain(self, original: bytes, number: int) -> str:
        """Say why a hold is not there to be resolved."""
        found = self._find([original])
        if original not in found:
            return f"its hold {original.hex()} is not there"
        hold, kind, *_ = found[original]
        if kind != Kind.HOLD:
            return f"its original, transfer {hold}, is not a hold"
        late = hold > number
        return f"its hold, transfer {hold}, " + ("came later" if late else "was resolved before")

    def _find(self, ids: list[bytes]) -> dict[bytes, tuple[int, int, int, int, int]]:
        rows = bulk.select_in(
            self._ledger.connection,
            "SELECT id, number, kind, debit, credit, amount FROM transfer",
            "id",
            self._ledger.community,
            ids,
            kind="bytea",
        )
        return {bytes(row[0]): tuple(row[1:]) for row in rows}

    def _amend(self, chunk: Chunk, rows: NDArray[np.int64]) -> None:
        """Check reversals and corrections against what remains of their originals."""
        t = chunk.transfers
        ids: list[bytes] = t["original"][rows].tolist()
        originals = self._find(sorted(set(ids)))
        columns = [
            t[name][rows].tolist() for name in ("number", "kind", "debit", "credit", "amount")
        ]
        for row, original, own in zip(rows, ids, zip(*columns, strict=True), strict=True):
            words = self._wrong_amendment(original, originals.get(original), own)
            if words:
                raise BrokenError(f"{chunk.say(int(row), self._ledger)}: {words}.")

    def _wrong_amendment(  # noqa: PLR0911 - a list in order
        self,
        original: bytes,
        found: tuple[int, int, int, int, int] | None,
        own: tuple[int, int, int, int, int],
    ) -> str | None:
        """Return what is wrong with an amendment, or take it over; -1 remains of a reversed one."""
        if found is None or found[0] >= own[0]:
            return f"its original {original.hex()} is not there, or came later"
        (number, kind, debit, credit, whole), (_, own_kind, own_debit, own_credit, amount) = (
            found,
            own,
        )
        if kind not in (Kind.POST, Kind.POST_HOLD):
            return f"its original, transfer {number}, moved nothing that can be amended"
        swapped = (own_credit, own_debit) == (debit, credit)
        same = (own_debit, own_credit) == (debit, credit) and own_kind == Kind.CORRECT
        if not (swapped or same):
            return f"its original, transfer {number}, is between other accounts"
        remaining = self._remaining.get(original, whole)
        if remaining < 0:
            return f"its original, transfer {number}, was reversed before"
        if own_kind == Kind.REVERSE and amount != remaining:
            return f"of its original, transfer {number}, there remain {remaining}"
        if swapped and amount > remaining:
            return f"of its original, transfer {number}, there remain only {remaining}"
        left = remaining - amount if swapped else remaining + amount
        self._remaining[original] = -1 if own_kind == Kind.REVERSE else left
        return None

    def _check_expiry_ids(self, chunk: Chunk, rows: NDArray[np.int64]) -> None:
        """The id of an expiry follows from its hold's."""
        ids, originals = (chunk.transfers[name][rows].tolist() for name in ("id", "original"))
        for row, own, original in zip(rows, ids, originals, strict=True):
            attempt = 0
            while (wanted := expiry_id(original, attempt)) != own:
                if wanted not in self._find([wanted]):
                    words = f"its id does not follow from that of its hold {original.hex()}"
                    raise BrokenError(f"{chunk.say(int(row), self._ledger)}: {words}.")
                attempt += 1

    def _check_expiry_batches(self, chunk: Chunk) -> None:
        """Expiries fill a batch of their own, before the one at whose log position they stand."""
        batches = chunk.batches
        expiring = chunk.transfers["kind"] == Kind.EXPIRE_HOLD
        sums = np.concatenate(([0], np.cumsum(expiring)))
        of_batch = np.diff(sums[chunk.begins])
        mixed = (of_batch > 0) & (of_batch != batches["count"])
        if mixed.any():
            words = (
                "holds were released in it because they were over, together with other transfers"
            )
            raise BrokenError(f"{chunk.say_batch(int(mixed.argmax()))}: {words}.")
        own = chunk.found["expiries"] = of_batch > 0
        stamps = np.stack([batches[name] for name in ("position", "recorded_at", "period")], axis=1)
        for index in np.flatnonzero(own):
            self._check_expiry_batch(chunk, int(index))
        if self._expiries is not None and tuple(stamps[0].tolist()) != self._expiries:
            raise BrokenError(f"{chunk.say_batch(0)}: {_NOT_NEXT}.")
        alone = own[:-1] & ((stamps[1:] != stamps[:-1]).any(axis=1) | own[1:])
        if alone.any():
            raise BrokenError(f"{chunk.say_batch(int(alone.argmax()) + 1)}: {_NOT_NEXT}.")
        position, recorded_ms, period = stamps[-1].tolist()
        self._expiries = (position, recorded_ms, period) if own[-1] else None

    def _check_expiry_batch(self, chunk: Chunk, index: int) -> None:
        rows = slice(int(chunk.begins[index]), int(chunk.begins[index + 1]))
        t = {name: chunk.transfers[name][rows].tolist() for name in ("effective", "original", "id")}
        order = list(zip(t["effective"], t["original"], strict=True))
        if order != sorted(order):
            raise BrokenError(f"{chunk.say_batch(index)}: its expiries are not in order of time.")
        content, own = b"".join(t["id"]), bytes(chunk.batches["id"][index])
        for _ in range(_TAKEN_IDS_MAX):
            content = tagged_hash("commonwatt/id/expiries/v1", content)[:ID_BYTES]
            if content == own:
                return
        raise BrokenError(f"{chunk.say_batch(index)}: its id does not follow from its expiries.")

    def finish(self) -> None:
        """No hold that is over was left, nor a batch of expiries without the one that follows."""
        if self._expiries is not None:
            raise BrokenError(f"the last batch releases holds that were over, and {_NOT_NEXT}.")
        for hold_id, packed in self._open.items():
            number, _, _, amount, expires, there = np.frombuffer(packed, np.int64).tolist()
            if there and expires <= self._period:
                raise BrokenError(
                    f"the hold of {amount}, transfer {number} (id {hold_id.hex()}), was over from "
                    f"{half_hour(expires)} and was never released."
                )


_NOT_NEXT = "the batch after the expiries is not the one with which they were posted"

_TAKEN_IDS_MAX = 1_000
"""Most ids that others may have taken where a batch of expiries would be."""
