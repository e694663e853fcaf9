"""An adapter's own queue: batches signed once, kept on disk, and delivered until a receipt is here.

For makers of adapters. A power cut at any moment loses nothing that `Outbox.add` returned for, and
sends nothing twice that matters: a batch is signed and queued in one durable transaction, keeps its
bytes for ever, and whoever takes it takes it once.

>>> Sent(2, 0, None).delivered
2
"""

import sqlite3
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ledger.entropy import Entropy, system_entropy
from ledger.errors import CommonwattError, InputError, PeerError, RefusedError, SetupError
from ledger.kinds import READINGS_MAX
from ledger.log.note import Verifier
from ledger.primitives.energy import WH_MAX
from ledger.primitives.periods import SECONDS
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement, make_body, sign
from meters.adapter import Adapter
from meters.batches import LIVE_LETTERS, BatchContent, Chain, Link, batch_fields, batch_id, chain_of
from meters.delivery_receipt import DeliveryReceipt, open_receipt
from meters.outbox_replies import (
    IMPOSSIBLE,
    WRONG_TIME,
    Post,
    detail_of,
    post_over_http,
    receipt_in,
)
from meters.pages import Run, split
from meters.readings import NO_PLACE, Channel, Slot
from meters.wire import WireBatch

LIFETIME_MS = 90 * 86_400_000
"""How long a batch may wait before it is logged: a quarter without a network."""

LATE_MS = 15 * 60_000
"""What is signed later than this after its last half-hour is marked as backfill."""

WAIT_S_MAX = 300
"""Longest pause after deliveries that failed: it doubles each time."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox_chain (
  meter TEXT, channel TEXT, signer TEXT, sequence INTEGER NOT NULL, tx_id TEXT NOT NULL,
  PRIMARY KEY (meter, channel, signer)
) STRICT;
CREATE TABLE IF NOT EXISTS outbox_seq (signer TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox_batch (
  number INTEGER PRIMARY KEY, tx_id TEXT NOT NULL UNIQUE, envelope BLOB NOT NULL,
  readings BLOB NOT NULL, receipt TEXT, error TEXT, given_up INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS outbox_reading (
  meter TEXT, channel TEXT, period INTEGER, wh INTEGER NOT NULL, quality TEXT NOT NULL,
  PRIMARY KEY (meter, channel, period)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending.

    Attributes:
        delivered: batches that have a receipt now.
        waiting: batches that are still in the queue.
        problem: why it stopped before the queue was empty.
        set_aside: why batches were given up: their values cannot be readings, and those that
            followed them were signed again.
    """

    delivered: int
    waiting: int
    problem: str | None
    set_aside: tuple[str, ...] = ()


