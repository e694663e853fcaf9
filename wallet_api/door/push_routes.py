"""``/v1/push``: a browser that is closed is told, by its maker's push service, which cannot read it.

>>> router.prefix
'/v1'
"""

import json
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import Field

from ledger.errors import InputError
from settlement.closing import check_still_open
from wallet_api.door import contact_store, outgoing_store, safety
from wallet_api.door.access import Allowed, Entry
from wallet_api.door.contact_routes import Events, chosen
from wallet_api.door.contact_store import CONTACTS_MAX, Contact, Way
from wallet_api.door.desk import Desk
from wallet_api.door.errors import NotThereError
from wallet_api.door.identity import MEMBERS
from wallet_api.door.posting import check_url
from wallet_api.door.posts import keys_of
from wallet_api.door.web_push import AUTH_BYTES, base64_of, browser_point, bytes_of, point_of
from wallet_api.door.wire import Model
from wallet_api.problems import problems

ENDPOINT_CHARACTERS_MAX = 1_000
"""Longest address of a push service."""

OFF = "This server sends no web push."

router = APIRouter(prefix="/v1", tags=["Being told"])

Mine = Annotated[Entry, Depends(Allowed(*MEMBERS))]
Endpoint = Annotated[
    str,
    Field(
        min_length=9,
        max_length=ENDPOINT_CHARACTERS_MAX,
        description="Of the browser's push service.",
        examples=["https://push.example/4f59"],
    ),
]


class PushKeyOut(Model):
    """What a browser subscribes with."""

    public_key: str = Field(description="`applicationServerKey`: an uncompressed point, base64url.")


class PushKeysIn(Model):
    """A browser's own keys."""

    p256dh: str = Field(
        max_length=100,
        description="Its public key, base64url.",
        examples=[
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ],
    )
    auth: str = Field(
        max_length=30,
        description="16 secret bytes, base64url.",
        examples=["BTBZMqHH6r4Tts7J_aSIgg"],
    )


class PushIn(Model):
    """A browser's subscription, and what to tell of."""

    endpoint: Endpoint
    keys: PushKeysIn
    events: Events


_SEEN = ("not-found", "not-signed-in", "not-allowed", "busy", "not-ready")


@router.get("/push", summary="The key to subscribe with", responses=problems(*_SEEN))
def key(request: Request, mine: Mine) -> PushKeyOut:
    """A browser subscribes with it, so that its push service takes messages from this server alone."""
    desk: Desk = request.app.state.desk
    with mine.open():
        _check_on(desk)
    with desk.here.writing() as (community, connection):
        keys = keys_of(connection, community.writer.community, desk.entropy)
    return PushKeyOut(public_key=base64_of(point_of(keys.push)))


@router.put(
    "/push",
    status_code=204,
    summary="Let a browser be told",
    responses=problems("malformed", "invalid-input", "refused", *_SEEN),
)
def subscribe(request: Request, push: Annotated[PushIn, Body()], mine: Mine) -> Response:
    """Again with the same endpoint: in its place. Changes of keys are told in any case.

    It ends with the key of this session. Your other addresses are told that there is one more.
    """
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account, key_id = visit.account, visit.who.key_id
    channels = _check_on(desk)
    check_url(push.endpoint, private=channels)
    browser_point(bytes_of(push.keys.p256dh))
    if len(bytes_of(push.keys.auth)) != AUTH_BYTES:
        raise InputError(f"auth has {AUTH_BYTES} bytes.")
    told = {"endpoint": push.endpoint, "p256dh": push.keys.p256dh, "auth": push.keys.auth}
    events, now_ms = chosen(push.events), desk.now_ms()
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        check_still_open(community.state.closed, account)
        there = contact_store.of_account(connection, number, account, [Way.PUSH])
        known = [each for each in there if _endpoint(each) == push.endpoint]
        if not known:
            safety.check_additions(connection, number, account, now_ms)
        # A browser that is new takes the place of the one that subscribed longest ago.
        surplus = len(there) - CONTACTS_MAX + 1
        for place, each in enumerate(there):
            if place < surplus or _endpoint(each) == push.endpoint:
                outgoing_store.drop(connection, number, each.id)
                contact_store.remove(connection, number, each.id)
        new = desk.entropy("push", 16).hex()
        address = json.dumps(told)
        found = Contact(*(new, account, Way.PUSH, address, events, now_ms, now_ms), key_id=key_id)
        contact_store.add(connection, number, found, desk.entropy)
        if not known:
            what = Way.PUSH.value
            safety.tell(connection, number, community.name, account, what, new, now_ms)
    return Response(status_code=204)


@router.delete(
    "/push", status_code=204, summary="Let a browser be told no more", responses=problems(*_SEEN)
)
def unsubscribe(
    request: Request,
    endpoint: Annotated[
        str,
        Query(
            max_length=ENDPOINT_CHARACTERS_MAX,
            description="The subscription's address, as it was told.",
            examples=["https://push.example/send/1f"],
        ),
    ],
    mine: Mine,
) -> Response:
    """Forget the subscription of an endpoint, if it is there."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account = visit.account
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        for each in contact_store.of_account(connection, number, account, [Way.PUSH]):
            if _endpoint(each) == endpoint:
                outgoing_store.drop(connection, number, each.id)
                contact_store.remove(connection, number, each.id)
    return Response(status_code=204)


def _check_on(desk: Desk) -> bool:
    """Return whether private addresses are allowed.

    Raises:
        NotThereError: there is no web push.
    """
    if desk.channels is None or not desk.channels.push_contact:
        raise NotThereError(OFF)
    return desk.channels.private


def _endpoint(contact: Contact) -> str:
    return str(json.loads(contact.address)["endpoint"])
