"""Invitations, tills and vouchers: whoever opens an account, asks or pays without being let.

>>> invitation_twice.__name__
'invitation_twice'
"""

from typing import Any

from ledger.primitives.signing import SigningKey
from tests.attacks.catalogue import attack
from tests.attacks.members import FLOOR_UNITS, hamlet
from tests.attacks.village import OPERATORS, Village, key, member

DOORS = "invitations, tills and vouchers"
SIGNATURES, AGREEMENTS, POSTINGS = "keys and signatures", "agreements", "postings"
LETTER = key("letter")
DAY = 48


TILL, PAPER = key("till"), key("paper")


def invited(village: Village) -> str:
    """Log an invitation for a day, and return its id."""
    fields = {"key": LETTER.public.hex(), "class": "household", "floor_units": FLOOR_UNITS}
    fields |= {"last": village.period + DAY}
    return village.say("invitation", "community", fields, OPERATORS).id


def join(village: Village, letter: str, signers: list[SigningKey], **changes: Any) -> Village:
    """Log that Cleo joins by an invitation, and return the village."""
    fields = {
        "class": "household",
        "keys": [key("cleo").public.hex()],
        "threshold": 1,
        "floor_units": FLOOR_UNITS,
        "invitation": letter,
        **changes,
    }
    village.say("account_open", member("cleo"), fields, signers)
    return village


@attack(DOORS, SIGNATURES, "this invitation was used before")
def invitation_twice() -> Village:
    """A second account is opened with an invitation that was used."""
    village = hamlet()
    letter = invited(village)
    join(village, letter, [key("cleo"), LETTER])
    fields = {"class": "household", "keys": [key("dora").public.hex()], "threshold": 1}
    fields |= {"floor_units": FLOOR_UNITS, "invitation": letter}
    village.say("account_open", member("dora"), fields, [key("dora"), LETTER])
    return village


@attack(DOORS, SIGNATURES, "could be used until the half-hour from")
def invitation_too_late() -> Village:
    """An invitation is used after its last half-hour."""
    village = hamlet()
    letter = invited(village)
    village.period += DAY + 1
    return join(village, letter, [key("cleo"), LETTER])


@attack(DOORS, SIGNATURES, "this invitation was ended before")
def invitation_ended() -> Village:
    """The finder of a letter joins by it after an operator ended it."""
    village = hamlet()
    letter = invited(village)
    fields = {"invitation": letter, "reason": "Lost."}
    village.say("invitation_end", "community", fields, OPERATORS[:1])
    return join(village, letter, [key("cleo"), LETTER])


@attack(DOORS, SIGNATURES, "another class of member, or another limit")
def invitation_higher_limit() -> Village:
    """Whoever is invited gives herself a higher credit limit than operators offered."""
    village = hamlet()
    fields = {"key": LETTER.public.hex(), "class": "household", "floor_units": -1}
    fields |= {"last": village.period + DAY}
    letter = village.say("invitation", "community", fields, OPERATORS).id
    return join(village, letter, [key("cleo"), LETTER])


@attack(DOORS, SIGNATURES, "needs 1 of the invitation's key; 0 of")
def invitation_without_the_words() -> Village:
    """One operator alone opens an account in the name of an invitation whose words he has not."""
    village = hamlet()
    return join(village, invited(village), [key("cleo"), OPERATORS[0]])


@attack(DOORS, SIGNATURES, "an invitation needs 2 of operators; 1 of")
def invitation_of_one_operator() -> Village:
    """One operator alone makes an invitation."""
    village = hamlet()
    fields = {"key": LETTER.public.hex(), "class": "household", "floor_units": FLOOR_UNITS}
    fields |= {"last": village.period + DAY}
    village.say("invitation", "community", fields, OPERATORS[:1])
    return village


def with_till() -> Village:
    """Return a village in which Ada's shop has a till."""
    village = hamlet()
    village.say("till_key", member("ada"), {"key": TILL.public.hex()}, [key("ada")])
    return village


