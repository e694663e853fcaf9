"""Requests to be paid and confirmations over HTTP: a shop's till, a link, a payment that is thought about."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from ledger.recovery import INVITATION, key_of_code
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, slug

ADA, BEN, CY = NAMES[:3]
LOAF = 3 * UNITS_PER_MAJOR


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN, CY):
        found[name].sign_in()
    return found


@pytest.fixture
def till(client, phones):
    """Ben's till: a key that asks and pays nothing."""
    key = SigningKey.generate()
    assert phones[BEN].say("till_key", {"key": key.public.hex()}).status_code == 201
    till = Phone(client, phones[BEN].account, key)
    assert till.sign_in().json()["role"] == "till"
    return till


def ask_of(till, **more):
    with till.client.app.state.desk.here.reading() as (community, _):
        last = community.writer.now_period() + 2
    fields = {"amount": LOAF, "reference": "two loaves", "last": last, **more}
    return till.say("ask", fields).json()["id"]


def test_a_till_asks_anybody_and_sees_that_it_was_paid(phones, till):
    ask = ask_of(till)
    [mine] = till.get("/v1/asks").json()["items"]
    assert (mine["id"], mine["units"], mine["is_mine"]) == (ask, LOAF, True)
    seen = phones[ADA].get(f"/v1/asks/{ask}").json()
    assert (seen["standing"], seen["ask"]["reference"]) == ("open", "two loaves")
    assert seen["ask"]["name"] == BEN
    assert phones[CY].get("/v1/asks").json()["items"] == []
    assert phones[ADA].pay(phones[BEN], LOAF, ask=ask).status_code == 201
    assert till.get(f"/v1/asks/{ask}").json() == {"standing": "answered"}
    twice = phones[CY].pay(phones[BEN], LOAF, ask=ask)
    assert (slug(twice), "answered before" in twice.json()["detail"]) == ("refused", True)


def test_a_till_takes_no_money_out_and_sees_no_account(phones, till):
    paid = till.say("transfer", {"to": phones[ADA].account, "amount": 1, "reference": "theft"})
    assert slug(paid) == "not-signed"
    for path in ("/v1/home", "/v1/account", "/v1/payments/2026-07"):
        assert slug(till.get(path)) == "not-allowed"
    revoked = phones[BEN].say("till_key", {"key": till.key.public.hex(), "revoked": True})
    assert revoked.status_code == 201
    assert slug(till.get("/v1/asks")) == "not-signed-in"


def test_fifty_phones_answer_one_request_once(phones, till):
    ask = ask_of(till)
    envelopes = []
    for name in (ADA, CY):
        phone = phones[name]
        fields = {"to": phones[BEN].account, "amount": LOAF, "reference": "bread", "ask": ask}
        seq = phone.seq()
        envelopes += [phone.signed("transfer", fields, seq=seq + n) for n in range(25)]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(till.hand_in, envelopes))
    assert sorted(got.status_code for got in answers) == [201] + [422] * 49


def test_whoever_is_asked_declines_and_who_asked_takes_back(phones):
    ada, ben = phones[ADA], phones[BEN]
    asks = [ask_of(ben, of=ada.account) for _ in range(2)]
    assert [each["id"] for each in ada.get("/v1/asks").json()["items"]] == asks
    assert ada.say("ask_end", {"ask": asks[0]}).status_code == 201
    assert ben.say("ask_end", {"ask": asks[1]}).status_code == 201
    assert ada.get("/v1/asks").json()["items"] == []
    other = ask_of(ben, of=ada.account)
    assert slug(phones[CY].say("ask_end", {"ask": other})) == "refused"


def test_before_somebody_pays_they_see_what_is_left_and_what_is_nearly_used_up(phones):
    ada, ben = phones[ADA], phones[BEN]
    thought = {"to": ben.account, "units": LOAF}
    free = ada.post("/v1/payments/check", json=thought).json()
    assert (free["to_name"], free["warnings"], free.get("refused")) == (BEN, [], None)
    left = ada.get("/v1/home").json()["available_units"] - LOAF
    assert free["left_units"] == left
    assert ada.say("spending_limit", {"day_max": 2 * LOAF}).status_code == 201
    assert ada.pay(ben, LOAF).status_code == 201
    near = ada.post("/v1/payments/check", json=thought).json()
    assert [(use["limit"], use["percent"]) for use in near["warnings"]] == [("day_max", 100)]
    over = ada.post("/v1/payments/check", json={**thought, "units": LOAF + 1}).json()
    assert "a limit of £6.00 a day, of which £3.00 is left" in over["refused"]
    refused = ada.pay(ben, LOAF + 1)
    assert (slug(refused), "£" in refused.json()["detail"]) == ("refused", False)
    poor = ben.post("/v1/payments/check", json={"to": ada.account, "units": 10**14}).json()
    assert "not enough" in poor["refused"]


@pytest.mark.parametrize(
    "body",
    [
        *(
            {},
            {"to": "x", "units": 1},
            {"to": "0" * 32, "units": 1.5},
            {"to": "0" * 32, "units": 0},
        ),
        *({"to": "0" * 32, "units": "1"}, {"to": "0" * 32, "units": 1, "more": 2}, [], None, 3),
    ],
)
def test_a_body_of_another_form_is_refused_with_the_place(phones, body):
    got = phones[ADA].post("/v1/payments/check", content=json.dumps(body))
    assert (got.status_code, slug(got)) == (422, "invalid-input")
    assert got.json()["detail"].startswith("body")


def test_a_household_joins_at_night_by_the_words_on_a_card(client, phones):
    """No operator is awake: an invitation that two of them signed lets a new phone in."""
    words = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    code = key_of_code(words, INVITATION)
    with client.app.state.desk.here.reading() as (community, _):
        now, floor = community.writer.now_period(), community.state.rules_now.floor_units
    fields = {
        "key": code.public.hex(),
        "class": "household",
        "floor_units": floor,
        "last": now + 96,
    }
    first, second = phones["operator-1"], phones["operator-2"]
    invited = first.say("invitation", fields, keys=[second.key])
    assert invited.status_code == 201, invited.text
    new = Phone(client, "0b" * 16, SigningKey.generate())
    opening = {
        "class": "household",
        "keys": [new.key.public.hex()],
        "threshold": 1,
        "floor_units": floor,
        "invitation": invited.json()["id"],
    }
    assert new.say("account_open", opening, keys=[code]).status_code == 201
    assert new.sign_in().json()["role"] == "member"
    assert new.get("/v1/home").json()["posted_units"] == 0
    assert new.pay(phones[ADA], 5).status_code == 201
    late = Phone(client, "0c" * 16, SigningKey.generate())
    again = {**opening, "keys": [late.key.public.hex()]}
    assert slug(late.say("account_open", again, keys=[code])) == "not-signed"
