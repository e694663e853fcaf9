"""``/v1/passkeys`` and ``/v1/sign-in/passkey``: looking without the device; whatever changes anything is signed there.

A passkey hangs on the device key in whose session it was registered: its sessions are that key's, and end
with it.

>>> router.prefix
'/v1'
"""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from sqlalchemy import Connection

from ledger import people
from ledger.errors import RefusedError, SignatureError
from ledger.primitives.signing import verify
from ledger.primitives.words import check_words
from wallet_api.door import passkey_store, safety, session_store
from wallet_api.door.access import Allowed, Entry, Visit, check_page, shown
from wallet_api.door.desk import Desk
from wallet_api.door.errors import BusyError, NotSetUpError, NotThereError
from wallet_api.door.identity import MEMBERS, Role, Who, who_is
from wallet_api.door.passkey_models import (
    CredentialId,
    NewPasskeyIn,
    PasskeyAnswerIn,
    PasskeyChallengeOut,
    PasskeyOut,
    PasskeysOut,
)
from wallet_api.door.passkey_store import PASSKEYS_MAX, Passkey
from wallet_api.door.passkeys import (
    COPIED,
    NOT_GOOD,
    Site,
    challenge_in,
    check_answer,
    check_registration,
    counts_on,
    proof_bytes,
    registration_options,
    secret_for,
    sign_in_options,
    user_handle,
)
from wallet_api.door.rate import place_of
from wallet_api.door.session_store import SESSION_MS, Session
from wallet_api.door.sign_in import (
    CHALLENGE_MS,
    NONCE_BYTES,
    Challenge,
    check_challenge,
    new_challenge,
)
from wallet_api.door.sign_in_routes import SessionOut, new_token, session_answer
from wallet_api.door.watch import noted
from wallet_api.problems import problems

OWNERS = (*MEMBERS, Role.OPERATOR, Role.HELPER, Role.AUDITOR)
"""Who may have passkeys: people. Tills and adapters are programs."""

Owner = Annotated[Entry, Depends(Allowed(*OWNERS))]

NOT_SET_UP = "Passkeys are not set up here: COMMONWATT_PUBLIC_URL says whom they would be for."

NOT_SIGNED = "The device did not sign for this passkey: the proof is by the key of this session."

router = APIRouter(prefix="/v1", tags=["Passkeys"])


@router.post(
    "/passkeys/register/challenge",
    summary="Begin a passkey",
    responses=problems("not-signed-in", "not-allowed", "not-set-up", "busy", "not-ready"),
)
def begin(request: Request, owner: Owner) -> PasskeyChallengeOut:
    """In a session of a device key: a passkey begets no passkey. The answer is for this session's key alone."""
    desk: Desk = request.app.state.desk
    now_ms = desk.now_ms()
    with owner.open() as visit:
        site = _site(desk)
        number = visit.community.writer.community
        names = people.names_of(visit.connection, number, [visit.account])
        known = [_bytes(each.id) for each in _mine(visit)]
    who = visit.who
    secret = _secret(desk, who)
    challenge = new_challenge(secret, desk.entropy("challenge", NONCE_BYTES), now_ms)
    options = registration_options(
        site,
        challenge,
        user_handle(who.account, who.key_id),
        names.get(who.account) or who.role.value,
        known,
    )
    return PasskeyChallengeOut(options=options, expires_at=now_ms + CHALLENGE_MS)


