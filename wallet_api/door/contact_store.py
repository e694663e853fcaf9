"""Where people want to be told of things: addresses that can be forgotten.

Each is sealed under a key of its own, as names are; deleting the row deletes the key. What a member confirms,
chooses and takes back is theirs alone; no list of addresses is shown to anybody else.

>>> Way.SMS.value, Occasion.KEYS.value
('sms', 'keys')
"""

import hmac
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from ledger.db import erases
from ledger.entropy import Entropy
from ledger.people import open_name, seal_name
from wallet_api.door.tables import ContactRow

_contacts = ContactRow.__table__  # type: ignore[attr-defined]

CODE_TRIES = 5
"""How often a code may be guessed, before another one must be sent: one of a million, five times."""

CODE_MS = 10 * 60_000
"""How long a code counts."""

CONTACTS_MAX = 10
"""Most addresses of one account and one way."""


class Way(StrEnum):
    """How somebody is told."""

    EMAIL = "email"
    SMS = "sms"
    WEBHOOK = "webhook"
    PUSH = "push"


class Occasion(StrEnum):
    """What somebody is told of.

    PAYMENT: money came in. ASK: somebody asks to be paid, or answered. DAY: a day was worked out. MONTH: a month is
    whole, and its statement final. KEYS: keys changed, or will. ADDED: an address, a program, a browser or a passkey
    was added to the account. LAPSED: the address must be confirmed anew. MORE: several things at
    once. MORE_KEYS: several changes of keys. The others are about the address itself.
    """

    PAYMENT = "payment"
    ASK = "ask"
    DAY = "day"
    MONTH = "month"
    KEYS = "keys"
    ADDED = "added"
    LAPSED = "lapsed"
    MORE = "more"
    MORE_KEYS = "more_keys"
    CODE = "code"
    REMOVED = "removed"
    TEST = "test"


CHOSEN = (Occasion.PAYMENT, Occasion.ASK, Occasion.DAY, Occasion.MONTH, Occasion.KEYS)
"""What can be chosen."""


@dataclass(frozen=True, slots=True)
class Contact:
    """An address of somebody.

    Attributes:
        id: of the contact.
        account: the member's id, or ``community``.
        way: what kind of address it is.
        address: in the form of its way; a subscription of web push is JSON.
        events: occasions that were chosen.
        created_ms: when it was given.
        confirmed_ms: when whoever reads it said so; None: nothing but a code is sent to it.
        disabled_ms: since when nothing is sent to it.
        reason: why not, or what went wrong last.
        key_id: of the key that put it up, or confirmed it last; None: of none that counts.
    """

    id: str
    account: str
    way: Way
    address: str
    events: tuple[Occasion, ...]
    created_ms: int
    confirmed_ms: int | None = None
    disabled_ms: int | None = None
    reason: str | None = None
    key_id: str | None = None


class Reached(NamedTuple):
    """A contact that may be told of something: what is known without opening its address."""

    id: str
    way: Way
    events: frozenset[Occasion]


class Given(NamedTuple):
    """By which key a contact was given: what is known without opening its address.

    Attributes:
        id: of the contact.
        account: whose it is.
        way: what kind of address it is.
        key_id: of the key that put it up or confirmed it; None: nobody knows.
        confirmed_ms: when, or None.
    """

    id: str
    account: str
    way: Way
    key_id: str | None
    confirmed_ms: int | None


def add(connection: Connection, community: int, contact: Contact, entropy: Entropy) -> None:
    """Keep a new contact."""
    drawn = entropy(f"contact/{contact.id}", 32), entropy(f"contact-nonce/{contact.id}", 12)
    secret, sealed = seal_name(contact.id, contact.address, *drawn)
    row = {
        "community": community,
        "id": contact.id,
        "account": contact.account,
        "kind": contact.way.value,
        "secret": secret,
        "sealed": sealed,
        "events": " ".join(contact.events),
        "created_at": contact.created_ms,
        "confirmed_at": contact.confirmed_ms,
        "tries": 0,
        "key_id": contact.key_id,
    }
    connection.execute(insert(_contacts).values(row))


def of_account(
    connection: Connection, community: int, account: str, ways: Collection[Way]
) -> list[Contact]:
    """Return somebody's contacts of some ways, the oldest first; those on their way out are not shown."""
    rows = connection.execute(
        select(_contacts)
        .where(_contacts.c.community == community, _contacts.c.account == account)
        .where(_contacts.c.kind.in_([way.value for way in ways]))
        .order_by(_contacts.c.created_at, _contacts.c.id)
    )
    return [found for found in map(_contact, rows) if found.reason != REMOVED]


REMOVED = "removed"
"""The reason of a contact that is told a last time that it is one no more."""


def find(connection: Connection, community: int, contact_id: str) -> Contact | None:
    """Return a contact."""
    row = connection.execute(select(_contacts).where(_mine(community, contact_id))).one_or_none()
    return None if row is None else _contact(row)


