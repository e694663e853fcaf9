"""Statements over HTTP: whoever hands them in, the signature counts; each once, whatever is sent again."""

import base64
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import wallet
from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import Verifier
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import ENVELOPE_BYTES_MAX
from ledger.statements import make_body, sign
from settlement.reception import NOT_ENOUGH
from tests.prepared import CHARTER
from tests.wallet_api.door.phones import AMPLE, LATER, NAMES, phones_of, served, slug
from wallet_api.door.desk import Limits
from wallet_api.door.rate import Rate
from wallet_api.problems import KINDS

ADA, BEN, CY = NAMES[:3]


def balances(client):
    with client.app.state.desk.here.reading() as (community, connection):
        asset = community.state.rules_now.asset
        found = community.writer.ledger.balances(connection)
        return {name: found[wallet(name, asset)] for name in community.state.members}


def test_a_payment_is_durable_and_the_signed_head_comes_with_it(client, phones):
    before = balances(client)
    got = phones[ADA].pay(phones[BEN], 250)
    assert got.status_code == 201
    told = got.json()
    after = balances(client)
    for name, change in ((ADA, -250), (BEN, 250)):
        account = phones[name].account
        assert after[account].posted - before[account].posted == change
    verifier = Verifier.from_vkey(client.get("/log.vkey").text.strip())
    assert open_checkpoint(told["head"].encode(), verifier).size == told["log_entry"] + 1
    seen = client.get(f"/v1/statements/{told['id']}").json()
    assert seen == {**{k: v for k, v in told.items() if k != "head"}, "repeated": True}


