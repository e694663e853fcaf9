"""Signing in: only by a key that counts, once a challenge, for a while, and for what its role may."""

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CommonwattError, SignatureError
from ledger.primitives.canonical import encode
from ledger.primitives.signing import Envelope, SigningKey
from tests.prepared import CHARTER, seeded_key
from tests.wallet_api.door.phones import AMPLE, NAMES, Phone, slug
from wallet_api.door.access import COOKIE
from wallet_api.door.identity import NOBODY
from wallet_api.door.session_store import SESSION_MS, SESSIONS_MAX, token_hash
from wallet_api.door.sign_in import (
    CHALLENGE_MS,
    PAYLOAD_TYPE,
    answer,
    check_challenge,
    new_challenge,
    read_answer,
)

ADA, BEN = NAMES[:2]


def test_a_phone_signs_in_sees_who_it_is_and_signs_out(phones):
    ada = phones[ADA]
    assert slug(ada.get("/v1/session")) == "not-signed-in"
    got = ada.sign_in().json()
    assert (got["role"], got["account"], got["key_id"]) == ("member", ada.account, ada.key.key_id)
    seen = ada.get("/v1/session").json()
    assert seen == {name: value for name, value in got.items() if name != "token"}
    assert ada.delete("/v1/session").status_code == 204
    again = ada.get("/v1/session")
    assert again.status_code == 401
    assert again.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("name", "role"), [("operator-1", "operator"), ("adapter", "adapter")])
def test_keys_of_the_roster_come_in_by_their_role(phones, name, role):
    assert phones[name].sign_in().json()["role"] == role


def test_the_key_that_settles_is_a_programs_and_does_not_come_in(phones):
    assert phones["settlement"].sign_in().status_code == 403


