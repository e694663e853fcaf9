"""Words that hide something come in nowhere; those that a log has from before are shown with a mark, and audited."""

import pytest

import settlement.community
import settlement.reception
from settlement.audit.verify import audit
from settlement.export import export_bundle
from tests.prepared import reopen
from tests.wallet_api.door.phones import NAMES, slug

ADA, BEN = NAMES[:2]
TURNED = "\u202e10 to Ada"


@pytest.fixture
def signed_in(phones):
    for name in (ADA, BEN, "operator-1"):
        phones[name].sign_in()
    return phones


def put(phone, path, body):
    return phone.client.put(path, json=body, headers=phone.headers)


def test_no_door_takes_them(signed_in):
    ada, ben, operator = (signed_in[name] for name in (ADA, BEN, "operator-1"))
    with ada.client.app.state.desk.here.reading() as (community, _):
        last = community.writer.now_period() + 2
    paid = ada.pay(ben, 1, TURNED)
    assert slug(paid) == "malformed"
    assert "transfer.reference" in paid.json()["detail"]
    assert "U+202E" in paid.json()["detail"]
    asked = {"amount": 1, "reference": "bread\u2069", "last": last}
    assert slug(ada.say("ask", asked)) == "malformed"
    limit = {"floor_units": 0, "reason": "\u3164"}
    proposed = operator.signed("limit", limit, account=ada.account)
    assert slug(operator.post("/v1/proposals", content=proposed)) == "malformed"
    for name in ("A\u200dda", "\u2800", "Ada\u200b", "\u3164"):
        assert slug(put(ada, "/v1/name", {"name": name})) == "malformed"
    path = f"/v1/members/{ada.account}?reason=She%20%E2%80%AEasked"
    assert slug(operator.get(path)) == "malformed"
    assert ada.get("/v1/looks").json()["items"] == []
    assert put(ada, "/v1/name", {"name": " Zoe\u0308  O. "}).status_code == 204
    assert ada.get("/v1/home").json()["name"] == "Zo\u00eb O."


def test_of_many_payments_at_once_one_is_refused_and_the_others_are_taken(signed_in):
    ada, ben = signed_in[ADA], signed_in[BEN]
    here = ada.client.app.state.desk.here
    seq = ada.seq()
    bodies = [
        ada.signed("transfer", {"to": ben.account, "amount": 1, "reference": words}, seq=seq + n)
        for n, words in enumerate(["one", TURNED, "three"])
    ]
    with here.writing() as (community, _):
        pass
    answers = settlement.reception.take(community, bodies)
    assert [type(each).__name__ for each in answers] == ["Taken", "InputError", "Taken"]


def test_what_a_log_has_from_before_is_shown_with_a_mark_and_is_sound(
    signed_in, copied, tmp_path, monkeypatch
):
    ada, ben = signed_in[ADA], signed_in[BEN]
    with ada.client.app.state.desk.here.reading() as (community, _):
        last = community.writer.now_period() + 2
    for module in (settlement.community, settlement.reception):
        monkeypatch.setattr(module, "check_statement", lambda _statement: None)
    assert ada.pay(ben, 1, TURNED).status_code == 201
    fields = {"amount": 1, "reference": TURNED, "last": last, "of": ada.account}
    ask = ben.say("ask", fields).json()["id"]
    monkeypatch.undo()
    assert ben.get("/v1/home").json()["last"][0]["words"] == "\ufffd10 to Ada"
    assert ada.get(f"/v1/asks/{ask}").json()["ask"]["reference"] == "\ufffd10 to Ada"
    assert ada.get("/v1/asks").json()["items"][0]["reference"] == "\ufffd10 to Ada"
    told = ada.client.get("/v1/events?follow=false", headers=ada.headers | {"Last-Event-ID": "1"})
    assert "\u202e" not in told.text
    community = reopen(*copied)
    export_bundle(community, tmp_path / "bundle")
    community.writer.database.close()
    assert audit(tmp_path / "bundle", now_ms=2**42).exit_code == 0
