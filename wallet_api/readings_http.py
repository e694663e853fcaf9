"""``POST /v1/readings``: signed batches of readings over HTTP.

>>> results([RefusedError("The batch is late.")])["results"][0]["status"]
422
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from ledger.errors import CommonwattError, RefusedError, SignatureError
from ledger.primitives.periods import utc_text
from meters.wire import REQUEST_BYTES_MAX, decode_request
from wallet_api.bodies import read_body
from wallet_api.door.errors import BusyError
from wallet_api.door.wire import Model, lines_of
from wallet_api.problems import problem, problem_of, problems, shorten, status_of
from wallet_api.readings_door import ReadingsDoor, Taken

__all__ = ["RefusedError", "readings_router", "results"]

NOT_BOUND = (
    "No key signed that may sign this meter's readings of these half-hours: have it bound with"
    " 'commonwatt meters bind-key'."
)
"""What is said to whoever signs with a key that does not count."""


class BatchOut(Model):
    """What became of one batch."""

    status: int = Field(description="HTTP's status, as if it had come alone.", examples=[200])
    slug: str | None = Field(default=None, description="The problem, if there was one.")
    detail: str | None = Field(default=None, description="What to do about it.")
    tx_id: str | None = Field(default=None, description="SHA-256 of what was signed.")
    received_at: str | None = Field(
        default=None, description="When it came.", examples=["2026-06-15T00:31:02Z"]
    )
    receipt: str | None = Field(default=None, description="Signed: it came, and when.")
    log_entry: int | None = Field(default=None, description="Its position in the log.")
    waits_for: int | None = Field(default=None, description="The number that is missing.")


class DeliveredOut(Model):
    """What became of each batch, in the order in which they were sent."""

    results: list[BatchOut]


_EXAMPLE = """\
{"payload":"…","payloadType":"application/vnd.commonwatt.reading_batch.v1+json","signatures":[…]}
{"quality":"A","export_wh":[0,0],"import_wh":[212,198],…}
"""

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Logged, or there before; of several, see each one's status.",
        "model": DeliveredOut,
    },
    202: {
        "description": "Held: a batch before it is missing. It is logged once that one came.",
        "model": DeliveredOut,
    },
    **problems(
        *("malformed", "not-signed", "conflict", "refused", "impossible-value", "signing-time"),
        *("too-long", "too-slow", "busy", "not-ready"),
    ),
}


def readings_router(door: ReadingsDoor) -> APIRouter:
    """Return the route by which adapters deliver."""
    router = APIRouter()

    @router.post(
        "/v1/readings",
        summary="Deliver signed batches of readings",
        description=(
            "Two lines a batch: its envelope and its readings, as `docs/spec/readings.md` has them. Asks for"
            " no session: the signature says whose meter it is. The same again is answered as the first time."
        ),
        tags=["Readings"],
        responses=_RESPONSES,
        openapi_extra=lines_of("Signed batches", REQUEST_BYTES_MAX, _EXAMPLE),
        response_class=JSONResponse,
    )
    async def deliver(request: Request) -> Response:
        body = await read_body(request, REQUEST_BYTES_MAX)
        if isinstance(body, Response):
            return body
        return await _deliver(door, body)

    return router


async def _deliver(door: ReadingsDoor, body: bytes) -> Response:
    # One thread writes for everybody: waiting for it takes no thread a request.
    try:
        waiting = door.begin(decode_request(body))
        answers = await asyncio.gather(*map(asyncio.wrap_future, waiting))
    except BusyError as error:
        return problem_of(error)
    content = results(answers)
    if len(answers) > 1:
        return JSONResponse(content)
    [only] = content["results"]
    if "receipt" in only:
        return JSONResponse(content, status_code=only["status"])
    return problem(only["status"], only["slug"], only["detail"])


def results(answers: Sequence[Taken | CommonwattError]) -> dict[str, list[dict[str, Any]]]:
    """Return what became of each batch, in the order in which they were sent."""
    return {"results": [_result(answer) for answer in answers]}


def _result(answer: Taken | CommonwattError) -> dict[str, Any]:
    if isinstance(answer, CommonwattError):
        status, slug = status_of(answer)
        # Which keys there are is nobody's business.
        detail = NOT_BOUND if isinstance(answer, SignatureError) else str(answer)
        return {"status": status, "slug": slug, "detail": shorten(detail)}
    taken = answer.answer
    result: dict[str, Any] = {
        "status": 200 if taken.entry is not None else 202,
        "tx_id": taken.tx_id,
        "received_at": utc_text(taken.received_at_ms // 1000),
        "receipt": answer.receipt,
    }
    if taken.entry is not None:
        result["log_entry"] = taken.entry
    else:
        result["waits_for"] = taken.missing
    return result
