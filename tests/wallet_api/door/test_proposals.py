"""Statements that need several signatures: two operators in two places, two phones of one member."""

import base64
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.primitives.signing import Envelope, SigningKey
from ledger.statements import make_body, sign
from tests.prepared import CHARTER
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, slug
from wallet_api.door import proposal_routes
from wallet_api.door.pages import cursor_of

ADA, BEN = NAMES[:2]
FIRST, SECOND = "operator-1", "operator-2"
_count = itertools.count()


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN, FIRST, SECOND):
        found[name].sign_in()
    return found


def limit_of(phone, member, **more):
    fields = {"floor_units": -10_000_000, "reason": "asked for it"}
    return phone.signed("limit", fields, account=member.account, **more)


def countersigned(phone, proposal):
    """Return an envelope of what waits, signed by one more."""
    body = base64.b64decode(proposal["payload"])
    return Envelope.seal(proposal["payload_type"], body, [phone.key]).encode()


def test_two_operators_in_two_places_sign_one_statement(client, phones):
    first, second, ada = phones[FIRST], phones[SECOND], phones[ADA]
    asked = first.post("/v1/proposals", content=limit_of(first, ada))
    assert asked.status_code == 201, asked.text
    told = asked.json()
    assert (told["kind"], told["signed_by"]) == ("limit", [first.key.key_id])
    assert "log_entry" not in told
    [seen] = second.get("/v1/proposals").json()["items"]
    assert seen == told
    signed = second.post(
        f"/v1/proposals/{told['id']}/signatures", content=countersigned(second, seen)
    ).json()
    assert signed["log_entry"] == client.get(f"/v1/statements/{told['id']}").json()["log_entry"]
    assert second.get("/v1/proposals").json()["items"] == []
    with client.app.state.desk.here.reading() as (community, _):
        assert community.state.members[ada.account].floor_units == -10_000_000
    again = first.post(f"/v1/proposals/{told['id']}/signatures", content=countersigned(first, seen))
    assert again.json()["log_entry"] == signed["log_entry"]


def test_one_operator_twice_is_not_two(phones):
    first = phones[FIRST]
    told = first.post("/v1/proposals", content=limit_of(first, phones[ADA])).json()
    got = first.post(f"/v1/proposals/{told['id']}/signatures", content=countersigned(first, told))
    assert got.json()["signed_by"] == [first.key.key_id]
    assert "needs 2 of operators" in got.json()["lacks"]


def test_both_at_once_log_it_once(client, phones):
    first, second, ada = phones[FIRST], phones[SECOND], phones[ADA]
    told = first.post("/v1/proposals", content=limit_of(first, ada)).json()
    path = f"/v1/proposals/{told['id']}/signatures"
    envelopes = [countersigned(phone, told) for phone in (first, second) * 4]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda e: client.post(path, content=e), envelopes))
    assert {got.status_code for got in answers} == {200}
    assert len({got.json()["log_entry"] for got in answers if "log_entry" in got.json()}) == 1


def test_the_same_proposed_by_many_at_once_waits_once(phones):
    first, ada = phones[FIRST], phones[ADA]
    envelope = limit_of(first, ada)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: first.post("/v1/proposals", content=envelope), range(8)))
    assert {got.status_code for got in answers} == {201}
    assert len(first.get("/v1/proposals").json()["items"]) == 1


def test_a_new_phone_signs_beside_the_old_one(client, phones):
    ada, fresh = phones[ADA], SigningKey.generate()
    keys = [ada.key.public.hex(), fresh.public.hex()]
    fields = {"by": "keys", "keys": keys, "threshold": 1, "reason": "a tablet"}
    told = ada.post("/v1/proposals", content=ada.signed("key_change", fields)).json()
    tablet = Phone(client, ada.account, fresh)
    assert tablet.sign_in().status_code == 403
    seen = client.get(f"/v1/proposals/{told['id']}").json()
    path = f"/v1/proposals/{told['id']}/signatures"
    assert "log_entry" in client.post(path, content=countersigned(tablet, seen)).json()
    assert tablet.sign_in().status_code == 200


def test_a_stranger_adds_nothing_and_other_bytes_are_not_it(client, phones):
    first, ada = phones[FIRST], phones[ADA]
    told = first.post("/v1/proposals", content=limit_of(first, ada)).json()
    path = f"/v1/proposals/{told['id']}/signatures"
    stranger = Phone(client, ada.account, SigningKey.generate())
    assert slug(client.post(path, content=countersigned(stranger, told))) == "not-signed"
    assert slug(client.post(path, content=limit_of(phones[SECOND], ada))) == "malformed"
    assert (
        slug(client.post(f"/v1/proposals/{'0' * 32}/signatures", content=limit_of(first, ada)))
        == "not-found"
    )
    assert client.get(f"/v1/proposals/{told['id']}").json() == told


def test_members_see_and_ask_for_their_own_alone(client, phones):
    ada, ben, first = phones[ADA], phones[BEN], phones[FIRST]
    told = first.post("/v1/proposals", content=limit_of(first, ada)).json()
    assert [each["id"] for each in ada.get("/v1/proposals").json()["items"]] == [told["id"]]
    assert ben.get("/v1/proposals").json()["items"] == []
    about_ada = ben.signed("limit", {"floor_units": 0, "reason": "mine"}, account=ada.account)
    assert slug(ben.post("/v1/proposals", content=about_ada)) == "not-allowed"
    assert slug(ben.delete(f"/v1/proposals/{told['id']}")) == "not-found"
    assert first.delete(f"/v1/proposals/{told['id']}").status_code == 204
    assert ada.get("/v1/proposals").json()["items"] == []
    assert slug(client.post("/v1/proposals", content=about_ada)) == "not-signed-in"


