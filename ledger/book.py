"""The pure book: balances, holds, and what a batch of transfers does to them.

An atomic batch is applied whole or not at all; of independent transfers each is taken or refused
alone. Each transfer gets one status from an enum in order of precedence, so that two books never
disagree about which reason comes first. Time is an argument, so a replay gives the same book.

>>> book = Book()
>>> book.open("pool/a WH/0", floor=0)
>>> book.open("grid/export WH/0")
>>> move = Transfer(bytes([1] * 16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> book.apply([move], now=989738)
[<Status.BELOW_FLOOR: 29>]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ledger.primitives.hashing import tagged_hash
from ledger.primitives.ids import ID_BYTES
from ledger.primitives.periods import PERIOD_MAX
from ledger.records import (
    AMENDS,
    AMOUNT_MAX,
    RELEASES,
    RESOLVES,
    TRANSFER_MAX,
    Kind,
    Transfer,
    first_difference,
)
from ledger.status import STATUS_OF_FIELD, Status


@dataclass(slots=True)
class Balance:
    """An account's state.

    Attributes:
        posted: what came in less what went out.
        pending_out: set aside by holds that debit it.
        pending_in: held for it, not yet its own.
        floor: least value of ``posted - pending_out``; None is none.
        ceiling: greatest value of ``posted + pending_in``; None is none.
    """

    posted: int = 0
    pending_out: int = 0
    pending_in: int = 0
    floor: int | None = None
    ceiling: int | None = None

    @property
    def available(self) -> int | None:
        """What may still leave the account; None is without limit."""
        return None if self.floor is None else self.posted - self.pending_out - self.floor

    @property
    def below_floor(self) -> bool:
        """Whether more left or is set aside than the floor allows."""
        return self.floor is not None and self.posted - self.pending_out < self.floor

    @property
    def above_ceiling(self) -> bool:
        """Whether more came or is held for it than the ceiling allows."""
        return self.ceiling is not None and self.posted + self.pending_in > self.ceiling


@dataclass(slots=True)
class Hold:
    """An amount set aside, and by what kind of transfer it was resolved."""

    debit: str
    credit: str
    amount: int
    expires: int | None = None
    resolved: Kind | None = None


@dataclass(slots=True)
class Amended:
    """What corrections and a reversal left of an earlier movement."""

    remaining: int
    reversed: bool = False


class Book:
    """Balances and holds of one community, in memory.

    A store loads what a batch touches, applies the batch here, and writes the outcome; the audit
    keeps one book for everything.

    Attributes:
        balances: by account.
        holds: by id of the transfer that set aside.
        transfers: those whose ids must not be used again, and those that others name.
        amended: originals that were reversed, or of which another amount remains.
    """

    def __init__(self) -> None:
        self.balances: dict[str, Balance] = {}
        self.holds: dict[bytes, Hold] = {}
        self.transfers: dict[bytes, Transfer] = {}
        self.amended: dict[bytes, Amended] = {}
        self._expiring: list[tuple[int, bytes]] = []

    def open(self, account: str, floor: int | None = None, ceiling: int | None = None) -> None:
        """Add an account; one that is open stays as it is."""
        self.balances.setdefault(account, Balance(floor=floor, ceiling=ceiling))

    def limit(self, account: str, floor: int | None, ceiling: int | None) -> Status:
        """Change an open account's limits, unless its balance is beyond the new ones."""
        balance = self.balances[account]
        before = balance.floor, balance.ceiling
        balance.floor, balance.ceiling = floor, ceiling
        if not (balance.below_floor or balance.above_ceiling):
            return Status.CREATED
        status = Status.BELOW_FLOOR if balance.below_floor else Status.ABOVE_CEILING
        balance.floor, balance.ceiling = before
        return status

    def apply(self, batch: Sequence[Transfer], now: int) -> list[Status]:
        """Apply all of a batch, or nothing if any transfer is refused.

        Args:
            batch: in order; a later transfer may resolve or amend an earlier one.
            now: the half-hour in which it is posted.

        Returns:
            One status a transfer. Where one is refused every other one is BATCH_REFUSED.
        """
        done: list[Transfer] = []
        statuses: list[Status] = []
        for index, transfer in enumerate(batch):
            status = self._take(transfer, now)
            if status is Status.CREATED:
                done.append(transfer)
            elif status is not Status.EXISTS:
                for earlier in reversed(done):
                    self._give_back(earlier)
                statuses = [Status.BATCH_REFUSED] * len(batch)
                statuses[index] = status
                return statuses
            statuses.append(status)
        return statuses

    def apply_each(self, transfers: Sequence[Transfer], now: int) -> list[Status]:
        """Apply transfers that do not depend on each other: each is taken or refused alone."""
        return [self._take(transfer, now) for transfer in transfers]

    def expire(self, now: int) -> list[Transfer]:
        """Release every hold whose time is over, and return the transfers that do so.

        Their ids follow from those of the holds; their order is that of time, then of ids.
        """
        made = []
        while self._expiring and self._expiring[0][0] <= now:
            expires, hold_id = heappop(self._expiring)
            hold = self.holds.get(hold_id)
            # A refused hold leaves its time here; its id may have come back with another one.
            if hold is not None and hold.resolved is None and hold.expires == expires:
                attempt = 0
                while expiry_id(hold_id, attempt) in self.transfers:
                    attempt += 1
                transfer = expiry_of(hold_id, hold, expires, attempt)
                status = self._take(transfer, now)
                if status is not Status.CREATED:
                    raise AssertionError(f"the expiry of {hold_id.hex()}: {status.name}")
                made.append(transfer)
        return made

    def add_hold(self, hold_id: bytes, hold: Hold) -> None:
        """Put an earlier hold into the book, as a store that loads it does."""
        self.holds[hold_id] = hold
        if hold.expires is not None and hold.resolved is None:
            heappush(self._expiring, (hold.expires, hold_id))

    def note_amendment(self, amendment: Transfer) -> None:
        """Take over an earlier correction or reversal of a transfer that is in the book."""
        self._amend(amendment, 1)

    def _take(self, transfer: Transfer, now: int) -> Status:
        """Take one transfer, or refuse it and leave everything as it was."""
        status = self._check(transfer, now)
        if status is Status.CREATED:
            self._move(transfer)
            status = self._limits(transfer)
            if status is not Status.CREATED:
                self._give_back(transfer)
        return status

    def _check(self, transfer: Transfer, now: int) -> Status:  # noqa: C901, PLR0911 - a list in order
        known = self.transfers.get(transfer.id)
        if known is not None:
            field = first_difference(known, transfer)
            return Status.EXISTS if field is None else STATUS_OF_FIELD[field]
        if not 0 < transfer.amount <= TRANSFER_MAX:
            return Status.AMOUNT_OUT_OF_RANGE
        if not 0 <= transfer.effective <= PERIOD_MAX:
            return Status.EFFECTIVE_OUT_OF_RANGE
        if transfer.debit == transfer.credit:
            return Status.SAME_ACCOUNT_TWICE
        if transfer.debit.partition(" ")[2] != transfer.credit.partition(" ")[2]:
            return Status.OTHER_ASSET
        if transfer.debit not in self.balances:
            return Status.DEBIT_ACCOUNT_NOT_FOUND
        if transfer.credit not in self.balances:
            return Status.CREDIT_ACCOUNT_NOT_FOUND
        kind = transfer.kind
        if transfer.original is not None and kind in (Kind.POST, Kind.HOLD):
            return Status.ORIGINAL_NOT_ALLOWED
        if transfer.expires is not None and (
            kind is not Kind.HOLD or not now < transfer.expires <= PERIOD_MAX
        ):
            return Status.EXPIRES_NOT_ALLOWED
        if kind in RESOLVES:
            return self._check_resolution(transfer, now)
        return self._check_amendment(transfer) if kind in AMENDS else Status.CREATED

    def _check_resolution(self, transfer: Transfer, now: int) -> Status:  # noqa: PLR0911 - as above
        hold = self.holds.get(transfer.original) if transfer.original else None
        if hold is None:
            return Status.HOLD_NOT_FOUND
        over = hold.expires is not None and hold.expires <= now
        posts_late = transfer.kind is Kind.POST_HOLD and over and hold.resolved is None
        if posts_late or hold.resolved is Kind.EXPIRE_HOLD:
            return Status.HOLD_EXPIRED
        if hold.resolved is not None:
            return Status.HOLD_ALREADY_RESOLVED
        if transfer.kind is Kind.EXPIRE_HOLD and not over:
            return Status.HOLD_NOT_EXPIRED
        if (hold.debit, hold.credit) != (transfer.debit, transfer.credit):
            return Status.HOLD_OF_OTHER_ACCOUNTS
        part_released = transfer.kind in RELEASES and transfer.amount != hold.amount
        if transfer.amount > hold.amount or part_released:
            return Status.EXCEEDS_HOLD
        return Status.CREATED

    def _check_amendment(self, transfer: Transfer) -> Status:  # noqa: PLR0911 - as above
        original = self.transfers.get(transfer.original) if transfer.original else None
        if original is None:
            return Status.ORIGINAL_NOT_FOUND
        if original.kind not in (Kind.POST, Kind.POST_HOLD):
            return Status.ORIGINAL_NOT_AMENDABLE
        swapped = (transfer.credit, transfer.debit) == (original.debit, original.credit)
        same = (transfer.debit, transfer.credit) == (original.debit, original.credit)
        if not (swapped or (same and transfer.kind is Kind.CORRECT)):
            return Status.ORIGINAL_OF_OTHER_ACCOUNTS
        amended = self.amended.get(original.id)
        if amended is not None and amended.reversed:
            return Status.ORIGINAL_ALREADY_REVERSED
        remaining = original.amount if amended is None else amended.remaining
        if swapped and transfer.amount > remaining:
            return Status.EXCEEDS_ORIGINAL
        if transfer.kind is Kind.REVERSE and transfer.amount != remaining:
            return Status.NOT_WHAT_REMAINS
        return Status.CREATED

    def _move(self, transfer: Transfer) -> None:
        debit, credit = self.balances[transfer.debit], self.balances[transfer.credit]
        kind, amount = transfer.kind, transfer.amount
        self.transfers[transfer.id] = transfer
        if kind is Kind.HOLD:
            hold = Hold(transfer.debit, transfer.credit, amount, transfer.expires)
            self.add_hold(transfer.id, hold)
            debit.pending_out += amount
            credit.pending_in += amount
            return
        if kind in RESOLVES:
            hold = self.holds[_original(transfer)]
            hold.resolved = kind
            debit.pending_out -= hold.amount
            credit.pending_in -= hold.amount
        elif kind in AMENDS:
            self._amend(transfer, 1)
        if kind not in RELEASES:
            debit.posted -= amount
            credit.posted += amount

    def _amend(self, transfer: Transfer, sign: int) -> None:
        original = self.transfers[_original(transfer)]
        amended = self.amended.pop(original.id, None) or Amended(original.amount)
        taken_back = transfer.debit == original.credit
        amended.remaining += sign * (-transfer.amount if taken_back else transfer.amount)
        if transfer.kind is Kind.REVERSE:
            amended.reversed = sign > 0
        if amended.reversed or amended.remaining != original.amount:
            self.amended[original.id] = amended

    def _give_back(self, transfer: Transfer) -> None:
        """Undo `_move`; several are undone in the opposite order."""
        debit, credit = self.balances[transfer.debit], self.balances[transfer.credit]
        kind, amount = transfer.kind, transfer.amount
        del self.transfers[transfer.id]
        if kind is Kind.HOLD:
            del self.holds[transfer.id]
            debit.pending_out -= amount
            credit.pending_in -= amount
            return
        if kind in RESOLVES:
            hold = self.holds[_original(transfer)]
            hold.resolved = None
            debit.pending_out += hold.amount
            credit.pending_in += hold.amount
        elif kind in AMENDS:
            self._amend(transfer, -1)
        if kind not in RELEASES:
            debit.posted += amount
            credit.posted -= amount

    def _limits(self, transfer: Transfer) -> Status:
        """Check the limits that the transfer itself could break.

        A hold counts against both limits when it is made, so resolving it breaks none.
        """
        if transfer.kind in RESOLVES:
            return Status.CREATED
        debit, credit = self.balances[transfer.debit], self.balances[transfer.credit]
        if debit.below_floor:
            return Status.BELOW_FLOOR
        if credit.above_ceiling:
            return Status.ABOVE_CEILING
        out, coming = debit.pending_out, credit.pending_in
        if out > AMOUNT_MAX or out - debit.posted > AMOUNT_MAX:
            return Status.BALANCE_OUT_OF_RANGE
        if coming > AMOUNT_MAX or coming + credit.posted > AMOUNT_MAX:
            return Status.BALANCE_OUT_OF_RANGE
        return Status.CREATED


def expiry_id(hold_id: bytes, attempt: int) -> bytes:
    """Return the id that a hold's expiry takes if the ids of earlier attempts are taken.

    Ids are the callers' to choose, so that one may lie where an expiry would be.
    """
    content = hold_id + attempt.to_bytes(8) if attempt else hold_id
    return tagged_hash("commonwatt/id/expiry/v1", content)[:ID_BYTES]


def expiry_of(hold_id: bytes, hold: Hold, expires: int, attempt: int = 0) -> Transfer:
    """Return the transfer that releases a hold whose time is over: the same on every replay."""
    made_id = expiry_id(hold_id, attempt)
    return Transfer(
        made_id, Kind.EXPIRE_HOLD, hold.debit, hold.credit, hold.amount, expires, hold_id
    )


def _original(transfer: Transfer) -> bytes:
    """Return the id that a checked transfer names."""
    if transfer.original is None:
        raise AssertionError(f"{transfer.id.hex()} names no original")
    return transfer.original
