"""Every address by everybody: made from the routes themselves, so a new one cannot be left out."""

import json
import os
import shutil
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fastapi.routing import APIRoute

from ledger.kinds import COMMUNITY
from ledger.primitives.signing import SigningKey
from settlement import deeds
from tests.prepared import DAY, reopen
from tests.wallet_api.door.phones import AMPLE, NAMES, Phone, phones_of, served
from wallet_api.cli.context import Settings
from wallet_api.door.access import Allowed
from wallet_api.door.identity import Role
from wallet_api.http import create_app
from wallet_api.problems import KINDS

GOLDEN = Path(__file__).parents[1] / "golden" / "openapi.json"

OPEN = {
    *(
        "/wallet/",
        "/wallet/{name}",
        "/auditor/",
        "/auditor/{name}",
        "/console/",
        "/console/{name}",
        "/assets/{name:path}",
    ),
    *("/", "/docs", "/open", "/open/{name}", "/v1/health", "/v1/community", "/v1/forecast"),
    *("/log.vkey", "/log/checkpoint", "/log/{path:path}", "/v1/readings", "/v1/statements"),
    *("/v1/statements/{statement_id}", "/v1/sign-in/challenge", "/v1/sign-in"),
    *("/v1/proposals/{proposal_id}", "/v1/proposals/{proposal_id}/signatures"),
    *("/v1/disputes", "/v1/disputes/{dispute_id}"),
    *("/v1/sign-in/passkey/challenge", "/v1/sign-in/passkey", "/v1/words/{key}"),
}
"""Addresses without a session: what anybody may see, and what proves itself by signature or by an id that
nobody can guess."""

MIXED = {("DELETE", "/v1/proposals/{proposal_id}"), ("GET", "/v1/disputes")}
"""Of addresses that are open for other methods."""

QUERIES = {
    "reason": "She asked.",
    "from": str(DAY),
    "through": str(DAY),
}
"""What some addresses need beside their path."""

VALUES = {
    "month": "2026-06",
    "day": str(DAY),
    "period": "989736",
    "entry": "1",
    "form": "txt",
    "ask_id": "0" * 32,
    "proposal_id": "0" * 32,
    "account_id": "0f" * 16,
    "run": "SF",
    "contact_id": "0" * 32,
    "webhook_id": "0" * 32,
    "passkey_id": "AAAA",
    "key": "0f" * 32,
}

ENDING = {"/v1/events": "?follow=false", "/v1/push": "?endpoint=https://push.example/1"}
"""What an address must be asked with; a stream that would go on for ever comes to an end."""

BODIES = {
    "/v1/payments/check": {"to": "0" * 32, "units": 1},
    "/v1/contacts": {"kind": "sms", "address": "+447700900123", "events": []},
    "/v1/contacts/{contact_id}/code": {"code": "000000"},
    "/v1/webhooks": {"url": "https://shop.example/hook", "events": []},
    "/v1/push": {
        "endpoint": "https://push.example/1",
        "keys": {"p256dh": "AA", "auth": "AA"},
        "events": [],
    },
}


def routes():
    app = create_app(Settings("sqlite:///nowhere.sqlite"), AMPLE)
    app.state.desk.here.close()
    found = [(method, route) for route in _flat(app.routes) for method in sorted(route.methods)]
    shown = {(m, r.path) for m, r in found if r.include_in_schema}
    told = {(m.upper(), p) for p, of in app.openapi()["paths"].items() for m in of}
    assert shown == {(m, p.replace("{path}", "{path:path}")) for m, p in told}
    return found


def _flat(listed):
    """Yield every route, also those of included routers."""
    for each in listed:
        if isinstance(each, APIRoute):
            yield each
        elif hasattr(each, "original_router"):
            yield from _flat(each.original_router.routes)


def allowed_of(route):
    """Return the roles that a route lets in, or None where it asks for no session."""
    found = [
        each.call.roles for each in route.dependant.dependencies if isinstance(each.call, Allowed)
    ]
    assert len(found) <= 1
    return set(found[0]) if found else None


ROUTES = [pytest.param(method, route, id=f"{method} {route.path}") for method, route in routes()]


@pytest.fixture(scope="module")
def everybody(prepared, tmp_path_factory):
    """A served street, and somebody of every role who is signed in."""
    folder = tmp_path_factory.mktemp("matrix") / "street"
    shutil.copytree(prepared, folder)
    url = f"sqlite:///{folder}/street.sqlite"
    community = reopen(url, folder / "keys")
    helper, auditor = SigningKey.generate(), SigningKey.generate()
    roster = deeds.roster_now(community)
    more = [("helper", helper), ("auditor", auditor)]
    roster["keys"] += [{"key": key.public.hex(), "role": role} for role, key in more]
    deeds.new_roster(community, roster)
    community.writer.database.close()
    with served(url, folder / "keys") as client:
        phones = phones_of(client)
        shop, till = _shop(client, phones)
        found = {
            Role.MEMBER: phones[NAMES[0]],
            Role.SHOP: shop,
            Role.TILL: till,
            Role.HELPER: Phone(client, COMMUNITY, helper),
            Role.OPERATOR: phones["operator-1"],
            Role.ADAPTER: phones["adapter"],
            Role.AUDITOR: Phone(client, COMMUNITY, auditor),
        }
        for role, phone in found.items():
            assert phone.sign_in().json()["role"] == role
        yield client, found


