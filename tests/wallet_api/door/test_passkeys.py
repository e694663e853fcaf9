"""Passkeys look and change nothing; they hang on the device key that registered them."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.errors import InputError
from ledger.primitives.signing import Envelope, SigningKey
from tests.wallet_api.door.authenticators import (
    ORIGIN,
    Authenticator,
    new_passkey,
    packed,
    unpacked,
)
from tests.wallet_api.door.phones import AMPLE, CHARTER, NAMES, Phone, phones_of, served, slug
from wallet_api.door.forgetting import forget_closed
from wallet_api.door.passkey_routes import NOT_SIGNED
from wallet_api.door.passkey_store import PASSKEYS_MAX
from wallet_api.door.passkeys import COPIED, NOT_GOOD, site_of
from wallet_api.door.sign_in import CHALLENGE_MS, answer

ADA, BEN = NAMES[:2]


@pytest.fixture
def client(copy):
    with served(*copy()) as client:
        client.app.state.desk.site = site_of(ORIGIN)
        yield client


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN, "operator-1", "operator-2"):
        found[name].sign_in()
    return found


def begun(phone):
    got = phone.post("/v1/passkeys/register/challenge")
    assert got.status_code == 200, got.text
    return got.json()["options"]


def registered(phone, authenticator, name="My laptop", options=None):
    options = options or begun(phone)
    credential = authenticator.create(options)
    return phone.post("/v1/passkeys", json=new_passkey(phone, credential, options, name))


def asked(client):
    got = client.post("/v1/sign-in/passkey/challenge")
    assert got.status_code == 200, got.text
    return got.json()["options"]


def signed_in(client, authenticator, headers=None, **more):
    body = {"credential": authenticator.get(asked(client)), **more}
    return client.post("/v1/sign-in/passkey", json=body, headers=headers)


def looking(client, phone, authenticator):
    """Return somebody who came in by a passkey."""
    got = signed_in(client, authenticator)
    assert got.status_code == 200, got.text
    other = Phone(client, phone.account, None)
    other.token = got.json()["token"]
    return other


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
@pytest.mark.parametrize("counting", [True, False])
def test_a_passkey_lets_its_owner_look(client, phones, algorithm, counting):
    ada, passkey = phones[ADA], Authenticator(algorithm, counting=counting)
    made = registered(ada, passkey)
    assert made.status_code == 201, made.text
    assert made.json()["key_id"] == ada.key.key_id
    for _ in range(2):
        page = looking(client, ada, passkey)
        assert page.get("/v1/home").json() == ada.get("/v1/home").json()
        told = page.get("/v1/session").json()
        assert (told["account"], told["role"], told["by_passkey"]) == (ada.account, "member", True)
    [listed] = page.get("/v1/passkeys").json()["items"]
    assert (listed["name"], listed["counts"]) == ("My laptop", True)
    assert listed["used_at"] >= listed["created_at"]


def test_a_session_alone_registers_none(client, phones):
    """Whoever copied a session's token has not the device's key."""
    ada, ben = phones[ADA], phones[BEN]
    options, other = begun(ada), begun(ada)
    passkey = Authenticator()
    credential, another = passkey.create(options), Authenticator().create(options)
    good = new_passkey(ada, credential, options)
    asked_anew = answer(
        ada.key, CHARTER.origin, ada.account, unpacked(options["challenge"]).decode()
    )
    thief = Phone(client, ada.account, SigningKey.generate())
    wrong = {
        "another key": new_passkey(thief, credential, options)["proof"],
        "another member's key": new_passkey(ben, credential, options)["proof"],
        "another challenge": new_passkey(ada, credential, other)["proof"],
        "another passkey": new_passkey(ada, another, options)["proof"],
        "a sign-in": Envelope.decode(asked_anew).signatures[0][1].hex(),
        "nothing": "00" * 64,
    }
    for why, proof in wrong.items():
        got = ada.post("/v1/passkeys", json=good | {"proof": proof})
        assert (slug(got), got.json()["detail"]) == ("not-signed", NOT_SIGNED), why
    for proof in ("", "00" * 63, "0X" * 64, None):
        assert slug(ada.post("/v1/passkeys", json=good | {"proof": proof})) == "invalid-input"
    assert ada.get("/v1/passkeys").json()["items"] == []
    assert ada.post("/v1/passkeys", json=good).status_code == 201


def test_what_a_page_is_given_asks_for_a_finger_and_a_passkey_that_is_found_by_itself(
    client, phones
):
    registered(phones[ADA], first := Authenticator())
    options = begun(phones[ADA])
    assert options["rp"]["id"] == "street.example"
    assert options["user"]["name"] == ADA
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert options["attestation"] == "none"
    assert [each["id"] for each in options["excludeCredentials"]] == [packed(first.id)]
    assert phones[ADA].account not in json.dumps(options)
    options = asked(client)
    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")


def test_a_passkey_changes_nothing(client, phones):
    ada = phones[ADA]
    registered(ada, passkey := Authenticator())
    page = looking(client, ada, passkey)
    for method, path in (
        ("POST", "/v1/passkeys/register/challenge"),
        ("DELETE", f"/v1/passkeys/{packed(passkey.id)}"),
        ("POST", "/v1/proposals"),
        ("DELETE", f"/v1/proposals/{'0' * 32}"),
    ):
        got = client.request(method, path, headers=page.headers)
        assert (slug(got), "A passkey lets you look" in got.json()["detail"]) == (
            *("not-allowed", True),
        )
    thought = {"to": phones[BEN].account, "units": 5}
    assert page.post("/v1/payments/check", json=thought).status_code == 200
    assert page.delete("/v1/session").status_code == 204
    assert slug(page.get("/v1/home")) == "not-signed-in"


def test_it_ends_with_the_key_that_registered_it_and_with_the_account(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    tablet = Phone(client, ada.account, SigningKey.generate())
    keys = [ada.key.public.hex(), tablet.key.public.hex()]
    change = {"by": "keys", "keys": keys, "threshold": 1, "reason": "a tablet"}
    assert ada.say("key_change", change, keys=[tablet.key]).status_code == 201
    tablet.sign_in()
    registered(tablet, passkey := Authenticator())
    page = looking(client, ada, passkey)
    [seen] = ada.get("/v1/passkeys").json()["items"]  # the other device sees it
    assert seen["counts"]
    change |= {"keys": keys[:1], "reason": "lost"}
    assert ada.say("key_change", change).status_code == 201
    assert slug(page.get("/v1/home")) == "not-signed-in"
    assert signed_in(client, passkey).status_code == 403
    [seen] = ada.get("/v1/passkeys").json()["items"]
    assert not seen["counts"]
    registered(ben, bens := Authenticator())
    page = looking(client, ben, bens)
    assert ben.say("freeze", {"frozen": True, "reason": "lost"}).status_code == 201
    assert slug(page.get("/v1/home")) == "not-signed-in"
    assert signed_in(client, bens).status_code == 403


def test_any_device_removes_it_with_its_sessions_and_nobody_else(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    registered(ada, passkey := Authenticator())
    page, path = looking(client, ada, passkey), f"/v1/passkeys/{packed(passkey.id)}"
    assert slug(ben.delete(path)) == "not-found"
    assert ben.get("/v1/passkeys").json()["items"] == []
    assert ada.delete(path).status_code == 204
    assert slug(page.get("/v1/home")) == "not-signed-in"
    assert ada.get("/v1/home").status_code == 200
    assert signed_in(client, passkey).json()["detail"] == NOT_GOOD
    assert slug(ada.delete(path)) == "not-found"


def test_operators_have_each_their_own(client, phones):
    first, second = phones["operator-1"], phones["operator-2"]
    registered(first, passkey := Authenticator())
    assert looking(client, first, passkey).get("/v1/proposals").status_code == 200
    assert len(first.get("/v1/passkeys").json()["items"]) == 1
    assert second.get("/v1/passkeys").json()["items"] == []
    assert slug(second.delete(f"/v1/passkeys/{packed(passkey.id)}")) == "not-found"


def changed(credential, **response):
    return {**credential, "response": {**credential["response"], **response}}


def test_wrong_answers_are_refused_alike(client, phones):
    registered(phones[ADA], passkey := Authenticator())
    registered(phones[BEN], other := Authenticator())

    def unverified():
        passkey.flags = 1
        try:
            return passkey.get(asked(client))
        finally:
            passkey.flags = 5

    def elsewhere(**what):
        before = dict(passkey.__dict__)
        passkey.__dict__ |= what
        try:
            return passkey.get(asked(client))
        finally:
            passkey.__dict__ |= {name: before[name] for name in what}

    stranger = Authenticator()
    stranger.handle = passkey.handle
    forged = passkey.get(asked(client))
    good = passkey.get(asked(client))
    wrong = [
        stranger.get(asked(client)),
        unverified(),
        elsewhere(origin="https://street.example.evil.example"),
        elsewhere(origin="http://street.example"),
        elsewhere(rp_id="evil.example"),
        elsewhere(id=other.id),
        elsewhere(handle=other.handle),
        changed(good, signature=forged["response"]["signature"]),
        changed(good, signature="AAAA"),
        changed(good, authenticatorData=packed(bytes(37))),
        {**good, "rawId": packed(other.id)},
    ]
    for credential in wrong:
        got = client.post("/v1/sign-in/passkey", json={"credential": credential})
        assert (got.status_code, got.json()["detail"]) == (403, NOT_GOOD)
        client.app.state.desk.failures._left.clear()
    assert client.post("/v1/sign-in/passkey", json={"credential": good}).status_code == 200


def test_a_challenge_is_answered_once_in_time_and_for_what_it_was_made(client, phones):
    ada, desk = phones[ADA], client.app.state.desk
    registered(ada, passkey := Authenticator())
    good = passkey.get(asked(client))
    assert client.post("/v1/sign-in/passkey", json={"credential": good}).status_code == 200
    again = client.post("/v1/sign-in/passkey", json={"credential": good})
    assert (again.status_code, "answered before" in again.json()["detail"]) == (403, True)
    for options in (begun(ada), {"challenge": packed(ada.challenge()["challenge"].encode())}):
        got = client.post("/v1/sign-in/passkey", json={"credential": passkey.get(options)})
        assert (got.status_code, "not from here" in got.json()["detail"]) == (403, True)
    # What was begun by another's session, or for signing in, registers nothing.
    for options in (begun(phones[BEN]), {**begun(ada), **asked(client)}):
        got = registered(ada, Authenticator(), options=options)
        assert (got.status_code, "not from here" in got.json()["detail"]) == (403, True)
    options = begun(ada)
    fresh, now_ms = Authenticator(), desk.now_ms
    desk.now_ms = lambda: now_ms() + CHALLENGE_MS + 1
    late = registered(ada, fresh, options=options)
    assert (late.status_code, "too old" in late.json()["detail"]) == (403, True)
    desk.now_ms = now_ms
    assert registered(ada, fresh, options=options).status_code == 201
    assert slug(registered(ada, Authenticator(), options=options)) == "not-signed"


def test_one_that_counts_backwards_was_copied(client, phones):
    registered(phones[ADA], passkey := Authenticator())
    passkey.count = 7
    assert signed_in(client, passkey).status_code == 200
    for count in (7, 3, -1):
        passkey.count = count
        got = signed_in(client, passkey)
        assert (got.status_code, got.json()["detail"]) == (403, COPIED)
    passkey.count = 8
    assert signed_in(client, passkey).status_code == 200


def test_two_answers_with_one_count_are_not_both_taken(client, phones):
    registered(phones[ADA], passkey := Authenticator())
    answers = []
    for _ in range(8):
        passkey.count = 20
        answers.append(passkey.get(asked(client)))
    with ThreadPoolExecutor(8) as pool:
        got = pool.map(
            lambda each: client.post("/v1/sign-in/passkey", json={"credential": each}), answers
        )
        assert sorted(each.status_code for each in got) == [200] + [403] * 7


def test_only_a_verified_owner_registers_once_and_so_many(client, phones):
    ada = phones[ADA]
    careless = Authenticator()
    careless.flags = 1
    assert registered(ada, careless).json()["detail"] == NOT_GOOD
    assert slug(registered(ada, Authenticator(origin="https://evil.example"))) == "not-signed"
    for name in ("", "x" * 41):
        assert slug(registered(ada, Authenticator(), name=name)) == "invalid-input"
    passkey = Authenticator()
    assert registered(ada, passkey).status_code == 201
    assert slug(registered(phones[BEN], passkey)) == "refused"
    for _ in range(PASSKEYS_MAX - 1):
        assert registered(ada, Authenticator()).status_code == 201
    assert slug(registered(ada, Authenticator())) == "refused"
    assert registered(phones[BEN], Authenticator()).status_code == 201


def test_who_guesses_is_sent_away(client, phones):
    registered(phones[ADA], passkey := Authenticator())
    passkey.flags = 1
    statuses = [signed_in(client, passkey).status_code for _ in range(AMPLE.failures.at_once + 1)]
    assert statuses == [403] * AMPLE.failures.at_once + [429]


def test_a_page_gets_a_cookie(client, phones):
    registered(phones[ADA], passkey := Authenticator())
    for headers in ({}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}):
        refused = signed_in(client, passkey, headers, cookie=True)
        assert (slug(refused), "set-cookie" in refused.headers) == ("not-allowed", False)
    got = signed_in(client, passkey, {"Sec-Fetch-Site": "same-origin"}, cookie=True)
    assert "token" not in got.json()
    assert got.headers["set-cookie"].startswith("__Host-commonwatt=cws_")
    assert client.get("/v1/session").json()["by_passkey"]


def test_without_a_public_address_there_are_none(copy):
    with served(*copy()) as client:
        ada = phones_of(client)[ADA]
        ada.sign_in()
        answers = [
            ada.post("/v1/passkeys/register/challenge"),
            registered(ada, Authenticator(), options={"user": {"id": "AA"}, "challenge": "MDAw"}),
            client.post("/v1/sign-in/passkey/challenge"),
        ]
        assert [slug(got) for got in answers] == ["not-set-up"] * 3
        assert ada.get("/v1/passkeys").json() == {"items": []}


@pytest.mark.parametrize(
    "address",
    *[
        [
            *("", "street.example", "http://street.example", "https://", "ftp://street.example"),
            *("https://street.example/app", "https://a@street.example", "https://x:port"),
        ]
    ],
)
def test_an_address_that_browsers_would_not_take_is_refused(address):
    with pytest.raises(InputError, match="https://street"):
        site_of(address)


def test_starting_does_not_wait_for_the_library():
    code = "import sys, wallet_api.http; sys.exit('webauthn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_stored_opens_nothing(client, phones):
    registered(phones[ADA], passkey := Authenticator())
    with client.app.state.desk.here.reading() as (_, connection):
        [row] = connection.exec_driver_sql("SELECT * FROM passkey").all()
    assert unpacked(row.id) == passkey.id
    private = passkey.key.private_numbers().private_value.to_bytes(32)
    assert private not in row.public_key


def test_all_of_somebody_are_forgotten_with_the_account(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    for phone in (ada, ben):
        phone.sign_in()
    looked = []
    for phone in (ada, ben):
        passkey = Authenticator()
        assert registered(phone, passkey).status_code == 201
        looked.append(looking(client, phone, passkey))
    gone, kept = looked
    with client.app.state.desk.here.writing() as (community, connection):
        forget_closed(community, connection, [ada.account])
        left = connection.exec_driver_sql("SELECT account FROM passkey").scalars().all()
        passkeys = connection.exec_driver_sql(
            "SELECT account FROM session WHERE passkey IS NOT NULL"
        ).scalars()
        assert set(passkeys) == {ben.account}
    assert left == [ben.account]
    assert slug(gone.get("/v1/home")) == "not-signed-in"
    assert kept.get("/v1/home").status_code == 200
