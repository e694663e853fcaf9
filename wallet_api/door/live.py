"""Who listens, and the one thread that tells them what happened, once for all of them.

The log says what is new, whoever wrote it: this process, another one, a command. The thread looks for new
entries every second while somebody listens, and at once when this process wrote. It works out what they mean
and puts that into the listeners' queues; a stream takes no thread, no transaction and no opened community.

>>> Told(7, ()).seen
7
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import SignatureError
from settlement.community import Community
from wallet_api.door import session_store
from wallet_api.door.desk import Desk
from wallet_api.door.errors import BusyError
from wallet_api.door.happenings import Happening, What, expired, happenings
from wallet_api.door.identity import Role, Who, who_is

LOOK_S = 1.0
"""How often the log is looked at for what others wrote: a till waits no longer for a payment."""

MARK_S = 15.0
"""How often a quiet stream says how far it is: proxies close lines that are quiet for a minute."""

CHECK_S = 1.0
"""How often sessions and keys of those who listen are checked, beyond each change of a key."""

STREAMS_MAX = 1_000
"""Most streams of one process."""

ACCOUNT_STREAMS_MAX = 8
"""Most streams of one account: a shop's tills and phones; of one key of the roster."""

QUEUE_MAX = 100
"""Most looks' worth of happenings that wait for a slow reader, before it is sent away."""

STEP = 1_000
"""Most log entries in one look, so that it stays short."""

AGAIN_MAX = 5_000
"""Most log entries that are told again to whoever comes back: beyond it, they look for themselves."""

TOO_MANY = "Too many streams are open: close one, or try again later."


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, for one listener.

    Attributes:
        seen: position of the last log entry that was looked at.
        happened: in the log's order; nothing where only time passed.
    """

    seen: int
    happened: tuple[Happening, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """Something was left out: the listener looks for itself, and goes on after `seen`."""

    seen: int


@dataclass(frozen=True, slots=True)
class Over:
    """The stream ends, and why."""

    why: str


Note = Told | Missed | Over
"""What a listener's queue holds."""

SIGNED_OUT = "The session has ended: sign in again."
STOPPING = "The server stops: come back in a moment."


