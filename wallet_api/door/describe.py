"""The interface's description: what OpenAPI says beyond what the routes say themselves.

>>> "RFC 9457" in DESCRIPTION
True
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from wallet_api.problems import KINDS, PROBLEM_SCHEMA, problems

DESCRIPTION = """\
A neighbourhood trades its own electricity. This is the one door for phones, tills, meters' adapters,
operators and auditors.

**Nothing changes without a signature.** Whatever changes anything is a statement, signed on a device and
handed in at `POST /v1/statements`; the server has no other way to change anything, and the log
shows everybody that it did not. `docs/spec/statements.md` says how statements are made.

**Reading needs a session.** A device asks for a challenge, signs it, and shows what it gets as
`Authorization: Bearer …` for half an hour. Nobody sees another member's account: what is another's and what
is not there are answered alike.

**Amounts** are whole numbers: money in 0.0000001 of the currency's unit, energy in Wh, prices in
0.0001 a kWh. Times are Unix milliseconds, half-hours count from 1970 (`period` 0 begins 1970-01-01 00:00 UTC).

**Lists** come in pages: `next` is shown as `?cursor=…` for the page after. **ETags** save what is
known already: show it as `If-None-Match`.

**Problems** are RFC 9457: `type` names the kind, `detail` is a sentence for people that says what to do.
"""


def describe(app: FastAPI) -> None:
    """Let an application's description hold the schema of problems, and name them all."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description + _listed(),
                routes=app.routes,
            )
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Problem"] = dict(PROBLEM_SCHEMA)
            for path in found["paths"].values():
                for operation in path.values():
                    _completed(operation)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _completed(operation: dict[str, Any]) -> None:
    """Put our problem in the place of the framework's own, and add what every address may answer."""
    responses = operation["responses"]
    refused = responses.get("422", {})
    schema = refused.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("HTTPValidationError"):
        responses["422"] = problems("invalid-input")[422]
    for status, told in problems("busy", "failed", "not-ready").items():
        responses.setdefault(str(status), told)


def _listed() -> str:
    rows = [
        f"| `{slug}` | {kind.status} | {kind.meaning} | {kind.remedy} |"
        for slug, kind in KINDS.items()
    ]
    return "\n".join(
        ["", "| problem | status | what it means | what to do |", "|---|---|---|---|", *rows, ""]
    )
