"""What a stranger on the network tries: to fill the memory, to hold lines, to be many."""

import asyncio
import json

import pytest

from wallet_api import bodies
from wallet_api.cli.context import Settings
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
