"""What follows from the transfers: limits kept at every point, and balances.

The deltas of a chunk are sorted by account and added up from what earlier chunks left, so that
every balance that an account ever had is looked at. Limit changes are events among them, with
no delta.

>>> Limits.name, Balances.name
('limits', 'balances')
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ledger.book import Balance
from ledger.check_columns import (
    LIMIT,
    BrokenError,
    Chunk,
    Columns,
    Ledger,
    first_wrong,
)
from ledger.errors import LogError
from ledger.invariants import check_balances
from ledger.primitives.clock import CLOCK_BACK_MS_MAX
from ledger.records import AMOUNT_MAX

Numbers = NDArray[np.int64]

LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""A floor and a ceiling that are none."""


class Limits:
    """At every point of the order of posting each account is within its limits of then."""

    name = "limits"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = 0
        size = len(ledger.names)
        self.posted, self.out, self.coming = (np.zeros(size, np.int64) for _ in range(3))
        self.floor, self.ceiling = np.full(size, LOWEST), np.full(size, HIGHEST)
        where = f"community = {ledger.community:d} ORDER BY number"
        self._changes = dict(ledger.read("limit_change", LIMIT, where))
        for name, none in (("floor", LOWEST), ("ceiling", HIGHEST)):
            there = self._changes[f"has_{name}"]
            self._changes[name] = np.where(there, self._changes[name], none)
        self._done = self._last_batch = self._last_position = 0

    def chunk(self, chunk: Chunk) -> None:
        """Check the balances that some transfers lead to."""
        if not self._last_batch:
            self._check_changes()
        numbers = chunk.batches["number"]
        end = int(np.searchsorted(self._changes["batch"], numbers[-1]))
        some = slice(self._done, end)
        changes = {name: column[some] for name, column in self._changes.items()}
        followers = changes["batch"] - chunk.before["number"]
        self._check_stamps(changes, chunk, followers)
        self._check(changes, chunk.begins[followers], chunk)
        self._done, self._last_batch = end, int(numbers[-1])
        self._last_position = int(chunk.batches["position"][-1])
        self.count += chunk.count

    def _check_changes(self) -> None:
        """Check what limit changes can have wrong by themselves."""
        c = self._changes
        known = (c["account"] >= 1) & (c["account"] < len(self._ledger.names))
        opened = np.array(self._ledger.opened_at)[np.where(known, c["account"], 0)]
        endless = c["has_floor"] & (c["floor"] == LOWEST)
        endless |= c["has_ceiling"] & (c["ceiling"] == HIGHEST)
        wrong = first_wrong(
            [
                (c["number"] != np.arange(1, len(known) + 1), "the one before it is missing"),
                (~known, "its account is not there"),
                (endless, "its floor or ceiling is where no number is"),
                (np.diff(c["batch"], prepend=0) < 0, "it counts before the change before it"),
                (
                    c["recorded_at"] < opened - CLOCK_BACK_MS_MAX,
                    "it was recorded before its account was opened",
                ),
            ]
        )
        if wrong is not None:
            raise BrokenError(f"{self._say(c, wrong[0])}: {wrong[1]}.")

    def _check_stamps(self, changes: Columns, chunk: Chunk, followers: Numbers) -> None:
        """A limit changed after a batch was recorded before the next one, and logged there."""
        position, there = changes["position"], changes["has_position"]
        batches = chunk.batches
        previous = np.concatenate(([chunk.before["position"]], batches["position"]))[followers]
        outside = (position < previous) | (position > batches["position"][followers])
        late = changes["recorded_at"] > batches["recorded_at"][followers] + CLOCK_BACK_MS_MAX
        wrong = first_wrong(
            [
                (late, "it was recorded after the next batch"),
                (there & outside, "its log position is not between those of the batches around it"),
            ]
        )
        if wrong is not None:
            raise BrokenError(f"{self._say(changes, wrong[0])}: {wrong[1]}.")

    def _say(self, changes: Columns, index: int) -> str:
        account = self._ledger.name(int(changes["account"][index]))
        number, batch = changes["number"][index], changes["batch"][index]
        return f"limit change {number} (of {account}, after batch {batch})"

    def _check(self, changes: Columns, at: Numbers, chunk: Chunk | None) -> None:
        """Add up the deltas of each account, and compare after each.

        ``at`` are the transfers before which limits change; without a chunk there is none.
        """
        debit, credit, moved, held = _sides(chunk)
        size, extra = len(debit), len(at)
        accounts = np.concatenate((changes["account"], debit, credit))
        if not len(accounts):
            return
        # Each event has its own place, so that sorting need not be stable; changes come first.
        step = extra + 1
        rows = 2 * step * np.arange(size) + extra
        places = np.concatenate((2 * step * at + np.arange(extra), rows, rows + step))
        span = 2 * step * (size + 1)
        order = np.argsort(accounts * span + places)
        account = accounts[order]
        none, zero = np.zeros(extra, np.int64), np.zeros(size, np.int64)
        begins = np.flatnonzero(np.concatenate(([True], account[1:] != account[:-1])))
        lengths = np.diff(np.concatenate((begins, [len(account)])))
        who = account[begins]

        def running(carried: Numbers, gives: Numbers, takes: Numbers) -> Numbers:
            sums = np.cumsum(np.concatenate((none, gives, takes))[order])
            before = np.concatenate(([0], sums))[begins]
            sums += np.repeat(carried[who] - before, lengths)
            carried[who] = sums[begins + lengths - 1]
            return sums

        posted = running(self.posted, -moved, moved)
        out = running(self.out, held, zero)
        coming = running(self.coming, zero, held)
        floor, ceiling = self._limits(changes, order, account, np.repeat(begins, lengths))
        available, incoming = posted - out, posted + coming
        bad = (available < floor) | (incoming > ceiling) | (out > AMOUNT_MAX)
        bad |= (coming > AMOUNT_MAX) | (available < -AMOUNT_MAX) | (incoming > AMOUNT_MAX)
        if bad.any():
            wrong = np.flatnonzero(bad)
            first = int(wrong[np.argmin(places[order[wrong]])])
            event = int(order[first])
            # Changes come first among the events, then the debits, then the credits.
            if event < extra or chunk is None:
                what = self._say(changes, event)
            else:
                what = chunk.say((event - extra) % size, self._ledger)
            values = [int(column[first]) for column in (posted, out, coming, floor, ceiling)]
            raise BrokenError(f"{what}: {_beyond(self._ledger.name(int(account[first])), values)}.")

    def _limits(
        self, changes: Columns, order: Numbers, account: Numbers, begin: Numbers
    ) -> tuple[Numbers, Numbers]:
        """Return the floor and ceiling that count at each event, and keep the last ones."""
        floor, ceiling = self.floor[account], self.ceiling[account]
        extra = len(changes["account"])
        if extra:
            last = np.maximum.accumulate(np.where(order < extra, np.arange(len(order)), -1))
            changed = last >= begin
            change = order[last[changed]]
            floor[changed], ceiling[changed] = changes["floor"][change], changes["ceiling"][change]
            self.floor[changes["account"]] = changes["floor"]
            self.ceiling[changes["account"]] = changes["ceiling"]
        return floor, ceiling

    def finish(self) -> None:
        """Check the limits that changed after the last batch."""
        if not self._last_batch:
            self._check_changes()
        changes = {name: column[self._done :] for name, column in self._changes.items()}
        future = changes["batch"] > self._last_batch
        if future.any():
            words = f"it counts after a batch that is not there; the last one is {self._last_batch}"
            raise BrokenError(f"{self._say(changes, int(future.argmax()))}: {words}.")
        early = changes["has_position"] & (changes["position"] < self._last_position)
        if early.any():
            words = "its log position is before that of the last batch"
            raise BrokenError(f"{self._say(changes, int(early.argmax()))}: {words}.")
        self._check(changes, np.zeros(len(changes["account"]), np.int64), None)


