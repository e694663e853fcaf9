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