@router.post(
    "/passkeys",
    status_code=201,
    response_model_exclude_none=True,
    summary="Keep a new passkey",
    responses=problems(
        *("malformed", "invalid-input", "not-signed-in", "not-allowed", "not-signed"),
        *("not-set-up", "refused", "busy", "not-ready"),
    ),
)
def register(request: Request, new: Annotated[NewPasskeyIn, Body()], owner: Owner) -> PasskeyOut:
    """Only where the authenticator asked its owner, by a finger, a face or a code, and the device signed for it."""
    desk: Desk = request.app.state.desk
    now_ms = desk.now_ms()
    check_words(new.name, "name")
    with owner.open() as visit:
        site = _site(desk)
        if len(_mine(visit)) >= PASSKEYS_MAX:
            raise RefusedError(f"There are {PASSKEYS_MAX} passkeys already: remove one first.")
        ledger, key = visit.community.writer.origin, _device_key(visit)
    who = visit.who
    credential = new.credential.model_dump(mode="json")
    answered = challenge_in(new.credential.response.clientDataJSON)
    challenge = check_challenge(_secret(desk, who), answered, now_ms)
    attestation = _bytes(new.credential.response.attestationObject)
    signed = proof_bytes(ledger, who.account, answered, attestation)
    if not verify(key, bytes.fromhex(new.proof), signed):
        raise SignatureError(NOT_SIGNED)
    made = check_registration(site, credential, answered)
    passkey = Passkey(
        *(new.credential.id, who.account, who.key_id, made.public_key, made.sign_count),
        *(new.name, now_ms),
    )
    if _bytes(passkey.id) != made.credential_id:
        raise SignatureError(NOT_GOOD)
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        _use(connection, number, challenge, now_ms)
        if passkey_store.find(connection, number, passkey.id) is not None:
            raise RefusedError("This passkey is registered already.")
        safety.check_additions(connection, number, who.account, now_ms)
        passkey_store.save(connection, number, passkey)
        name = community.name
        safety.tell(connection, number, name, who.account, "passkey", passkey.id, now_ms)
    return _out(passkey, counts=True)


@router.get(
    "/passkeys",
    response_model_exclude_none=True,
    summary="Your passkeys",
    responses=problems("not-signed-in", "not-allowed", "busy", "not-ready"),
)
def passkeys(owner: Owner) -> PasskeysOut:
    """Of a member all, whichever device registered them; of operators and the like those of one's own key."""
    with owner.open() as visit:
        return PasskeysOut(items=[_out(each, counts=_counts(visit, each)) for each in _mine(visit)])


@router.delete(
    "/passkeys/{passkey_id}",
    status_code=204,
    summary="Remove a passkey",
    responses=problems(
        *("invalid-input", "not-signed-in", "not-allowed", "not-found", "busy", "not-ready")
    ),
)
def remove(
    request: Request,
    passkey_id: Annotated[CredentialId, Path(description="The passkey's id.")],
    owner: Owner,
) -> Response:
    """At once, with every session that it began; any device of the member may."""
    desk: Desk = request.app.state.desk
    with owner.open() as visit:
        if passkey_id not in {each.id for each in _mine(visit)}:
            raise NotThereError("You have no passkey of this id.")
        number = visit.community.writer.community
    with desk.here.writing() as (_, connection):
        passkey_store.drop(connection, number, passkey_id)
    return Response(status_code=204)


@router.post(
    "/sign-in/passkey/challenge",
    summary="Ask for a challenge for a passkey",
    responses=problems("not-set-up", "busy", "not-ready"),
)
def ask(request: Request) -> PasskeyChallengeOut:
    """Anybody may ask; no account is named: the browser offers the passkeys that it has for this site."""
    desk: Desk = request.app.state.desk
    site, now_ms = _site(desk), desk.now_ms()
    secret = secret_for(desk.challenge_secret, "sign-in")
    challenge = new_challenge(secret, desk.entropy("challenge", NONCE_BYTES), now_ms)
    options = sign_in_options(site, challenge)
    return PasskeyChallengeOut(options=options, expires_at=now_ms + CHALLENGE_MS)


@router.post(
    "/sign-in/passkey",
    response_model=SessionOut,
    summary="Sign in with a passkey, to look",
    responses=problems(
        *("malformed", "invalid-input", "not-signed", "not-allowed", "not-set-up", "busy"),
        "not-ready",
    ),
)
def sign_in(request: Request, answer: Annotated[PasskeyAnswerIn, Body()]) -> Response:
    """The session sees what the member sees and changes nothing. Unknown passkeys and wrong answers are told alike."""
    desk: Desk = request.app.state.desk
    site = _site(desk)
    if answer.cookie:
        check_page(request)
    address = place_of(request.client and request.client.host)
    guessed = f"{address} {answer.credential.id}"
    wait_s = desk.sign_ins.wait_s(address) or desk.failures.wait_s(guessed, look=True)
    if wait_s:
        raise BusyError("Too many sign-ins: wait, then try again.", int(wait_s) + 1)
    now_ms, token = desk.now_ms(), new_token(desk)
    try:
        who = _checked(desk, site, answer, token, shown(request), now_ms)
    except SignatureError:
        desk.failures.wait_s(guessed)
        raise
    noted(request, who.key_id)
    told = SessionOut(
        account=who.account,
        role=who.role,
        key_id=who.key_id,
        expires_at=now_ms + SESSION_MS,
        by_passkey=True,
    )
    return session_answer(told, token, cookie=answer.cookie)


