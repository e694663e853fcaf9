"""Errors over HTTP: RFC 9457 problems, each with a slug and a sentence that says what to do.

>>> problem(404, "not-found", "There is nothing at this address.").status_code
404
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from ledger.errors import (
    CommonwattError,
    ConflictError,
    InputError,
    LogError,
    PeerError,
    RefusedError,
    SetupError,
    SignatureError,
)
from settlement.errors import ImpossibleValueError, SigningTimeError
from wallet_api.door.errors import (
    BusyError,
    NotAllowedError,
    NotSetUpError,
    NotSignedInError,
    NotThereError,
)

MEDIA_TYPE = "application/problem+json"

DETAIL_MAX = 1_000
"""Longest detail, in characters: sentences name the wrong value, which may be of any length."""


class Kind(NamedTuple):
    """A kind of problem: HTTP's status, what it means, and what to do about it."""

    status: int
    meaning: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    "malformed": Kind(
        400,
        "The request is not of the form that this address takes; `detail` names the place.",
        "Mend what made it. Sending the same again does not help.",
    ),
    "not-signed-in": Kind(
        401,
        "This address needs a session, and there is none, or it has ended.",
        "Sign in again: ask for a challenge, sign it on the device.",
    ),
    "not-signed": Kind(
        403,
        "The keys that count did not sign this.",
        "Sign with a key that counts now; a key may have been given up or frozen.",
    ),
    "not-allowed": Kind(
        403,
        "Whoever is signed in may not do this here.",
        "Somebody in another role has to do it; `detail` says who.",
    ),
    "not-found": Kind(
        404,
        "There is nothing here, or nothing that you may see: the two look alike.",
        "Look at the address, and at the id.",
    ),
    "not-set-up": Kind(
        404,
        "This server does not offer this: its operators did not set it up.",
        "Use another way; operators find it in the documentation.",
    ),
    "wrong-method": Kind(
        405, "This address does not take this method.", "See /docs for what it takes."
    ),
    "too-slow": Kind(408, "The request's body did not come in time.", "Send it again."),
    "conflict": Kind(
        409,
        "The same id or number came before with other content; `field` names what differs.",
        "Make a new statement with a new id and the key's next number.",
    ),
    "changed": Kind(
        412,
        "What you wanted to change is not any more what you saw.",
        "Read it again, then decide again.",
    ),
    "too-long": Kind(413, "The request's body is too long.", "Send less at a time."),
    "refused": Kind(
        422,
        "A rule of the community refuses it; `detail` says which. Nothing was written.",
        "Do what `detail` says. Sending the same again does not help.",
    ),
    "invalid-input": Kind(
        422,
        "A value is not of its type or not within its limits; `detail` names it.",
        "Mend the value.",
    ),
    "impossible-value": Kind(
        422, "A reading is above what its connection can carry.", "Look at the meter."
    ),
    "signing-time": Kind(422, "A batch was signed in the future.", "Set the device's clock right."),
    "busy": Kind(
        429,
        "Too many requests from here, for this key, or altogether.",
        "Wait as many seconds as `Retry-After` says, then send the same again.",
    ),
    "failed": Kind(
        500,
        "The program failed. Nothing was written.",
        "Send the same again once; then tell the operators the time of it.",
    ),
    "peer": Kind(502, "Another server does not answer as it should.", "Try again later."),
    "not-ready": Kind(
        503,
        "The server cannot work now: no database, no community, or it is being changed.",
        "Try again later; operators see `detail`.",
    ),
}
"""Every problem that is answered, by its slug."""


def problem(status: int, slug: str, detail: str, **more: str) -> JSONResponse:
    """Return a problem as ``application/problem+json``."""
    return JSONResponse(
        {
            "type": f"urn:commonwatt:problem:{slug}",
            "title": slug.replace("-", " "),
            "status": status,
            "detail": shorten(detail),
            **more,
        },
        status_code=status,
        media_type=MEDIA_TYPE,
    )


def shorten(detail: str) -> str:
    """Return a sentence that repeats no more of what was sent than a person would read.

    >>> len(shorten("x" * 50_000))
    1000
    """
    return detail if len(detail) <= DETAIL_MAX else detail[: DETAIL_MAX - 1] + "…"


