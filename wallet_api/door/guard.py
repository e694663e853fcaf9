"""What stands before every address: a limit for each caller, and the headers that every answer has.

Plain ASGI, so that streams pass through unbuffered. Refusals are written down here, as every answer passes.

>>> [name for name, _ in HEADERS][:2]
[b'x-content-type-options', b'x-frame-options']
"""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ledger.primitives.signing import ENVELOPE_BYTES_MAX
from wallet_api.bodies import bounded, too_long
from wallet_api.door.rate import Buckets, place_of
from wallet_api.door.watch import Watch
from wallet_api.problems import KINDS, MEDIA_TYPE

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=(), payment=()"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (
        b"content-security-policy",
        b"default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-store"),
)
"""Given where the answer does not say otherwise. Browsers heed the one on transport over HTTPS only."""

ANYBODYS = b"cross-origin-resource-policy"
"""Not given where an answer may be read by other sites: open data."""


DIGITS_MAX = 12
"""Of a length that is told: beyond that Python refuses to count at all."""

BODILESS = ("GET", "HEAD", "OPTIONS")
"""Methods of which no body is read."""


class Guard:
    """Wraps an application.

    Args:
        app: what answers.
        buckets: how much each address may ask; of IPv6, each network of 64 bits.
        paths: other buckets, for some paths.
        lengths: of the longest body, in bytes, for paths that take longer ones than an envelope.
        watch: writes down who was refused.
    """

    def __init__(
        self,
        app: App,
        buckets: Buckets,
        paths: Mapping[str, Buckets],
        lengths: Mapping[str, int],
        watch: Watch,
    ) -> None:
        self._app, self._buckets, self._paths = app, buckets, paths
        self._lengths, self._watch = lengths, watch

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_answered = False

        async def with_headers(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                self._watch.saw(scope, message["status"])
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                if b"access-control-allow-origin" in there:
                    there.add(ANYBODYS)
                headers += [(name, value) for name, value in HEADERS if name not in there]
                message = {**message, "headers": headers}
            await send(message)

        length = dict(scope["headers"]).get(b"content-length", b"0")
        bytes_max = self._lengths.get(scope["path"], ENVELOPE_BYTES_MAX)
        if not length.isdigit() or len(length) > DIGITS_MAX or int(length) > bytes_max:
            await _problem(with_headers, 413, "too-long", too_long(bytes_max))
            return
        client = scope.get("client")
        buckets = self._paths.get(scope["path"], self._buckets)
        wait = buckets.wait_s(place_of(client[0] if client else None))
        if wait:
            detail = "Too many requests from your address: wait a moment, then go on."
            after = (b"retry-after", str(math.ceil(wait)).encode())
            await _problem(with_headers, 429, "busy", detail, after)
            return
        if scope["method"] not in BODILESS:
            receive = bounded(receive, bytes_max)
        try:
            await self._app(scope, receive, with_headers)
        except Exception:
            # The framework would answer outside of here, without these headers; it still tells the server's log.
            if not is_answered:
                await _problem(with_headers, 500, "failed", FAILED)
            raise


FAILED = f"{KINDS['failed'].meaning} {KINDS['failed'].remedy}"


async def _problem(
    send: Send, status: int, slug: str, detail: str, *more: tuple[bytes, bytes]
) -> None:
    body = json.dumps(
        {
            "type": f"urn:commonwatt:problem:{slug}",
            "title": slug.replace("-", " "),
            "status": status,
            "detail": detail,
        }
    ).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