def test_unknown_accounts_keys_and_wrong_signatures_look_alike(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    nobody = Phone(client, "f" * 32, ada.key)
    other_key = Phone(client, ada.account, ben.key)
    fresh = Phone(client, ada.account, SigningKey.from_seed(bytes(32)))
    member_as_operator = Phone(client, "community", ada.key)
    answers = [phone.sign_in() for phone in (nobody, other_key, fresh, member_as_operator)]
    asked = ada.challenge()
    good = json.loads(answer(ada.key, asked["ledger"], ada.account, asked["challenge"]))
    good["signatures"][0]["sig"] = json.loads(
        answer(ada.key, asked["ledger"], ada.account, ada.challenge()["challenge"])
    )["signatures"][0]["sig"]
    forged = json.dumps(good, separators=(",", ":")).encode()
    answers.append(client.post("/v1/sign-in", content=forged))
    assert {(got.status_code, got.json()["detail"]) for got in answers} == {(403, NOBODY)}


@pytest.mark.parametrize("origin", ["http://[", "https://a]b", "null", "://", "x"])
def test_an_origin_that_is_none_is_another_site(client, phones, origin):
    ada = phones[ADA]
    ada.sign_in()
    asked = ada.challenge()
    body = answer(ada.key, asked["ledger"], ada.account, asked["challenge"], cookie=True)
    refused = client.post("/v1/sign-in", content=body, headers={"Origin": origin})
    assert slug(refused) == "not-allowed"
    assert client.get("/v1/home", headers={**ada.headers, "Origin": origin}).status_code < 500


def test_a_challenge_is_answered_once(client, phones):
    ada = phones[ADA]
    asked = ada.challenge()
    body = answer(ada.key, asked["ledger"], ada.account, asked["challenge"])
    assert client.post("/v1/sign-in", content=body).status_code == 200
    again = client.post("/v1/sign-in", content=body)
    assert again.status_code == 403
    assert "answered before" in again.json()["detail"]


def test_a_challenge_of_another_server_or_of_yesterday_is_worth_nothing(client, phones):
    ada, desk = phones[ADA], client.app.state.desk
    elsewhere = new_challenge(bytes(32), bytes(16), desk.now_ms())
    early = desk.now_ms() - CHALLENGE_MS - 1
    old = new_challenge(desk.challenge_secret, bytes(16), early)
    for challenge, words in ((elsewhere, "not from here"), (old, "too old")):
        body = answer(ada.key, CHARTER.origin, ada.account, challenge)
        got = client.post("/v1/sign-in", content=body)
        assert (got.status_code, words in got.json()["detail"]) == (403, True)


def test_an_answer_for_another_ledger_is_refused(client, phones):
    ada = phones[ADA]
    body = answer(ada.key, "riverside.example/ledger/1", ada.account, ada.challenge()["challenge"])
    assert slug(client.post("/v1/sign-in", content=body)) == "not-signed"


def test_a_statement_is_no_answer_and_an_answer_is_no_statement(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    payment = ada.signed("transfer", {"to": ben.account, "amount": 1, "reference": "bread"})
    assert slug(client.post("/v1/sign-in", content=payment)) in ("malformed", "not-signed")
    body = answer(ada.key, CHARTER.origin, ada.account, ada.challenge()["challenge"])
    assert slug(client.post("/v1/statements", content=body)) == "malformed"


def test_a_session_ends_by_itself_and_where_its_key_no_longer_counts(client, phones):
    ada, ben, desk = phones[ADA], phones[BEN], client.app.state.desk
    ada.sign_in()
    ben.sign_in()
    frozen = ben.say("freeze", {"frozen": True, "reason": "lost in the park"})
    assert frozen.status_code == 201
    assert slug(ben.get("/v1/session")) == "not-signed-in"
    assert ben.sign_in().status_code == 403
    now_ms = desk.now_ms
    desk.now_ms = lambda: now_ms() + SESSION_MS + 1
    assert slug(ada.get("/v1/session")) == "not-signed-in"


def test_what_is_stored_of_a_session_opens_nothing(client, phones):
    ada = phones[ADA]
    ada.sign_in()
    with client.app.state.desk.here.reading() as (_, connection):
        rows = connection.exec_driver_sql("SELECT * FROM session").all()
    assert ada.token not in repr(rows)
    assert token_hash(ada.token) in repr(rows)
    ada.token = token_hash(ada.token)
    assert slug(ada.get("/v1/session")) == "not-signed-in"


def test_one_key_has_so_many_sessions_and_the_oldest_ends(phones):
    ada = phones[ADA]
    ada.sign_in()
    first = ada.token
    for _ in range(SESSIONS_MAX):
        ada.sign_in()
    assert ada.get("/v1/session").status_code == 200
    ada.token = first
    assert slug(ada.get("/v1/session")) == "not-signed-in"


def test_a_page_gets_a_cookie_that_scripts_and_other_sites_cannot_use(client, phones):
    ada = phones[ADA]
    got = ada.sign_in(cookie=True)
    assert "token" not in got.json()
    said = got.headers["set-cookie"]
    assert said.startswith(f"{COOKIE}=cws_")
    for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word in said
    assert "Domain" not in said
    ada.token = None
    assert client.get("/v1/session").status_code == 200
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert slug(client.delete("/v1/session", headers=headers)) == "not-allowed"
    value = client.cookies[COOKIE]
    client.cookies.clear()
    as_bearer = client.get("/v1/session", headers={"Authorization": f"Bearer {value}"})
    assert slug(as_bearer) == "not-signed-in"
    client.cookies.set(COOKIE, value)
    gone = client.delete("/v1/session", headers={"Sec-Fetch-Site": "same-origin"})
    assert gone.status_code == 204


@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none"])
def test_no_page_of_another_site_signs_its_visitor_in_as_somebody_else(client, phones, site):
    refused = phones[ADA].sign_in(site=site, cookie=True)
    assert slug(refused) == "not-allowed"
    assert "set-cookie" not in refused.headers
    assert client.cookies.get(COOKIE) is None
    assert (
        phones[ADA].sign_in(site=site).status_code == 200
    )  # a token: nothing is kept in the browser


def test_a_home_with_many_addresses_of_ipv6_guesses_no_more_often(client, phones):
    wrong = Phone(client, phones[ADA].account, phones[BEN].key)
    for last in range(AMPLE.failures.at_once):
        wrong.client = TestClient(client.app, client=(f"2001:db8:1:2::{last + 1:x}", 1))
        assert wrong.sign_in().status_code == 403
    wrong.client = TestClient(client.app, client=("2001:db8:1:2:ffff::1", 1))
    assert wrong.sign_in().status_code == 429
    wrong.client = TestClient(client.app, client=("2001:db8:1:3::1", 1))
    assert wrong.sign_in().status_code == 403
    wrong.client = TestClient(client.app, client=("::ffff:192.0.2.1", 1))
    assert wrong.sign_in().status_code == 403


def test_who_guesses_is_sent_away_and_an_address_cannot_ask_for_ever(copy, phones):
    ben = phones[BEN]
    wrong = Phone(ben.client, phones[ADA].account, ben.key)
    statuses = [wrong.sign_in().status_code for _ in range(AMPLE.failures.at_once + 1)]
    assert statuses[:-1] == [403] * AMPLE.failures.at_once
    assert statuses[-1] == 429
    assert phones[BEN].sign_in().status_code == 200  # another account is not concerned


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_reading_an_answer_raises_only_our_errors(data):
    with pytest.raises(CommonwattError):
        read_answer(data)


@given(
    st.dictionaries(
        st.sampled_from(["v", "ledger", "account", "challenge", "cookie", "x"]),
        st.one_of(st.integers(0, 3), st.text("0af/", max_size=124), st.booleans()),
    )
)
def test_a_signed_body_of_another_form_raises_only_our_errors(body):
    key = seeded_key(ADA)
    with pytest.raises(CommonwattError):
        read_answer(Envelope.seal(PAYLOAD_TYPE, encode(body), [key]).encode())


@given(st.integers(0, 123), st.sampled_from("0123456789abcdefg"))
def test_every_changed_digit_of_a_challenge_is_noticed(place, digit):
    challenge = new_challenge(bytes(32), bytes(16), 1_782_000_000_000)
    changed = challenge[:place] + digit + challenge[place + 1 :]
    if changed == challenge:
        check_challenge(bytes(32), changed, 1_782_000_000_000)
    else:
        with pytest.raises(SignatureError):
            check_challenge(bytes(32), changed, 1_782_000_000_000)