def test_the_same_again_is_answered_as_the_first_time_and_paid_once(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    envelope = ada.signed("transfer", {"to": ben.account, "amount": 5, "reference": "bread"})
    first, second = ada.hand_in(envelope), ben.hand_in(envelope)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["repeated"]
    assert first.json()["log_entry"] == second.json()["log_entry"]


def test_whoever_is_paid_hands_in_what_was_signed_offline(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    envelopes = [
        ada.signed(
            "transfer",
            {"to": ben.account, "amount": 1 + n, "reference": "milk"},
            seq=ada.seq() + n,
        )
        for n in range(3)
    ]
    assert [ben.hand_in(envelope).status_code for envelope in reversed(envelopes)] == [201] * 3


def test_what_is_wrong_is_told_by_slug_and_changes_nothing(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    before = balances(client)
    payment = {"to": ben.account, "amount": 5, "reference": "bread"}
    good = ada.signed("transfer", payment)
    refused = {
        "malformed": [b"", b"{}", good[:-1], good + b" ", b'{"payload":"","payloadType":1}'],
        "not-signed": [
            ben.signed("transfer", payment, account=ada.account),
            _elsewhere(ada, payment),
            _altered(good),
        ],
        "refused": [
            ada.signed("transfer", {**payment, "amount": 10**6 * UNITS_PER_MAJOR}),
            ada.signed("transfer", {**payment, "to": ada.account}),
            ada.signed("transfer", {**payment, "to": "f" * 32}),
            _expired(ada, payment),
        ],
        "too-long": [b"x" * (ENVELOPE_BYTES_MAX + 1)],
    }
    for wanted, envelopes in refused.items():
        for envelope in envelopes:
            got = client.post("/v1/statements", content=envelope)
            assert (slug(got), got.status_code) == (wanted, KINDS[wanted].status), got.text
    assert ada.hand_in(good).status_code == 201
    conflict = ada.say("transfer", {**payment, "amount": 6}, number=int(_id(good), 16))
    assert (slug(conflict), conflict.json()["field"]) == ("conflict", "id")
    taken = ada.say("transfer", {**payment, "amount": 6}, seq=ada.seq() - 1)
    assert (slug(taken), taken.json()["field"]) == ("conflict", "seq")
    assert sum(b.posted for b in balances(client).values()) == sum(
        b.posted for b in before.values()
    )


def _id(envelope):
    return json.loads(base64.b64decode(json.loads(envelope)["payload"]))["id"]


def _altered(envelope):
    """Return an envelope of which the body says more money."""
    whole = json.loads(envelope)
    body = base64.b64decode(whole["payload"]).replace(b'"amount":5', b'"amount":6')
    whole["payload"] = base64.b64encode(body).decode()
    return json.dumps(whole, separators=(",", ":")).encode()


def _elsewhere(phone, fields):
    origin = "riverside.example/ledger/1"
    body = make_body("transfer", origin, phone.account, "e" * 32, phone.seq(), LATER, fields)
    return sign(body, [phone.key])


def _expired(phone, fields):
    body = make_body("transfer", CHARTER.origin, phone.account, "d" * 32, phone.seq(), 1, fields)
    return sign(body, [phone.key])


def test_readings_have_a_door_of_their_own_and_runs_have_none(phones):
    batch = phones["adapter"].signed(
        "seal",
        {
            "day": "2026-06-30",
            "run": "SF",
            "known_at": 0,
            "periods": 48,
            "settled": 48,
            "totals": "0" * 64,
            "balances": "0" * 64,
            "previous": "0" * 64,
        },
        number=0x00000000_0000_8000_8000_000000000000,
    )
    got = phones["adapter"].hand_in(batch)
    assert (slug(got), "does not take a seal" in got.json()["detail"]) == ("malformed", True)


def test_fifty_clients_spend_what_there_is_once(client, phones):
    ada, ben = phones[ADA], phones[BEN]
    has = balances(client)[ada.account].available
    each, seq = has // 10 + 1, ada.seq()
    envelopes = [
        ada.signed(
            "transfer", {"to": ben.account, "amount": each, "reference": f"{n}"}, seq=seq + n
        )
        for n in range(50)
    ]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ada.hand_in, envelopes + envelopes))
    taken = [got for got in answers if got.status_code == 201]
    assert len(taken) == 9
    assert len({got.json()["log_entry"] for got in taken}) == 9
    refused = {got.json()["detail"] for got in answers if got.status_code >= 400}
    assert refused == {NOT_ENOUGH}
    assert balances(client)[ada.account].available == has - 9 * each


def test_of_a_statement_that_is_not_there_nothing_is_told(client):
    assert slug(client.get(f"/v1/statements/{'0' * 32}")) == "not-found"
    assert slug(client.get("/v1/statements/x")) == "invalid-input"


def test_what_fails_inside_is_a_problem_too_and_tells_nothing(copy):
    url, keys = copy()
    with served(url, keys) as client:
        here = client.app.state.desk.here
        client.app.state.desk.here = None
        quiet = TestClient(client.app, raise_server_exceptions=False)
        got = quiet.get(f"/v1/statements/{'0' * 32}")
        client.app.state.desk.here = here
    assert (got.status_code, slug(got)) == (500, "failed")
    assert "NoneType" not in got.text


def test_a_key_that_signs_without_end_is_slowed_down_and_nobody_else(copy):
    few = AMPLE._replace(statements=Rate(1 / 60, 3))
    with served(*copy(), limits=few) as client:
        phones = phones_of(client)
        ada, ben = phones[ADA], phones[BEN]
        statuses = [ada.pay(ben, 1).status_code for _ in range(4)]
        assert statuses == [201, 201, 201, 429]
        busy = ada.pay(ben, 1)
        assert int(busy.headers["retry-after"]) > 0
        assert ben.pay(ada, 1).status_code == 201


def test_an_address_that_asks_without_end_is_sent_away(copy):
    with served(*copy(), limits=Limits(requests=Rate(1 / 60, 5))) as client:
        answers = [client.get("/v1/health") for _ in range(6)]
    assert [got.status_code for got in answers] == [200] * 5 + [429]
    assert slug(answers[-1]) == "busy"
    assert answers[-1].headers["x-content-type-options"] == "nosniff"


def test_a_home_of_ipv6_is_one_address_and_one_of_ipv4_stays_one_in_another_coat(copy):
    with served(*copy(), limits=Limits(requests=Rate(1 / 60, 2))) as client:

        def status(address):
            return TestClient(client.app, client=(address, 1)).get("/v1/health").status_code

        asked = ["2001:db8::1", "2001:db8::2:1", "2001:db8::3:1", "2001:db8:0:1::1"]
        assert [status(address) for address in asked] == [200, 200, 429, 200]
        asked = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"]
        assert [status(address) for address in asked] == [200, 200, 429, 200]


@settings(max_examples=60)
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig"]), inner
            )
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_is_answered_with_a_problem(settled_door, data):
    for path in ("/v1/statements", "/v1/sign-in"):
        got = settled_door.post(path, content=data)
        assert got.status_code in (400, 403, 422)
        slug(got)


@pytest.fixture(scope="module")
def settled_door(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("door") / "street"
    shutil.copytree(prepared, folder)
    with served(f"sqlite:///{folder}/street.sqlite", folder / "keys") as client:
        yield client
