"""The book a second time, and as dull as can be: the oracle for the one that is used.

It keeps one list, of the transfers that were taken, and adds everything up from it each time it
is asked. A transfer gets every reason that speaks against it, and then the lowest. Limits are
looked at in all accounts, not only in the two that a transfer names.
"""

import hashlib
from dataclasses import dataclass, field

from ledger.book import Status
from ledger.records import Kind, Transfer
from tests.ledger.books import FIELDS, LIMITS

MOST = 9_007_199_254_740_991
LAST_PERIOD = 4_000_000

RESOLUTIONS = (Kind.POST_HOLD, Kind.VOID_HOLD, Kind.EXPIRE_HOLD)
AMENDMENTS = (Kind.REVERSE, Kind.CORRECT)


@dataclass
class Model:
    """Every transfer taken so far, in order, and the limits of now."""

    taken: list[Transfer] = field(default_factory=list)
    limits: dict[str, tuple[int | None, int | None]] = field(default_factory=lambda: dict(LIMITS))

    # What follows from the list.

    def find(self, transfer_id: bytes | None) -> Transfer | None:
        return next((one for one in self.taken if one.id == transfer_id), None)

    def naming(self, transfer_id: bytes, kinds: tuple[Kind, ...]) -> list[Transfer]:
        return [one for one in self.taken if one.original == transfer_id and one.kind in kinds]

    def holds(self) -> dict[bytes, tuple[Transfer, Kind | None]]:
        """Each hold, and what kind of transfer resolved it."""
        found: dict[bytes, tuple[Transfer, Kind | None]] = {}
        for one in self.taken:
            if one.kind == Kind.HOLD:
                resolutions = self.naming(one.id, RESOLUTIONS)
                assert len(resolutions) <= 1
                found[one.id] = one, resolutions[0].kind if resolutions else None
        return found

    def movements(self) -> dict[bytes, tuple[Transfer, int, bool]]:
        """Each transfer that can be amended, what remains of it, and whether it was reversed."""
        found = {}
        for one in self.taken:
            if one.kind in (Kind.POST, Kind.POST_HOLD):
                amendments = self.naming(one.id, AMENDMENTS)
                more = sum(other.amount for other in amendments if other.debit == one.debit)
                less = sum(other.amount for other in amendments if other.debit == one.credit)
                reversals = [other for other in amendments if other.kind == Kind.REVERSE]
                found[one.id] = one, one.amount + more - less, bool(reversals)
        return found

    def balances(self) -> dict[str, tuple[int, int, int]]:
        """Posted, pending out and pending in, by account."""
        sums = {account: [0, 0, 0] for account in self.limits}
        for one in self.taken:
            if one.kind in (Kind.POST, Kind.POST_HOLD, Kind.REVERSE, Kind.CORRECT):
                sums[one.debit][0] -= one.amount
                sums[one.credit][0] += one.amount
        for one, resolved in self.holds().values():
            if resolved is None:
                sums[one.debit][1] += one.amount
                sums[one.credit][2] += one.amount
        return {account: (posted, out, into) for account, (posted, out, into) in sums.items()}

    # What is done to it.

    def each(self, transfers: list[Transfer], now: int) -> list[Status]:
        statuses = []
        for transfer in transfers:
            reasons = self.reasons(transfer, now)
            if not reasons:
                self.taken = [*self.taken, transfer]
                reasons = self.broken_limits()
                if reasons:
                    self.taken = self.taken[:-1]
            statuses.append(min(reasons, default=Status.CREATED))
        return statuses

    def atomic(self, transfers: list[Transfer], now: int) -> list[Status]:
        before = list(self.taken)
        statuses = self.each(transfers, now)
        for index, status in enumerate(statuses):
            if status not in (Status.CREATED, Status.EXISTS):
                self.taken = before
                others = Status.BATCH_REFUSED
                return [status if at == index else others for at in range(len(transfers))]
        return statuses

    def expire(self, now: int) -> list[Transfer]:
        due = [
            one
            for one, resolved in self.holds().values()
            if resolved is None and one.expires is not None and one.expires <= now
        ]
        made = []
        for one in sorted(due, key=lambda one: (one.expires, one.id)):
            new_id = hashlib.sha256(b"commonwatt/id/expiry/v1\0" + one.id).digest()[:16]
            assert one.expires is not None
            made.append(
                Transfer(
                    new_id, Kind.EXPIRE_HOLD, one.debit, one.credit, one.amount, one.expires, one.id
                )
            )
        self.taken = [*self.taken, *made]
        return made

    def limit(self, account: str, floor: int | None, ceiling: int | None) -> Status:
        before = dict(self.limits)
        self.limits[account] = floor, ceiling
        reasons = self.broken_limits()
        if reasons:
            self.limits = before
        return min(reasons, default=Status.CREATED)

    # Reasons.

    def reasons(self, transfer: Transfer, now: int) -> set[Status]:
        """All that speaks against a transfer, limits apart."""
        known = self.find(transfer.id)
        if known is not None:
            differing = {
                Status[f"EXISTS_WITH_OTHER_{name.upper()}"]
                for name in FIELDS
                if getattr(known, name) != getattr(transfer, name)
            }
            return differing or {Status.EXISTS}
        wrong = {
            Status.AMOUNT_OUT_OF_RANGE: not 1 <= transfer.amount <= 2_251_799_813_685_247,
            Status.EFFECTIVE_OUT_OF_RANGE: not 0 <= transfer.effective <= LAST_PERIOD,
            Status.SAME_ACCOUNT_TWICE: transfer.debit == transfer.credit,
            Status.OTHER_ASSET: transfer.debit.split()[-1] != transfer.credit.split()[-1],
            Status.DEBIT_ACCOUNT_NOT_FOUND: transfer.debit not in self.limits,
            Status.CREDIT_ACCOUNT_NOT_FOUND: transfer.credit not in self.limits,
            Status.ORIGINAL_NOT_ALLOWED: transfer.original is not None
            and transfer.kind in (Kind.POST, Kind.HOLD),
            Status.EXPIRES_NOT_ALLOWED: transfer.expires is not None
            and (
                transfer.kind != Kind.HOLD
                or transfer.expires <= now
                or transfer.expires > LAST_PERIOD
            ),
        }
        found = {status for status, is_so in wrong.items() if is_so}
        if transfer.kind in RESOLUTIONS:
            found |= self.resolution_reasons(transfer, now)
        if transfer.kind in AMENDMENTS:
            found |= self.amendment_reasons(transfer)
        return found

    def resolution_reasons(self, transfer: Transfer, now: int) -> set[Status]:
        if transfer.original not in self.holds():
            return {Status.HOLD_NOT_FOUND}
        one, resolved = self.holds()[transfer.original]
        over = one.expires is not None and now >= one.expires
        late = transfer.kind == Kind.POST_HOLD and over and resolved is None
        wrong = {
            Status.HOLD_EXPIRED: late or resolved == Kind.EXPIRE_HOLD,
            Status.HOLD_ALREADY_RESOLVED: resolved is not None,
            Status.HOLD_NOT_EXPIRED: transfer.kind == Kind.EXPIRE_HOLD and not over,
            Status.HOLD_OF_OTHER_ACCOUNTS: one.debit != transfer.debit
            or one.credit != transfer.credit,
            Status.EXCEEDS_HOLD: transfer.amount > one.amount
            if transfer.kind == Kind.POST_HOLD
            else transfer.amount != one.amount,
        }
        return {status for status, is_so in wrong.items() if is_so}

    def amendment_reasons(self, transfer: Transfer) -> set[Status]:
        original = self.find(transfer.original)
        if original is None:
            return {Status.ORIGINAL_NOT_FOUND}
        if original.id not in self.movements():
            return {Status.ORIGINAL_NOT_AMENDABLE}
        _, left, is_reversed = self.movements()[original.id]
        back = (transfer.debit, transfer.credit) == (original.credit, original.debit)
        again = (transfer.debit, transfer.credit) == (original.debit, original.credit)
        wrong = {
            Status.ORIGINAL_OF_OTHER_ACCOUNTS: not back
            and not (again and transfer.kind == Kind.CORRECT),
            Status.ORIGINAL_ALREADY_REVERSED: is_reversed,
            Status.EXCEEDS_ORIGINAL: back and transfer.amount > left,
            Status.NOT_WHAT_REMAINS: transfer.kind == Kind.REVERSE and transfer.amount != left,
        }
        return {status for status, is_so in wrong.items() if is_so}

    def broken_limits(self) -> set[Status]:
        """Which limits any account at all is beyond."""
        found = set()
        for account, (posted, out, into) in self.balances().items():
            floor, ceiling = self.limits[account]
            if floor is not None and posted - out < floor:
                found.add(Status.BELOW_FLOOR)
            if ceiling is not None and posted + into > ceiling:
                found.add(Status.ABOVE_CEILING)
            if not (posted - out >= -MOST and posted + into <= MOST and max(out, into) <= MOST):
                found.add(Status.BALANCE_OUT_OF_RANGE)
        return found
