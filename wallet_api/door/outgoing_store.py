"""Messages on their way out, in one queue: e-mails, text messages, webhooks, web push.

The cursor that says up to which log entry people were told moves in the transaction that queues what they are told
of; so a process that dies in between leaves both undone. Whoever sends claims first, for a minute or two; what
was claimed and not reported is sent again after that, with the same id.

>>> wait_ms(1, 0.5), wait_ms(8, 0.5)
(5000, None)
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wallet_api.door.contact_store import Occasion, Way
from wallet_api.door.tables import NotifiedRow, OutgoingRow

_outgoing, _notified = OutgoingRow.__table__, NotifiedRow.__table__  # type: ignore[attr-defined]

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

LEASE_MS = 120_000
"""How long a claim lasts: longer than one round of sending ever takes."""

DROPPED = "dropped"
"""What became of a message that was not sent, as its address ended."""

ONE_QUERY = 500
"""Most contacts that one query looks up."""

WAITS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""How long after each attempt that failed the next is made: about 28 hours in all, as Standard Webhooks advises."""

KEPT_MS = 7 * 24 * 3_600_000
"""How long it is remembered that something was sent; its words are forgotten at once."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way out.

    Attributes:
        id: 32 hexadecimal digits, the same at every attempt.
        recipient: id of the contact.
        mark: what it is about; a contact is told of each thing once.
        account: whose contact it is.
        way: how it goes out.
        occasion: why.
        body: what is said, in the form of its way.
        attempts: how many failed.
    """

    id: str
    recipient: str
    mark: str
    account: str
    way: Way
    occasion: Occasion
    body: bytes
    attempts: int = 0


def wait_ms(attempts: int, dice: float) -> int | None:
    """Return how long to wait after a failed attempt, or None: it was the last.

    Args:
        attempts: that failed, this one too.
        dice: from 0 to 1: those who failed together do not come back together.
    """
    if attempts > len(WAITS_S):
        return None
    return int(WAITS_S[attempts - 1] * 1000 * (0.8 + 0.4 * dice))


def position(connection: Connection, community: int) -> int | None:
    """Return up to which log entry people were told, or None: nobody was told of anything yet."""
    return connection.scalar(select(_notified.c.position).where(_notified.c.community == community))


def begin(connection: Connection, community: int, first: int) -> None:
    """Begin to tell from a log entry on, where nobody was told before."""
    if position(connection, community) is None:
        row = {"community": community, "position": first}
        connection.execute(insert(_notified).values(row))


def advance(connection: Connection, community: int, first: int, end: int) -> bool:
    """Move the cursor, in the transaction that queues; return False if somebody else did."""
    moved = connection.execute(
        update(_notified)
        .where(_notified.c.community == community, _notified.c.position == first)
        .values(position=end)
    )
    return moved.rowcount == 1


def add(
    connection: Connection,
    community: int,
    messages: Iterable[Outgoing],
    now_ms: int,
    due_ms: int | None = None,
) -> None:
    """Queue messages; of what a contact was told before, it is not told again.

    Args:
        connection: a write transaction.
        community: its number.
        messages: to queue.
        now_ms: the time.
        due_ms: when they are sent; now if left out.
    """
    rows = [
        {
            "community": community,
            "id": each.id,
            "recipient": each.recipient,
            "mark": each.mark,
            "account": each.account,
            "kind": each.way.value,
            "occasion": each.occasion.value,
            "body": each.body,
            "created_at": now_ms,
            "due_at": now_ms if due_ms is None else due_ms,
            "attempts": 0,
            "claimed_until": 0,
        }
        for each in messages
    ]
    if rows:
        made = _INSERTS[connection.dialect.name](_outgoing).on_conflict_do_nothing()
        connection.execute(made, rows)


def is_due(connection: Connection, community: int, now_ms: int) -> bool:
    """Return whether there is anything to claim: looking costs no writer its turn."""
    due = _due(select(_outgoing.c.id), community, now_ms).limit(1)
    return connection.execute(due).first() is not None


def claim(
    connection: Connection, community: int, name: str, now_ms: int, most: int
) -> list[Outgoing]:
    """Claim messages that are due: nobody else sends them until the claim ends. A write transaction.

    Args:
        connection: an open transaction.
        community: its number.
        name: of this claim, used once.
        now_ms: the time.
        most: messages.
    """
    due = _due(select(_outgoing.c.id), community, now_ms)
    due = due.order_by(_outgoing.c.due_at, _outgoing.c.id).limit(most)
    ids = connection.scalars(due.with_for_update(skip_locked=True)).all()
    if not ids:
        return []
    mine = (_outgoing.c.community == community) & _outgoing.c.id.in_(ids)
    until = now_ms + LEASE_MS
    connection.execute(update(_outgoing).where(mine).values(claim=name, claimed_until=until))
    query = select(_outgoing).where(mine).order_by(_outgoing.c.due_at, _outgoing.c.id)
    return [_message(row) for row in connection.execute(query)]


def done(connection: Connection, community: int, claimed: str, message_id: str, said: str) -> None:
    """Take note that nothing is left to do for a message; its words are forgotten."""
    values = {"due_at": None, "body": b"", "claim": None, "result": said}
    connection.execute(
        update(_outgoing).where(_held(community, claimed, message_id)).values(values)
    )


