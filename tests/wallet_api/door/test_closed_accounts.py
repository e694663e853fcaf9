"""What a closed account can no longer begin: nothing is remembered of it again, and nothing is paid into it."""

import pytest

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.recovery import VOUCHER, key_of_code, new_code
from tests.wallet_api.door.phones import NAMES, Phone, slug
from tests.wallet_api.door.told import shop_of

ADA = NAMES[0]


@pytest.fixture
def shop(client, phones):
    """A shop that closed its account, and is signed in still."""
    phones[ADA].sign_in()
    found = shop_of(client, phones)
    assert found.say("account_close", {"reason": "moving"}).status_code == 201
    return found


def test_no_address_is_kept_of_a_closed_account(shop):
    contact = {"kind": "sms", "address": "+447700900123", "events": ["payment"]}
    got = shop.client.put("/v1/contacts", json=contact, headers=shop.headers)
    assert (got.status_code, slug(got)) == (422, "refused")
    hook = {"url": "https://bakery.example/hook", "events": ["payment"]}
    got = shop.post("/v1/webhooks", json=hook)
    assert (got.status_code, slug(got)) == (422, "refused")
    assert shop.get("/v1/contacts").json()["items"] == []


def test_no_voucher_pays_into_a_closed_account(client, phones, shop):
    ada = phones[ADA]
    key = key_of_code(" ".join(new_code(bytes(16))), VOUCHER)
    fields = {"key": key.public.hex(), "amount": UNITS_PER_MAJOR, "last": 2_000_000}
    made = ada.say("voucher", fields)
    assert made.status_code == 201, made.text
    card = Phone(client, shop.account, key)
    got = card.say("voucher_pay", {"voucher": made.json()["id"]})
    assert (got.status_code, slug(got)) == (422, "refused"), got.text


def test_nothing_that_others_begin_names_a_closed_account(phones, shop):
    order = {
        "to": shop.account,
        "amount": 5,
        "reference": "bread",
        "first": "2036-07-01",
        "every": "week",
    }
    assert slug(phones[ADA].say("standing_order", order)) == "refused"


def test_what_waits_for_signatures_and_names_it_goes_with_the_account(client, phones):
    ada, ben = phones[ADA], phones[NAMES[1]]
    for phone in (ada, ben, phones["operator-1"]):
        phone.sign_in()
    shop = shop_of(client, phones)
    deal = {"buyer": shop.account, "price_ticks": 1_500, "rank": 1, "first": 10**6, "last": 10**6}
    deal |= {"wh_period_max": 500}
    frozen = {"frozen": False, "reason": "found"}
    asked = [
        ada.signed("agreement", deal),
        ada.signed("transfer", {"to": shop.account, "amount": 1, "reference": "for her"}),
        ada.signed("transfer", {"to": ben.account, "amount": 1, "reference": "for him"}),
    ]
    mine = [ada.post("/v1/proposals", content=each) for each in asked]
    assert [each.status_code for each in mine] == [201] * 3, mine[0].text
    operator = phones["operator-1"]
    freeze = operator.signed("freeze", frozen, account=shop.account)
    assert operator.post("/v1/proposals", content=freeze).status_code == 201
    assert shop.say("account_close", {"reason": "moving"}).status_code == 201
    left = [each["id"] for each in ada.get("/v1/proposals").json()["items"]]
    assert left == [mine[2].json()["id"]]
    kinds = [each["kind"] for each in operator.get("/v1/proposals").json()["items"]]
    assert sorted(kinds) == ["freeze", "transfer"]  # what may still be done about it waits on
    assert slug(client.get(f"/v1/proposals/{mine[0].json()['id']}")) == "not-found"
    for each in asked[:2]:
        assert slug(ada.post("/v1/proposals", content=each)) == "refused"
