"""``/v1/roster`` and ``/v1/rules``: what a community agreed, for those who work for it and propose the next version.

>>> router.prefix
'/v1'
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from ledger.primitives.signing import key_id_of
from settlement.deeds import last_fields
from wallet_api.door.access import Allowed, Entry
from wallet_api.door.identity import Role
from wallet_api.door.pages import KNOWN, tagged
from wallet_api.door.wire import bytes_in
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["Running a community, for operators"])

Watcher = Annotated[Entry, Depends(Allowed(Role.OPERATOR, Role.HELPER, Role.AUDITOR))]
_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")


@router.get(
    "/roster",
    summary="Whose keys count for the community",
    responses={
        **bytes_in("The fields of a `roster`, and each key's id.", "application/json"),
        **KNOWN,
        **problems(*_SEEN),
    },
)
def roster(request: Request, entry: Watcher) -> Response:
    """Show the roster in force: its keys and their roles, how many operators must sign, its version."""
    fields = _fields(entry, "roster")
    keys = [{**each, "id": key_id_of(bytes.fromhex(each["key"]))} for each in fields["keys"]]
    return tagged(request, _json({**fields, "keys": keys}))


@router.get(
    "/rules",
    summary="The rules in force",
    responses={
        **bytes_in("The fields of `rules`.", "application/json"),
        **KNOWN,
        **problems(*_SEEN),
    },
)
def rules(request: Request, entry: Watcher) -> Response:
    """Show the rules in force: currency, zone, market, timetable and charges, as they were signed."""
    return tagged(request, _json(_fields(entry, "rules")))


def _fields(entry: Entry, kind: str) -> dict[str, Any]:
    with entry.open() as visit:
        return last_fields(visit.connection, visit.community.writer.community, kind)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
