"""Twelve words on a phone: what they are for, and how a further phone comes in."""

import pytest

from ledger.key_life import recovery_commitment
from ledger.primitives.signing import SigningKey
from ledger.recovery import INVITATION, PAPER_CODE, PHONE, VOUCHER, key_of_code
from settlement.key_deeds import phone_card
from tests.prepared import reopen
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, served, slug

ADA, BEN = NAMES[:2]
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"


@pytest.fixture
def phones(client):
    return phones_of(client)


def asked(client, key):
    return client.get(f"/v1/words/{key.public.hex()}")


def test_words_that_are_for_nothing_say_so(client):
    got = asked(client, SigningKey.generate())
    assert (slug(got), "one of them is wrong" in got.json()["detail"]) == ("not-found", True)
    assert slug(client.get("/v1/words/legal-winner")) == "invalid-input"


def test_an_invitations_words_tell_all_that_a_phone_needs_to_join(client, phones):
    card, new = key_of_code(WORDS, INVITATION), SigningKey.generate()
    fields = {"key": card.public.hex(), "class": "shop", "floor_units": -10_000_000}
    fields["last"] = 4_000_000
    first, second = phones["operator-1"], phones["operator-2"]
    invited = first.say("invitation", fields, keys=[second.key]).json()
    told = asked(client, card).json()
    assert told == {
        "what": "invitation",
        "id": invited["id"],
        "member_class": "shop",
        "floor_units": -10_000_000,
        "last": 4_000_000,
        "standing": "open",
    }
    opening = {"class": told["member_class"], "floor_units": told["floor_units"], "threshold": 1}
    opening |= {"keys": [new.public.hex()], "invitation": told["id"]}
    joined = Phone(client, "0b" * 16, new).say("account_open", opening, keys=[card])
    assert joined.status_code == 201, joined.text
    assert asked(client, card).json()["standing"] == "used"


def test_a_vouchers_and_a_paper_codes_words_say_what_they_are(client, phones):
    ada, card, code = phones[ADA], key_of_code(WORDS, VOUCHER), key_of_code(WORDS, PAPER_CODE)
    voucher = {"key": card.public.hex(), "amount": 5, "last": 4_000_000}
    made = ada.say("voucher", voucher).json()
    told = asked(client, card).json()
    assert told == {"what": "voucher", "id": made["id"], "last": 4_000_000}
    assert slug(asked(client, code)) == "not-found"
    door, new = key_of_code(WORDS, INVITATION), SigningKey.generate()
    letter = {"key": door.public.hex(), "class": "household", "floor_units": 0, "last": 4_000_000}
    first, second = phones["operator-1"], phones["operator-2"]
    invited = first.say("invitation", letter, keys=[second.key]).json()["id"]
    opening = {"class": "household", "floor_units": 0, "threshold": 1, "invitation": invited}
    opening |= {"keys": [new.public.hex()], "recovery": recovery_commitment(code.public)}
    phone = Phone(client, "0b" * 16, new)
    assert phone.say("account_open", opening, keys=[door]).status_code == 201
    assert asked(client, code).json() == {"what": "paper-code", "account": phone.account}


def test_a_phone_card_lets_one_phone_in_once(copy):
    url, keys = copy()
    with served(url, keys) as client:
        ada = phones_of(client)[ADA]
        settling = reopen(url, keys)
        words = phone_card(settling, ada.account, "A phone.")
        card, mine = key_of_code(" ".join(words), PHONE), SigningKey.generate()
        assert asked(client, card).json() == {"what": "phone", "account": ada.account}
        new = Phone(client, ada.account, card)
        new.sign_in()
        there = new.get("/v1/account").json()["keys"]
        left = [key for key in there["keys"] if key != card.public.hex()]
        fields = {"by": "keys", "keys": [*left, mine.public.hex()], "reason": "A phone."}
        fields["threshold"] = there["threshold"]
        assert new.say("key_change", fields, keys=[mine]).status_code == 201
        assert slug(asked(client, card)) == "not-found"
        assert slug(new.get("/v1/home")) == "not-signed-in"
        assert Phone(client, ada.account, mine).sign_in().status_code == 200
        assert new.say("freeze", {"frozen": True, "reason": "x"}).status_code == 403
