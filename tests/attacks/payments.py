"""Payments that nobody allowed: requests paid twice, limits passed, standing orders that do not stand.

>>> payments_request_paid_twice.__name__
'payments_request_paid_twice'
"""

from datetime import timedelta
from typing import Any

from ledger.primitives.periods import load_zone, local_date
from ledger.statements import Statement
from meters.readings import Channel
from settlement.spending import RAISE_PERIODS
from settlement.standing import payment_id
from tests.attacks.catalogue import attack
from tests.attacks.members import consent_fields, consented, hamlet, join
from tests.attacks.village import OPERATORS, ORIGIN, ZONE, Village, key, member

PAYMENTS = "payments"
AGREEMENTS, POSTINGS, SIGNATURES = "agreements", "postings", "keys and signatures"
UNITS = 70


def asked(**fields: Any) -> tuple[Village, Statement]:
    """Return a village of three in which Ada asked to be paid, and her request."""
    village = hamlet()
    join(village, "cleo")
    whole = {"amount": UNITS, "reference": "eggs", "last": village.period + 48, **fields}
    return village, village.say("ask", member("ada"), whole, [key("ada")])


def pay(village: Village, payer: str, ask: Statement, units: int = UNITS, **more: Any) -> Village:
    """Log a payment that answers a request, and return the village."""
    fields = {"to": member("ada"), "amount": units, "reference": "eggs", "ask": ask.id}
    village.say("transfer", member(payer), fields, [key(payer)], **more)
    return village


@attack(PAYMENTS, POSTINGS, "No request of this id is open")
def payments_request_paid_twice() -> Village:
    """Ben and Cleo both pay what Ada asked for once, and both payments are logged."""
    village, ask = asked()
    return pay(pay(village, "ben", ask), "cleo", ask, believe=False)


@attack(PAYMENTS, POSTINGS, "This request is to another member")
def payments_request_of_another() -> Village:
    """Cleo pays what Ben was asked for, so that it looks as if he had."""
    village, ask = asked(of=member("ben"))
    return pay(village, "cleo", ask, believe=False)


@attack(PAYMENTS, POSTINGS, "it pays the request whole or not at all")
def payments_request_paid_in_part() -> Village:
    """Ben pays a part of what Ada asked for, and the request counts as paid."""
    village, ask = asked()
    return pay(village, "ben", ask, UNITS - 1, believe=False)


@attack(PAYMENTS, POSTINGS, "This request is another's")
def payments_request_ended_by_a_stranger() -> Village:
    """Cleo takes Ada's request to Ben back, with which she has nothing to do."""
    village, ask = asked(of=member("ben"))
    village.say("ask_end", member("cleo"), {"ask": ask.id}, [key("cleo")], believe=False)
    return village


def limited(units: int) -> Village:
    """Return a village in which Ben said what he pays in a day at most."""
    village = hamlet()
    village.period += 48
    village.say("spending_limit", member("ben"), {"day_max": units}, [key("ben")])
    return village


@attack(PAYMENTS, POSTINGS, "This member set a limit of")
def payments_above_the_day() -> Village:
    """Ben's second payment of a day passes the limit that he set, and is logged all the same."""
    village = limited(100)
    village.pay("ben", "ada", UNITS)
    village.pay("ben", "ada", UNITS, believe=False)
    return village


@attack(PAYMENTS, POSTINGS, "This member set a limit of")
def payments_limit_lifted_at_once() -> Village:
    """A thief of Ben's open phone takes his limit away, and pays before a day is over."""
    village = limited(10)
    village.say("spending_limit", member("ben"), {}, [key("ben")])
    village.period += RAISE_PERIODS - 1
    village.pay("ben", "ada", UNITS, believe=False)
    return village


def ordered() -> tuple[Village, Statement]:
    """Return a village in which Ben pays Ada each week from today on, and his order."""
    village = hamlet()
    today = str(local_date(village.period, load_zone(ZONE)))
    fields = {"to": member("ada"), "amount": UNITS, "reference": "rent", "first": today}
    order = village.say("standing_order", member("ben"), {**fields, "every": "week"}, [key("ben")])
    return village, order