def _sides(chunk: Chunk | None) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return each transfer's debit and credit account, and what it moves and sets aside."""
    if chunk is None:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing, nothing
    t = chunk.transfers
    return t["debit"], t["credit"], chunk.found["moved"], chunk.found["held"]


def _beyond(account: str, values: list[int]) -> str:
    """Say which limit an account is beyond."""
    posted, out, coming, floor, ceiling = values
    if posted - out < floor:
        words = f"below its floor of {floor}"
    elif posted + coming > ceiling:
        words = f"above its ceiling of {ceiling}"
    else:
        words = "beyond what a balance may be"
    state = f"{posted} posted, {out} set aside, {coming} coming in"
    return f"after it {account} has {state}: {words}"


class Balances:
    """The balances that are stored are those that follow, and each asset sums to zero."""

    name = "balances"

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger, self._limits = ledger, limits
        self.count = 0

    def chunk(self, chunk: Chunk) -> None:
        """Nothing to check before the end."""

    def finish(self) -> None:
        """Compare every account's row."""
        fold = self._limits
        rows = self._ledger.rows(
            "SELECT account, posted, pending_out, pending_in, floor, ceiling, version FROM balance"  # noqa: S608 - our own words
            f" WHERE community = {self._ledger.community:d} ORDER BY account"
        )
        stored = {row[0]: row[1:] for row in rows}
        columns = (fold.posted, fold.out, fold.coming, fold.floor, fold.ceiling)
        folded = list(zip(*(column.tolist() for column in columns), strict=True))
        for account in range(1, len(folded)):
            name = self._ledger.name(account)
            if account not in stored:
                raise BrokenError(f"{name} has no row in the table balance.")
            self._compare(name, stored.pop(account), folded[account])
        for account in stored:
            raise BrokenError(
                f"the table balance has a row of account {account}, which is not there."
            )
        self.count = len(rows)
        try:
            check_balances({self._ledger.name(row[0]): Balance(*row[1:6]) for row in rows})
        except LogError as error:
            raise BrokenError(f"{error}.") from error

    @staticmethod
    def _compare(name: str, stored: tuple[Any, ...], wanted: tuple[int, ...]) -> None:
        posted, out, coming, floor, ceiling = wanted
        values: dict[str, int | None] = {"posted": posted, "pending_out": out, "pending_in": coming}
        values["floor"] = None if floor == LOWEST else floor
        values["ceiling"] = None if ceiling == HIGHEST else ceiling
        for (column, right), there in zip(values.items(), stored, strict=False):
            if there != right:
                raise BrokenError(
                    f"the balance of {name} has {column} {_or_none(there)}, and from all transfers "
                    f"and limit changes follows {_or_none(right)}."
                )
        if stored[-1] < 0:
            raise BrokenError(f"the balance of {name} has a negative version.")


def _or_none(value: int | None) -> str:
    return "none" if value is None else str(value)
