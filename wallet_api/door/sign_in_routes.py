"""``/v1/sign-in`` and ``/v1/session``: a device's key signs a challenge, and gets a session for a while.

>>> router.prefix
'/v1'
"""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.errors import SignatureError
from ledger.primitives.signing import SigningKey
from wallet_api.bodies import read_body
from wallet_api.door import session_store
from wallet_api.door.access import COOKIE, Allowed, Entry, check_page, shown
from wallet_api.door.desk import Desk
from wallet_api.door.errors import BusyError
from wallet_api.door.identity import NOBODY, Role, Who, who_is
from wallet_api.door.rate import place_of
from wallet_api.door.session_store import SESSION_MS, TOKEN_PREFIX, Session
from wallet_api.door.sign_in import (
    ANSWER_BYTES_MAX,
    CHALLENGE_MS,
    NONCE_BYTES,
    PAYLOAD_TYPE,
    Answer,
    check_challenge,
    new_challenge,
    read_answer,
)
from wallet_api.door.watch import noted
from wallet_api.door.wire import Model, Time, envelope_of
from wallet_api.problems import problems

TOKEN_BYTES = 32

FORGET = {"Clear-Site-Data": '"cache"'}
"""Said when a session ends: a browser drops what it kept to ask again by ETag. Not "storage": keys lie there."""

_ANYBODY = SigningKey.from_seed(bytes(32)).public
"""A key of nobody: an unknown account's answer is checked as long as a known one's."""


class ChallengeOut(Model):
    """What a device signs to show that it has its key."""

    challenge: str = Field(description="To be signed as it stands.", examples=["9f…"])
    ledger: str = Field(
        description="The log's origin: a device signs for this one alone.",
        examples=["ladywood.example/ledger/1"],
    )
    expires_at: Time = Field(description="Until when it may be answered.")


class SessionOut(Model):
    """Who is signed in, and for how long."""

    account: str = Field(
        description="The member's id, or `community` for operators, helpers and the like.",
        examples=["4f5911e55a0268a10589be1d775a9f38"],
    )
    role: Role = Field(description="What that key may do here.")
    key_id: str = Field(description="The key that signed in.")
    expires_at: Time = Field(description="The session's end: sign in again before.")
    by_passkey: bool = Field(
        default=False, description="It was begun with a passkey, and only looks."
    )
    token: str | None = Field(
        default=None,
        description="Show it as `Authorization: Bearer …`. Told once; nobody can look it up. Absent where"
        " the session is in a cookie.",
    )


router = APIRouter(prefix="/v1", tags=["Sign in"])


@router.post(
    "/sign-in/challenge",
    summary="Ask for a challenge",
    responses=problems("busy", "not-ready"),
)
def challenge(request: Request) -> ChallengeOut:
    """Anybody may ask; whether they have a key here is seen from the answer alone."""
    desk: Desk = request.app.state.desk
    now_ms = desk.now_ms()
    with desk.here.reading() as (community, _):
        origin = community.writer.origin
    nonce = desk.entropy("challenge", NONCE_BYTES)
    return ChallengeOut(
        challenge=new_challenge(desk.challenge_secret, nonce, now_ms),
        ledger=origin,
        expires_at=now_ms + CHALLENGE_MS,
    )


@router.post(
    "/sign-in",
    response_model=SessionOut,
    summary="Answer a challenge, and get a session",
    description=(
        "The body is a DSSE envelope as a statement's, with one signature, of the type "
        f"`{PAYLOAD_TYPE}`. What it signs is canonical JSON: `account`, `challenge`, `cookie` (true for "
        "a page of this site, which then gets a cookie and no token; refused where the browser does not say "
        "that it is one), `ledger`, and `v`, which is 1. "
        "A wrong account, an unknown key and a wrong signature are answered alike."
    ),
    responses=problems(
        *("malformed", "not-signed", "not-allowed", "too-long", "too-slow", "busy", "not-ready")
    ),
    openapi_extra=envelope_of(
        ANSWER_BYTES_MAX,
        "sign_in",
        {
            "account": "0f" * 16,
            "challenge": "0" * 108,
            "cookie": False,
            "ledger": "ladywood.example/ledger/1",
            "v": 1,
        },
    ),
)
async def sign_in(request: Request) -> Response:
    """Check an answer, and begin a session."""
    body = await read_body(request, ANSWER_BYTES_MAX)
    if isinstance(body, Response):
        return body
    return await run_in_threadpool(_sign_in, request, body)


