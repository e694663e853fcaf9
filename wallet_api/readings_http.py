"""``POST /v1/readings``: signed batches of readings over HTTP.

>>> results([RefusedError("The batch is late.")])["results"][0]["status"]
422
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ledger.errors import CommonwattError, RefusedError, SignatureError
from ledger.primitives.periods import utc_text
from meters.wire import REQUEST_BYTES_MAX, decode_request
from wallet_api.bodies import read_body
from wallet_api.door.errors import BusyError
from wallet_api.problems import problem, problem_of, status_of
from wallet_api.readings_door import ReadingsDoor, Taken

__all__ = ["RefusedError", "readings_router", "results"]

NOT_BOUND = (
    "No key signed that may sign this meter's readings of these half-hours: have it bound with"
    " 'commonwatt meters bind-key'."
)
"""What is said to whoever signs with a key that does not count."""

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Logged, or there before; of several, see each one's status."},
    202: {"description": "Held: a batch before it is missing. It is logged once that one came."},
    400: {"description": "Not two lines a batch, or not in canonical form."},
    403: {"description": "No key signed that is bound to this meter in these half-hours."},
    409: {"description": "Another batch took this place in the chain. The operators were told."},
    413: {"description": "Too long."},
    422: {"description": "A rule refuses it; the sentence says which."},
    429: {"description": "Too many wait: come back after Retry-After seconds."},
}


def readings_router(door: ReadingsDoor) -> APIRouter:
    """Return the route by which adapters deliver."""
    router = APIRouter()

    @router.post(
        "/v1/readings",
        summary="Deliver signed batches of readings: two lines each, envelope and readings",
        responses=_RESPONSES,
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
        return {"status": status, "slug": slug, "detail": detail}
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