def reached(
    connection: Connection, community: int, account: str | None = None
) -> dict[str, list[Reached]]:
    """Return everybody who may be told of something, by account; of one account, if it is given."""
    columns = _contacts.c.account, _contacts.c.id, _contacts.c.kind, _contacts.c.events
    query = select(*columns).where(
        _contacts.c.community == community,
        _contacts.c.confirmed_at.is_not(None),
        _contacts.c.disabled_at.is_(None),
    )
    if account is not None:
        query = query.where(_contacts.c.account == account)
    found: dict[str, list[Reached]] = defaultdict(list)
    for owner, contact_id, way, events in connection.execute(query):
        chosen = frozenset(map(Occasion, events.split()))
        found[owner].append(Reached(contact_id, Way(way), chosen))
    return dict(found)


def reached_of(connection: Connection, community: int, account: str) -> list[Reached]:
    """Return the people's addresses that are told of what happens to an account: no programs."""
    return [
        each
        for each in reached(connection, community, account).get(account, ())
        if each.way is not Way.WEBHOOK
    ]


def given(connection: Connection, community: int) -> list[Given]:
    """Return every contact that is not disabled, and the key that gave it."""
    names = ("id", "account", "kind", "key_id", "confirmed_at")
    query = select(*(_contacts.c[name] for name in names)).where(
        _contacts.c.community == community, _contacts.c.disabled_at.is_(None)
    )
    return [
        Given(contact_id, account, Way(way), key_id, confirmed)
        for contact_id, account, way, key_id, confirmed in connection.execute(query)
    ]


def lapse(connection: Connection, community: int, found: Given) -> bool:
    """Let a contact count no more before it is confirmed anew; return False if it was meanwhile."""
    same = (_contacts.c.key_id == found.key_id) if found.key_id else _contacts.c.key_id.is_(None)
    changed = connection.execute(
        update(_contacts)
        .where(_mine(community, found.id), same, _contacts.c.confirmed_at == found.confirmed_ms)
        .values(confirmed_at=None, key_id=None, code=None, code_until=None, reason=LAPSED)
    )
    return changed.rowcount == 1


LAPSED = "the key that gave this address counts no more: ask for a code, and confirm it anew"
"""The reason of a contact that was confirmed by a key that counts no more."""


def choose(
    connection: Connection, community: int, contact_id: str, events: Sequence[Occasion]
) -> None:
    """Keep what somebody wants to be told of."""
    _set(connection, community, contact_id, events=" ".join(events))


def set_code(
    connection: Connection,
    community: int,
    contact_id: str,
    code: bytes,
    until_ms: int,
    key_id: str,
) -> None:
    """Keep what the next code is compared with, and which key asked for it; the code before counts no more."""
    asked = {"code": code, "code_until": until_ms, "key_id": key_id}
    _set(connection, community, contact_id, tries=0, **asked)


def try_code(
    connection: Connection,
    community: int,
    contact_id: str,
    code: bytes,
    now_ms: int,
    key_id: str,
) -> int | None:
    """Confirm a contact by its code, in a session of a key; return None, or how many tries are left.

    A write transaction.
    """
    row = connection.execute(
        select(_contacts).where(_mine(community, contact_id)).with_for_update()
    ).one()
    if row.code is None or row.code_until < now_ms or row.tries >= CODE_TRIES:
        return 0
    if hmac.compare_digest(bytes(row.code), code):
        done = {"code": None, "code_until": None, "confirmed_at": now_ms, "reason": None}
        _set(connection, community, contact_id, key_id=key_id, **done)
        return None
    _set(connection, community, contact_id, tries=row.tries + 1)
    return CODE_TRIES - int(row.tries) - 1


def disable(
    connection: Connection, community: int, contact_id: str, reason: str, now_ms: int
) -> None:
    """Send nothing more to a contact."""
    _set(connection, community, contact_id, disabled_at=now_ms, reason=reason)


def remark(connection: Connection, community: int, contact_id: str, reason: str | None) -> None:
    """Keep what went wrong last, or that nothing did."""
    _set(connection, community, contact_id, reason=reason)


def remove(connection: Connection, community: int, contact_id: str) -> None:
    """Forget a contact, address, key and all."""
    _forget(connection, _mine(community, contact_id))


def remove_unconfirmed(connection: Connection, community: int, contact_id: str) -> bool:
    """Forget a contact whose code was not shown; return whether there was one, as it may be shown meanwhile."""
    erases(connection)
    which = _mine(community, contact_id) & _contacts.c.confirmed_at.is_(None)
    return connection.execute(delete(_contacts).where(which)).rowcount > 0


def remove_all(connection: Connection, community: int, account: str) -> None:
    """Forget every contact of somebody: a part of erasing a person."""
    _forget(connection, (_contacts.c.community == community) & (_contacts.c.account == account))


def _forget(connection: Connection, which: Any) -> None:
    erases(connection)
    connection.execute(delete(_contacts).where(which))


def _mine(community: int, contact_id: str) -> Any:
    return (_contacts.c.community == community) & (_contacts.c.id == contact_id)


def _set(connection: Connection, community: int, contact_id: str, **values: Any) -> None:
    connection.execute(update(_contacts).where(_mine(community, contact_id)).values(**values))


def _contact(row: Row[Any]) -> Contact:
    return Contact(
        *(row.id, row.account, Way(row.kind)),
        open_name(row.id, bytes(row.secret), bytes(row.sealed)),
        tuple(map(Occasion, row.events.split())),
        *(row.created_at, row.confirmed_at, row.disabled_at, row.reason, row.key_id),
    )
