"""Standing orders at work: whatever is due and not paid yet is paid, each payment by itself.

Killed anywhere, and run by several at once, it pays each once: its id follows from the order and the
day, and is looked for again inside the transaction that writes.

>>> PaidDue([], []).paid
[]
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone, local_date
from ledger.writer import Draft
from settlement.community import Community
from settlement.signers import keys_now
from settlement.standing import StandingOrder, payment_id


@dataclass(frozen=True, slots=True)
class PaidDue:
    """What came of one look at what is due.

    Attributes:
        paid: (day on which it was due, order) of what was paid now.
        waits: the same, with the reason why it was not: it is tried again until its time is over.
    """

    paid: list[tuple[date, StandingOrder]]
    waits: list[tuple[date, StandingOrder, str]]


def pay_due(community: Community) -> PaidDue:
    """Pay whatever is due by standing orders and was not paid yet.

    Raises:
        SetupError: the settlement key is not here.
    """
    found = PaidDue([], [])
    with community.reading() as connection:
        zone = load_zone(community.state.rules_now.zone)
        today = local_date(community.writer.now_period(), zone)
        due = [
            each
            for each in community.state.payments.standing.due(today)
            if not _is_paid(community, connection, *each)
        ]
    for day, order in due:
        try:
            if _pay(community, day, order):
                found.paid.append((day, order))
        except RefusedError as error:
            found.waits.append((day, order, str(error)))
    return found


def _pay(community: Community, day: date, order: StandingOrder) -> bool:
    """Pay what is due on a day; False if somebody else just did.

    Raises:
        RefusedError: not enough money, a limit, a debt, a frozen account, or the order was ended.
    """
    writer = community.writer
    with community.transaction() as connection:
        if _is_paid(community, connection, day, order):
            return False
        if keys_now(community, order.member).frozen:
            raise RefusedError("The account is frozen: its standing orders wait.")
        envelope = writer.sign_new(
            connection,
            "standing_payment",
            order.member,
            payment_id(writer.origin, order.id, str(day)),
            {"order": order.id, "day": str(day)},
            [writer.role_key("settlement")],
        )
        community.accept(connection, [Draft(envelope)])
    return True


def _is_paid(community: Community, connection: Connection, day: date, order: StandingOrder) -> bool:
    made = payment_id(community.writer.origin, order.id, str(day))
    return log_store.has_statement(connection, community.writer.community, made) is not None
