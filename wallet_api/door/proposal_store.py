"""Statements that lack signatures, while others are asked for theirs.

>>> PROPOSAL_MS // 86_400_000
14
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from ledger.errors import RefusedError
from ledger.primitives.signing import SIGNATURES_MAX, Envelope
from wallet_api.door.tables import ProposalRow

PROPOSAL_MS = 14 * 24 * 3_600_000
"""How long a statement waits for signatures; its own ``not_after`` may come earlier."""

OPEN_MAX = 100
"""Most statements about one account that wait at a time, of those that one key signed first."""

_proposals = ProposalRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A statement that lacks signatures.

    Attributes:
        id: the statement's.
        account: whom it is about: a member's id, or ``community``.
        kind: of the statement.
        envelope: with the signatures so far.
        created_ms: when it was put here.
        expires_ms: when it is dropped.
        entry: its position in the log, once it is there.
    """

    id: str
    account: str
    kind: str
    envelope: bytes
    created_ms: int
    expires_ms: int
    entry: int | None = None


def merged(one: Envelope, other: Envelope) -> Envelope:
    """Return an envelope with the signatures of two of the same content, the first one's first.

    Raises:
        RefusedError: together they are more than an envelope holds.
    """
    known = {key_id for key_id, _ in one.signatures}
    more = tuple(pair for pair in other.signatures if pair[0] not in known)
    if len(one.signatures) + len(more) > SIGNATURES_MAX:
        raise RefusedError(f"An envelope holds {SIGNATURES_MAX} signatures, and this one is full.")
    return Envelope(one.payload_type, one.body, one.signatures + more)


def save(connection: Connection, community: int, proposal: Proposal, now_ms: int) -> None:
    """Keep a new statement that lacks signatures; what is too old is dropped."""
    old = (_proposals.c.community == community) & (_proposals.c.expires_at < now_ms)
    connection.execute(delete(_proposals).where(old))
    row = {
        "community": community,
        "id": proposal.id,
        "account": proposal.account,
        "kind": proposal.kind,
        "envelope": proposal.envelope,
        "created_at": proposal.created_ms,
        "expires_at": proposal.expires_ms,
        "entry": None,
    }
    connection.execute(insert(_proposals).values(**row))


def find(connection: Connection, community: int, proposal_id: str, now_ms: int) -> Proposal | None:
    """Return a proposal that is not too old."""
    row = connection.execute(
        select(_proposals).where(
            _proposals.c.community == community, _proposals.c.id == proposal_id
        )
    ).one_or_none()
    return None if row is None or row.expires_at < now_ms else _proposal(row)


def open_of(
    connection: Connection,
    community: int,
    accounts: Sequence[str] | None,
    now_ms: int,
    after: tuple[int, str] = (0, ""),
    count: int = OPEN_MAX,
) -> list[Proposal]:
    """Return what waits, the oldest first.

    Args:
        connection: an open transaction.
        community: its number.
        accounts: only about these; about all if left out.
        now_ms: the time.
        after: (created, id) of the last one seen.
        count: most of them.
    """
    created, proposal_id = after
    later = or_(
        _proposals.c.created_at > created,
        and_(_proposals.c.created_at == created, _proposals.c.id > proposal_id),
    )
    query = select(_proposals).where(
        _proposals.c.community == community,
        _proposals.c.entry.is_(None),
        _proposals.c.expires_at >= now_ms,
        later,
    )
    if accounts is not None:
        query = query.where(_proposals.c.account.in_(accounts))
    query = query.order_by(_proposals.c.created_at, _proposals.c.id).limit(count)
    return [_proposal(row) for row in connection.execute(query)]


def all_about(connection: Connection, community: int, account: str, now_ms: int) -> list[Proposal]:
    """Return every statement about an account that waits."""
    rows = connection.execute(
        select(_proposals).where(
            _proposals.c.community == community,
            _proposals.c.account == account,
            _proposals.c.entry.is_(None),
            _proposals.c.expires_at >= now_ms,
        )
    )
    return [_proposal(row) for row in rows]


def all_open(connection: Connection, community: int) -> list[Proposal]:
    """Return every statement that waits, whatever its age."""
    rows = connection.execute(
        select(_proposals).where(_proposals.c.community == community, _proposals.c.entry.is_(None))
    )
    return [_proposal(row) for row in rows]


def put(
    connection: Connection, community: int, proposal_id: str, envelope: bytes, entry: int | None
) -> None:
    """Store the signatures so far, and where the statement stands in the log if it does."""
    mine = (_proposals.c.community == community) & (_proposals.c.id == proposal_id)
    connection.execute(update(_proposals).where(mine).values(envelope=envelope, entry=entry))


def drop(connection: Connection, community: int, proposal_id: str) -> None:
    """Forget a proposal."""
    mine = (_proposals.c.community == community) & (_proposals.c.id == proposal_id)
    connection.execute(delete(_proposals).where(mine))


def _proposal(row: Row[int, str, str, str, bytes, int, int, int | None]) -> Proposal:
    return Proposal(
        row.id,
        row.account,
        row.kind,
        bytes(row.envelope),
        row.created_at,
        row.expires_at,
        row.entry,
    )
