"""The one loop that tells people outside: queues what is new in the log, and sends what is due.

Every process of a server may run it, and a command, too: the cursor is moved once, and a message is claimed by one
of them. A message goes out at least once; whoever gets it twice sees the same id.

>>> Outcome.GONE.value
'gone'
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from ledger import log_store
from ledger.db import Database
from ledger.entropy import Entropy, system_entropy
from ledger.errors import CommonwattError
from settlement.community import Community
from wallet_api.door import contact_store, gathering, notices, outgoing_store, safety
from wallet_api.door.contact_store import LAPSED, Contact, Given, Occasion, Way
from wallet_api.door.gathering import COUNTED, Sent
from wallet_api.door.happenings import happenings
from wallet_api.door.here import Here
from wallet_api.door.messengers import Channels
from wallet_api.door.outgoing_store import Outgoing, wait_ms
from wallet_api.door.posts import Keys, keys_of, push, send_words, webhook

STEP = 1_000
"""Most log entries that are looked at in one transaction."""

ROUND = 16
"""Most messages that are claimed at once."""

HANDS = 8
"""How many are sent at the same time: one slow shop does not hold up the others. A round of all the slowest takes
50 seconds, less than half of a claim."""

LOOK_S = 2.0
"""How often the loop looks for what is due."""


class Outcome(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    AGAIN = "again"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to send: what became of it, and why."""

    message: Outgoing
    contact: Contact | None
    outcome: Outcome
    said: str


class Sender:
    """Tells people outside.

    Args:
        here: the community.
        channels: the ways out.
        now_ms: the machine's time.
        entropy: names of claims, salts, and dice.
    """

    def __init__(
        self,
        here: Here,
        channels: Channels,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        entropy: Entropy = system_entropy,
    ) -> None:
        self._here, self._channels, self._now_ms, self._entropy = here, channels, now_ms, entropy
        self._keys: Keys | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Tell and send in a thread, until `close`."""
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; what it was sending is finished."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def queue_new(self) -> bool:
        """Queue what is new in the log for whoever wants to know; return whether there may be more."""
        now_ms = self._now_ms()
        with self._here.reading() as (community, connection):
            number, database = community.writer.community, community.writer.database
            size, _, _ = log_store.head(connection, number)
            first = outgoing_store.position(connection, number)
            end = size if first is None else min(size, first + STEP)
            lapsing = _lapsing(community, connection)
            made: list[Outgoing] = []
            if first is not None and first < end:
                made = self._made(community, connection, range(first, end), lapsing)
        if first is None:
            with database.write() as connection:
                outgoing_store.begin(connection, number, size)
            return False
        if first < end:
            with database.write() as connection:
                if outgoing_store.advance(connection, number, first, end):
                    _queue(connection, number, community.name, made, now_ms)
        if end < size:
            return True
        if lapsing:  # after all that the log tells them of their keys
            with database.write() as connection:
                safety.end(connection, number, community.name, lapsing, now_ms)
        return False

    def send_due(self) -> list[Attempt]:
        """Send one round of what is due, and return what became of it."""
        now_ms, name = self._now_ms(), self._entropy("claim", 16).hex()
        with self._here.reading() as (community, connection):
            number, database = community.writer.community, community.writer.database
            if not outgoing_store.is_due(connection, number, now_ms):
                return []
        keys = self._keys_of(database, number)
        with database.write() as connection:
            claimed = outgoing_store.claim(connection, number, name, now_ms, ROUND)
            contacts = {
                each.recipient: contact_store.find(connection, number, each.recipient)
                for each in claimed
            }
        with ThreadPoolExecutor(HANDS) as hands:
            attempts = list(
                hands.map(lambda each: self._send(each, contacts[each.recipient], keys), claimed)
            )
        _log_failures(attempts)
        with database.write() as connection:
            for attempt in attempts:
                self._report(connection, number, name, attempt)
            outgoing_store.forget_old(connection, number, now_ms)
        return attempts

    def run_once(self) -> list[Attempt]:
        """Queue all that is new, and send all that is due."""
        while self.queue_new():
            pass
        attempts: list[Attempt] = []
        while found := self.send_due():
            attempts += found
        return attempts

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                while self.queue_new() and not self._stop.is_set():
                    pass
                while not self._stop.is_set() and self.send_due():
                    pass
            except Exception:
                # Nothing is lost: the next look begins where this one did.
                logging.getLogger(__name__).exception("sender: a look failed")
            self._stop.wait(LOOK_S)

    def _made(
        self, community: Community, connection: Connection, entries: range, lapsing: list[Given]
    ) -> list[Outgoing]:
        reached = contact_store.reached(connection, community.writer.community)
        reached = safety.of_keys_alone(reached, lapsing)
        found = happenings(community, connection, entries, reached)
        zone = community.state.rules_now.zone
        return notices.messages(found, reached, community.name, zone, self._now_ms())

    def _keys_of(self, database: Database, number: int) -> Keys:
        if self._keys is None:
            with database.write() as connection:
                self._keys = keys_of(connection, number, self._entropy)
        return self._keys

    def _send(self, message: Outgoing, contact: Contact | None, keys: Keys) -> Attempt:
        if contact is None or (contact.disabled_ms and message.occasion is not Occasion.REMOVED):
            return Attempt(message, contact, Outcome.SENT, outgoing_store.DROPPED)
        channels, now_s = self._channels, self._now_ms() // 1000
        try:
            if message.way is Way.WEBHOOK:
                status = webhook(contact, message, keys, now_s, private=channels.private)
            elif message.way is Way.PUSH:
                status = push(contact, message, keys, now_s, channels, self._entropy)
            else:
                send_words(contact, message, channels)
                status = 200
        except (CommonwattError, OSError, ValueError) as error:
            return Attempt(message, contact, Outcome.AGAIN, str(error)[:200])
        except Exception:
            # Whatever a library makes of one message: the others of the round go out, and are known to have gone.
            logging.getLogger(__name__).exception("sender: a message failed")
            return Attempt(message, contact, Outcome.AGAIN, "it could not be made")
        return Attempt(message, contact, *_judged(message.way, status))

    def _report(self, connection: Connection, number: int, claimed: str, attempt: Attempt) -> None:
        message, contact = attempt.message, attempt.contact
        now_ms, said = self._now_ms(), attempt.said
        if attempt.outcome is Outcome.AGAIN:
            dice = self._entropy(f"dice/{message.id}/{message.attempts}", 1)[0] / 255
            wait = wait_ms(message.attempts + 1, dice)
            if wait is not None:
                outgoing_store.later(connection, number, claimed, message.id, now_ms + wait, said)
                if contact is not None and contact.disabled_ms is None:
                    contact_store.remark(connection, number, contact.id, said)
                return
        outgoing_store.done(connection, number, claimed, message.id, said)
        if contact is None:
            return
        if message.occasion is Occasion.REMOVED:
            contact_store.remove(connection, number, contact.id)
        elif attempt.outcome is not Outcome.SENT:
            self._give_up(connection, number, contact, said)
        elif contact.reason not in (None, LAPSED) and contact.disabled_ms is None:
            contact_store.remark(connection, number, contact.id, None)

    def _give_up(self, connection: Connection, number: int, contact: Contact, said: str) -> None:
        """Send nothing more to whoever was not reached for a day, or is not there any more."""
        if contact.way is Way.PUSH:
            contact_store.remove(connection, number, contact.id)
        elif contact.way is Way.WEBHOOK:
            contact_store.disable(connection, number, contact.id, said, self._now_ms())
        else:
            contact_store.remark(connection, number, contact.id, said)
            return
        outgoing_store.drop(connection, number, contact.id)


def _log_failures(attempts: list[Attempt]) -> None:
    """Tell whoever runs the server what went wrong, and of nobody's address: what it was is shown to its owner."""
    failed = Counter(each.message.way for each in attempts if each.outcome is Outcome.AGAIN)
    for way, count in sorted(failed.items()):
        logging.getLogger(__name__).warning("sender: not sent by %s: %d", way.value, count)


