"""A shop's tills: each deed makes one signed statement and logs it.

A till's key is made on the till, which tells its public half; or here, in the keyring's folder
``tills``, where it stands in for one.

>>> till_key_name("0f" * 16, 2)
'tills/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.2'
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.errors import RefusedError
from ledger.primitives.signing import SigningKey, key_id_of
from ledger.tills import TILLS_MAX
from settlement.community import Community
from settlement.deeds import by_member, say

FILES_MAX = 1_000 * TILLS_MAX
"""Key files of one member's tills at most, revoked ones included."""


def till_key_name(member: str, number: int) -> str:
    """Return the name of the key file that stands in for a till."""
    return str(Path("tills") / f"{member}.{number}")


def tills_now(community: Community, member: str) -> dict[bytes, str | None]:
    """Return the keys of a member's tills, each with its file where that is here."""
    with community.transaction():
        keys = community.writer.key_book.tills.get(member, ())
    files = community.writer.keyring.names_of(keys, f"tills/{member}*")
    return {key: files.get(key) for key in keys}


def add_till(community: Community, member: str, key: bytes | None = None) -> bytes:
    """Let a till ask in a member's name, and return its public key.

    Args:
        community: open for work.
        member: the shop.
        key: public key that the till made; one made here if left out.

    Raises:
        SignatureError: somebody's key, or there are too many.
    """
    if key is None:
        key = _new_till(community, member).public
    say(community, "till_key", member, {"key": key.hex()}, by_member(member))
    return key


def revoke_till(community: Community, member: str, text: str) -> bytes:
    """Let a till ask nothing more, and return its public key.

    Args:
        community: open for work.
        member: the shop.
        text: beginning of the key's id.

    Raises:
        RefusedError: no till's, or several tills', key begins with it.
    """
    keys = [*tills_now(community, member)]
    found = [key for key in keys if text and key_id_of(key).startswith(text.lower())]
    if len(found) != 1:
        known = ", ".join(key_id_of(key)[:8] for key in keys) or "none"
        raise RefusedError(f"{text!r} begins {len(found)} ids of this member's tills: {known}.")
    fields = {"key": found[0].hex(), "revoked": True}
    say(community, "till_key", member, fields, by_member(member))
    return found[0]


def by_till(member: str) -> Callable[[Community], Sequence[SigningKey]]:
    """Return what picks the key of one of a member's tills whose file is here."""

    def one(community: Community) -> Sequence[SigningKey]:
        keys = community.writer.key_book.tills.get(member, ())
        whose = f"this member's {len(keys)} tills"
        return community.writer.keyring.some_of(keys, 1, whose, f"tills/{member}*")

    return one


def _new_till(community: Community, member: str) -> SigningKey:
    """Return the next till's key, making its file; one that a refused attempt left is taken."""
    keyring = community.writer.keyring
    with community.transaction():
        used = community.writer.key_book.used
        for number in range(1, FILES_MAX):
            name = till_key_name(member, number)
            if not keyring.has(name):
                return keyring.create(name)
            if keyring.load(name).public not in used:
                return keyring.load(name)
    raise AssertionError("a member has more till files than one could use")
