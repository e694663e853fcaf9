"""``/v1/webhooks``: a shop's or a group's own program is told, by a signed request to an address of theirs.

>>> router.prefix
'/v1'
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import Field

from ledger.errors import RefusedError
from settlement.closing import check_still_open
from wallet_api.door import contact_store, notices, outgoing_store, safety, session_store
from wallet_api.door.access import Allowed, Entry, Visit
from wallet_api.door.contact_routes import DAY_MS, Events, chosen
from wallet_api.door.contact_store import CONTACTS_MAX, Contact, Occasion, Reached, Way
from wallet_api.door.desk import Desk
from wallet_api.door.errors import BusyError, NotThereError
from wallet_api.door.identity import MEMBERS, Role
from wallet_api.door.posting import URL_CHARACTERS_MAX, check_url
from wallet_api.door.posts import shown_secret, webhook_secret
from wallet_api.door.wire import Id, Model, Time
from wallet_api.problems import problems

TESTS_A_DAY = 100
"""Most test deliveries of one account in a day."""

CLASSES = ("shop", "group")
"""Classes of members whose programs are told; operators' are, too."""

router = APIRouter(prefix="/v1", tags=["Being told"])

Caller = Annotated[Entry, Depends(Allowed(*MEMBERS, Role.OPERATOR))]
WebhookId = Annotated[Id, Path(description="Of the webhook.")]
Url = Annotated[
    str,
    Field(
        min_length=9,
        max_length=URL_CHARACTERS_MAX,
        description="https, and on the public internet.",
        examples=["https://bakery.example/commonwatt"],
    ),
]


class WebhookIn(Model):
    """An address that is told of things."""

    url: Url
    events: Events


class WebhookOut(Model):
    """An address that is told of things."""

    id: Id
    url: Url
    events: Events
    created_at: Time
    disabled_at: Time | None = Field(
        default=None, description="Since when nothing is sent: make a new one."
    )
    last_problem: str | None = Field(
        default=None, description="What went wrong last; absent while all goes well."
    )


class NewWebhookOut(WebhookOut):
    """A new one, with its secret."""

    secret: str = Field(
        description="With which deliveries are signed, as Standard Webhooks has it. Told once.",
        examples=["whsec_…"],
    )


class WebhooksOut(Model):
    """Your webhooks, the oldest first."""

    items: list[WebhookOut]


_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")


@router.get(
    "/webhooks",
    response_model_exclude_none=True,
    summary="Your webhooks",
    responses=problems("refused", *_SEEN),
)
def webhooks(mine: Caller) -> WebhooksOut:
    """With what went wrong last, and since when one is disabled."""
    with mine.open() as visit:
        _check_class(visit)
        number = visit.community.writer.community
        found = contact_store.of_account(visit.connection, number, visit.account, [Way.WEBHOOK])
    return WebhooksOut(items=[WebhookOut(**_fields(each)) for each in found])


@router.post(
    "/webhooks",
    status_code=201,
    response_model_exclude_none=True,
    summary="Let a program of yours be told",
    responses=problems("malformed", "invalid-input", "refused", *_SEEN),
)
def add(request: Request, webhook: Annotated[WebhookIn, Body()], mine: Caller) -> NewWebhookOut:
    """The secret is shown once; whoever loses it makes a new webhook. It ends with the key of this session."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        _check_class(visit)
        account, key_id = visit.account, visit.who.key_id
    check_url(webhook.url, private=desk.channels is not None and desk.channels.private)
    events = chosen(webhook.events)
    now_ms = desk.now_ms()
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        check_still_open(community.state.closed, account)
        there = contact_store.of_account(connection, number, account, [Way.WEBHOOK])
        if len(there) >= CONTACTS_MAX:
            raise RefusedError(f"You have {CONTACTS_MAX} webhooks: delete one first.")
        safety.check_additions(connection, number, account, now_ms)
        new = desk.entropy("webhook", 16).hex()
        found = Contact(
            *(new, account, Way.WEBHOOK, webhook.url, events, now_ms, now_ms), key_id=key_id
        )
        contact_store.add(connection, number, found, desk.entropy)
        what = Way.WEBHOOK.value
        safety.tell(connection, number, community.name, account, what, new, now_ms)
        secret = session_store.secret(connection, number, "webhook", desk.entropy)
    shown = shown_secret(webhook_secret(secret, new))
    return NewWebhookOut(**_fields(found), secret=shown)


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    summary="Delete a webhook",
    responses=problems("invalid-input", "not-found", *_SEEN),
)
def remove(request: Request, webhook_id: WebhookId, mine: Caller) -> Response:
    """What waits for it is not sent any more."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account = visit.account
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        _mine(contact_store.find(connection, number, webhook_id), account)
        outgoing_store.drop(connection, number, webhook_id)
        contact_store.remove(connection, number, webhook_id)
    return Response(status_code=204)


@router.post(
    "/webhooks/{webhook_id}/test",
    status_code=202,
    summary="Send a webhook a test",
    responses=problems("invalid-input", "not-found", "refused", *_SEEN),
)
def try_out(request: Request, webhook_id: WebhookId, mine: Caller) -> Response:
    """An event of type `test` is sent within seconds; the list says what went wrong."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        account = visit.account
    now_ms = desk.now_ms()
    with desk.here.writing() as (community, connection):
        number = community.writer.community
        found = _mine(contact_store.find(connection, number, webhook_id), account)
        if found.disabled_ms is not None:
            raise RefusedError("This webhook is disabled: make a new one.")
        tests, since = (Occasion.TEST,), now_ms - DAY_MS
        count = outgoing_store.count_since(connection, number, account, tests, since)
        if count >= TESTS_A_DAY:
            raise BusyError("Too many tests today.", 3_600)
        body = notices.webhook_body("test", {}, now_ms)
        reached = Reached(found.id, Way.WEBHOOK, frozenset())
        mark = f"test/{now_ms}/{count}"
        told = notices.message(reached, account, mark, Occasion.TEST, body)
        outgoing_store.add(connection, number, [told], now_ms)
    return Response(status_code=202)


def _check_class(visit: Visit) -> None:
    """Refuse a household: what it is told goes to people and not to programs.

    Raises:
        RefusedError: says so.
    """
    if visit.who.is_member:
        member = visit.community.state.members[visit.account]
        if member.member_class not in CLASSES:
            raise RefusedError("Webhooks are for shops and groups.")


def _mine(found: Contact | None, account: str) -> Contact:
    if found is None or found.account != account or found.way is not Way.WEBHOOK:
        raise NotThereError("You have no webhook of this id.")
    return found


def _fields(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "url": contact.address,
        "events": [each.value for each in contact.events],
        "created_at": contact.created_ms,
        "disabled_at": contact.disabled_ms,
        "last_problem": contact.reason,
    }
