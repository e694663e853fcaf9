"""Passkeys in the database: public keys, whose they are, and how often they were used.

>>> PASSKEYS_MAX
10
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, delete, insert, select, update

from ledger.db import erases
from ledger.kinds import COMMUNITY
from wallet_api.door.tables import PasskeyRow, SessionRow

PASSKEYS_MAX = 10
"""Most passkeys of a member, or of a key of the roster."""

_passkeys, _sessions = PasskeyRow.__table__, SessionRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey.

    Attributes:
        id: its credential id, in base64url.
        account: member id, or ``community``.
        key_id: of the device key in whose session it was registered: it counts as long as that one.
        public_key: in COSE's form.
        sign_count: how often it was used, by its own count.
        name: what its owner calls it.
        created_ms: when it was registered.
        used_ms: when it was used last, or None.
    """

    id: str
    account: str
    key_id: str
    public_key: bytes
    sign_count: int
    name: str
    created_ms: int
    used_ms: int | None = None


def find(connection: Connection, community: int, passkey_id: str) -> Passkey | None:
    """Return a passkey."""
    query = select(_passkeys).where(
        _passkeys.c.community == community, _passkeys.c.id == passkey_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _passkey(row)


def of_owner(connection: Connection, community: int, account: str, key_id: str) -> list[Passkey]:
    """Return a member's passkeys, whichever device registered them; of the roster those of one key.

    Args:
        connection: an open transaction.
        community: its number.
        account: member id, or ``community``, which several people share.
        key_id: of the key that is signed in.
    """
    query = select(_passkeys).where(
        _passkeys.c.community == community, _passkeys.c.account == account
    )
    if account == COMMUNITY:
        query = query.where(_passkeys.c.key_id == key_id)
    order = query.order_by(_passkeys.c.created_at, _passkeys.c.id)
    return [_passkey(row) for row in connection.execute(order)]


def save(connection: Connection, community: int, passkey: Passkey) -> None:
    """Keep a new passkey."""
    row = {
        "community": community,
        "id": passkey.id,
        "account": passkey.account,
        "key_id": passkey.key_id,
        "public_key": passkey.public_key,
        "sign_count": passkey.sign_count,
        "name": passkey.name,
        "created_at": passkey.created_ms,
        "used_at": None,
    }
    connection.execute(insert(_passkeys).values(**row))


def used(
    connection: Connection, community: int, passkey_id: str, sign_count: int, now_ms: int
) -> None:
    """Remember how often a passkey was used, and when last."""
    mine = (_passkeys.c.community == community) & (_passkeys.c.id == passkey_id)
    connection.execute(update(_passkeys).where(mine).values(sign_count=sign_count, used_at=now_ms))


def drop(connection: Connection, community: int, passkey_id: str) -> None:
    """Forget a passkey, and end its sessions."""
    for table, column in ((_sessions, _sessions.c.passkey), (_passkeys, _passkeys.c.id)):
        mine = (table.c.community == community) & (column == passkey_id)
        connection.execute(delete(table).where(mine))


def remove_all(connection: Connection, community: int, account: str) -> None:
    """Forget every passkey of somebody, and what they called them: a part of erasing a person."""
    erases(connection)
    mine = (_passkeys.c.community == community) & (_passkeys.c.account == account)
    ids = select(_passkeys.c.id).where(mine)
    theirs = (_sessions.c.community == community) & _sessions.c.passkey.in_(ids)
    connection.execute(delete(_sessions).where(theirs))
    connection.execute(delete(_passkeys).where(mine))


def _passkey(row: Row[int, str, str, str, bytes, int, str, int, int | None]) -> Passkey:
    return Passkey(
        row.id,
        row.account,
        row.key_id,
        bytes(row.public_key),
        row.sign_count,
        row.name,
        row.created_at,
        row.used_at,
    )
