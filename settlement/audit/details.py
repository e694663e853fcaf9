"""What a statement binds beside itself: its detail, the seed in it, and the roots it gives.

>>> sha256_hex(b"")[:16]
'e3b0c44298fc1c14'
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from ledger.primitives.canonical import decode
from ledger.primitives.shape import HEX_64, record
from settlement.audit.bundle import Fact
from settlement.errors import UnsoundError
from settlement.timetable import DETAIL_BYTES_MAX

_SEED = record({"seed": HEX_64})


def detail_of(fact: Fact) -> bytes:
    """Return the detail that a statement binds, or say that it is missing."""
    if fact.detail is None:
        raise UnsoundError("the detail that the statement binds is missing")
    return fact.detail


def object_of(fact: Fact, *names: str) -> Mapping[str, Any]:
    """Return the detail as the object of just these fields that it must be."""
    value = decode(detail_of(fact), DETAIL_BYTES_MAX)
    if not isinstance(value, dict) or value.keys() != set(names):
        raise UnsoundError(f"the detail is not an object of {' and '.join(names)}")
    return value


def seed_of(detail: Mapping[str, Any]) -> str:
    """Return a detail's seed, from which its salts follow."""
    _SEED(detail, "detail")
    return str(detail["seed"])


def sha256_hex(data: bytes) -> str:
    """Return SHA-256 in hexadecimal, as statements bind bytes."""
    return hashlib.sha256(data).hexdigest()


def same(one: bytes, other: bytes) -> bool:
    """Return whether what was computed is what is shown."""
    return one == other