def test_an_agreement_is_signed_by_both_sides(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    now = client.app.state.desk.here
    with now.reading() as (community, _):
        period = community.writer.now_period()
    fields = {
        "buyer": ben.account,
        "price_ticks": 1500,
        "rank": 1,
        "first": period + 2,
        "last": period + 96,
    }
    told = ada.post("/v1/proposals", content=ada.signed("agreement", fields)).json()
    seen = client.get(f"/v1/proposals/{told['id']}").json()
    path = f"/v1/proposals/{told['id']}/signatures"
    assert "log_entry" in client.post(path, content=countersigned(ben, seen)).json()


def test_lists_come_in_pages_that_leave_nothing_out(phones):
    first, ada = phones[FIRST], phones[ADA]
    ids = [
        first.post("/v1/proposals", content=limit_of(first, ada, seq=first.seq() + n)).json()["id"]
        for n in range(5)
    ]
    found, cursor = [], None
    for _ in range(3):
        more = {} if cursor is None else {"cursor": cursor}
        page = first.get("/v1/proposals", params={"limit": 2, **more}).json()
        found += [each["id"] for each in page["items"]]
        cursor = page.get("next")
    assert (found, cursor) == (ids, None)
    assert slug(first.get("/v1/proposals", params={"cursor": "abc"})) == "malformed"
    for parts in (("a", "0f" * 16), ("9" * 30, "0f" * 16), ("1", "x"), ("1", "\x00")):
        made_up = first.get("/v1/proposals", params={"cursor": cursor_of(*parts)})
        assert slug(made_up) == "malformed"
    assert slug(first.get("/v1/proposals", params={"limit": 0})) == "invalid-input"


def test_what_a_rule_refuses_stays_and_says_why(phones):
    first, second, ada = phones[FIRST], phones[SECOND], phones[ADA]
    fields = {"floor_units": -(10**15), "reason": "too much"}
    told = first.post(
        "/v1/proposals", content=first.signed("limit", fields, account=ada.account)
    ).json()
    path = f"/v1/proposals/{told['id']}/signatures"
    got = second.post(path, content=countersigned(second, told))
    assert (slug(got), "below what the rules allow" in got.json()["detail"]) == ("refused", True)


def test_what_is_too_late_is_not_put_up(phones):
    first, ada = phones[FIRST], phones[ADA]
    fields = {"floor_units": -10_000_000, "reason": "asked for it"}
    body = make_body("limit", CHARTER.origin, ada.account, "ab" * 16, first.seq(), 1_000, fields)
    got = first.post("/v1/proposals", content=sign(body, [first.key]))
    assert (slug(got), "not_after" in got.json()["detail"]) == ("refused", True)


def test_whoever_signs_late_does_not_open_again_what_is_logged(client, phones, monkeypatch):
    first, second, ada = phones[FIRST], phones[SECOND], phones[ADA]
    told = first.post("/v1/proposals", content=limit_of(first, ada)).json()
    path = f"/v1/proposals/{told['id']}/signatures"
    usual, logged = proposal_routes._check_signatures, []

    def slow(community, statement):
        usual(community, statement)
        if not logged:  # while the first waits, the second signs, and it is logged
            logged.append("begun")
            with ThreadPoolExecutor(1) as other:
                answer = other.submit(client.post, path, content=countersigned(second, told))
                logged.append(answer.result().json()["log_entry"])

    monkeypatch.setattr(proposal_routes, "_check_signatures", slow)
    got = client.post(path, content=countersigned(first, told)).json()
    assert got["log_entry"] == logged[1]
    assert client.get(f"/v1/proposals/{told['id']}").json()["log_entry"] == logged[1]
    assert second.get("/v1/proposals").json()["items"] == []


def test_an_envelope_that_is_full_is_still_read(client, phones):
    ada = phones[ADA]
    mine, new = ([SigningKey.generate() for _ in range(count)] for count in (7, 8))
    all_mine = {"by": "keys", "keys": [key.public.hex() for key in (ada.key, *mine)]}
    told = ada.say("key_change", {**all_mine, "threshold": 8, "reason": "many"}, keys=mine)
    assert told.status_code == 201, told.text
    fields = {"by": "code", "keys": [key.public.hex() for key in new], "threshold": 8}
    code = SigningKey.generate()
    fields |= {"reason": "more", "code_key": code.public.hex()}
    waits = ada.post("/v1/proposals", content=ada.signed("key_change", fields)).json()
    body, path = base64.b64decode(waits["payload"]), f"/v1/proposals/{waits['id']}/signatures"
    answers = [
        client.post(path, content=Envelope.seal(waits["payload_type"], body, [key]).encode())
        for key in (*mine, *new, code)
    ]
    assert [got.status_code for got in answers[:-1]] == [200] * 15
    assert (slug(answers[-1]), "16 signatures" in answers[-1].json()["detail"]) == ("refused", True)
    for who in (ada, phones[FIRST]):
        [item] = who.get("/v1/proposals").json()["items"]
        assert len(item["signed_by"]) == 16
    gone = client.delete(f"/v1/proposals/{waits['id']}", headers=ada.headers)
    assert gone.status_code == 204
