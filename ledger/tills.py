"""The tills of a shop: keys that ask to be paid, and sign nothing else.

Whoever steals one can ask in the shop's name; no money leaves by it. The member's own keys say
which keys these are (``docs/spec/statements.md``).

>>> added({}, "0f" * 16, {"key": "ab" * 32})["0f" * 16] == (bytes.fromhex("ab" * 32),)
True
"""

from collections.abc import Mapping
from typing import Any

from ledger.errors import SignatureError
from ledger.primitives.signing import check_public_key

Tills = dict[str, tuple[bytes, ...]]
"""Public keys that count, by member, in the order in which they came."""

TILLS_MAX = 8
"""Most tills of a member: as many as keys of an account."""


def check_till(tills: Tills, member: str, body: Mapping[str, Any], used: set[bytes]) -> None:
    """Refuse a till's key that is somebody's, one too many, or the end of one that is not there.

    Args:
        tills: as they are.
        member: whose till it is to be, or is.
        body: of the ``till_key``.
        used: every key that ever counted for anybody.

    Raises:
        SignatureError: says which.
    """
    key, mine = bytes.fromhex(body["key"]), tills.get(member, ())
    if "revoked" in body:
        if key not in mine:
            raise SignatureError("this is not the key of one of the member's tills")
        return
    check_public_key(key)
    if key in used:
        raise SignatureError("a till has a key of its own: this one is in use, or was")
    if len(mine) >= TILLS_MAX:
        raise SignatureError(f"a member has {TILLS_MAX} tills at most")


def added(tills: Tills, member: str, body: Mapping[str, Any]) -> Tills:
    """Return the tills after a checked ``till_key``."""
    key, mine = bytes.fromhex(body["key"]), tills.get(member, ())
    rest = tuple(each for each in mine if each != key)
    return {**tills, member: rest if "revoked" in body else (*rest, key)}
