"""What members and operators said about payments, folded from the log: a part of the state. Pure.

>>> PaymentTerms().limits_at("ada", 989_737)
Limits(payment_max=None, day_max=None, month_max=None)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ledger.primitives.periods import load_zone, local_date
from ledger.statements import Statement
from settlement.reserve import ReserveCount, later_count
from settlement.spending import Limits, Spending, limits_of_body, said
from settlement.standing import StandingBook, order_of_body

if TYPE_CHECKING:
    from settlement.state import CommunityState

PAYMENT_TERM_KINDS = ("spending_limit", "standing_order", "standing_end", "reserve_count")
"""Kinds that this part of the state is made of."""


@dataclass
class PaymentTerms:
    """What was said so far.

    Attributes:
        spending: what members let themselves pay at most.
        standing: what members pay again and again.
        count: what operators counted in the bank last.
    """

    spending: dict[str, Spending] = field(default_factory=dict)
    standing: StandingBook = field(default_factory=StandingBook)
    count: ReserveCount | None = None

    def apply(self, statement: Statement, period: int, state: "CommunityState") -> None:
        """Take over a checked statement of one of `PAYMENT_TERM_KINDS`, logged in a half-hour.

        Raises:
            RefusedError: it contradicts what was said before.
            InputError: a day is none of the calendar's.
        """
        member, body = statement.account, statement.body
        if statement.kind == "spending_limit":
            self._limit(member, body, period)
        elif statement.kind == "standing_order":
            today = local_date(period, load_zone(state.rules_now.zone))
            self.standing.add(order_of_body(body), today, state.members)
        elif statement.kind == "reserve_count":
            self.count = later_count(self.count, body, period, state.rules_now)
        else:
            self.standing.end(body["order"], member)

    def _limit(self, member: str, body: Mapping[str, Any], period: int) -> None:
        self.spending[member] = said(self.spending.get(member), limits_of_body(body), period)

    def has_limits(self, member: str) -> bool:
        """Return whether a member ever said how much they let themselves pay."""
        return member in self.spending

    def limits_at(self, member: str, period: int) -> Limits:
        """Return what a member lets themselves pay at most in a half-hour."""
        found = self.spending.get(member)
        return Limits() if found is None else found.at(period)
