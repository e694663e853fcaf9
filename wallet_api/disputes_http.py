"""``POST /v1/disputes`` and ``GET /v1/disputes/{id}``: signed disputes and rulings over HTTP.

What is sent is the signed statement itself, as the member's phone or the operators made it; nothing
else is believed. Whoever knows a dispute's id may see where it stands, and no words of it.

>>> disputes_router.__name__
'disputes_router'
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.errors import InputError
from ledger.statements import Statement
from ledger.writer import Draft
from settlement.community import Community
from wallet_api.bodies import read_body
from wallet_api.cli.dispute import dispute_json
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


def disputes_router(open_community: Callable[[], Community]) -> APIRouter:
    """Return the routes of disputes.

    Args:
        open_community: opens the community that the server serves.
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
        return await run_in_threadpool(_take, open_community, body)

    @router.get(
        "/v1/disputes/{dispute_id}",
        summary="Where a dispute stands",
        description="Whoever knows its id, which nobody can guess, may ask; its words are not shown.",
        responses=problems("invalid-input", "not-found", "busy", "not-ready"),
        response_model=DisputeOut,
        tags=["Disputes"],
    )
    def look(dispute_id: Annotated[Id, Path(description="Of the dispute.")]) -> Response:
        community = open_community()
        with community.reading():
            found = community.state.disputes.disputes.get(dispute_id)
        if found is None:
            return problem(404, "not-found", "There is no dispute of this id.")
        return JSONResponse(dispute_json(found, community.writer.now_period()))

    return router


def _take(open_community: Callable[[], Community], body: bytes) -> Response:
    statement = Statement.decode(body)
    kind, fields = statement.deed
    if statement.kind not in KINDS or kind not in ("dispute", "ruling"):
        raise InputError(f"This address takes disputes and rulings, not {statement.kind}.")
    community = open_community()
    with community.transaction() as connection:
        [position] = community.accept(connection, [Draft(body)])
        named = statement.id if kind == "dispute" else fields["dispute"]
        found = community.state.disputes.of(named)
    content = dispute_json(found, community.writer.now_period()) | {"log_entry": position}
    return JSONResponse(content, status_code=201)