@router.get(
    "/session",
    response_model_exclude_none=True,
    summary="Who is signed in?",
    responses=problems("not-signed-in", "busy", "not-ready"),
)
def session(entry: Annotated[Entry, Depends(Allowed(*Role))]) -> SessionOut:
    """Tell who is signed in, and for how long."""
    with entry.open() as visit:
        told = _told(visit.who, visit.session.expires_ms)
        told.by_passkey = visit.session.passkey is not None
    return told


@router.delete(
    "/session",
    summary="Sign out",
    status_code=204,
    responses=problems("not-signed-in", "not-allowed", "busy", "not-ready"),
)
def sign_out(
    request: Request, entry: Annotated[Entry, Depends(Allowed(*Role, looks=True))]
) -> Response:
    """End the session; the device signs in again when it likes."""
    desk: Desk = request.app.state.desk
    with entry.open():
        pass
    with desk.here.writing() as (community, connection):
        session_store.end(connection, community.writer.community, entry.token)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict")
    answer.headers.update(FORGET)
    return answer


def _sign_in(request: Request, body: bytes) -> JSONResponse:
    desk: Desk = request.app.state.desk
    answer = read_answer(body)
    noted(request, answer.key_id)
    if answer.cookie:
        check_page(request)
    address = place_of(request.client and request.client.host)
    # By address, too: else anybody could lock others out.
    guessed = f"{address} {answer.account}"
    wait_s = desk.sign_ins.wait_s(address) or desk.failures.wait_s(guessed, look=True)
    if wait_s:
        raise BusyError("Too many sign-ins: wait, then try again.", int(wait_s) + 1)
    now_ms = desk.now_ms()
    token = new_token(desk)
    try:
        who = _checked(desk, answer, token, shown(request), now_ms)
    except SignatureError:
        desk.failures.wait_s(guessed)
        raise
    return session_answer(_told(who, now_ms + SESSION_MS), token, cookie=answer.cookie)


def new_token(desk: Desk) -> str:
    """Return a random token."""
    drawn = base64.urlsafe_b64encode(desk.entropy("token", TOKEN_BYTES)).decode()
    return TOKEN_PREFIX + drawn.rstrip("=")  # which would be quoted in a cookie


def session_answer(told: SessionOut, token: str, *, cookie: bool) -> JSONResponse:
    """Tell of a new session, with its token in a cookie or beside it."""
    if not cookie:
        told.token = token
    response = JSONResponse(told.model_dump(mode="json", exclude_none=True))
    if cookie:
        response.set_cookie(
            COOKIE, token, max_age=SESSION_MS // 1000, secure=True, httponly=True, samesite="strict"
        )
    return response


def _checked(desk: Desk, answer: Answer, token: str, before: str | None, now_ms: int) -> Who:
    """Check an answer, and begin its session in the place of the one that was shown before.

    Raises:
        SignatureError: no session.
    """
    challenge = check_challenge(desk.challenge_secret, answer.challenge, now_ms)
    with desk.here.reading() as (community, _):
        writer = community.writer
        if answer.ledger != writer.origin:
            raise SignatureError(f"This server keeps {writer.origin}, not {answer.ledger}.")
        try:
            who, key = who_is(
                writer.key_book,
                community.state,
                answer.account,
                answer.key_id,
                writer.now_period(),
            )
        except SignatureError:
            answer.envelope.verified_by([_ANYBODY])
            raise
    if not answer.envelope.verified_by([key]):
        raise SignatureError(NOBODY)
    session = Session(who.account, who.key_id, answer.cookie, now_ms + SESSION_MS)
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        fresh = session_store.use_challenge(
            connection, number, challenge.nonce, challenge.expires_ms, now_ms
        )
        if not fresh:
            raise SignatureError("This challenge was answered before: ask for a new one.")
        session_store.begin(connection, number, token, session, now_ms, before)
    return who


def _told(who: Who, expires_ms: int) -> SessionOut:
    return SessionOut(account=who.account, role=who.role, key_id=who.key_id, expires_at=expires_ms)
