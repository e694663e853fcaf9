"""What members do with their money beyond energy: each deed makes one signed statement and logs it.

>>> ASK_PERIODS
336
"""

from datetime import date

from ledger import history
from ledger.accounts import reserve
from ledger.errors import RefusedError
from ledger.kinds import COMMUNITY
from ledger.primitives.periods import load_zone, of_local_day
from ledger.statements import Statement
from settlement import ask_store
from settlement.ask_store import Listed
from settlement.asks import Ask
from settlement.community import Community
from settlement.deeds import by_member, say
from settlement.reserve import Backing
from settlement.signers import operator_keys
from settlement.spending import Limits, Spending, Spent
from settlement.spending_store import spent_of

ASK_PERIODS = 7 * 48
"""How long a request stands unless it says otherwise, in half-hours."""


def ask(
    community: Community,
    member: str,
    units: int,
    reference: str,
    *,
    of: str | None = None,
    last: int | None = None,
) -> Statement:
    """Ask to be paid.

    Args:
        community: open for work.
        member: who is to be paid.
        units: how much.
        reference: what for, in words.
        of: who is asked; anybody if left out.
        last: the last half-hour in which it stands; in a week if left out.
    """
    ends = community.writer.now_period() + ASK_PERIODS if last is None else last
    fields = {"amount": units, "reference": reference, "last": ends}
    if of is not None:
        fields["of"] = of
    return say(community, "ask", member, fields, by_member(member))


def end_ask(community: Community, member: str, ask_id: str) -> Statement:
    """Take a request back, or decline it, for whoever asked or was asked."""
    return say(community, "ask_end", member, {"ask": ask_id}, by_member(member))


def pay_ask(community: Community, payer: str, asked: Ask, reference: str) -> Statement:
    """Pay what was asked for."""
    fields = {"to": asked.member, "amount": asked.units, "reference": reference, "ask": asked.id}
    return say(community, "transfer", payer, fields, by_member(payer))


def set_spending(community: Community, member: str, limits: Limits) -> Spending:
    """Say what a member pays at most, and return what binds and what waits."""
    fields = {name: limit for name, limit in limits._asdict().items() if limit is not None}
    say(community, "spending_limit", member, fields, by_member(member))
    return community.state.payments.spending[member]


def spent_now(community: Community, member: str) -> tuple[Limits, Spent]:
    """Return the limits that bind a member now, and what they paid in this local day and month."""
    period, rules = community.writer.now_period(), community.state.rules_now
    limits = community.state.payments.limits_at(member, period)
    with community.reading() as connection:
        spent = spent_of(connection, community.writer.ledger, rules, period, member)
    return limits, spent


def add_standing(
    community: Community,
    member: str,
    to: str,
    units: int,
    reference: str,
    first: date,
    every: str,
    last: date | None = None,
) -> Statement:
    """Order that a member pays another again and again.

    Args:
        community: open for work.
        member: who pays.
        to: who is paid.
        units: how much, each time.
        reference: what for, in words.
        first: the first local day on which it is due.
        every: ``week`` or ``month``.
        last: the last local day on which it may be due, if there is one.
    """
    fields = {
        "to": to,
        "amount": units,
        "reference": reference,
        "first": str(first),
        "every": every,
    }
    if last is not None:
        fields["last"] = str(last)
    return say(community, "standing_order", member, fields, by_member(member))


def end_standing(community: Community, member: str, order: str) -> Statement:
    """End a standing order: nothing more is paid by it."""
    return say(community, "standing_end", member, {"order": order}, by_member(member))


def count_reserve(
    community: Community, day: date, units: int, evidence: str, note: str
) -> Statement:
    """Log what two operators counted in the bank.

    Args:
        community: whose currency is backed by a reserve.
        day: the local day at whose end it was counted.
        units: what was there.
        evidence: SHA-256 of what shows it, in hexadecimal.
        note: in words.
    """
    fields = {"day": str(day), "units": units, "evidence": evidence, "note": note}
    return say(community, "reserve_count", COMMUNITY, fields, operator_keys)


def backing_of(community: Community) -> Backing:
    """Return what circulates now, beside what was counted last.

    Raises:
        RefusedError: no reserve backs the currency.
    """
    rules, count = community.state.rules_now, community.state.payments.count
    if rules.issuance != "reserve":
        raise RefusedError("This currency is mutual credit: there is no reserve to count.")
    ledger = community.writer.ledger
    with community.reading() as connection:
        number = ledger.chart.number_of(connection, reserve(rules.asset))
        now = -history.balance_at(connection, ledger.community, number)
        if count is None:
            return Backing(now)
        end = of_local_day(count.day, load_zone(rules.zone)).stop
        then = -history.balance_at(connection, ledger.community, number, end)
    return Backing(now, count, then)


def asks_open(community: Community, member: str | None = None) -> list[Listed]:
    """Return the requests that stand now: all, or those that a member made or may pay."""
    with community.reading() as connection:
        found = ask_store.open_asks(
            connection, community.writer.community, community.writer.now_period()
        )
    return [
        each
        for each in found
        if member is None or each.ask.of is None or member in (each.ask.member, each.ask.of)
    ]
