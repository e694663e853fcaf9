"""Vouchers: money on paper, for whoever carries no phone. What is open, paid and taken back. Pure.

A member puts an amount aside under the words of a card; whoever shows the words is paid, once,
until the voucher's last half-hour. The community's account of vouchers always holds just what the
open ones are worth.

>>> voucher = Voucher("1e" * 16, "0f" * 16, 500, 989800)
>>> voucher.standing(989801).value
'expired'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.money import format_money
from ledger.primitives.periods import start_text
from ledger.statements import Statement

VOUCHERS_OPEN_MAX = 100
"""Most open vouchers of a member at one time: they are cards in a drawer, which somebody counts."""


class Standing(StrEnum):
    """Where a voucher stands, in order of precedence."""

    PAID = "paid"
    ENDED = "ended"
    EXPIRED = "expired"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Voucher:
    """Money that a member put under some words.

    Attributes:
        id: of the statement.
        issuer: whose money it was.
        units: what it is worth, in ledger units.
        last: last half-hour in which it pays.
        note: what the issuer wrote, or None.
        payee: who was paid, or None.
        ended: it was taken back.
    """

    id: str
    issuer: str
    units: int
    last: int
    note: str | None = None
    payee: str | None = None
    ended: bool = False

    @property
    def closed(self) -> bool:
        """Whether there is nothing in it any more."""
        return self.ended or self.payee is not None

    def standing(self, period: int) -> Standing:
        """Return where it stands in a half-hour. What expired still holds its money."""
        if self.payee is not None:
            return Standing.PAID
        if self.ended:
            return Standing.ENDED
        return Standing.EXPIRED if period > self.last else Standing.OPEN


@dataclass
class VoucherBook:
    """Every voucher of a community.

    Attributes:
        vouchers: by id, in the log's order.
        units: what all that are not closed are worth.
        counts: how many of a member's are not closed.
    """

    vouchers: dict[str, Voucher] = field(default_factory=dict)
    units: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "VoucherBook":
        """Return a book that may go on by itself."""
        return VoucherBook(dict(self.vouchers), self.units, dict(self.counts))

    def make(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        """Take over a ``voucher`` that was logged in a half-hour.

        Raises:
            RefusedError: it would be over before it began, or the member has too many.
        """
        member = statement.account
        if body["last"] < period:
            raise RefusedError("This voucher would be over before it began.")
        if self.counts.get(member, 0) >= VOUCHERS_OPEN_MAX:
            raise RefusedError(
                f"This member has {VOUCHERS_OPEN_MAX} open vouchers: take some back first."
            )
        made = Voucher(statement.id, member, body["amount"], body["last"], body.get("note"))
        self._keep(made, 1)

    def pay(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        """Take over a ``voucher_pay`` that was logged in a half-hour.

        Raises:
            RefusedError: there is nothing in the voucher, or it came too late.
        """
        voucher = self._full(body["voucher"])
        if period > voucher.last:
            raise RefusedError(
                f"This voucher paid until the half-hour from {start_text(voucher.last)}: whoever "
                "made it takes it back."
            )
        self._keep(replace(voucher, payee=statement.account), -1)

    def end(self, statement: Statement, body: Mapping[str, Any], _period: int) -> None:
        """Take over a ``voucher_end``.

        Raises:
            RefusedError: there is nothing in the voucher, or another member made it.
        """
        voucher = self._full(body["voucher"])
        if voucher.issuer != statement.account:
            raise RefusedError("This voucher is another member's: it goes back to whoever made it.")
        self._keep(replace(voucher, ended=True), -1)

    def open_of(self, member: str) -> list[Voucher]:
        """Return what a member made that was neither paid nor taken back, expired ones included."""
        mine = self.counts.get(member, 0)
        made = self.vouchers.values() if mine else ()
        return [each for each in made if each.issuer == member and not each.closed]

    def check_pot(self, held_units: int, statement: Statement) -> None:
        """Refuse to go on where the account of vouchers does not hold what they are worth.

        Args:
            held_units: what it held before a statement that this book has taken over.
            statement: of one of the three kinds.

        Raises:
            RefusedError: says what it holds and what they are worth.
        """
        body = statement.body
        change = self.vouchers[body.get("voucher", statement.id)].units
        before = self.units + (-change if statement.kind == "voucher" else change)
        if held_units != before:
            raise RefusedError(
                f"The account of vouchers holds {format_money(held_units)} and the open ones are "
                f"worth {format_money(before)}: something is wrong with this ledger."
            )

    def _full(self, voucher_id: str) -> Voucher:
        """Return a voucher that was neither paid nor taken back.

        Raises:
            RefusedError: says which, or that there is none.
        """
        found = self.vouchers.get(voucher_id)
        if found is None:
            raise RefusedError("No voucher has this id.")
        if found.closed:
            raise RefusedError(
                f"This voucher was {'taken back' if found.ended else 'paid'} before."
            )
        return found

    def _keep(self, voucher: Voucher, sign: int) -> None:
        """Keep a voucher as it is now, and count it in (1) or out (-1)."""
        self.vouchers[voucher.id] = voucher
        self.units += sign * voucher.units
        self.counts[voucher.issuer] = self.counts.get(voucher.issuer, 0) + sign