def _checked(
    desk: Desk, site: Site, answer: PasskeyAnswerIn, token: str, before: str | None, now_ms: int
) -> Who:
    """Check a passkey's answer, and begin its session in the place of the one that was shown before.

    Raises:
        SignatureError: no session.
    """
    credential = answer.credential
    answered = challenge_in(credential.response.clientDataJSON)
    challenge = check_challenge(secret_for(desk.challenge_secret, "sign-in"), answered, now_ms)
    with desk.here.reading() as (community, connection):
        number, writer = community.writer.community, community.writer
        found = passkey_store.find(connection, number, credential.id)
        if found is None or credential.rawId != found.id:
            raise SignatureError(NOT_GOOD)
        who, _ = who_is(
            writer.key_book, community.state, found.account, found.key_id, writer.now_period()
        )
    handle = credential.response.userHandle
    if handle is not None and _bytes(handle) != user_handle(found.account, found.key_id):
        raise SignatureError(NOT_GOOD)
    count = check_answer(site, credential.model_dump(mode="json"), answered, found.public_key)
    session = Session(who.account, who.key_id, answer.cookie, now_ms + SESSION_MS, passkey=found.id)
    with desk.here.writing() as (_, connection):
        _use(connection, number, challenge, now_ms)
        latest = passkey_store.find(connection, number, found.id)
        if latest is None:
            raise SignatureError(NOT_GOOD)
        if not counts_on(latest.sign_count, count):
            raise SignatureError(COPIED)
        passkey_store.used(connection, number, found.id, count, now_ms)
        session_store.begin(connection, number, token, session, now_ms, before)
    return who


def _site(desk: Desk) -> Site:
    if desk.site is None:
        raise NotSetUpError(NOT_SET_UP)
    return desk.site


def _secret(desk: Desk, who: Who) -> bytes:
    """Return what marks challenges for new passkeys of one key."""
    return secret_for(desk.challenge_secret, f"register {who.account} {who.key_id}")


def _use(connection: Connection, number: int, challenge: Challenge, now_ms: int) -> None:
    """Remember that a challenge was answered.

    Raises:
        SignatureError: it was before.
    """
    if not session_store.use_challenge(
        connection, number, challenge.nonce, challenge.expires_ms, now_ms
    ):
        raise SignatureError("This challenge was answered before: ask for a new one.")


def _device_key(visit: Visit) -> bytes:
    """Return the public key whose session this is."""
    writer, who = visit.community.writer, visit.who
    period = writer.now_period()
    return who_is(writer.key_book, visit.community.state, who.account, who.key_id, period)[1]


def _mine(visit: Visit) -> list[Passkey]:
    number = visit.community.writer.community
    return passkey_store.of_owner(visit.connection, number, visit.account, visit.who.key_id)


def _counts(visit: Visit, passkey: Passkey) -> bool:
    writer, state = visit.community.writer, visit.community.state
    try:
        who_is(writer.key_book, state, passkey.account, passkey.key_id, writer.now_period())
    except SignatureError:
        return False
    return True


def _bytes(text: str) -> bytes:
    """Return what base64url says, or nothing where it says nothing."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _out(passkey: Passkey, *, counts: bool) -> PasskeyOut:
    return PasskeyOut(
        id=passkey.id,
        name=passkey.name,
        key_id=passkey.key_id,
        created_at=passkey.created_ms,
        used_at=passkey.used_ms,
        counts=counts,
    )
