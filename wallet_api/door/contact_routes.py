"""``/v1/contacts``: where a member wants to be told of things, and of which.

An address counts once whoever reads it has shown the code that was sent there: nobody is told of another's
affairs, and nobody can let this server write to strangers.

>>> CODE_DIGITS
6
"""

import re
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import Field

from ledger.entropy import Entropy
from ledger.errors import InputError, RefusedError
from settlement.closing import check_still_open
from wallet_api.door import contact_store, notices, outgoing_store, safety, session_store
from wallet_api.door.access import Allowed, Entry
from wallet_api.door.contact_store import (
    CHOSEN,
    CODE_MS,
    CODE_TRIES,
    CONTACTS_MAX,
    Contact,
    Occasion,
    Reached,
    Way,
)
from wallet_api.door.desk import Desk
from wallet_api.door.errors import BusyError, NotThereError
from wallet_api.door.identity import MEMBERS
from wallet_api.door.wire import Id, Model, Time
from wallet_api.problems import problems

CODE_DIGITS = 6

CODES_A_DAY = 5
"""Most codes that are sent for one account in a day: text messages cost, and strangers must be left alone."""

DAY_MS = 24 * 3_600_000

WAYS = (Way.EMAIL, Way.SMS)
"""Ways that this address is about."""

_EMAIL = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9_%&'+-]+(\.[A-Za-z0-9_%&'+-]+)*@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"
)
"""Fewer signs than the standard allows: what mail programs write otherwise (``=?``) names other addresses."""
_SMS = re.compile(r"\+[1-9][0-9]{6,14}")

NOT_THERE = "You have no contact of this id."

router = APIRouter(prefix="/v1", tags=["Being told"])

Mine = Annotated[Entry, Depends(Allowed(*MEMBERS))]
ContactId = Annotated[Id, Path(description="Of the contact.")]

Events = Annotated[
    list[str],
    Field(
        max_length=len(CHOSEN),
        description="What to tell of: "
        + ", ".join(f"`{each.value}`" for each in CHOSEN)
        + ". Changes of keys are told in any case.",
        examples=[["payment", "ask"]],
    ),
]


class ContactIn(Model):
    """Where somebody wants to be told of what."""

    kind: str = Field(pattern="^(email|sms)$", examples=["sms"])
    address: str = Field(
        min_length=3,
        max_length=254,
        description="An e-mail address, or a number as +44….",
        examples=["+447700900123"],
    )
    events: Events


class ContactOut(Model):
    """An address of yours."""

    id: Id
    kind: str = Field(examples=["sms"])
    address: str = Field(examples=["+447700900123"])
    events: Events
    created_at: Time
    confirmed_at: Time | None = Field(
        default=None, description="Absent until its code was shown: nothing else is sent to it."
    )
    last_problem: str | None = Field(default=None, description="What went wrong last.")


class ContactsOut(Model):
    """Your addresses, the oldest first."""

    items: list[ContactOut]


class CodeIn(Model):
    """The code that came to an address."""

    code: str = Field(pattern="^[0-9]{6}$", examples=["271828"])


_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")


@router.get(
    "/contacts",
    response_model_exclude_none=True,
    summary="Where you are told of things",
    responses=problems(*_SEEN),
)
def contacts(mine: Mine) -> ContactsOut:
    """Yours alone; nobody else is shown them."""
    with mine.open() as visit:
        number = visit.community.writer.community
        found = contact_store.of_account(visit.connection, number, visit.account, WAYS)
    return ContactsOut(items=[_out(each) for each in found])