@attack(DOORS, SIGNATURES, "a transfer needs 1 of the member's keys; 0 of")
def till_pays() -> Village:
    """The thief of a shop's till pays himself from the shop's wallet."""
    village = with_till()
    fields = {"to": member("ben"), "amount": 70, "reference": "bread"}
    village.say("transfer", member("ada"), fields, [TILL])
    return village


@attack(DOORS, SIGNATURES, "an ask needs 1 of the member's keys; 0 of")
def till_revoked() -> Village:
    """A till that was stolen, and revoked, goes on asking in the shop's name."""
    village = with_till()
    gone = {"key": TILL.public.hex(), "revoked": True}
    village.say("till_key", member("ada"), gone, [key("ada")])
    fields = {"of": member("ben"), "amount": 70, "reference": "bread"}
    village.say("ask", member("ada"), fields | {"last": village.period + DAY}, [TILL])
    return village


def with_voucher(units: int = 70) -> tuple[Village, dict[str, str]]:
    """Return a village in which Ben made a voucher for a day, and what names it."""
    village = hamlet()
    fields = {"key": PAPER.public.hex(), "amount": units, "last": village.period + DAY}
    return village, {"voucher": village.say("voucher", member("ben"), fields, [key("ben")]).id}


@attack(DOORS, SIGNATURES, "it was paid or taken back, or never made")
def voucher_twice() -> Village:
    """A voucher that paid Ada pays her once more."""
    village, named = with_voucher()
    for _ in range(2):
        village.say("voucher_pay", member("ada"), named, [PAPER], believe=False)
    return village


@attack(DOORS, SIGNATURES, "it was paid or taken back, or never made")
def voucher_taken_back_and_paid() -> Village:
    """Ben takes back what a voucher is worth after it paid, as if the card were still his."""
    village, named = with_voucher()
    village.say("voucher_pay", member("ada"), named, [PAPER])
    village.say("voucher_end", member("ben"), named, [key("ben")], believe=False)
    return village


@attack(DOORS, SIGNATURES, "needs 1 of the voucher's key; 0 of")
def voucher_without_the_words() -> Village:
    """Two operators pay Ada with a voucher whose words they have not."""
    village, named = with_voucher()
    village.say("voucher_pay", member("ada"), named, OPERATORS)
    return village


@attack(DOORS, AGREEMENTS, "This voucher paid until the half-hour from")
def voucher_too_late() -> Village:
    """A voucher pays after its last half-hour."""
    village, named = with_voucher()
    village.period += DAY + 1
    village.say("voucher_pay", member("ada"), named, [PAPER], believe=False)
    return village


@attack(DOORS, AGREEMENTS, "This voucher is another member's")
def voucher_of_another() -> Village:
    """Ada takes Ben's voucher back into her own wallet, signed by her own key."""
    village, named = with_voucher()
    village.say("voucher_end", member("ada"), named, [key("ada")], believe=False)
    return village


@attack(DOORS, SIGNATURES, "a voucher_end needs 1 of the member's keys; 0 of")
def voucher_ended_by_operators() -> Village:
    """Two operators take a voucher out of somebody's hands before it is over."""
    village, named = with_voucher()
    village.say("voucher_end", member("ben"), named, OPERATORS)
    return village


@attack(DOORS, POSTINGS, "below floor")
def voucher_of_money_that_is_not_there() -> Village:
    """Ben puts more on paper than his limit lets him pay."""
    village, _ = with_voucher(-FLOOR_UNITS)
    return village


@attack(DOORS, "erasures", "must stay")
def voucher_erased() -> Village:
    """Two operators erase a voucher, so that nobody can pay with it and its money stays with them."""
    village, _ = with_voucher()
    fields = {"entries": [{"entry": len(village.entries) - 1, "what": "fact"}], "reason": "Old."}
    village.say("erasure", "community", fields, OPERATORS, believe=False)
    return village
