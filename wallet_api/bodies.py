"""Bodies of requests that are read as bytes, within limits of length and time.

>>> BODY_SECONDS_MAX
10.0
"""

import asyncio

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from wallet_api.problems import problem

BODY_SECONDS_MAX = 10.0
"""Longest wait for a request's body, which has at most some megabyte."""


async def read_body(request: Request, bytes_max: int) -> bytes | Response:
    """Return a request's body, or the answer that it cannot be taken."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            body = await _body(request, bytes_max)
    except TimeoutError:
        return problem(408, "too-slow", "The request's body did not come in time.")
    except ClientDisconnect:
        return problem(400, "malformed", "The request's body was cut.")
    if body is None:
        return problem(413, "too-long", f"A request has at most {bytes_max:,} bytes.")
    return body


async def _body(request: Request, bytes_max: int) -> bytes | None:
    """Return the body, or None as soon as it is too long."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > bytes_max:
            return None
        parts.append(part)
    return b"".join(parts)