class Listener:
    """One stream: whose it is, and what waits to be told.

    Args:
        who: listens.
        token: of their session.
        loop: in which the stream is served.
    """

    def __init__(self, who: Who, token: str, loop: asyncio.AbstractEventLoop) -> None:
        self.who, self.token = who, token
        self.notes: asyncio.Queue[Note] = asyncio.Queue()
        self._loop, self._is_over = loop, False

    def tell(self, note: Note) -> None:
        """Put a note into the queue, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._put, note)
        except RuntimeError:  # the loop was closed: nobody reads any more
            return

    def _put(self, note: Note) -> None:
        if self._is_over:
            return
        if self.notes.qsize() >= QUEUE_MAX and not isinstance(note, Over):
            while not self.notes.empty():
                self.notes.get_nowait()
            self.notes.put_nowait(Missed(note.seen))
            note = Over("This stream was read too slowly: come back.")
        self._is_over = isinstance(note, Over)
        self.notes.put_nowait(note)


class Live:
    """All streams of one process.

    Args:
        desk: the community, the time and the sessions.
        clock: monotonic seconds.
        runs: whether a thread looks by itself; else whoever calls `look`.
    """

    def __init__(
        self, desk: Desk, clock: Callable[[], float] = time.monotonic, *, runs: bool = True
    ) -> None:
        self._desk, self._clock, self._runs = desk, clock, runs
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._known = threading.Lock()  # whoever is in the list, held for a moment
        self._turn = threading.Lock()  # a look, or somebody's coming between two looks
        self._bell, self._pause = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._position, self._period = 0, 0
        self._marked = self._checked = clock()
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many listen."""
        return sum(map(len, self._listeners.values()))

    def wake(self) -> None:
        """Look at once: this process wrote something."""
        self._bell.set()

    def join(self, listener: Listener) -> int:
        """Let somebody listen; return the log position from which they are told.

        Raises:
            BusyError: too many do.
        """
        account = listener.who.account
        with self._turn:
            with self._known:
                others = self.count
                if others >= STREAMS_MAX or self._is_closed:
                    raise BusyError(TOO_MANY, 30)
                # All operators have one account: theirs are counted by key.
                mine = [
                    each
                    for each in self._listeners.get(account, ())
                    if each.who.is_member or each.who.key_id == listener.who.key_id
                ]
                if len(mine) >= ACCOUNT_STREAMS_MAX:
                    raise BusyError(TOO_MANY, 30)
            if not others:
                self._begin()
            with self._known:
                self._listeners[account].add(listener)
            if self._runs and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
            self._bell.set()
            return self._position

    def leave(self, listener: Listener) -> None:
        """Let somebody go."""
        with self._known:
            mine = self._listeners.get(listener.who.account, set())
            mine.discard(listener)
            if not mine:
                self._listeners.pop(listener.who.account, None)

    def again(self, who: Who, after: int, end: int) -> tuple[list[Happening], bool]:
        """Return what happened to somebody after one log entry and before another, and whether that is all.

        Args:
            who: comes back.
            after: position of the last entry that they know of.
            end: the first one that they will be told of.
        """
        if after >= end or end - after - 1 > AGAIN_MAX:
            return [], False
        with self._desk.here.reading() as (community, connection):
            wanted = {who.account}
            found = happenings(community, connection, range(after + 1, end), wanted)
        return list(visible(who, found)), True

    def look(self) -> None:
        """Tell everybody what is new."""
        with self._turn:
            with self._known:
                listeners = {account: list(of) for account, of in self._listeners.items()}
            if not listeners:
                return
            with self._desk.here.reading() as (community, connection):
                found, end, period = self._new(community, connection, listeners)
                gone = self._gone(community, connection, listeners, found)
            self._position, self._period = end, period
            self._tell(listeners, found, gone)

    def close(self) -> None:
        """End every stream, and the thread."""
        with self._known:
            self._is_closed = True
            listeners = [each for of in self._listeners.values() for each in of]
        for listener in listeners:
            listener.tell(Over(STOPPING))
        self._pause.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        with self._desk.here.reading() as (community, connection):
            self._position, _, _ = log_store.head(connection, community.writer.community)
            self._period = community.writer.now_period()

    def _run(self) -> None:
        while not self._is_closed:
            self._bell.wait(LOOK_S if self._listeners else None)
            self._bell.clear()
            try:
                self.look()
            except Exception:
                # Streams stay open: the next look goes on where this one began.
                logging.getLogger(__name__).exception("live: a look at the log failed")
                self._pause.wait(LOOK_S)

    def _new(
        self,
        community: Community,
        connection: Connection,
        listeners: dict[str, list[Listener]],
    ) -> tuple[list[Happening], int, int]:
        """Return what is new, up to which position, and which half-hour it is."""
        size, _, _ = log_store.head(connection, community.writer.community)
        end, period = min(size, self._position + STEP), community.writer.now_period()
        if end < size:
            self._bell.set()
        found = happenings(community, connection, range(self._position, end), listeners)
        ended = range(self._period, period)
        return found + expired(community, connection, ended, listeners), end, period

    def _gone(
        self,
        community: Community,
        connection: Connection,
        listeners: dict[str, list[Listener]],
        found: Sequence[Happening],
    ) -> set[Listener]:
        """Return those whose session has ended, or whose key counts no more."""
        changed = any(each.what is What.KEYS for each in found)
        if not changed and self._clock() - self._checked < CHECK_S:
            return set()
        self._checked = self._clock()
        everybody = [each for of in listeners.values() for each in of]
        there = session_store.still(
            connection,
            community.writer.community,
            [each.token for each in everybody],
            self._desk.now_ms(),
        )
        return {
            each
            for each in everybody
            if session_store.token_hash(each.token) not in there or not _counts(community, each.who)
        }

    def _tell(
        self,
        listeners: dict[str, list[Listener]],
        found: Sequence[Happening],
        gone: set[Listener],
    ) -> None:
        seen = self._position - 1
        marks = self._clock() - self._marked >= MARK_S
        if marks:
            self._marked = self._clock()
        mine: dict[str, list[Happening]] = defaultdict(list)
        for each in found:
            mine[each.account].append(each)
        for listener in gone:
            listener.tell(Over(SIGNED_OUT))
        for account in listeners if marks else mine:
            for listener in listeners[account]:
                if listener in gone:
                    continue
                told = visible(listener.who, mine.get(account, ()))
                if told or marks:
                    listener.tell(Told(seen, told))


def visible(who: Who, found: Sequence[Happening]) -> tuple[Happening, ...]:
    """Return what somebody may know of what happened to their account: a till knows little."""
    if who.role is not Role.TILL:
        return tuple(found)
    return tuple(
        Happening(each.entry, each.account, each.what, each.till)
        for each in found
        if each.till is not None
    )


def _counts(community: Community, who: Who) -> bool:
    writer = community.writer
    try:
        now, _ = who_is(
            writer.key_book, community.state, who.account, who.key_id, writer.now_period()
        )
    except SignatureError:
        return False
    return now.role is who.role
