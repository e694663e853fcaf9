"""What members agreed between themselves: which of it binds a half-hour, and how much there may be.

Pure, and the same for the operator and the audit. Whatever lives is looked at in every half-hour and
stands in every day's run, so its number is limited: two who collude must not stop the others' days.

>>> book = AgreementBook()
>>> book.add(Agreement("a1", "ada", "ben", 700, 1, 10, 20), logged=9)
>>> [agreement.id for agreement in book.binding(10)], book.binding(9)
(['a1'], [])
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.errors import RefusedError
from ledger.kinds import COMMUNITY
from market.model import Agreement as MarketAgreement

MEMBER_MAX = 1_000
"""Most agreements of a member that live at once: a school's roof and every home around it."""

COMMUNITY_MAX = 10_000
"""Most agreements of a community that live at once: a day's run says them in each half-hour."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a seller and a buyer agreed on between themselves."""

    id: str
    seller: str
    buyer: str
    price_ticks: int
    rank: int
    first: int
    last: int
    wh_period_max: int | None = None
    share_permille: int | None = None


@dataclass
class AgreementBook:
    """Every agreement so far.

    Attributes:
        made: (half-hour of logging, agreement) by id, in the log's order.
        ends: half-hour in which one of both ended it, by id.
        live: last half-hour by id, of each member's and of all that may still bind.
    """

    made: dict[str, tuple[int, Agreement]] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    live: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, agreement: Agreement, logged: int) -> None:
        """Take over an agreement that was logged in a half-hour.

        Raises:
            RefusedError: there are as many as there may be, or it is over before it is logged.
        """
        if agreement.seller == agreement.buyer:
            raise RefusedError("Nobody makes an agreement with themselves.")
        if agreement.last <= logged or agreement.last < agreement.first:
            raise RefusedError("The agreement would end before it begins to bind.")
        everybody = (agreement.seller, agreement.buyer, COMMUNITY)
        for whose in everybody:
            most = COMMUNITY_MAX if whose == COMMUNITY else MEMBER_MAX
            lives = self.live.setdefault(whose, {})
            if len(lives) >= most:
                self.live[whose] = lives = {n: last for n, last in lives.items() if last >= logged}
            if len(lives) >= most:
                who = "The community" if whose == COMMUNITY else "A member"
                raise RefusedError(
                    f"{who} has {most:,} agreements at most at one time: end some that nobody needs."
                )
        for whose in everybody:
            self.live[whose][agreement.id] = agreement.last
        self.made[agreement.id] = (logged, agreement)

    def end(self, agreement_id: str, member: str, logged: int) -> None:
        """Let one of both end an agreement: nothing that begins later is served by it.

        Raises:
            RefusedError: the member has no such agreement, or it ended before.
        """
        _, agreement = self.made.get(agreement_id, (0, None))
        if agreement is None or member not in (agreement.seller, agreement.buyer):
            raise RefusedError("This is no agreement of this member.")
        if agreement_id in self.ends or agreement.last <= logged:
            raise RefusedError("The agreement ended before.")
        self.ends[agreement_id] = logged
        for whose in (agreement.seller, agreement.buyer, COMMUNITY):
            self.live[whose].pop(agreement_id, None)

    def binding(self, period: int) -> list[MarketAgreement]:
        """Return the agreements that bind a half-hour, in the order in which they are served."""
        found = [
            _for_market(agreement)
            for logged, agreement in self.made.values()
            if logged < period
            and agreement.first <= period <= agreement.last
            and period <= self.ends.get(agreement.id, period)
        ]
        return sorted(found, key=lambda agreement: (agreement.rank, agreement.id))

    def of_member(self, member: str) -> Iterable[tuple[Agreement, int]]:
        """Yield a member's agreements that may still bind, each with its last half-hour."""
        for name, last in self.live.get(member, {}).items():
            yield self.made[name][1], last


def _for_market(agreement: Agreement) -> MarketAgreement:
    return MarketAgreement(
        agreement.id,
        agreement.rank,
        agreement.seller,
        agreement.buyer,
        agreement.price_ticks,
        agreement.wh_period_max,
        agreement.share_permille,
    )
