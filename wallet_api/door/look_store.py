"""Who looked into a member's account, when and why: for the member to see.

>>> Look("0f" * 16, "helper", "ab" * 32, "account", "She rang.").what
'account'
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from ledger.db import erases
from wallet_api.door.tables import LookRow

LOOKS_MAX = 5_000
"""Looks into one account that are kept: of more, the oldest are forgotten."""

_looks = LookRow.__table__  # type: ignore[attr-defined]


class Look(NamedTuple):
    """One look.

    Attributes:
        account: into whose account.
        role: of whoever looked.
        key_id: of their key.
        what: was shown.
        reason: in their words.
    """

    account: str
    role: str
    key_id: str
    what: str
    reason: str


class Seen(NamedTuple):
    """A look that was kept: its number, when it was in Unix milliseconds, and what."""

    number: int
    at_ms: int
    look: Look


def add(connection: Connection, community: int, look: Look, now_ms: int) -> None:
    """Keep a look. A write transaction."""
    mine = _looks.c.community == community
    number = (connection.scalar(select(func.max(_looks.c.number)).where(mine)) or 0) + 1
    row = {"community": community, "number": number, "seen_at": now_ms, **look._asdict()}
    connection.execute(insert(_looks).values(**row))
    of_account = mine & (_looks.c.account == look.account)
    oldest = (
        select(_looks.c.number)
        .where(of_account)
        .order_by(_looks.c.number.desc())
        .offset(LOOKS_MAX)
        .limit(1)
    )
    last = connection.scalar(oldest)
    if last is not None:
        connection.execute(delete(_looks).where(of_account, _looks.c.number <= last))


def looks_of(
    connection: Connection, community: int, account: str, before: int | None, count: int
) -> list[Seen]:
    """Return looks into an account, the latest first.

    Args:
        connection: a read transaction.
        community: its number.
        account: whose.
        before: number of the last look that was seen.
        count: at most.
    """
    mine = (_looks.c.community == community) & (_looks.c.account == account)
    if before is not None:
        mine &= _looks.c.number < before
    rows = connection.execute(
        select(_looks).where(mine).order_by(_looks.c.number.desc()).limit(count)
    )
    return [
        Seen(row.number, row.seen_at, Look(row.account, row.role, row.key_id, row.what, row.reason))
        for row in rows
    ]


def forget(connection: Connection, community: int, account: str) -> None:
    """Forget who looked into an account: it is nobody's any more."""
    erases(connection)
    mine = (_looks.c.community == community) & (_looks.c.account == account)
    connection.execute(delete(_looks).where(mine))
