"""What a member does with what is kept of them: their name, all of it in one file, who looked, where they are signed in.

None of this is in the ledger or the log, so none of it is a signed statement; a session is enough.

>>> router.prefix
'/v1'
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from wallet_api.door import look_store, session_store
from wallet_api.door.access import Allowed, Entry
from wallet_api.door.desk import Desk
from wallet_api.door.errors import BusyError
from wallet_api.door.everything import everything_of
from wallet_api.door.identity import MEMBERS
from wallet_api.door.pages import PAGE, Cursor, Limit, cursor_of, number_in, read_cursor
from wallet_api.door.roster_routes import NameIn
from wallet_api.door.sign_in_routes import FORGET
from wallet_api.door.wire import Model, Time
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["A member's own"])

Mine = Annotated[Entry, Depends(Allowed(*MEMBERS))]
_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")


class LookOut(Model):
    """One look into the account by somebody of the roster."""

    at: Time
    role: str = Field(examples=["helper"])
    key_id: str = Field(description="Of their key: the roster says whose it is.")
    what: str = Field(description="What was shown, or changed.", examples=["statement 2026-06"])
    reason: str = Field(description="Why, in their words.")


class LooksOut(Model):
    """Who looked into the account, the latest first."""

    items: list[LookOut]
    next: str | None = Field(
        default=None, description="Cursor of the next page; absent at the end."
    )


class SessionListedOut(Model):
    """A session of this account."""

    key_id: str = Field(description="The key that signed in.")
    begun_at: Time
    expires_at: Time
    is_this: bool = Field(description="It is the one that asks.")


class SessionsOut(Model):
    """Where this account is signed in, the latest first."""

    items: list[SessionListedOut]


@router.put(
    "/name",
    status_code=204,
    summary="Say what you are called",
    responses=problems("malformed", "invalid-input", "refused", *_SEEN),
)
def name(request: Request, given: NameIn, mine: Mine) -> Response:
    """Neighbours whom you pay see it. It is kept in the store that can forget, never in ledger or log."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account = visit.account
    desk.rename(account, given.name)
    return Response(status_code=204)


@router.get(
    "/everything",
    response_class=Response,
    summary="Download all",
    responses={
        200: {
            "description": "A ZIP archive; its `README.txt` says what each file is.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(*_SEEN),
    },
)
def everything(request: Request, mine: Mine) -> Response:
    """All that is kept of the account, in open formats: what was signed, readings, money, statements, looks.

    Three times at once, and once in ten minutes: it takes the server long, and others wait meanwhile.
    """
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        wait_s = desk.downloads.wait_s(visit.account)
        if wait_s:
            raise BusyError("You have it already: download it again later.", int(wait_s) + 1)
        data = everything_of(visit.community, visit.connection, visit.account)
    return Response(
        data,
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="commonwatt.zip"'},
    )


@router.get(
    "/looks",
    summary="Who looked into the account",
    responses=problems("malformed", "invalid-input", *_SEEN),
)
def looks(mine: Mine, cursor: Cursor = None, limit: Limit = PAGE) -> LooksOut:
    """Operators and helpers who looked at this account, when, and why."""
    before = None if cursor is None else number_in(read_cursor(cursor, 1)[0])
    with mine.open() as visit:
        number = visit.community.writer.community
        found = look_store.looks_of(visit.connection, number, visit.account, before, limit + 1)
    shown = found[:limit]
    items = [
        LookOut(
            at=each.at_ms,
            role=each.look.role,
            key_id=each.look.key_id,
            what=each.look.what,
            reason=each.look.reason,
        )
        for each in shown
    ]
    more = cursor_of(str(shown[-1].number)) if len(found) > limit else None
    return LooksOut(items=items, next=more)


@router.get("/sessions", summary="Where the account is signed in", responses=problems(*_SEEN))
def sessions(request: Request, mine: Mine) -> SessionsOut:
    """Each device that is signed in now, by its key."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        found = session_store.sessions_of(
            visit.connection,
            visit.community.writer.community,
            visit.account,
            mine.token,
            desk.now_ms(),
        )
    items = [
        SessionListedOut(
            key_id=each.key_id,
            begun_at=each.begun_ms,
            expires_at=each.expires_ms,
            is_this=each.is_this,
        )
        for each in found
    ]
    return SessionsOut(items=items)


@router.delete(
    "/sessions",
    status_code=204,
    summary="Sign out everywhere",
    responses=problems(*_SEEN),
)
def sign_out_everywhere(request: Request, mine: Mine) -> Response:
    """End every session of the account, this one, too. To shut a device out for good, revoke its key."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account = visit.account
    with desk.here.writing() as (community, connection):
        session_store.end_all(connection, community.writer.community, account)
    return Response(status_code=204, headers=FORGET)
