"""``POST /v1/disputes`` and ``GET /v1/disputes/{id}``: signed disputes and rulings over HTTP.

What is sent is the signed statement itself, as the member's phone or the operators made it; nothing
else is believed. Whoever knows a dispute's id may see where it stands, and no words of it.

>>> disputes_router.__name__
'disputes_router'
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ledger.errors import InputError
from ledger.statements import Statement
from ledger.writer import Draft
from settlement.community import Community
from wallet_api.bodies import read_body
from wallet_api.cli.dispute import dispute_json
from wallet_api.problems import problem

STATEMENT_BYTES_MAX = 100_000
"""Longest envelope."""

KINDS = ("dispute", "ruling", "act_for")
"""Kinds that this door takes; a helper disputes for a member."""

_RESPONSES: dict[int | str, dict[str, Any]] = {
    201: {"description": "Logged; or it was there before."},
    400: {"description": "Not a statement of this kind, in its one form."},
    403: {"description": "The right keys did not sign it."},
    413: {"description": "Too long."},
    422: {"description": "A rule refuses it; the sentence says which."},
}


def disputes_router(open_community: Callable[[], Community]) -> APIRouter:
    """Return the routes of disputes.

    Args:
        open_community: opens the community that the server serves.
    """
    router = APIRouter()

    @router.post(
        "/v1/disputes",
        summary="Deliver a signed dispute, or the operators' signed ruling",
        responses=_RESPONSES,
        response_class=JSONResponse,
        status_code=201,
    )
    async def deliver(request: Request) -> Response:
        body = await read_body(request, STATEMENT_BYTES_MAX)
        if isinstance(body, Response):
            return body
        return await run_in_threadpool(_take, open_community, body)

    @router.get("/v1/disputes/{dispute_id}", summary="Where a dispute stands")
    def look(dispute_id: str) -> Response:
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
