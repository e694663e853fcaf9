"""What a stranger on the network tries: to fill the memory, to hold lines, to be many."""

import asyncio
import json

import pytest

from ledger.primitives.signing import SigningKey
from settlement.reception import NOT_ALLOWED
from tests.wallet_api.door.phones import NAMES, Phone, phones_of
from wallet_api import bodies
from wallet_api.cli.context import Settings
from wallet_api.door.outside import NOT_SIGNED
from wallet_api.http import create_app

JSON_ADDRESSES = [
    ("PUT", "/v1/name"),
    ("PUT", "/v1/contacts"),
    ("POST", "/v1/webhooks"),
    ("POST", "/v1/payments/check"),
    ("POST", "/v1/sign-in"),
]


def asked(app, method, path, parts):
    """Send a body piece by piece and never its end; return what was answered, and the bytes taken."""
    taken, answers, left = [], [], list(parts)

    async def receive():
        if not left:
            await asyncio.Event().wait()
        part = left.pop()
        taken.append(len(part))
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("192.0.2.1", 9),
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 5))
    return answers[0]["status"], json.loads(answers[1]["body"]), sum(taken)


@pytest.fixture
def app(copied):
    return create_app(Settings(*copied))


@pytest.mark.parametrize(("method", "path"), JSON_ADDRESSES)
def test_a_body_without_end_is_not_kept(app, method, path):
    status, told, taken = asked(app, method, path, [b"x" * 50_000] * 100)
    assert (status, told["type"]) == (413, "urn:commonwatt:problem:too-long")
    assert taken <= 150_000


@pytest.mark.parametrize(("method", "path"), JSON_ADDRESSES)
def test_a_body_that_does_not_come_holds_no_line(app, method, path, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.05)
    status, told, _ = asked(app, method, path, [b"{"])
    assert (status, told["type"]) == (408, "urn:commonwatt:problem:too-slow")


def test_whoever_has_no_key_learns_nothing_of_those_who_have(client):
    """Neither how many keys, nor which, nor that they are frozen, nor whether there is such an account."""
    phones = phones_of(client)
    ada, ben, cy = (phones[name] for name in NAMES[:3])
    assert cy.say("freeze", {"frozen": True, "reason": "lost"}).status_code == 201
    payment = {"to": ben.account, "amount": 5, "reference": "bread"}
    dispute = {
        "day": "2026-06-15",
        "run": "SF",
        "first": 989_712,
        "periods": 48,
        "units": 1,
        "claim": "x",
    }
    said = set()
    for account in (ada.account, cy.account, "0e" * 16):
        stranger = Phone(client, account, SigningKey.generate())
        answers = [stranger.say("transfer", payment), stranger.say("dispute", dispute)]
        answers.append(client.post("/v1/disputes", content=stranger.signed("dispute", dispute)))
        said |= {(got.status_code, got.json()["detail"]) for got in answers}
    assert said == {(403, NOT_SIGNED)}


def test_whoever_is_paid_learns_neither_limit_nor_debt_of_who_pays(client):
    phones = phones_of(client)
    ada, ben = phones[NAMES[0]], phones[NAMES[1]]
    assert ada.say("spending_limit", {"day_max": 100_000_000}).status_code == 201
    payment = {"to": ben.account, "amount": 110_000_000, "reference": "bread"}
    got = client.post("/v1/statements", content=ada.signed("transfer", payment))
    assert (got.status_code, got.json()["detail"]) == (422, NOT_ALLOWED)
