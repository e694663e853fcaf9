"""What payments depend on, in the replay: open requests, balances, and payments that were made before.

The operator looks the same up in the database; the rules are in `settlement.effects`.

>>> PaymentBook().asks.open
{}
"""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ledger.erasure import FACT
from ledger.log.leaf import Leaf
from ledger.records import Transfer
from ledger.statements import Statement
from settlement.asks import Ask, AskBook, Gone, ask_of_body
from settlement.audit.bundle import Fact
from settlement.effects import Case, Effect, spent_units
from settlement.spending import SPENDING_KINDS, SpendingBook

if TYPE_CHECKING:
    from settlement.audit.replay import Replay

AGREEMENTS = "agreements"
"""The check that cannot tell where a request was erased."""


@dataclass
class PaymentBook:
    """What is known of payments at one point of the log.

    Attributes:
        asks: requests to be paid.
        spending: what members paid in a local day and month.
    """

    asks: AskBook = field(default_factory=AskBook)
    spending: SpendingBook = field(default_factory=SpendingBook)

    def take(self, case: Case, effect: Effect, position: int) -> None:
        """Take over what a statement at a log position did."""
        if case.statement.kind == "ask":
            self.asks.add(ask_of_body(case.body, position))
        if effect.answers:
            self.asks.answer(effect.answers)
        if case.statement.kind in SPENDING_KINDS:
            zone, units = case.state.rules_now.zone, spent_units(case, effect)
            self.spending.pay(case.statement.account, units, case.period, zone)


def case_of(replay: "Replay", statement: Statement, leaf: Leaf, fact: Fact) -> Case:
    """Return a statement with all that its effect depends on, as the replay knows it."""
    return Case(
        *(statement, fact.detail, replay.community, leaf.period, partial(_find, replay)),
        replay.book.balances.get if replay.books_known else _unknown,
        partial(_ask_of, replay, fact.position),
        lambda member: replay.payments.spending.spent(
            member, leaf.period, replay.community.rules_now.zone
        ),
    )


def _unknown(_account: str) -> None:
    """Say of no account what is in it."""


def _find(replay: "Replay", transfer_id: bytes) -> tuple[Transfer, int] | None:
    """Return a payment that operators may amend, and what remains of it."""
    transfer = replay.book.transfers.get(transfer_id)
    if transfer is None:
        return None
    amended = replay.book.amended.get(transfer_id)
    return transfer, transfer.amount if amended is None else amended.remaining


def _ask_of(replay: "Replay", position: int, ask_id: str) -> Ask | Gone | None:
    """Return the open request of an id; None if it may be one that a later entry erased.

    What an entry before this one erased cannot be it: nobody answers what is gone.
    """
    found = replay.payments.asks.find(ask_id)
    later = any(what == FACT and kind == "ask" for (_, what), kind in replay.missing.items())
    if not isinstance(found, Gone) or not later:
        return found
    replay.cannot(
        AGREEMENTS, f"the request that entry {position} answers may be one that was erased"
    )
    return None
