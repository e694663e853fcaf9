"""What of a closed account may still be erased: its payments' words, and its readings once they are old.

>>> Left({}, 3).later
3
"""

from typing import NamedTuple

from sqlalchemy import Connection

from ledger import log_store
from ledger.erasure import DETAIL, ERASABLE_FACTS, FACT, may_erase
from ledger.errors import RefusedError
from ledger.statements import Statement
from settlement.community import Community

READINGS = "reading_batch"


class Left(NamedTuple):
    """What is left of a member in the log.

    Attributes:
        entries: ``fact`` or ``detail`` by log position: what may be erased now.
        later: batches of readings that may be erased later only.
    """

    entries: dict[int, str]
    later: int


def left_of(community: Community, connection: Connection, member: str) -> Left:
    """Return what two operators may erase of a closed account.

    Args:
        community: with what was agreed folded in.
        connection: a read transaction.
        member: whose account.

    Raises:
        RefusedError: it is not closed.
    """
    if member not in community.state.closed:
        raise RefusedError(
            "This account is not closed: only of a closed one all that may go is erased."
        )
    number, now = community.writer.community, community.writer.now_period()
    gone = log_store.erased(connection, number)
    entries: dict[int, str] = {}
    later = 0
    kinds = sorted({*ERASABLE_FACTS, READINGS})
    for position, kind, entry in log_store.stored_facts(connection, number, kinds=kinds):
        what = DETAIL if kind == READINGS else FACT
        if entry is None or (position, what) in gone or not _is_about(entry.envelope, member):
            continue
        if may_erase(entry.kind, what, entry.period, now):
            entries[position] = what
        else:
            later += 1
    return Left(entries, later)


def request_of(community: Community, connection: Connection, member: str) -> str:
    """Return the id of the statement by which a member closed their account."""
    found = log_store.facts(connection, community.writer.community, kinds=["account_close"])
    made = (Statement.decode(entry.envelope) for _, entry in found)
    return next(each.id for each in made if each.account == member)


def _is_about(envelope: bytes, member: str) -> bool:
    """Return whether a statement is a member's own, or a payment or request to them."""
    statement = Statement.decode(envelope)
    return member in (statement.account, statement.body.get("to"), statement.body.get("of"))
