"""What protects an account's addresses: each is told of the others, and what a key put up ends with it.

Whoever finds a phone that is unlocked could have themselves told of everything. So every other address hears of
theirs, and once the phone's key is revoked nothing that it gave counts any more.

>>> counts_no_more([Given("0c" * 16, "0f" * 16, Way.PUSH, "ab" * 32, 7)], KeyBook("x"), 0)[0].way.value
'push'
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from ledger.keys import KeyBook
from wallet_api.door import contact_store, notices, outgoing_store
from wallet_api.door.contact_store import Given, Occasion, Reached, Way
from wallet_api.door.errors import BusyError
from wallet_api.door.identity import stands

ADDED_A_DAY = 20
"""Most additions to an account in a day that its addresses are told of: text messages cost."""

DAY_MS = 24 * 3_600_000

KEPT = (Occasion.KEYS, Occasion.MORE_KEYS, Occasion.ADDED)
"""What is still sent to an address whose key counts no more: it may be the owner's, and a thief have changed the keys."""

ENDED = "the key that made it counts no more: make a new one"
"""Why a webhook is disabled."""


def check_additions(connection: Connection, number: int, account: str, now_ms: int) -> None:
    """Refuse one addition more where there were many today.

    Raises:
        BusyError: there were.
    """
    added = (Occasion.ADDED,)
    count = outgoing_store.count_since(connection, number, account, added, now_ms - DAY_MS)
    if count >= ADDED_A_DAY:
        raise BusyError("Too much was added to this account today: try again tomorrow.", 3_600)


def tell(
    connection: Connection,
    number: int,
    name: str,
    account: str,
    what: str,
    new: str,
    now_ms: int,
) -> None:
    """Tell every confirmed address of an account, but the new one, that something was added. Nobody can choose not to.

    Args:
        connection: a write transaction.
        number: the community's.
        name: the community's.
        account: whose.
        what: was added: one of `notices.ADDED`.
        new: its id.
        now_ms: the time.
    """
    mark = f"{what}/{new[:32]}/{now_ms}"
    made = [
        notices.message(
            each, account, mark, Occasion.ADDED, notices.added_body(each.way, name, what)
        )
        for each in contact_store.reached_of(connection, number, account)
        if each.id != new
    ]
    outgoing_store.add(connection, number, made, now_ms)


def counts_no_more(given: Iterable[Given], keys: KeyBook, period: int) -> list[Given]:
    """Return the contacts whose key stands no more, in the half-hour that it is.

    One that is neither confirmed nor any key's waits for somebody to confirm it.
    """
    return [
        each
        for each in given
        if not (each.key_id is None and each.confirmed_ms is None)
        and not (each.key_id and stands(keys, each.account, each.key_id, period))
    ]


def of_keys_alone(
    reached: Mapping[str, list[Reached]], lapsing: Iterable[Given]
) -> dict[str, list[Reached]]:
    """Return who may be told of something; those whose key stands no more, of changes of keys alone."""
    gone = {each.id for each in lapsing}
    return {
        account: [
            each._replace(events=frozenset()) if each.id in gone else each for each in contacts
        ]
        for account, contacts in reached.items()
    }


def end(
    connection: Connection, number: int, name: str, lapsing: Iterable[Given], now_ms: int
) -> None:
    """End what keys put up that stand no more; whatever else is told of it is told a last time.

    An e-mail address or a number may be the owner's own, given by a phone that was lost: so it is not deleted, but asked
    for a code again.

    Args:
        connection: a write transaction.
        number: the community's.
        name: the community's.
        lapsing: from `counts_no_more`.
        now_ms: the time.
    """
    for each in lapsing:
        if each.confirmed_ms is None:
            if contact_store.remove_unconfirmed(connection, number, each.id):
                outgoing_store.drop(connection, number, each.id)
        elif contact_store.lapse(connection, number, each):
            outgoing_store.drop(connection, number, each.id, KEPT)
            _end_one(connection, number, name, each, now_ms)


def _end_one(connection: Connection, number: int, name: str, each: Given, now_ms: int) -> None:
    if each.way is Way.WEBHOOK:
        contact_store.disable(connection, number, each.id, ENDED, now_ms)
        tell(connection, number, name, each.account, "ended", each.id, now_ms)
        return
    if each.way is Way.PUSH:
        contact_store.disable(connection, number, each.id, contact_store.REMOVED, now_ms)
        occasion, body = Occasion.REMOVED, notices.push_body(Occasion.REMOVED)
    else:
        occasion, body = Occasion.LAPSED, notices.words_body(name, notices.LAPSED_TEXT)
    reached = Reached(each.id, each.way, frozenset())
    mark = f"lapsed/{each.confirmed_ms}"
    told = notices.message(reached, each.account, mark, occasion, body)
    outgoing_store.add(connection, number, [told], now_ms)
