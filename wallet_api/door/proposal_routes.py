"""``/v1/proposals``: a statement that needs several signatures waits here for those that lack.

Two operators in two places, two phones of a careful member, a new phone beside the old one: each signs the same
bytes on a device of its own, and with the last signature the statement is logged. Nothing counts before.

>>> router.prefix
'/v1'
"""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.errors import InputError, RefusedError, SignatureError
from ledger.kinds import COMMUNITY, a_kind
from ledger.primitives.signing import ENVELOPE_BYTES_MAX, Envelope, key_id_of
from ledger.statements import Statement, check_statement
from ledger.writer import Draft
from settlement.closing import check_named
from settlement.community import Community
from settlement.reception import FROM_OUTSIDE, Taken
from wallet_api.bodies import read_body
from wallet_api.door import proposal_store
from wallet_api.door.access import Allowed, Entry, Visit
from wallet_api.door.desk import Desk
from wallet_api.door.errors import NotAllowedError, NotThereError
from wallet_api.door.identity import MEMBERS, Role
from wallet_api.door.pages import PAGE, Cursor, Limit, cursor_of, id_in, number_in, read_cursor
from wallet_api.door.proposal_store import PROPOSAL_MS, Proposal, merged
from wallet_api.door.wire import Id, Model, Time, envelope_of
from wallet_api.problems import problems

SIGNERS = (*MEMBERS, Role.OPERATOR, Role.HELPER)
"""Who may put a statement here; whoever knows its id may sign it."""


class ProposalOut(Model):
    """A statement that lacks signatures, or got the last one."""

    id: Id
    account: str = Field(description="Whom it is about: a member's id, or `community`.")
    kind: str = Field(examples=["issue"])
    payload: str = Field(
        description="What is signed, in base64: look at it before you sign it.", examples=["eyJ…"]
    )
    payload_type: str = Field(examples=["application/vnd.commonwatt.issue.v1+json"])
    signed_by: list[str] = Field(description="Ids of the keys that signed so far.")
    created_at: Time
    expires_at: Time = Field(description="When it is dropped, if signatures still lack.")
    log_entry: int | None = Field(default=None, description="Its position in the log, once there.")
    lacks: str | None = Field(default=None, description="What it waits for, in words.")


class ProposalsOut(Model):
    """Statements that lack signatures, the oldest first."""

    items: list[ProposalOut]
    next: str | None = Field(
        default=None, description="Cursor of the next page; absent at the end."
    )


_ALL = (
    "malformed",
    "not-signed",
    "conflict",
    "refused",
    "too-long",
    "too-slow",
    "busy",
    "not-ready",
)


router = APIRouter(prefix="/v1", tags=["Statements"])


@router.post(
    "/proposals",
    response_model=ProposalOut,
    status_code=201,
    summary="Ask others to sign a statement",
    description="The body is its envelope, signed by whoever asks and perhaps others.",
    responses=problems("not-signed-in", "not-allowed", *_ALL),
    openapi_extra=envelope_of(ENVELOPE_BYTES_MAX),
)
async def propose(
    request: Request, entry: Annotated[Entry, Depends(Allowed(*SIGNERS))]
) -> Response:
    """Keep a statement that lacks signatures, signed by whoever asks."""
    body = await read_body(request, ENVELOPE_BYTES_MAX)
    if isinstance(body, Response):
        return body
    told = await run_in_threadpool(_propose, request.app.state.desk, entry, body)
    return _answer(told, 201)


