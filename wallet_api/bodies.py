"""Bodies of requests that are read as bytes, within limits of length and time.

>>> BODY_SECONDS_MAX
10.0
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from wallet_api.problems import problem

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_SECONDS_MAX = 10.0
"""Longest wait for a request's body, which has at most some megabyte."""

TOO_SLOW = "The request's body did not come in time."


async def read_body(request: Request, bytes_max: int) -> bytes | Response:
    """Return a request's body, or the answer that it cannot be taken."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            body = await _body(request, bytes_max)
    except TimeoutError:
        return problem(408, "too-slow", TOO_SLOW)
    except ClientDisconnect:
        return problem(400, "malformed", "The request's body was cut.")
    if body is None:
        return problem(413, "too-long", too_long(bytes_max))
    return body


def bounded(receive: Receive, bytes_max: int) -> Receive:
    """Return a way to receive a request that ends it where its body is too long or too slow.

    The framework reads the bodies of most addresses by itself, whole, before it asks who is there.

    Args:
        receive: of the server.
        bytes_max: longest body; the part with which it becomes longer is still taken.
    """
    length, deadline, is_whole = 0, 0.0, False

    async def within() -> MutableMapping[str, Any]:
        nonlocal length, deadline, is_whole
        if is_whole:
            return await receive()
        if length > bytes_max:
            raise HTTPException(413, too_long(bytes_max))
        deadline = deadline or asyncio.get_running_loop().time() + BODY_SECONDS_MAX
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, TOO_SLOW) from None
        length += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return within


def too_long(bytes_max: int) -> str:
    """Return what is said of a body that is too long."""
    return f"A request has at most {bytes_max:,} bytes."


async def _body(request: Request, bytes_max: int) -> bytes | None:
    """Return the body, or None as soon as it is too long."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > bytes_max:
            return None
        parts.append(part)
    return b"".join(parts)
