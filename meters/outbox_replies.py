"""Sending one batch, and what a receiver answers: its receipt, or why there is none.

>>> detail_of(Reply(429, "application/json", b'{"detail": "Too many wait."}'))
'Too many wait.'
"""

import json
import time
from collections.abc import Callable
from typing import Any

from ledger.errors import PeerError, RefusedError
from ledger.peer import Reply, exchange

IMPOSSIBLE = "impossible value"
"""How a problem begins that says that values cannot be readings."""

WRONG_TIME = "signed at a wrong time"
"""How a problem begins that says that a batch was dated ahead, or signed too long ago."""

DELIVERY_SECONDS_MAX = 30.0
"""Longest wait for one answer."""

REPLY_BYTES_MAX = 16_384
"""Longest answer to one batch."""

Post = Callable[[str, bytes], Reply]
"""Sends bytes to an address and returns the answer; raises `PeerError`."""


def post_over_http(url: str, body: bytes) -> Reply:
    """Send over HTTP."""
    deadline = time.monotonic() + DELIVERY_SECONDS_MAX
    return exchange(url, body, deadline=deadline, bytes_max=REPLY_BYTES_MAX)


def detail_of(reply: Reply) -> str:
    """Return what a problem says, or that it says nothing."""
    try:
        return str(json.loads(reply.body)["detail"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it does not say why"


def receipt_in(reply: Reply) -> str:
    """Return the receipt of an answer to one batch.

    Raises:
        RefusedError: it was refused; says why.
        PeerError: the answer is not of its form.
    """
    try:
        value: Any = json.loads(reply.body)
        if reply.status in (200, 202):
            return str(value["results"][0]["receipt"])
        detail = str(value["detail"]).encode("utf-8", "replace").decode()
        slug = str(value.get("slug") or value.get("type"))
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise PeerError(f"its answer ({reply.status}) is not what an answer is like") from error
    if slug.endswith("impossible-value"):
        raise RefusedError(f"{IMPOSSIBLE}: {detail}")
    if slug.endswith("signing-time"):
        raise RefusedError(f"{WRONG_TIME}: {detail}")
    raise RefusedError(f"refused ({reply.status}): {detail}")
