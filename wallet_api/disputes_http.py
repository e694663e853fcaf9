"""``POST /v1/disputes`` and ``GET /v1/disputes/{id}``: signed disputes and rulings over HTTP.

What is sent is the signed statement itself, as the member's phone or the operators made it; nothing
else is believed. Whoever knows a dispute's id may see where it stands, and no words of it.

>>> disputes_router.__name__
'disputes_router'
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.errors import CommonwattError, InputError
from ledger.statements import Statement
from ledger.writer import Draft
from wallet_api.bodies import read_body
from wallet_api.cli.dispute import dispute_json
from wallet_api.door.desk import Desk
from wallet_api.door.outside import refusal
from wallet_api.door.rate import place_of
from wallet_api.door.wire import Id, Model, envelope_of
from wallet_api.problems import problem, problems

STATEMENT_BYTES_MAX = 100_000
"""Longest envelope."""

KINDS = ("dispute", "ruling", "act_for")
"""Kinds that this door takes; a helper disputes for a member."""


class DisputeOut(Model):
    """Where a dispute stands; who raised it, and with which words, is not told."""

    id: Id
    state: str = Field(description="How it stands.", examples=["open"])
    day: str = Field(description="The local day that it is about.", examples=["2026-06-15"])
    run: str = Field(description="The run that it is about.", examples=["SF"])
    first: int = Field(description="The first half-hour that it is about.", examples=[989736])
    periods: int = Field(description="How many half-hours.", examples=[48])
    units: int = Field(description="What it is about, in 0.0000001 of the currency's unit.")
    raised: int = Field(description="The half-hour in which it was raised.")
    until: int = Field(description="The last half-hour in which it may be ruled on.")
    log_entry: int | None = Field(
        default=None, description="What was handed in stands there in the log."
    )


def disputes_router(desk: Desk) -> APIRouter:
    """Return the routes of disputes.

    Args:
        desk: the server's state.
    """
    router = APIRouter()

    @router.post(
        "/v1/disputes",
        summary="Deliver a signed dispute, or the operators' signed ruling",
        description="The body is the envelope of a `dispute` or `ruling`, or of an `act_for` that holds a dispute.",
        responses=problems(
            *("malformed", "not-signed", "conflict", "refused", "too-long", "too-slow"),
            *("busy", "not-ready"),
        ),
        response_model=DisputeOut,
        status_code=201,
        tags=["Disputes"],
        openapi_extra=envelope_of(STATEMENT_BYTES_MAX),
    )
    async def deliver(request: Request) -> Response:
        body = await read_body(request, STATEMENT_BYTES_MAX)
        if isinstance(body, Response):
            return body
        statement = _read(body)
        desk.check_signer(place_of(request.client and request.client.host), statement.key_id)
        logged = await asyncio.wrap_future(desk.here.begin(Draft(body, statement=statement)))
        if isinstance(logged.answer, CommonwattError):
            return refusal(statement, logged.answer)
        return await run_in_threadpool(_told, desk, statement, logged.answer.entry)

    @router.get(
        "/v1/disputes/{dispute_id}",
        summary="Where a dispute stands",
        description="Whoever knows its id, which nobody can guess, may ask; its words are not shown.",
        responses=problems("invalid-input", "not-found", "busy", "not-ready"),
        response_model=DisputeOut,
        tags=["Disputes"],
    )
    def look(dispute_id: Annotated[Id, Path(description="Of the dispute.")]) -> Response:
        with desk.here.reading() as (community, _):
            found = community.state.disputes.disputes.get(dispute_id)
            now = community.writer.now_period()
        if found is None:
            return problem(404, "not-found", "There is no dispute of this id.")
        return JSONResponse(dispute_json(found, now))

    return router


def _read(body: bytes) -> Statement:
    """Read what was sent.

    Raises:
        InputError: it is neither a dispute nor a ruling.
    """
    statement = Statement.decode(body)
    if statement.kind not in KINDS or statement.deed[0] not in ("dispute", "ruling"):
        raise InputError(f"This address takes disputes and rulings, not {statement.kind}.")
    return statement


def _told(desk: Desk, statement: Statement, entry: int) -> Response:
    kind, fields = statement.deed
    with desk.here.reading() as (community, _):
        found = community.state.disputes.of(
            statement.id if kind == "dispute" else fields["dispute"]
        )
        now = community.writer.now_period()
    return JSONResponse(dispute_json(found, now) | {"log_entry": entry}, status_code=201)