def problems(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's responses for the problems that an address may answer.

    >>> sorted(problems("refused", "malformed"))
    [400, 422]
    """
    found: dict[int | str, dict[str, Any]] = {}
    for slug in slugs:
        kind = KINDS[slug]
        example = {
            "type": f"urn:commonwatt:problem:{slug}",
            "title": slug.replace("-", " "),
            "status": kind.status,
            "detail": kind.meaning.replace("`", ""),
        }
        of = found.setdefault(
            kind.status,
            {
                "description": "",
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        of["content"][MEDIA_TYPE]["examples"][slug] = {"value": example}
        said = f"**{slug}**: {kind.meaning} {kind.remedy}"
        of["description"] = "\n\n".join(filter(None, (of["description"], said)))
    return found


PROBLEM_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "description": "What went wrong, and what to do: RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Names the kind of problem; it never changes.",
            "enum": [f"urn:commonwatt:problem:{slug}" for slug in KINDS],
        },
        "title": {"type": "string", "description": "The slug in words."},
        "status": {"type": "integer", "description": "HTTP's status."},
        "detail": {"type": "string", "description": "A sentence for people: what to do."},
        "field": {"type": "string", "description": "Of a conflict: what differs."},
    },
}
"""The one schema of every problem."""


def status_of(error: CommonwattError) -> tuple[int, str]:
    """Return the HTTP status and the slug of an error.

    >>> status_of(InputError("x"))
    (400, 'malformed')
    """
    return next(answer for kind, answer in _STATUSES if isinstance(error, kind))


def problem_of(error: CommonwattError) -> JSONResponse:
    """Return an error as a problem."""
    status, slug = status_of(error)
    more = {"field": error.field} if isinstance(error, ConflictError) else {}
    answer = problem(status, slug, str(error), **more)
    if isinstance(error, BusyError):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, NotSignedInError):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


_STATUSES: tuple[tuple[type[CommonwattError], tuple[int, str]], ...] = (
    (BusyError, (429, "busy")),
    (NotSignedInError, (401, "not-signed-in")),
    (NotAllowedError, (403, "not-allowed")),
    (NotThereError, (404, "not-found")),
    (NotSetUpError, (404, "not-set-up")),
    (SetupError, (503, "not-ready")),
    (LogError, (503, "not-ready")),
    (PeerError, (502, "peer")),
    (InputError, (400, "malformed")),
    (SignatureError, (403, "not-signed")),
    (ConflictError, (409, "conflict")),
    (ImpossibleValueError, (422, "impossible-value")),
    (SigningTimeError, (422, "signing-time")),
    (RefusedError, (422, "refused")),
    (CommonwattError, (400, "refused")),
)
"""HTTP's status and our slug for each error of the tree, the first that fits."""

_BY_STATUS = {
    404: ("not-found", "There is nothing at this address. See / and /docs."),
    405: ("wrong-method", "This address does not take this method. See /docs."),
}
"""What the framework itself answers."""


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered as a problem."""

    @app.exception_handler(CommonwattError)
    def _ours(_request: Request, error: CommonwattError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(Exception)
    def _failed(_request: Request, _error: Exception) -> JSONResponse:
        # The server's log has the rest: what went wrong inside is nobody else's business.
        return problem(500, "failed", f"{KINDS['failed'].meaning} {KINDS['failed'].remedy}")

    @app.exception_handler(SQLAlchemyError)
    def _database(_request: Request, _error: SQLAlchemyError) -> JSONResponse:
        return problem(503, "not-ready", "The database does not answer. See 'commonwatt db check'.")

    @app.exception_handler(HTTPException)
    def _http(_request: Request, error: HTTPException) -> JSONResponse:
        said = str(error.detail)
        by_status = {408: ("too-slow", said), 413: ("too-long", said), **_BY_STATUS}
        slug, detail = by_status.get(error.status_code, ("malformed", said))
        return problem(error.status_code, slug, detail)

    @app.exception_handler(RequestValidationError)
    def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = re.sub(r"\s+", " ", str(first["msg"]))
        return problem(422, "invalid-input", f"{where}: {said}")