@router.put(
    "/contacts",
    response_model_exclude_none=True,
    summary="Be told at an address",
    responses=problems("malformed", "invalid-input", "refused", *_SEEN),
)
def put_contact(request: Request, contact: Annotated[ContactIn, Body()], mine: Mine) -> ContactOut:
    """A new address, or one that must be confirmed anew, is sent a code; of any other, what it is told of is changed."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account, key_id = visit.account, visit.who.key_id
    way, address = Way(contact.kind), _checked(contact)
    events = chosen(contact.events)
    now_ms = desk.now_ms()
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        check_still_open(community.state.closed, account)
        there = contact_store.of_account(connection, number, account, WAYS)
        found = next((each for each in there if (each.way, each.address) == (way, address)), None)
        if found is None:
            if len(there) >= CONTACTS_MAX:
                raise RefusedError(f"You have {CONTACTS_MAX} addresses: remove one first.")
            new = desk.entropy("contact", 16).hex()
            found = Contact(new, account, way, address, events, now_ms, key_id=key_id)
            contact_store.add(connection, number, found, desk.entropy)
        else:
            contact_store.choose(connection, number, found.id, events)
        if found.confirmed_ms is None:
            since = now_ms - DAY_MS
            codes = (Occasion.CODE,)
            sent = outgoing_store.count_since(connection, number, account, codes, since)
            if sent >= CODES_A_DAY:
                raise BusyError("Too many codes were sent today: try again tomorrow.", 3_600)
            code = _new_code(desk.entropy, found.id)
            secret = session_store.secret(connection, number, "contact", desk.entropy)
            marked = code_mark(secret, found.id, code)
            contact_store.set_code(connection, number, found.id, marked, now_ms + CODE_MS, key_id)
            body = notices.words_body(community.name, notices.code_text(code))
            reached = Reached(found.id, way, frozenset())
            mark = f"code/{now_ms}/{sent}"
            told = notices.message(reached, account, mark, Occasion.CODE, body)
            outgoing_store.add(connection, number, [told], now_ms)
    return _out(found, events)


@router.put(
    "/contacts/{contact_id}/code",
    status_code=204,
    summary="Show the code that came to an address",
    responses=problems("invalid-input", "not-found", "refused", *_SEEN),
)
def confirm(
    request: Request, contact_id: ContactId, code: Annotated[CodeIn, Body()], mine: Mine
) -> Response:
    """From then on the address is told of what was chosen, and your others are told that there is one more.

    It counts as long as the key of this session does; then it must be confirmed anew.
    """
    desk: Desk = request.app.state.desk
    now_ms = desk.now_ms()
    with mine.open() as visit:
        account, key_id = visit.account, visit.who.key_id
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        found = _mine(contact_store.find(connection, number, contact_id), account)
        secret = session_store.secret(connection, number, "contact", desk.entropy)
        marked = code_mark(secret, contact_id, code.code)
        left = contact_store.try_code(connection, number, contact_id, marked, now_ms, key_id)
        if left is None:
            what = found.way.value
            safety.tell(connection, number, community.name, account, what, contact_id, now_ms)
    # After the commit: a wrong code counts, whatever is answered.
    if left == 0:
        raise RefusedError("This code counts no more: ask for another one.")
    if left is not None:
        raise RefusedError(f"This is not the code; {left} of {CODE_TRIES} tries are left.")
    return Response(status_code=204)


@router.delete(
    "/contacts/{contact_id}",
    status_code=204,
    summary="Be told no more at an address",
    responses=problems("invalid-input", "not-found", *_SEEN),
)
def remove(request: Request, contact_id: ContactId, mine: Mine) -> Response:
    """It is told a last time that it was removed: else a thief with your phone would remove it first."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account = visit.account
    now_ms = desk.now_ms()
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        found = _mine(contact_store.find(connection, number, contact_id), account)
        outgoing_store.drop(connection, number, contact_id)
        if found.confirmed_ms is None:
            contact_store.remove(connection, number, contact_id)
        else:
            gone = contact_store.REMOVED
            contact_store.disable(connection, number, contact_id, gone, now_ms)
            body = notices.words_body(community.name, notices.REMOVED_TEXT)
            reached = Reached(found.id, found.way, frozenset())
            told = notices.message(reached, account, gone, Occasion.REMOVED, body)
            outgoing_store.add(connection, number, [told], now_ms)
    return Response(status_code=204)


def chosen(events: list[str]) -> tuple[Occasion, ...]:
    """Return what somebody chose to be told of.

    Raises:
        InputError: no such occasion.
    """
    known = {each.value: each for each in CHOSEN}
    if unknown := [each for each in events if each not in known]:
        raise InputError(f"{unknown[0]!r} is none of: {', '.join(known)}.")
    return tuple(each for each in CHOSEN if each.value in events)


def code_mark(secret: bytes, contact_id: str, code: str) -> bytes:
    """Return what is stored of a code: without the server's secret nobody finds it by trying all."""
    return session_store.marked(secret, f"commonwatt/contact-code/v1\x00{contact_id}{code}")


def _new_code(entropy: Entropy, contact_id: str) -> str:
    drawn = int.from_bytes(entropy(f"code/{contact_id}", 16), "big")
    return f"{drawn % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _checked(contact: ContactIn) -> str:
    form = _EMAIL if contact.kind == Way.EMAIL else _SMS
    if form.fullmatch(contact.address) is None:
        raise InputError("Give an e-mail address, or a telephone number as +447700900123.")
    return contact.address


def _mine(found: Contact | None, account: str) -> Contact:
    if found is None or found.account != account or found.way not in WAYS or _is_gone(found):
        raise NotThereError(NOT_THERE)
    return found


def _is_gone(contact: Contact) -> bool:
    return contact.reason == contact_store.REMOVED


def _out(contact: Contact, events: tuple[Occasion, ...] | None = None) -> ContactOut:
    told = contact.events if events is None else events
    return ContactOut(
        id=contact.id,
        kind=contact.way.value,
        address=contact.address,
        events=[each.value for each in told],
        created_at=contact.created_ms,
        confirmed_at=contact.confirmed_ms,
        last_problem=contact.reason,
    )