def later(
    connection: Connection, community: int, claimed: str, message_id: str, due_ms: int, said: str
) -> None:
    """Take note that an attempt failed, and when the next one is due."""
    values = {
        "due_at": due_ms,
        "attempts": _outgoing.c.attempts + 1,
        "claim": None,
        "claimed_until": 0,
        "result": said,
    }
    connection.execute(
        update(_outgoing).where(_held(community, claimed, message_id)).values(values)
    )


def drop(
    connection: Connection, community: int, recipient: str, but: Sequence[Occasion] = ()
) -> None:
    """Send nothing of what waits for a contact, but on some occasions; its words are forgotten."""
    mine = (_outgoing.c.community == community) & (_outgoing.c.recipient == recipient)
    mine &= _outgoing.c.occasion.not_in([each.value for each in but])
    values = {"due_at": None, "body": b"", "claim": None, "result": DROPPED}
    connection.execute(
        update(_outgoing).where(mine, _outgoing.c.due_at.is_not(None)).values(values)
    )


def drop_all(connection: Connection, community: int, account: str) -> None:
    """Forget every message to somebody: a part of erasing a person."""
    mine = (_outgoing.c.community == community) & (_outgoing.c.account == account)
    connection.execute(delete(_outgoing).where(mine))


def forget_old(connection: Connection, community: int, now_ms: int) -> None:
    """Forget what was sent some days ago."""
    mine = (_outgoing.c.community == community) & _outgoing.c.due_at.is_(None)
    connection.execute(delete(_outgoing).where(mine, _outgoing.c.created_at < now_ms - KEPT_MS))


def waiting_body(connection: Connection, community: int, message_id: str) -> bytes | None:
    """Return what a message says that waits to be sent, or None: there is none."""
    body = connection.scalar(
        select(_outgoing.c.body).where(
            _outgoing.c.community == community,
            _outgoing.c.id == message_id,
            _outgoing.c.due_at.is_not(None),
        )
    )
    return None if body is None else bytes(body)


def revive(connection: Connection, community: int, message: Outgoing, due_ms: int) -> bool:
    """Queue a message again that was dropped before it was sent; return whether there was one."""
    mine = (_outgoing.c.community == community) & (_outgoing.c.id == message.id)
    values = {"due_at": due_ms, "body": message.body, "attempts": 0, "result": None}
    dropped = mine & (_outgoing.c.result == DROPPED)
    return connection.execute(update(_outgoing).where(dropped).values(values)).rowcount > 0


def rewrite(connection: Connection, community: int, message_id: str, body: bytes) -> None:
    """Let a message that waits say something else."""
    mine = (_outgoing.c.community == community) & (_outgoing.c.id == message_id)
    connection.execute(update(_outgoing).where(mine).values(body=body))


def counts_since(
    connection: Connection,
    community: int,
    recipients: Collection[str],
    occasions: Sequence[Occasion],
    since_ms: int,
) -> dict[tuple[str, Occasion], int]:
    """Return how many messages were queued since a time, by contact and occasion."""
    found: dict[tuple[str, Occasion], int] = {}
    wanted = sorted(recipients)
    for start in range(0, len(wanted), ONE_QUERY):
        query = (
            select(_outgoing.c.recipient, _outgoing.c.occasion, func.count())
            .where(
                _outgoing.c.community == community,
                _outgoing.c.recipient.in_(wanted[start : start + ONE_QUERY]),
                _outgoing.c.occasion.in_([each.value for each in occasions]),
                _outgoing.c.created_at >= since_ms,
            )
            .group_by(_outgoing.c.recipient, _outgoing.c.occasion)
        )
        for recipient, occasion, count in connection.execute(query):
            found[recipient, Occasion(occasion)] = count
    return found


def count_since(
    connection: Connection,
    community: int,
    account: str,
    occasions: Sequence[Occasion],
    since_ms: int,
) -> int:
    """Return of how many things of some occasions an account was told since a time, to however many contacts."""
    query = (
        select(func.count(_outgoing.c.mark.distinct()))
        .select_from(_outgoing)
        .where(_outgoing.c.community == community, _outgoing.c.account == account)
        .where(_outgoing.c.created_at > since_ms)
        .where(_outgoing.c.occasion.in_([each.value for each in occasions]))
    )
    return connection.scalar(query) or 0


def waiting(connection: Connection, community: int) -> int:
    """Return how many messages wait to be sent, now or later."""
    query = (
        select(func.count())
        .select_from(_outgoing)
        .where(_outgoing.c.community == community, _outgoing.c.due_at.is_not(None))
    )
    return connection.scalar(query) or 0


def _due(query: Select[tuple[str]], community: int, now_ms: int) -> Select[tuple[str]]:
    return query.where(
        _outgoing.c.community == community,
        _outgoing.c.due_at <= now_ms,
        _outgoing.c.claimed_until <= now_ms,
    )


def _held(community: int, claimed: str, message_id: str) -> Any:
    return (
        (_outgoing.c.community == community)
        & (_outgoing.c.id == message_id)
        & (_outgoing.c.claim == claimed)
    )


def _message(row: Row[Any]) -> Outgoing:
    return Outgoing(
        *(row.id, row.recipient, row.mark, row.account),
        *(Way(row.kind), Occasion(row.occasion), bytes(row.body), row.attempts),
    )
