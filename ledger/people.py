"""Names: the one thing that says who a pseudonym is, in a store that can forget.

Each name is sealed under a key of its own; erasing a person deletes their row, key and all.
Neither the ledger nor the log ever holds a name.

>>> secret, sealed = seal_name("0f" * 16, "Ada", bytes(32), bytes(12))
>>> open_name("0f" * 16, secret, sealed)
'Ada'
"""

import unicodedata
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from sqlalchemy import Connection, delete, func, insert, select

from ledger.db import erases
from ledger.entropy import Entropy
from ledger.errors import InputError
from ledger.primitives.words import check_words
from ledger.tables import PersonRow

NAME_CHARACTERS_MAX = 80
"""Longest name."""

_people = PersonRow.__table__  # type: ignore[attr-defined]


def seal_name(member: str, name: str, secret: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    """Return (secret, sealed name) for the store."""
    return secret, nonce + ChaCha20Poly1305(secret).encrypt(nonce, name.encode(), member.encode())


def open_name(member: str, secret: bytes, sealed: bytes) -> str:
    """Return the name that was sealed for a member."""
    return ChaCha20Poly1305(secret).decrypt(sealed[:12], sealed[12:], member.encode()).decode()


def clean_name(name: str) -> str:
    """Return a name as it is kept: in one form of its letters, and one space between words.

    >>> clean_name("  Ada   Okafor ")
    'Ada Okafor'

    Raises:
        InputError: empty, too long, or something in it is not seen.
    """
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in name):
        raise InputError("A name holds a character that cannot be printed.")
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(clean) <= NAME_CHARACTERS_MAX:
        raise InputError(f"A name has 1 to {NAME_CHARACTERS_MAX} characters.")
    check_words(clean, "name")
    return clean


def save_name(
    connection: Connection, community: int, member: str, name: str, entropy: Entropy
) -> None:
    """Add a person's name.

    Raises:
        InputError: it is no name.
    """
    name = clean_name(name)
    mine = _people.c.community == community
    number = (connection.scalar(select(func.max(_people.c.number)).where(mine)) or 0) + 1
    _insert(connection, community, number, member, name, member, entropy)


def rename(
    connection: Connection, community: int, member: str, name: str, entropy: Entropy
) -> None:
    """Give a member another name, or a first one; the one before is gone with its key.

    Raises:
        InputError: it is no name; nothing was changed.
    """
    name = clean_name(name)
    mine = (_people.c.community == community) & (_people.c.member == member)
    number = connection.scalar(select(_people.c.number).where(mine))
    if number is None:
        save_name(connection, community, member, name, entropy)
        return
    forget(connection, community, member)
    # Even where entropy is a seed's, no key seals two names.
    _insert(connection, community, number, member, name, f"{member}/{name}", entropy)


def forget(connection: Connection, community: int, member: str) -> None:
    """Delete a member's name and its key, for good; who has none is forgotten already."""
    erases(connection)
    connection.execute(
        delete(_people).where(_people.c.community == community, _people.c.member == member)
    )


def _insert(
    connection: Connection,
    community: int,
    number: int,
    member: str,
    name: str,
    purpose: str,
    entropy: Entropy,
) -> None:
    secret, sealed = seal_name(
        member, name, entropy(f"name/{purpose}", 32), entropy(f"nonce/{purpose}", 12)
    )
    connection.execute(
        insert(_people).values(
            community=community, number=number, member=member, secret=secret, sealed=sealed
        )
    )


def names(connection: Connection, community: int) -> dict[str, str]:
    """Return every name by member, in the order in which people joined."""
    rows = connection.execute(
        select(_people).where(_people.c.community == community).order_by(_people.c.number)
    )
    return {row.member: open_name(row.member, row.secret, row.sealed) for row in rows}


def names_of(connection: Connection, community: int, members: Sequence[str]) -> dict[str, str]:
    """Return the names of some members, by id; who was erased has none."""
    rows = connection.execute(
        select(_people).where(
            _people.c.community == community, _people.c.member.in_(sorted(set(members)))
        )
    )
    return {row.member: open_name(row.member, row.secret, row.sealed) for row in rows}