def _shop(client, phones):
    shop = Phone(client, "0e" * 16, SigningKey.generate())
    opening = {
        "class": "shop",
        "keys": [shop.key.public.hex()],
        "threshold": 1,
        "floor_units": 0,
    }
    operators = [phones["operator-1"].key, phones["operator-2"].key]
    assert shop.say("account_open", opening, keys=operators).status_code == 201
    till = Phone(client, shop.account, SigningKey.generate())
    assert shop.say("till_key", {"key": till.key.public.hex()}).status_code == 201
    return shop, till


def test_there_is_somebody_of_every_role(everybody):
    assert set(everybody[1]) == set(Role)


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_an_address_lets_in_whom_it_names_and_nobody_else(everybody, method, route):
    client, people = everybody
    allowed = allowed_of(route)
    if allowed is None:
        assert route.path in OPEN, "say in OPEN why nobody needs to sign in, or ask for a session"
        return
    assert route.path not in OPEN or (method, route.path) in MIXED
    if route.path in ("/v1/session", "/v1/sessions") and method == "DELETE":
        return  # whoever signs out is not there any more: tests of signing in have it
    ending = ENDING.get(route.path, f"?{urlencode(QUERIES)}")
    path = route.path.format(**VALUES) + ending
    anybodys = _body_of(route, people[Role.MEMBER])
    assert client.request(method, path, content=b"{}").status_code == 401
    plain = {"Content-Type": "application/json"}
    wrong = {"Authorization": "Bearer cws_" + "A" * 43, **plain}
    assert client.request(method, path, content=anybodys, headers=wrong).status_code == 401
    for role, phone in people.items():
        body = _body_of(route, phone)
        got = client.request(method, path, content=body, headers={**phone.headers, **plain})
        if role in allowed:
            assert got.status_code not in (401, 500), (role, got.text)
            slug = got.json()["type"] if got.status_code == 403 else ""
            assert not slug.endswith(":not-allowed"), (role, got.text)
        else:
            assert got.status_code == 403, (role, got.text)
            assert got.json()["type"].endswith(":not-allowed"), (role, got.text)


def _body_of(route, phone):
    if route.path in BODIES:
        return json.dumps(BODIES[route.path])
    if route.path == "/v1/passkeys":
        response = {"clientDataJSON": "AA", "attestationObject": "AA"}
        credential = {"id": "AA", "rawId": "AA", "type": "public-key", "response": response}
        return json.dumps({"name": "x", "credential": credential, "proof": "00" * 64})
    if route.path == "/v1/proposals":
        fields = {"frozen": True, "reason": "lost"}
        return phone.signed(
            "freeze", fields, account="0f" * 16 if phone.account == COMMUNITY else phone.account
        )
    if route.path.endswith("/name"):
        return json.dumps({"name": "Nobody"})
    return b""


def _told():
    """Yield each address's place in the description, and what is told of it."""
    app = create_app(Settings("sqlite:///nowhere.sqlite"), AMPLE)
    app.state.desk.here.close()
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_address_says_what_it_is_for_and_shows_an_example_of_what_it_takes():
    for place, operation in _told():
        assert operation["summary"].strip(), place
        assert operation["description"].strip(), place
        assert operation["tags"], place
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            name = f"{place}: {parameter['name']}"
            assert parameter["description"].strip(), name
            shown = [parameter.get("example"), *schema.get("examples", ())]
            assert [each for each in shown if each is not None], name
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            assert _example_of(content), (place, media)


def _example_of(content):
    """Return an example of a body, or where each field of its model has one of its own."""
    return "example" in content or "$ref" in content["schema"]


def test_every_field_that_is_sent_in_shows_an_example():
    app = create_app(Settings("sqlite:///nowhere.sqlite"), AMPLE)
    app.state.desk.here.close()
    for name, schema in app.openapi()["components"]["schemas"].items():
        if name.endswith("In"):
            for field, of in schema["properties"].items():
                shown = [of, *of.get("anyOf", ())]
                told = any("examples" in each or "$ref" in each for each in shown)
                assert told, (name, field)


def test_every_problem_that_an_address_may_answer_is_listed():
    always = {"busy", "failed", "not-ready"}
    for place, operation in _told():
        found = set()
        for status, told in operation["responses"].items():
            if int(status) >= 400:
                content = told["content"]["application/problem+json"]
                for slug, example in content["examples"].items():
                    assert KINDS[slug].status == int(status) == example["value"]["status"], place
                    found.add(slug)
        assert found >= always, place
        if operation.get("security"):
            assert "not-signed-in" in found, place
        if "requestBody" in operation:
            assert found & {"malformed", "invalid-input"}, place


def test_the_description_is_the_one_that_was_agreed():
    """COMMONWATT_WRITE_GOLDEN=1 writes it anew; look at what changed."""
    app = create_app(Settings("sqlite:///nowhere.sqlite"), AMPLE)
    app.state.desk.here.close()
    made = json.dumps(app.openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("COMMONWATT_WRITE_GOLDEN"):
        GOLDEN.write_text(made, encoding="utf-8")
    assert made == GOLDEN.read_text(encoding="utf-8")


def test_no_address_for_members_has_an_identity_in_it_that_the_session_should_say():
    for _, route in routes():
        if (allowed_of(route) or set(Role)) & {Role.MEMBER, Role.SHOP, Role.TILL}:
            assert "account_id" not in route.path, route.path
            assert "member" not in route.path, route.path