def _queue(
    connection: Connection, number: int, name: str, made: list[Outgoing], now_ms: int
) -> None:
    """Queue messages, and tell together what is too much for one address."""
    contacts = {each.recipient for each in made if each.way is not Way.WEBHOOK}
    sent = {contact: Sent(Counter(), Counter()) for contact in contacts}
    for place, span_ms in enumerate((gathering.HOUR_MS, gathering.DAY_MS)):
        since = now_ms // span_ms * span_ms
        counts = outgoing_store.counts_since(connection, number, contacts, COUNTED, since)
        for (contact, occasion), count in counts.items():
            sent[contact][place][occasion] = count
    alone, windows = gathering.sorted_out(made, sent, name, now_ms)
    outgoing_store.add(connection, number, alone, now_ms)
    for window in windows:
        message = window.message
        waits = outgoing_store.waiting_body(connection, number, message.id)
        if waits is None:
            # An address may end, and with it what waited, and be confirmed anew within the hour.
            if not outgoing_store.revive(connection, number, message, window.due_ms):
                outgoing_store.add(connection, number, [message], now_ms, window.due_ms)
            continue
        counts_now = window.counts + gathering.counts_in(waits)
        whole = gathering.with_counts(window, counts_now, name).message
        outgoing_store.rewrite(connection, number, message.id, whole.body)


def _lapsing(community: Community, connection: Connection) -> list[Given]:
    writer = community.writer
    given = contact_store.given(connection, writer.community)
    return safety.counts_no_more(given, writer.key_book, writer.now_period())


GONE = {Way.WEBHOOK: (410,), Way.PUSH: (404, 410)}
"""Answers that mean: nobody is here any more."""


def _judged(way: Way, status: int) -> tuple[Outcome, str]:
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own
        return Outcome.SENT, "sent"
    if status in GONE.get(way, ()):
        return Outcome.GONE, f"it answered {status}: nobody is there any more"
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own
        return Outcome.AGAIN, f"it answered {status}, and redirects are not followed"
    return Outcome.AGAIN, f"it answered {status}"
