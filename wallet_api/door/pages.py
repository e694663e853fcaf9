"""Pages of lists, and answers that need not be sent again.

A cursor is what the next page begins after, so nothing is left out or shown twice while things are added.
It is the place in plain digits behind a check: one that was made up is refused.

>>> read_cursor(cursor_of("12", "ab"), 2)
('12', 'ab')
"""

import base64
import hashlib
import re
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel

from ledger.errors import InputError

PAGE = 50
PAGE_MAX = 200
"""Items of a page, if nothing is said and at most."""

DIGITS_MAX = 16
"""Of a number in a cursor: a log position, a half-hour or Unix milliseconds."""

NO_CURSOR = "This is no cursor of a page here: take the `next` of the page before."

_CHECK_BYTES = 4

KNOWN: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing changed since the ETag that `If-None-Match` shows."}
}
"""What OpenAPI says of `tagged` answers beside the others."""

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of a page.", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The `next` of the page before; the first page if left out.",
        examples=["5hcqejk4OTczNh8xMDQx"],
    ),
]


def cursor_of(*parts: str) -> str:
    """Return the cursor of a place."""
    plain = "\x1f".join(parts).encode()
    return base64.urlsafe_b64encode(_check(plain) + plain).decode().rstrip("=")


def read_cursor(cursor: str, count: int) -> tuple[str, ...]:
    """Return the parts of a place.

    Raises:
        InputError: not a cursor from here.
    """
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        plain = data[_CHECK_BYTES:]
        parts = tuple(plain.decode().split("\x1f"))
    except ValueError:
        parts, data, plain = (), b"", b""
    if len(parts) != count or data[:_CHECK_BYTES] != _check(plain):
        raise InputError(NO_CURSOR)
    return parts


def number_in(part: str) -> int:
    """Return a whole number that stands in a cursor.

    Raises:
        InputError: it is none: the check keeps mistakes out, and not whoever means to.
    """
    if not part.isascii() or not part.isdigit() or len(part) > DIGITS_MAX:
        raise InputError(NO_CURSOR)
    return int(part)


def id_in(part: str) -> str:
    """Return an id that stands in a cursor.

    Raises:
        InputError: it is none.
    """
    if not re.fullmatch("[0-9a-f]{32}", part):
        raise InputError(NO_CURSOR)
    return part


def _check(plain: bytes) -> bytes:
    return hashlib.sha256(b"commonwatt/cursor/v1\x00" + plain).digest()[:_CHECK_BYTES]


def tagged(
    request: Request, content: BaseModel | bytes, media: str = "application/json"
) -> Response:
    """Return an answer with its ETag, or that the caller has it already."""
    body = content if isinstance(content, bytes) else _encoded(content)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    held = request.headers.get("if-none-match", "")
    if tag in {each.strip().removeprefix("W/") for each in held.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media, headers=headers)


def _encoded(content: BaseModel) -> bytes:
    return content.model_dump_json(exclude_none=True).encode()
