"""Sessions and the server's secrets, in the database, so that several processes know the same.

What a holder shows is never stored: the table has its SHA-256.

>>> token_hash("cws_x")[:8]
'10d82b94'
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from ledger.entropy import Entropy
from wallet_api.door.tables import SecretRow, SessionRow, UsedChallengeRow

SESSION_MS = 30 * 60_000
"""How long a session lasts. A device signs in again without asking anybody, so it can be short."""

SESSIONS_MAX = 20
"""Most sessions of one key at a time; the oldest ends where one more begins."""

ONE_QUERY = 500
"""Most sessions that one query looks up."""

SECRET_BYTES = 32
TOKEN_PREFIX = "cws_"  # noqa: S105 - it marks a token, so that a scanner for leaked secrets finds it

_secrets, _sessions = SecretRow.__table__, SessionRow.__table__  # type: ignore[attr-defined]
_used = UsedChallengeRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has not ended.

    Attributes:
        account: member id, or ``community``.
        key_id: of the key that signed in.
        is_cookie: it came by a cookie, and counts only for this site's own pages.
        expires_ms: its end, in Unix milliseconds.
        passkey: the passkey that began it, if it was one: then ``key_id`` is of the device key that
            registered it, and it only looks.
    """

    account: str
    key_id: str
    is_cookie: bool
    expires_ms: int
    passkey: str | None = None


def token_hash(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def marked(secret: bytes, text: str) -> bytes:
    """Return a mark that only whoever has a secret can make of a text."""
    return hmac.new(secret, text.encode(), "sha256").digest()


def secret(connection: Connection, community: int, name: str, entropy: Entropy) -> bytes:
    """Return one of the server's secrets; it is made where there is none. A write transaction."""
    mine = (_secrets.c.community == community) & (_secrets.c.name == name)
    found = connection.scalar(select(_secrets.c.value).where(mine))
    if found is None:
        found = entropy(f"secret/{name}", SECRET_BYTES)
        row = {"community": community, "name": name, "value": found}
        connection.execute(insert(_secrets).values(**row))
    return bytes(found)


def begin(
    connection: Connection,
    community: int,
    token: str,
    session: Session,
    now_ms: int,
    before: str | None = None,
) -> None:
    """Keep a new session; what has ended is forgotten, and the oldest where there are too many.

    Args:
        connection: a write transaction.
        community: its number.
        token: that the holder will show.
        session: to keep.
        now_ms: Unix milliseconds.
        before: token in whose place it comes: that session ends.
    """
    mine = _sessions.c.community == community
    if before is not None:
        end(connection, community, before)
    connection.execute(delete(_sessions).where(mine, _sessions.c.expires_at < now_ms))
    of_key = mine & (_sessions.c.key_id == session.key_id)
    count = connection.scalar(select(func.count()).select_from(_sessions).where(of_key)) or 0
    if count >= SESSIONS_MAX:
        oldest = (
            select(_sessions.c.token)
            .where(of_key)
            .order_by(_sessions.c.created_at)
            .limit(count - SESSIONS_MAX + 1)
        )
        connection.execute(
            delete(_sessions).where(mine, _sessions.c.token.in_(oldest.scalar_subquery()))
        )
    row = {
        "community": community,
        "token": token_hash(token),
        "account": session.account,
        "key_id": session.key_id,
        "cookie": int(session.is_cookie),
        "created_at": now_ms,
        "expires_at": session.expires_ms,
        "passkey": session.passkey,
    }
    connection.execute(insert(_sessions).values(**row))


def find(connection: Connection, community: int, token: str, now_ms: int) -> Session | None:
    """Return the session of a token, if it has not ended."""
    row = connection.execute(
        select(_sessions).where(
            _sessions.c.community == community, _sessions.c.token == token_hash(token)
        )
    ).one_or_none()
    if row is None or row.expires_at < now_ms:
        return None
    return Session(row.account, row.key_id, bool(row.cookie), row.expires_at, row.passkey)


def still(connection: Connection, community: int, tokens: Sequence[str], now_ms: int) -> set[str]:
    """Return the hashes of those of some tokens whose sessions have not ended."""
    hashes = sorted({token_hash(token) for token in tokens})
    found: set[str] = set()
    for start in range(0, len(hashes), ONE_QUERY):
        some = hashes[start : start + ONE_QUERY]
        query = select(_sessions.c.token).where(
            _sessions.c.community == community,
            _sessions.c.token.in_(some),
            _sessions.c.expires_at >= now_ms,
        )
        found.update(connection.scalars(query))
    return found


def end(connection: Connection, community: int, token: str) -> None:
    """End a session."""
    connection.execute(
        delete(_sessions).where(
            _sessions.c.community == community, _sessions.c.token == token_hash(token)
        )
    )


def end_all(connection: Connection, community: int, account: str, key_id: str | None = None) -> int:
    """End all sessions of an account, or of one key of it; return how many there were."""
    mine = (_sessions.c.community == community) & (_sessions.c.account == account)
    if key_id is not None:
        mine &= _sessions.c.key_id == key_id
    return connection.execute(delete(_sessions).where(mine)).rowcount


class Listed(NamedTuple):
    """A session in a list: what its holder shows is not known here.

    Attributes:
        key_id: of the key that signed in.
        begun_ms, expires_ms: Unix milliseconds.
        is_this: it is the one that asks.
    """

    key_id: str
    begun_ms: int
    expires_ms: int
    is_this: bool


def sessions_of(
    connection: Connection, community: int, account: str, token: str, now_ms: int
) -> list[Listed]:
    """Return the sessions of an account that have not ended, the latest first."""
    rows = connection.execute(
        select(_sessions)
        .where(
            _sessions.c.community == community,
            _sessions.c.account == account,
            _sessions.c.expires_at >= now_ms,
        )
        .order_by(_sessions.c.created_at.desc())
    )
    this = token_hash(token)
    return [Listed(r.key_id, r.created_at, r.expires_at, r.token == this) for r in rows]


def use_challenge(
    connection: Connection, community: int, nonce: str, expires_ms: int, now_ms: int
) -> bool:
    """Remember that a challenge was answered; return False if it was before."""
    mine = _used.c.community == community
    connection.execute(delete(_used).where(mine, _used.c.expires_at < now_ms))
    if connection.scalar(select(_used.c.nonce).where(mine, _used.c.nonce == nonce)) is not None:
        return False
    row = {"community": community, "nonce": nonce, "expires_at": expires_ms}
    connection.execute(insert(_used).values(**row))
    return True