@router.get(
    "/proposals",
    response_model_exclude_none=True,
    summary="What waits for signatures",
    description="A member's own; for operators and helpers everybody's.",
    responses=problems("malformed", "invalid-input", "not-signed-in", "not-allowed", "busy"),
)
def waiting(
    request: Request,
    entry: Annotated[Entry, Depends(Allowed(*SIGNERS))],
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> ProposalsOut:
    """List what waits."""
    desk: Desk = request.app.state.desk
    after = (0, "")
    if cursor is not None:
        created, last = read_cursor(cursor, 2)
        after = (number_in(created), id_in(last))
    with entry.open() as visit:
        accounts = [visit.account] if visit.who.is_member else None
        found = proposal_store.open_of(
            visit.connection,
            visit.community.writer.community,
            accounts,
            desk.now_ms(),
            after,
            limit + 1,
        )
    shown = found[:limit]
    more = cursor_of(str(shown[-1].created_ms), shown[-1].id) if len(found) > limit else None
    return ProposalsOut(items=[_out(each) for each in shown], next=more)


@router.get(
    "/proposals/{proposal_id}",
    response_model_exclude_none=True,
    summary="One statement that lacks signatures",
    description="Whoever knows its id, which nobody can guess, may look: a new phone has no session yet.",
    responses=problems("invalid-input", "not-found", "busy", "not-ready"),
)
def look(
    request: Request, proposal_id: Annotated[Id, Path(description="The statement's id.")]
) -> ProposalOut:
    """Show one statement that lacks signatures."""
    desk: Desk = request.app.state.desk
    with desk.here.reading() as (community, connection):
        number = community.writer.community
        found = proposal_store.find(connection, number, proposal_id, desk.now_ms())
    if found is None:
        raise NotThereError(NOT_WAITING)
    return _out(found)


@router.post(
    "/proposals/{proposal_id}/signatures",
    response_model=ProposalOut,
    summary="Sign a statement that lacks signatures",
    description=(
        "The body is the same statement's envelope with a signature that it lacks. With the last one it is"
        " logged: then `log_entry` is there."
    ),
    responses=problems("invalid-input", "not-found", *_ALL),
    openapi_extra=envelope_of(ENVELOPE_BYTES_MAX),
)
async def sign(
    request: Request, proposal_id: Annotated[Id, Path(description="The statement's id.")]
) -> Response:
    """Add a signature, and log the statement if it was the last one."""
    body = await read_body(request, ENVELOPE_BYTES_MAX)
    if isinstance(body, Response):
        return body
    told = await run_in_threadpool(_sign, request.app.state.desk, proposal_id, body)
    return _answer(told, 200)


@router.delete(
    "/proposals/{proposal_id}",
    status_code=204,
    summary="Take a statement back that lacks signatures",
    responses=problems(
        *("invalid-input", "not-signed-in", "not-allowed", "not-found", "busy", "not-ready")
    ),
)
def take_back(
    request: Request,
    proposal_id: Annotated[Id, Path(description="The statement's id.")],
    entry: Annotated[Entry, Depends(Allowed(*SIGNERS))],
) -> Response:
    """Drop a statement: whoever signed it first may, or whose account it is about."""
    desk: Desk = request.app.state.desk
    with entry.open() as visit:
        number = visit.community.writer.community
        found = proposal_store.find(visit.connection, number, proposal_id, desk.now_ms())
        if found is None or not _may_drop(visit, found):
            raise NotThereError(NOT_WAITING)
    with desk.here.writing() as (_, connection):
        proposal_store.drop(connection, number, proposal_id)
    return Response(status_code=204)


NOT_WAITING = "No statement of this id waits for signatures here."


def _may_drop(visit: Visit, proposal: Proposal) -> bool:
    """Return whether somebody may take a proposal back: who signed it first, or whose account it is."""
    first = Envelope.decode(proposal.envelope).signatures[0][0]
    mine = visit.who.is_member and proposal.account == visit.account
    return proposal.entry is None and (mine or first == visit.who.key_id)


def _propose(desk: Desk, entry: Entry, body: bytes) -> ProposalOut:
    now_ms = desk.now_ms()
    with entry.open() as visit:
        statement = Statement.decode(body)
        if statement.kind not in FROM_OUTSIDE:
            raise InputError(f"This door does not take {a_kind(statement.kind)}.")
        check_statement(statement)
        kind, fields = statement.deed
        check_named(visit.community.state.closed, kind, statement.account, fields)
        community, number = visit.community, visit.community.writer.community
        if statement.key_id != visit.who.key_id:
            raise SignatureError("The first signature must be of the key that is signed in.")
        if visit.who.is_member and visit.account not in _sides(statement):
            raise NotAllowedError("A member asks for signatures about their own account.")
        _check_signatures(community, statement)
        there = proposal_store.find(visit.connection, number, statement.id, now_ms)
        is_full = _is_full(visit, statement, now_ms)
    if there is not None:
        return _sign(desk, statement.id, body)
    if is_full:
        raise RefusedError(
            "Too many statements of this account wait: sign them, or take them back."
        )
    expires_ms = min(now_ms + PROPOSAL_MS, statement.body["not_after"])
    if expires_ms <= now_ms:
        raise RefusedError("This statement's time is over (`not_after`): sign a new one.")
    proposal = Proposal(statement.id, statement.account, statement.kind, body, now_ms, expires_ms)
    with desk.here.writing() as (_, connection):
        # The same may have come twice at once: the other one is kept.
        meanwhile = proposal_store.find(connection, number, statement.id, now_ms)
        if meanwhile is None:
            proposal_store.save(connection, number, proposal, now_ms)
    return _out(proposal) if meanwhile is None else _sign(desk, statement.id, body)


def _is_full(visit: Visit, statement: Statement, now_ms: int) -> bool:
    """Return whether a key has as many statements about an account waiting as it may.

    What others put up does not count: else a neighbour, or a helper, could keep somebody from signing anything.
    """
    number = visit.community.writer.community
    waiting = proposal_store.all_about(visit.connection, number, statement.account, now_ms)
    mine = [
        each
        for each in waiting
        if Envelope.decode(each.envelope).signatures[0][0] == visit.who.key_id
    ]
    return len(mine) >= proposal_store.OPEN_MAX


def _sides(statement: Statement) -> set[str]:
    """Return whose accounts a statement is about."""
    return {statement.account, str(statement.body.get("buyer", statement.account))}


def _sign(desk: Desk, proposal_id: str, body: bytes) -> ProposalOut:
    statement = Statement.decode(body)
    with desk.here.reading() as (community, connection):
        number = community.writer.community
        found = proposal_store.find(connection, number, proposal_id, desk.now_ms())
        if found is None:
            raise NotThereError(NOT_WAITING)
        if found.entry is not None:
            return _out(found)
        before = Statement.decode(found.envelope)
        if statement.tx_id != before.tx_id:
            raise InputError("This is not the statement that waits: sign the very same bytes.")
        _check_signatures(community, statement)
    with desk.here.writing() as (_, connection):
        # Two may sign at once: what the other added meanwhile is kept.
        latest = proposal_store.find(connection, number, proposal_id, desk.now_ms())
        if latest is None:
            raise NotThereError(NOT_WAITING)
        if latest.entry is not None:
            return _out(latest)
        envelope = merged(Envelope.decode(latest.envelope), statement.envelope).encode()
        proposal_store.put(connection, number, proposal_id, envelope, None)
    answer = desk.here.submit(Draft(envelope)).answer
    if isinstance(answer, SignatureError):
        return _out(found, envelope, lacks=str(answer))
    if not isinstance(answer, Taken):
        raise answer
    with desk.here.writing() as (_, connection):
        proposal_store.put(connection, number, proposal_id, envelope, answer.entry)
    return _out(found, envelope, entry=answer.entry)


def _check_signatures(community: Community, statement: Statement) -> None:
    """Refuse signatures that do not hold, or of keys that nobody knows, and other ledgers' statements.

    They could never be logged, and would only be in the way.

    Raises:
        SignatureError: says which.
    """
    if statement.body["ledger"] != community.writer.origin:
        raise SignatureError(f"This statement is for the ledger {statement.body['ledger']}.")
    keys = _keys_for(community, statement)
    statement.envelope.verified_by([])  # a key that signs twice would look like two
    for key_id, signature in statement.envelope.signatures:
        one = Envelope(
            statement.envelope.payload_type, statement.envelope.body, ((key_id, signature),)
        )
        if key_id not in keys or not one.verified_by([keys[key_id]]):
            raise SignatureError(f"The signature of the key {key_id[:8]} does not count here.")


def _keys_for(community: Community, statement: Statement) -> dict[str, bytes]:
    """Return the keys that may sign a statement, by id: the roster's, the members', and new ones in it."""
    book, body = community.writer.key_book, statement.body
    keys = [key for of in book.roles.values() for key in of]
    for account in _sides(statement) - {COMMUNITY}:
        if account in book.members:
            keys += book.members[account].at(community.writer.now_period()).keys
    named = body.get("keys", [])
    for each in [*named, body.get("code_key")]:
        text = each.get("key") if isinstance(each, dict) else each
        if isinstance(text, str):
            keys.append(bytes.fromhex(text))
    return {key_id_of(key): key for key in keys}


def _out(
    proposal: Proposal,
    envelope: bytes | None = None,
    *,
    entry: int | None = None,
    lacks: str | None = None,
) -> ProposalOut:
    decoded = Envelope.decode(envelope or proposal.envelope)
    return ProposalOut(
        id=proposal.id,
        account=proposal.account,
        kind=proposal.kind,
        payload=base64.b64encode(decoded.body).decode(),
        payload_type=decoded.payload_type,
        signed_by=[key_id for key_id, _ in decoded.signatures],
        created_at=proposal.created_ms,
        expires_at=proposal.expires_ms,
        log_entry=proposal.entry if entry is None else entry,
        lacks=lacks,
    )


def _answer(told: ProposalOut, status: int) -> Response:
    body = told.model_dump_json(exclude_none=True)
    return Response(body, status_code=status, media_type="application/json")
