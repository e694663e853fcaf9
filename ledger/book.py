"""The pure book: balances, holds, and what a batch of transfers does to them.

A batch is applied whole or not at all. Each transfer gets one status from an enum in order of
precedence, so that two books never disagree about which reason comes first.

>>> book = Book()
>>> book.open("pool/a WH/0", floor=0)
>>> book.open("grid/export WH/0")
>>> move = Transfer(bytes(16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> book.apply([move])
[<Status.BELOW_FLOOR: 12>]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from ledger.records import AMOUNT_MAX, Kind, Transfer


class Status(IntEnum):
    """What became of a transfer; of several reasons the lowest number is given."""

    CREATED = 0
    EXISTS = 1  # the same id and content came before: nothing to do
    EXISTS_WITH_OTHER_CONTENT = 2
    AMOUNT_OUT_OF_RANGE = 3
    SAME_ACCOUNT_TWICE = 4
    OTHER_ASSET = 5
    DEBIT_ACCOUNT_NOT_FOUND = 6
    CREDIT_ACCOUNT_NOT_FOUND = 7
    HOLD_NOT_FOUND = 8
    HOLD_ALREADY_RESOLVED = 9
    HOLD_OF_OTHER_ACCOUNTS = 10  # or named by a transfer that resolves none
    EXCEEDS_HOLD = 11
    BELOW_FLOOR = 12
    ABOVE_CEILING = 13
    BATCH_REFUSED = 14  # nothing wrong with this one, but another of its batch was refused


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


@dataclass(frozen=True, slots=True)
class Hold:
    """An amount set aside."""

    debit: str
    credit: str
    amount: int
    resolved: bool = False


class Book:
    """Balances and holds of one community, in memory.

    A store loads the accounts and holds that a batch touches, applies the batch here, and
    writes what `touched` and `changed_holds` name; the audit keeps one book for everything.
    """

    def __init__(self) -> None:
        self.balances: dict[str, Balance] = {}
        self.holds: dict[bytes, Hold] = {}
        self.transfers: dict[bytes, Transfer] = {}

    def open(self, account: str, floor: int | None = None, ceiling: int | None = None) -> None:
        """Add an account, or change the limits of one."""
        balance = self.balances.setdefault(account, Balance())
        balance.floor, balance.ceiling = floor, ceiling

    def apply(self, batch: Sequence[Transfer]) -> list[Status]:
        """Apply all of a batch, or nothing if any transfer is refused.

        Returns:
            One status a transfer. Where the batch is refused every other one is
            BATCH_REFUSED.
        """
        before_balances: dict[str, Balance] = {}
        before_holds: dict[bytes, Hold | None] = {}
        added: list[bytes] = []
        statuses: list[Status] = []
        for index, transfer in enumerate(batch):
            status = self._check(transfer)
            statuses.append(status)
            if status is Status.EXISTS:
                continue
            if status is Status.CREATED:
                for account in (transfer.debit, transfer.credit):
                    before_balances.setdefault(account, replace(self.balances[account]))
                for hold_id in (transfer.id, transfer.original):
                    if hold_id is not None:
                        before_holds.setdefault(hold_id, self.holds.get(hold_id))
                self._move(transfer)
                self.transfers[transfer.id] = transfer
                added.append(transfer.id)
                status = self._limits(transfer)
            if status is not Status.CREATED:
                self._undo(before_balances, before_holds, added)
                return [
                    status if other == index else Status.BATCH_REFUSED
                    for other in range(len(batch))
                ]
        return statuses

    def _check(self, transfer: Transfer) -> Status:  # noqa: PLR0911 - a list of reasons in order
        known = self.transfers.get(transfer.id)
        if known is not None:
            return Status.EXISTS if known == transfer else Status.EXISTS_WITH_OTHER_CONTENT
        if not 0 < transfer.amount <= AMOUNT_MAX:
            return Status.AMOUNT_OUT_OF_RANGE
        if transfer.debit == transfer.credit:
            return Status.SAME_ACCOUNT_TWICE
        if transfer.debit.partition(" ")[2] != transfer.credit.partition(" ")[2]:
            return Status.OTHER_ASSET
        if transfer.debit not in self.balances:
            return Status.DEBIT_ACCOUNT_NOT_FOUND
        if transfer.credit not in self.balances:
            return Status.CREDIT_ACCOUNT_NOT_FOUND
        if transfer.kind in (Kind.POST_HOLD, Kind.VOID_HOLD):
            return self._check_resolution(transfer)
        return Status.CREATED if transfer.original is None else Status.HOLD_OF_OTHER_ACCOUNTS

    def _check_resolution(self, transfer: Transfer) -> Status:
        hold = self.holds.get(transfer.original) if transfer.original else None
        if hold is None:
            return Status.HOLD_NOT_FOUND
        if hold.resolved:
            return Status.HOLD_ALREADY_RESOLVED
        if (hold.debit, hold.credit) != (transfer.debit, transfer.credit):
            return Status.HOLD_OF_OTHER_ACCOUNTS
        wrong_void = transfer.kind is Kind.VOID_HOLD and transfer.amount != hold.amount
        if transfer.amount > hold.amount or wrong_void:
            return Status.EXCEEDS_HOLD
        return Status.CREATED

    def _move(self, transfer: Transfer) -> None:
        debit, credit = self.balances[transfer.debit], self.balances[transfer.credit]
        if transfer.kind is Kind.HOLD:
            self.holds[transfer.id] = Hold(transfer.debit, transfer.credit, transfer.amount)
            debit.pending_out += transfer.amount
            credit.pending_in += transfer.amount
            return
        if transfer.original is not None:
            hold = self.holds[transfer.original]
            self.holds[transfer.original] = replace(hold, resolved=True)
            debit.pending_out -= hold.amount
            credit.pending_in -= hold.amount
        if transfer.kind is not Kind.VOID_HOLD:
            debit.posted -= transfer.amount
            credit.posted += transfer.amount

    def _limits(self, transfer: Transfer) -> Status:
        """Check the limits that the transfer itself could break.

        Resolving a hold never takes more than was set aside, so it breaks no floor, not even
        one that was raised meanwhile.
        """
        debit, credit = self.balances[transfer.debit], self.balances[transfer.credit]
        if transfer.kind is Kind.VOID_HOLD:
            return Status.CREATED
        below = debit.floor is not None and debit.posted - debit.pending_out < debit.floor
        if below and transfer.original is None:
            return Status.BELOW_FLOOR
        above = credit.ceiling is not None and credit.posted + credit.pending_in > credit.ceiling
        if above or abs(debit.posted) > AMOUNT_MAX or abs(credit.posted) > AMOUNT_MAX:
            return Status.ABOVE_CEILING
        return Status.CREATED

    def _undo(
        self,
        balances: dict[str, Balance],
        holds: dict[bytes, Hold | None],
        added: Iterable[bytes],
    ) -> None:
        self.balances.update(balances)
        for hold_id, hold in holds.items():
            if hold is None:
                self.holds.pop(hold_id, None)
            else:
                self.holds[hold_id] = hold
        for transfer_id in added:
            del self.transfers[transfer_id]
