"""Requests to be paid: which payment answers one, and who may end it. Pure.

A request is answered once: by the payment that it asks for, or by a word of who asked or who was
asked. The operator looks it up in the database, the audit in what it replayed; the rule is the same.

>>> loaf = Ask("a1", "shop", None, 42_000_000, 989_800)
>>> check_payment(loaf, "ada", {"to": "shop", "amount": 42_000_000}, 989_737)
>>> check_end(loaf, "ada", 989_737)
Traceback (most recent call last):
ledger.errors.RefusedError: This request is another's: who asked takes it back, who is asked declines.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.money import format_money


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that nobody answered yet.

    Attributes:
        id: of the statement that made it.
        member: who is to be paid.
        of: who is asked; None: whoever pays first.
        units: what is asked for.
        last: the last half-hour in which it stands.
        position: of the statement in the log.
    """

    id: str
    member: str
    of: str | None
    units: int
    last: int
    position: int = 0


class Gone(StrEnum):
    """Why a request cannot be answered."""

    NONE = "There is no request of this id."
    ANSWERED = "This request was answered before: it was paid, taken back or declined."
    ERASED = "This request was erased: nobody can tell any more what it asked for."
    NOT_OPEN = "No request of this id is open: there was none, or it was answered before."


AskOf = Callable[[str], Ask | Gone | None]
"""Returns the open request of an id, or why there is none; None where nobody can tell, as it was
erased after it was answered."""


def ask_of_body(body: Mapping[str, Any], position: int) -> Ask:
    """Return the request that an ``ask`` makes."""
    return Ask(
        *(body["id"], body["account"], body.get("of"), body["amount"], body["last"], position)
    )


def check_new(body: Mapping[str, Any], members: Mapping[str, Any], period: int) -> None:
    """Refuse a request to oneself or to nobody, and one that is over before it is made.

    Raises:
        RefusedError: says which.
    """
    if "of" in body and (body["of"] not in members or body["of"] == body["account"]):
        raise RefusedError("Whoever is asked is not another member of this community.")
    if body["last"] < period:
        raise RefusedError("A request that ends before it is made asks nobody.")


def check_payment(
    found: Ask | Gone | None, payer: str, body: Mapping[str, Any], period: int
) -> None:
    """Refuse a payment that is not the answer to the request that it names.

    Args:
        found: what `AskOf` says.
        payer: whose wallet pays.
        body: of the ``transfer``.
        period: the half-hour in which it is logged.

    Raises:
        RefusedError: says what differs.
    """
    ask = _open(found, period)
    if ask is None:
        return
    if ask.of not in (None, payer):
        raise RefusedError("This request is to another member: who is asked pays it.")
    if body["to"] != ask.member:
        raise RefusedError("The payment goes to another member than the one who asked for it.")
    if body["amount"] != ask.units:
        raise RefusedError(
            f"The request is about {format_money(ask.units)}, and the payment about "
            f"{format_money(body['amount'])}: it pays the request whole or not at all."
        )


def check_end(found: Ask | Gone | None, account: str, period: int) -> None:
    """Refuse that somebody ends a request who neither asked nor was asked.

    Raises:
        RefusedError: says why.
    """
    ask = _open(found, period)
    if ask is not None and account not in (ask.member, ask.of):
        raise RefusedError(
            "This request is another's: who asked takes it back, who is asked declines."
        )


def _open(found: Ask | Gone | None, period: int) -> Ask | None:
    """Return a request that stands in a half-hour; None where nobody can tell."""
    if isinstance(found, Gone):
        raise RefusedError(found)
    if found is not None and period > found.last:
        raise RefusedError("The time of this request is over: it can be asked for again.")
    return found


@dataclass
class AskBook:
    """The open requests, for whoever reads the log in its order.

    Attributes:
        open: by id.
    """

    open: dict[str, Ask] = field(default_factory=dict)

    def add(self, ask: Ask) -> None:
        """Take a new request."""
        self.open[ask.id] = ask

    def find(self, ask_id: str) -> Ask | Gone:
        """Return an open request."""
        return self.open.get(ask_id, Gone.NOT_OPEN)

    def answer(self, ask_id: str) -> None:
        """Take note that a request was answered."""
        self.open.pop(ask_id, None)

    def erase(self, position: int) -> None:
        """Forget a request that was erased: it can be answered no more."""
        for ask in [ask for ask in self.open.values() if ask.position == position]:
            del self.open[ask.id]