class Outbox:
    """The queue of one adapter, in one SQLite file that is safe after every call.

    Args:
        path: of the file; made if it is not there.
        adapter: what the adapter was told.
        key: its own key.
        entropy: source of the batches' salts.
    """

    def __init__(
        self, path: Path, adapter: Adapter, key: SigningKey, entropy: Entropy = system_entropy
    ) -> None:
        self._adapter, self._key, self._entropy = adapter, key, entropy
        self._verifier = Verifier(adapter.origin, adapter.log_key)
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)
            self._database.execute("PRAGMA quick_check")
        except sqlite3.Error as error:
            raise SetupError(
                f"The queue {path} cannot be opened ({error}). If it is damaged, keep it, begin a"
                " new one with a new key, and have that one bound."
            ) from error
        self._sign_anew()

    def _sign_anew(self) -> None:
        """Sign again, with this key, what another key signed and what has no receipt."""
        others = [each for each in self._unreceipted() if each[1].key_id != self._key.key_id]
        now_ms = _now_ms()
        with self._transaction():
            for number, statement, run in others:
                self._database.execute("DELETE FROM outbox_batch WHERE number = ?", (number,))
                # A clock that lost its time by a power cut must not date it before its half-hours.
                self._sign(_slot_of(statement), run, max(now_ms, statement.body["created_at"]))

    def _unreceipted(self) -> list[tuple[int, Statement, Run]]:
        """Return (number, batch, readings) of what has no receipt yet, in order."""
        rows = self._database.execute(
            "SELECT number, envelope, readings FROM outbox_batch"
            " WHERE receipt IS NULL AND NOT given_up ORDER BY number"
        )
        found = ((number, Statement.decode(e), readings) for number, e, readings in rows)
        return [(number, batch, _run_of(batch, readings)) for number, batch, readings in found]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, slot: Slot, run: Run, now_ms: int) -> int:
        """Sign what of some consecutive readings is new, and queue it; return how many batches.

        Args:
            slot: meter and channel.
            run: the readings.
            now_ms: the time, Unix milliseconds.

        Raises:
            InputError: a value or a letter that no reading has.
            RefusedError: the key is not for this meter and channel, or a half-hour is not over.
        """
        meter, channel = slot
        if meter != self._adapter.meter or channel not in self._adapter.channels:
            raise RefusedError(f"This adapter's key is not for meter {meter} {channel}.")
        if not LIVE_LETTERS.issuperset(run.quality) or len(run.quality) != len(run.wh):
            raise InputError("Give one letter a reading: A for actual, E for estimated.")
        if not all(type(wh) is int and 0 <= wh <= WH_MAX for wh in run.wh):
            raise InputError(f"Give whole Wh from 0 to {WH_MAX:,}; leave out what is not known.")
        if run.periods.stop * SECONDS * 1000 > now_ms:
            raise RefusedError("A half-hour that is not over cannot be delivered.")
        with self._transaction():
            new = list(self._new(slot, run))
            for piece in new:
                self._sign(slot, piece, now_ms)
        return len(new)

    def waiting(self) -> int:
        """Return how many batches have no receipt yet."""
        query = "SELECT count(*) FROM outbox_batch WHERE receipt IS NULL AND NOT given_up"
        return int(self._database.execute(query).fetchone()[0])

    def waiting_batches(self) -> Iterator[WireBatch]:
        """Yield the batches that have no receipt yet, in order."""
        query = "SELECT envelope, readings FROM outbox_batch WHERE receipt IS NULL AND NOT given_up ORDER BY number"
        for envelope, readings in self._database.execute(query):
            yield WireBatch(envelope, readings, NO_PLACE)

    def receipts(self) -> Iterator[tuple[str, DeliveryReceipt]]:
        """Yield (tx id, receipt) of every batch that was delivered, in order."""
        query = "SELECT tx_id, receipt FROM outbox_batch WHERE receipt IS NOT NULL ORDER BY number"
        for tx_id, note in self._database.execute(query):
            yield tx_id, open_receipt(note.encode(), self._verifier)

    def send(
        self,
        post: Post = post_over_http,
        pause: Callable[[float], None] = time.sleep,
        attempts: int = 1,
    ) -> Sent:
        """Deliver what waits, in order, each until its receipt is kept.

        Args:
            post: sends bytes to an address.
            pause: waits some seconds.
            attempts: how often a delivery is tried that got no answer, or was told to come back.

        Returns:
            What came of it; a batch that is refused stays in the queue, and stops it, but for one
            whose values cannot be readings: that one is set aside.
        """
        delivered, set_aside = 0, list[str]()
        while (waiting := self._first()) is not None:
            number, tx_id, batch = waiting
            problem: str | None = None
            for attempt in range(attempts):
                if attempt:
                    pause(min(WAIT_S_MAX, 2.0**attempt))
                again, problem = self._deliver(number, tx_id, batch, post)
                if not again:
                    break
            if problem is not None and problem.startswith(IMPOSSIBLE):
                if self._give_up(number, batch, problem):
                    set_aside.append(problem)
                continue
            if problem is not None and problem.startswith(WRONG_TIME) and self._redate(batch):
                continue
            if problem is not None:
                self._database.execute(
                    "UPDATE outbox_batch SET error = ? WHERE number = ?", (problem, number)
                )
                return Sent(delivered, self.waiting(), problem, tuple(set_aside))
            delivered += 1
        return Sent(delivered, 0, None, tuple(set_aside))

    def _deliver(
        self, number: int, tx_id: str, batch: WireBatch, post: Post
    ) -> tuple[bool, str | None]:
        """Deliver one batch; return whether to try again, and what is wrong if anything is."""
        try:
            reply = post(self._adapter.url, batch.encode())
        except PeerError as error:
            return True, str(error)
        if reply.status in (429, 502, 503, 504):
            return True, f"not now ({reply.status}): {detail_of(reply)}"
        try:
            note = receipt_in(reply)
            receipt = open_receipt(note.encode(), self._verifier)
        except CommonwattError as error:
            return False, str(error)
        except UnicodeError:
            return False, "its answer is not what an answer is like"
        if receipt.tx_id != tx_id:
            return False, "its receipt is of another batch"
        self._database.execute(
            "UPDATE outbox_batch SET receipt = ?, error = NULL WHERE number = ?", (note, number)
        )
        return False, None

    def _give_up(self, number: int, batch: WireBatch, problem: str) -> bool:
        """Set a batch aside that was refused for its values, and sign again what followed it.

        It was not taken, so its place in the chain is free. Of several readings each half is tried
        by itself, until those that cannot be are alone; return whether this was one.
        """
        refused = Statement.decode(batch.envelope)
        whole = _run_of(refused, batch.readings)
        middle = whole.first + len(whole.wh) // 2
        halves = [whole.cut(whole.first, middle), whole.cut(middle, whole.periods.stop)]
        with self._transaction():
            self._database.execute(
                "UPDATE outbox_batch SET error = ?, given_up = 1 WHERE number = ?",
                (problem, number),
            )
            parts = halves if len(whole.wh) > 1 else []
            self._sign_from(refused, parts, refused.body["created_at"], None)
        return len(whole.wh) == 1

    def _redate(self, batch: WireBatch) -> bool:
        """Sign again what was refused for its time, and what follows it; return whether that helps.

        Only what was refused: what was taken, and whose receipt was lost, keeps its bytes.
        """
        refused, now_ms = Statement.decode(batch.envelope), _now_ms()
        run = _run_of(refused, batch.readings)
        created_ms = refused.body["created_at"]
        is_helped = not created_ms <= now_ms <= created_ms + LIFETIME_MS
        if not is_helped or now_ms < run.periods.stop * SECONDS * 1000:
            return False
        with self._transaction():
            self._database.execute("DELETE FROM outbox_batch WHERE tx_id = ?", (refused.tx_id,))
            self._sign_from(refused, [run], now_ms, now_ms)
        return True

    def _sign_from(
        self, refused: Statement, runs: Sequence[Run], now_ms: int, later_ms: int | None
    ) -> None:
        """Put runs into the place of a batch that was not taken, and sign again what follows it.

        Args:
            refused: has its row no more, or is given up.
            runs: what is signed in its place.
            now_ms: when.
            later_ms: when those that follow were signed; as before if None.
        """
        chain, sequence = chain_of(refused), refused.body["sequence"]
        self._database.execute(
            "INSERT OR REPLACE INTO outbox_chain VALUES (?, ?, ?, ?, ?)",
            (*chain, sequence - 1, refused.body["previous"]),
        )
        again = [(run, now_ms) for run in runs]
        for number, statement, run in self._unreceipted():
            if chain_of(statement) == chain and statement.body["sequence"] > sequence:
                self._database.execute("DELETE FROM outbox_batch WHERE number = ?", (number,))
                created_ms = statement.body["created_at"]
                again.append((run, created_ms if later_ms is None else later_ms))
        for run, time_ms in again:
            self._sign(_slot_of(refused), run, time_ms)

    def _first(self) -> tuple[int, str, WireBatch] | None:
        row = self._database.execute(
            "SELECT number, tx_id, envelope, readings FROM outbox_batch WHERE receipt IS NULL AND NOT given_up"
            " ORDER BY number LIMIT 1"
        ).fetchone()
        return None if row is None else (row[0], row[1], WireBatch(row[2], row[3], NO_PLACE))

    def _new(self, slot: Slot, run: Run) -> Iterator[Run]:
        """Yield what was not queued before with the same value, and remember it."""
        known = {
            period: (wh, quality)
            for period, wh, quality in self._database.execute(
                "SELECT period, wh, quality FROM outbox_reading WHERE meter = ? AND channel = ?"
                " AND period >= ? AND period < ?",
                (*slot, run.periods.start, run.periods.stop),
            )
        }
        rows = list(zip(run.periods, zip(run.wh, run.quality, strict=True), strict=True))
        for is_new, group in groupby(rows, lambda row: known.get(row[0]) != row[1]):
            if is_new:
                new = list(group)
                self._database.executemany(
                    "INSERT OR REPLACE INTO outbox_reading VALUES (?, ?, ?, ?, ?)",
                    [(*slot, period, *reading) for period, reading in new],
                )
                yield from split(run.cut(new[0][0], new[-1][0] + 1), (), READINGS_MAX)

    def _sign(self, slot: Slot, run: Run, now_ms: int) -> None:
        signer = self._key.key_id
        chain: Chain = (slot[0], slot[1].value, signer)
        before = self._link(chain)
        statement_id = batch_id(self._adapter.origin, chain, before[0] + 1)
        seed = self._entropy(f"seed/{statement_id}", 32)
        content = BatchContent(run.first, tuple(run.wh), run.quality, seed)
        late = now_ms - run.periods.stop * SECONDS * 1000 > LATE_MS
        fields = batch_fields(chain, before, content, now_ms, backfill=late)
        seq = self._next_seq(signer)
        body = make_body(
            "reading_batch",
            self._adapter.origin,
            self._adapter.member,
            statement_id,
            seq,
            now_ms + LIFETIME_MS,
            fields,
        )
        envelope = sign(body, [self._key])
        tx_id = Statement.decode(envelope).tx_id
        self._database.execute(
            "INSERT INTO outbox_batch (tx_id, envelope, readings) VALUES (?, ?, ?)",
            (tx_id, envelope, content.encode()),
        )
        self._database.execute(
            "INSERT OR REPLACE INTO outbox_chain VALUES (?, ?, ?, ?, ?)",
            (*chain, before[0] + 1, tx_id),
        )

    def _link(self, chain: Chain) -> Link:
        row = self._database.execute(
            "SELECT sequence, tx_id FROM outbox_chain WHERE meter = ? AND channel = ? AND signer = ?",
            chain,
        ).fetchone()
        return (row[0], row[1]) if row else (0, "0" * 64)

    def _next_seq(self, signer: str) -> int:
        query = "SELECT seq FROM outbox_seq WHERE signer = ?"
        row = self._database.execute(query, (signer,)).fetchone()
        seq = (row[0] if row else 0) + 1
        self._database.execute("INSERT OR REPLACE INTO outbox_seq VALUES (?, ?)", (signer, seq))
        return seq

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _slot_of(batch: Statement) -> Slot:
    return batch.body["meter"], Channel(batch.body["channel"])


def _run_of(batch: Statement, readings: bytes) -> Run:
    """Return the readings of a batch."""
    content = BatchContent.decode(batch.body["first"], readings)
    return Run(content.first, array("i", content.wh), content.quality)
