"""``/v1/statements``: whatever changes anything comes in here, signed on a device.

No session is asked for: the signature says who it is. So a payment that was signed offline can be handed
in by whoever is paid.

>>> router.prefix
'/v1'
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from ledger import log_known
from ledger.errors import CommonwattError, InputError
from ledger.primitives.signing import ENVELOPE_BYTES_MAX
from ledger.statements import Statement
from ledger.writer import Draft
from settlement.reception import FROM_OUTSIDE, Taken
from wallet_api.bodies import read_body
from wallet_api.door.desk import Desk
from wallet_api.door.errors import NotThereError
from wallet_api.door.outside import refusal
from wallet_api.door.rate import place_of
from wallet_api.door.wire import Id, Model, envelope_of
from wallet_api.problems import problems

OTHER_DOORS = {"reading_batch": "/v1/readings"}
"""Kinds that come in elsewhere."""


class LoggedOut(Model):
    """Where a statement stands in the log: durable when this is answered."""

    id: Id = Field(description="The statement's id.")
    kind: str = Field(description="What it is.", examples=["transfer"])
    tx_id: str = Field(description="SHA-256 of what was signed: names it for ever.")
    log_entry: int = Field(description="Its position in the log.", examples=[1041])
    repeated: bool = Field(description="It was there before: this is the first time's answer.")
    head: str | None = Field(
        default=None,
        description="The log's signed head after it: keep the latest. Absent where one only looks.",
    )


router = APIRouter(prefix="/v1", tags=["Statements"])


@router.post(
    "/statements",
    response_model=LoggedOut,
    status_code=201,
    summary="Hand in a signed statement",
    description=(
        "The body is the statement's DSSE envelope in its one encoding, as `docs/spec/statements.md` has"
        " it. The same again is answered as the first time, so whoever got no answer sends it again."
        f" Kinds: {', '.join(f'`{kind}`' for kind in sorted(FROM_OUTSIDE))}."
    ),
    responses={
        200: {"description": "It was there before.", "model": LoggedOut},
        **problems(
            *("malformed", "not-signed", "conflict", "refused", "too-long", "too-slow"),
            *("busy", "not-ready"),
        ),
    },
    openapi_extra=envelope_of(ENVELOPE_BYTES_MAX),
)
async def deliver(request: Request) -> Response:
    """Log a signed statement."""
    body = await read_body(request, ENVELOPE_BYTES_MAX)
    if isinstance(body, Response):
        return body
    desk: Desk = request.app.state.desk
    statement = Statement.decode(body)
    if statement.kind in OTHER_DOORS:
        raise InputError(f"A {statement.kind} goes to {OTHER_DOORS[statement.kind]}.")
    desk.check_signer(place_of(request.client and request.client.host), statement.key_id)
    # One thread writes for everybody: waiting for it takes no thread a request.
    logged = await asyncio.wrap_future(desk.here.begin(Draft(body, statement=statement)))
    if isinstance(logged.answer, CommonwattError):
        return refusal(statement, logged.answer)
    told = logged_out(logged.answer, logged.head)
    status = 200 if logged.answer.repeated else 201
    return JSONResponse(told.model_dump(mode="json"), status_code=status)


@router.get(
    "/statements/{statement_id}",
    response_model_exclude_none=True,
    summary="Where a statement stands",
    description="Whoever knows its id, which nobody can guess, may ask; its content is not shown.",
    responses=problems("invalid-input", "not-found", "busy", "not-ready"),
)
def look(
    request: Request, statement_id: Annotated[Id, Path(description="The statement's id.")]
) -> LoggedOut:
    """Show where a statement stands."""
    desk: Desk = request.app.state.desk
    with desk.here.reading() as (community, connection):
        number = community.writer.community
        found = log_known.where_logged(connection, number, statement_id)
    if found is None:
        raise NotThereError("No statement of this id is in the log.")
    entry, kind, tx_id = found
    return LoggedOut(id=statement_id, kind=kind, tx_id=tx_id, log_entry=entry, repeated=True)


def logged_out(taken: Taken, head: str) -> LoggedOut:
    """Return what is told of a statement in the log."""
    statement = taken.statement
    return LoggedOut(
        id=statement.id,
        kind=statement.kind,
        tx_id=statement.tx_id,
        log_entry=taken.entry,
        repeated=taken.repeated,
        head=head,
    )