def pay_order(village: Village, order: Statement, days: int = 0, **more: Any) -> Village:
    """Log that what was due some days after today is paid, and return the village."""
    day = str(local_date(village.period, load_zone(ZONE)) + timedelta(days=days))
    fields = {"order": order.id, "day": day}
    made = {"id": payment_id(ORIGIN, order.id, day), **more}
    village.say("standing_payment", member("ben"), fields, [key("settlement")], **made)
    return village


@attack(PAYMENTS, POSTINGS, "The id is not the one that follows from the order and the day")
def payments_standing_twice() -> Village:
    """The settlement key's holder pays what was due a second time, under another id."""
    village, order = ordered()
    pay_order(village, order)
    other = payment_id(ORIGIN, order.id, "2026-01-01")
    return pay_order(village, order, id=other, believe=False)


@attack(PAYMENTS, POSTINGS, "Nothing is due by this standing order")
def payments_standing_not_due() -> Village:
    """The settlement key's holder pays a friend on a day on which nothing is due."""
    village, order = ordered()
    village.period += 48
    return pay_order(village, order, believe=False)


@attack(PAYMENTS, POSTINGS, "is paid on that day or the 6 after it")
def payments_standing_too_late() -> Village:
    """What could not be paid in its seven days is paid after them."""
    village, order = ordered()
    village.period += 7 * 48
    return pay_order(village, order, -7, believe=False)


@attack(PAYMENTS, POSTINGS, "no such standing order, or ended it")
def payments_standing_after_its_end() -> Village:
    """Ben ended his order, and is made to pay by it once more."""
    village, order = ordered()
    village.say("standing_end", member("ben"), {"order": order.id}, [key("ben")])
    return pay_order(village, order, believe=False)


@attack(PAYMENTS, SIGNATURES, "the account is frozen")
def payments_standing_frozen() -> Village:
    """A thief of Ben's phone ordered something, and it is paid after Ben stopped the account."""
    village, order = ordered()
    village.say("freeze", member("ben"), {"frozen": True, "reason": "Lost."}, [key("ben")])
    return pay_order(village, order)


@attack(PAYMENTS, AGREEMENTS, "there is no reserve to count")
def payments_reserve_of_nothing() -> Village:
    """Two operators log what is in the bank, for a currency that nothing backs."""
    village = hamlet()
    fields = {"day": "2026-06-28", "units": 900, "evidence": "ab" * 32, "note": "Counted."}
    village.say("reserve_count", "community", fields, OPERATORS, believe=False)
    return village


@attack("privacy", AGREEMENTS, "This account is closed")
def privacy_closed_account_trades_again() -> Village:
    """Ben closed his account and is forgotten; his meter is read again in its name."""
    village = consented()
    fields = consent_fields("m-ben", Channel.IMPORT)
    village.say("consent", member("ben"), {**fields, "withdrawn": True}, [key("ben")])
    village.say("account_close", member("ben"), {"reason": "We move."}, [key("ben")])
    village.say("consent", member("ben"), fields, [key("ben")], believe=False)
    return village


@attack("privacy", AGREEMENTS, "withdraw the consent to its meters")
def privacy_closed_while_read() -> Village:
    """Ben's account is closed, and his meter is read on."""
    village = consented()
    village.say("account_close", member("ben"), {"reason": "We move."}, [key("ben")], believe=False)
    return village


@attack("privacy", AGREEMENTS, "whoever settles with it allows more of it")
def privacy_consent_to_anothers_meter() -> Village:
    """Ben allows research with Ada's meter."""
    village = consented()
    fields = consent_fields("m-ada", Channel.EXPORT, purpose="research", granularity="day")
    village.say("consent", member("ben"), fields, [key("ben")], believe=False)
    return village


@attack("privacy", AGREEMENTS, "A consent to support is signed by the member")
def privacy_helper_lets_herself_in() -> Village:
    """A helper allows helpers to look at Ben's half-hours, in his name."""
    village = consented()
    fields = consent_fields("m-ben", Channel.IMPORT, purpose="support")
    act = {"does": "consent", "fields": fields, "reason": "He asked me to."}
    village.say("act_for", member("ben"), act, [key("helper-1")], believe=False)
    return village
