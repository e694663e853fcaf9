"""Who was refused at the door, and who came in: a line of JSON each, for whoever runs the server.

A line says when, what was asked, what the answer was, from where, and which key if one is known. It holds
nothing that opens anything: no token, no body, no name, and of an address the form alone, as ids in it may be
known to nobody else. It is plain ASCII, so nothing that is sent begins a line of its own.

>>> at = {"path": "/v1/proposals/4f59/signatures", "method": "POST", "client": ("192.0.2.1", 4711)}
>>> line(at, 429, 1_782_000_000_000)
'{"at":"2026-06-21T00:00:00.000Z","event":"refused","asked":"POST /v1/proposals","status":429,"from":"192.0.2.1"}'
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from fastapi import Request

from ledger.primitives.periods import utc_text
from wallet_api.door.rate import Buckets, Rate, place_of

NAME = __name__
"""Of the logger: operators send its lines where they like."""

LINES = Rate(1, 100)
"""Lines about one address: whoever asks without end does not fill the disk. The next line counts what was left out."""

SIGN_INS = ("POST /v1/sign-in", "POST /v1/sign-in/passkey")
SIGN_OUTS = ("DELETE /v1/session", "DELETE /v1/sessions")
"""Written down however they end."""

REFUSED, FAILED = 400, 500
"""The first status that says so."""

KEY_DIGITS = 16
"""Of a key's id, which is no secret: enough to find it."""

ASKED_CHARACTERS_MAX = 60

Scope = MutableMapping[str, Any]


class Watch:
    """Writes down what was seen.

    Args:
        buckets: how many lines there are about one address.
        now_ms: the machine's time.
    """

    def __init__(
        self,
        buckets: Buckets,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._buckets, self._now_ms = buckets, now_ms
        self._left_out = 0
        self._logger = logging.getLogger(NAME)

    def saw(self, scope: Scope, status: int) -> None:
        """Write a line about an answer, if it is worth one."""
        level = logging.INFO if status < REFUSED else logging.WARNING
        if status < REFUSED and _asked(scope) not in (*SIGN_INS, *SIGN_OUTS):
            return
        if self._buckets.wait_s(place_of(_address(scope) or None)):
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        self._logger.log(level, "%s", line(scope, status, self._now_ms(), left_out))


def noted(request: Request, key_id: str) -> None:
    """Remember which key an answer will be about."""
    request.state.key_id = key_id


def line(scope: Mapping[str, Any], status: int, now_ms: int, left_out: int = 0) -> str:
    """Return what is written of an answer."""
    asked = _asked(scope)
    told: dict[str, Any] = {
        "at": f"{utc_text(now_ms // 1000)[:-1]}.{now_ms % 1000:03d}Z",
        "event": _event(asked, status),
        "asked": asked,
        "status": status,
        "from": _address(scope),
    }
    key_id = scope.get("state", {}).get("key_id")
    if key_id is not None:
        told["key"] = str(key_id)[:KEY_DIGITS]
    if left_out:
        told["left_out"] = left_out
    return json.dumps(told, separators=(",", ":"))


def _event(asked: str, status: int) -> str:
    if status >= FAILED:
        return "failed"
    if asked in SIGN_INS:
        return "sign-in" if status < REFUSED else "sign-in refused"
    return "sign-out" if status < REFUSED else "refused"


def _asked(scope: Mapping[str, Any]) -> str:
    """Return the method, and the address as the description has it; of unknown ones the beginning."""
    form = getattr(scope.get("route"), "path", None)
    if form is None:
        form = "/".join(scope["path"].split("/")[:3])
    return f"{scope['method']} {form}"[:ASKED_CHARACTERS_MAX]


def _address(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
