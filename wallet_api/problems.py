"""Errors over HTTP: RFC 9457 problems, each with a slug and a sentence that says what to do.

>>> problem(404, "not-found", "There is nothing at this address.").status_code
404
"""

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


def problem(status: int, slug: str, detail: str) -> JSONResponse:
    """Return a problem as ``application/problem+json``."""
    return JSONResponse(
        {
            "type": f"urn:commonwatt:problem:{slug}",
            "title": slug.replace("-", " "),
            "status": status,
            "detail": detail,
        },
        status_code=status,
        media_type="application/problem+json",
    )


def status_of(error: CommonwattError) -> tuple[int, str]:
    """Return the HTTP status and the slug of an error.

    >>> status_of(InputError("x"))
    (400, 'malformed')
    """
    return next(answer for kind, answer in _STATUSES if isinstance(error, kind))


_STATUSES: tuple[tuple[type[CommonwattError], tuple[int, str]], ...] = (
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


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered as a problem."""

    @app.exception_handler(CommonwattError)
    def _ours(_request: Request, error: CommonwattError) -> JSONResponse:
        return problem(*status_of(error), str(error))

    @app.exception_handler(SQLAlchemyError)
    def _database(_request: Request, _error: SQLAlchemyError) -> JSONResponse:
        return problem(503, "not-ready", "The database does not answer. See 'commonwatt db check'.")

    @app.exception_handler(HTTPException)
    def _http(_request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:  # noqa: PLR2004 - HTTP's number for not found
            return problem(404, "not-found", "There is nothing at this address. See / and /docs.")
        return problem(error.status_code, "not-allowed", str(error.detail))

    @app.exception_handler(RequestValidationError)
    def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, "invalid-input", f"{where}: {first['msg']}")
