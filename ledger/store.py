"""The ledger's store: domain verbs over one database transaction.

Every verb takes an open connection; the caller commits. `LedgerStore.lock` comes first in a
write transaction, so that a community has one writer at a time on either engine. What a batch
does is decided by the pure book, over what the batch touches, and written once an account.

>>> LedgerStore(7).chart.names
{}
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection, select

from ledger import bulk, history
from ledger.batches import (
    Answer,
    Batch,
    Decision,
    apply_batch,
    first_conflict,
    raise_refusal,
    repeat_within,
    state_of,
)
from ledger.book import Balance
from ledger.bulk import Reads
from ledger.chart import Chart
from ledger.errors import LogError
from ledger.loading import Loader
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.ids import ID_BYTES
from ledger.primitives.periods import SECONDS
from ledger.records import Transfer, content_hash
from ledger.status import Status
from ledger.tables import BatchRow, TransferRow

_batches, _transfers = BatchRow.__table__, TransferRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _LastBatch:
    """The batch that was posted last."""

    number: int = 0
    recorded_ms: int = 0
    period: int = 0
    transfer: int = 0


_LAST_BATCH = (
    'SELECT number, recorded_at, period, "first" + "count" - 1 FROM batch'
    " WHERE community = {community:d} ORDER BY number DESC LIMIT 1"
)


class LedgerStore:
    """The ledger of one community."""

    after_write: ClassVar[Callable[[Connection, "LedgerStore"], None] | None] = None
    """Called after each write of batches, in its transaction; tests check the invariants here."""

    def __init__(self, community: int) -> None:
        self.community = community
        self.chart = Chart(community)

    def lock(self, connection: Connection) -> None:
        """Make this transaction the community's only writer until it ends."""
        if connection.dialect.name == "postgresql":
            reads = Reads(connection)
            mine = f"community = {self.community:d}"
            reads.query(f"SELECT size FROM log_head WHERE {mine} FOR UPDATE")  # noqa: S608 - our own number
            reads.run()

    def balances(self, connection: Connection) -> dict[str, Balance]:
        """Return every account's balance now, by account."""
        return self.chart.balances(connection)

    def forget(self) -> None:
        """Drop what is remembered: after a transaction was rolled back."""
        self.chart.forget()

    def post(self, connection: Connection, batches: Sequence[Batch], now_ms: int) -> int:
        """Post atomic batches in order; each is new, or came before with the same content.

        Returns:
            How many were new.

        Raises:
            ConflictError: a batch's id came before with other transfers; names the field.
            RefusedError: a batch breaks a limit; says which transfer and why. The caller's
                transaction must be rolled back.
        """
        answers = self.submit(connection, batches, now_ms)
        for batch, answer in zip(batches, answers, strict=True):
            raise_refusal(batch, answer)
        return sum(not answer.repeated for answer in answers)

    def submit(self, connection: Connection, batches: Sequence[Batch], now_ms: int) -> list[Answer]:
        """Post batches in order, each independent of the others, and return one answer each."""
        decision = self.decide(connection, batches, now_ms)
        self.write(connection, decision)
        return decision.answers

    def decide(self, connection: Connection, batches: Sequence[Batch], now_ms: int) -> Decision:
        """Return what the book makes of some batches; nothing is written."""
        reads = Reads(connection)
        known_rows = self._ask_batches(reads, [batch.id for batch in batches])
        last_rows = reads.query(_LAST_BATCH.format(community=self.community))
        transfers = [transfer for batch in batches for transfer in batch.transfers]
        clock = now_ms // (SECONDS * 1000)
        book = Loader(connection, self.chart).load(transfers, clock, reads)
        known = {bytes(row[0]): tuple(row[1:]) for row in known_rows}
        last = _LastBatch(*last_rows[0]) if last_rows else _LastBatch()
        now = max(clock, last.period)
        recorded_ms = max(now_ms, last.recorded_ms + 1)
        before = {name: state_of(balance) for name, balance in book.balances.items()}
        decision = Decision(book, before, last.number, last.transfer, now, recorded_ms)
        expiries = book.expire(now)
        sent: dict[bytes, tuple[Batch, Answer]] = {}
        for batch in batches:
            if batch.id in known:
                answer = self._repeat(connection, batch, known[batch.id])
            elif batch.id in sent:
                answer = repeat_within(batch, *sent[batch.id])
            else:
                answer = apply_batch(decision, batch)
                if answer.refusal is None or not batch.atomic:
                    sent[batch.id] = batch, answer
            decision.answers.append(answer)
        if expiries and decision.kept:
            # What expired is released where the log's next entry is posted, so that a replay
            # of the log releases it at the same place.
            batch_id = self._free_batch_id(connection, decision, expiries)
            cause = decision.kept[0][0].position
            batch = Batch(batch_id, tuple(expiries), cause)
            decision.kept.insert(0, (batch, expiries, None))
        return decision

    def _free_batch_id(
        self, connection: Connection, decision: Decision, expiries: Sequence[Transfer]
    ) -> bytes:
        """Return the id that follows from some expiries, or the next that nobody took."""
        content = b"".join(transfer.id for transfer in expiries)
        taken_now = {batch.id for batch, _, _ in decision.kept}
        while True:
            batch_id = tagged_hash("commonwatt/id/expiries/v1", content)[:ID_BYTES]
            if batch_id not in taken_now and not self._is_known(connection, batch_id):
                return batch_id
            content = batch_id

    def write(self, connection: Connection, decision: Decision) -> None:
        """Write what was decided in this very transaction."""
        if not decision.kept:
            return
        me, numbers = self.community, self.chart.numbers
        last = before = decision.last_transfer
        batch_rows: list[tuple[Any, ...]] = []
        rows: list[tuple[Any, ...]] = []
        for number, (batch, created, statuses) in enumerate(
            decision.kept, start=decision.last_batch + 1
        ):
            content = content_hash(batch.transfers)
            batch_rows.append(
                (
                    *(me, number, batch.id, content, batch.position, decision.recorded_ms),
                    *(decision.period, last + 1, len(created), statuses),
                )
            )
            for number_of_transfer, t in enumerate(created, start=last + 1):
                rows.append(
                    (
                        *(me, number_of_transfer, t.id, number, int(t.kind), numbers[t.debit]),
                        *(numbers[t.credit], t.amount, t.effective, t.original, t.expires),
                    )
                )
            last += len(created)
        # Each changed balance once, however many transfers touched it.
        changed = [
            (*state, numbers[name])
            for name, balance in decision.book.balances.items()
            if (state := state_of(balance)) != decision.before[name]
        ]
        inserts = [(_batches, batch_rows), (_transfers, rows)]
        if bulk.write(connection, me, inserts, changed) != len(changed):
            raise LogError("A balance that was read is not there any more. Nothing was written.")
        history.fill(connection, me, before, last)
        if LedgerStore.after_write is not None:
            LedgerStore.after_write(connection, self)

    def _ask_batches(self, reads: Reads, ids: Sequence[bytes]) -> list[Any]:
        return reads.select_in(
            'SELECT id, number, content, "first", "count", statuses FROM batch',
            "id",
            self.community,
            ids,
            kind="bytea",
        )

    def _is_known(self, connection: Connection, batch_id: bytes) -> bool:
        reads = Reads(connection)
        rows = self._ask_batches(reads, [batch_id])
        reads.run()
        return bool(rows)

    def _repeat(
        self,
        connection: Connection,
        batch: Batch,
        stored: tuple[int, bytes, int, int, bytes | None],
    ) -> Answer:
        """Return the stored answer of a batch that came before, or the field that differs."""
        _, content, first, count, statuses = stored
        if bytes(content) == content_hash(batch.transfers):
            if statuses is None:
                return Answer((Status.CREATED,) * count, repeated=True)
            return Answer(tuple(map(Status, statuses[:-32])), repeated=True)
        if statuses is not None:
            return Answer(conflict="transfers")
        before = [t for t, _ in self.transfers(connection, first, first + count - 1)]
        return Answer(conflict=first_conflict(before, batch.transfers))

    def find(self, connection: Connection, transfer_id: bytes) -> tuple[Transfer, int, int] | None:
        """Return a transfer, the log position of its cause, and what remains of its amount.

        Amendments take away from what remains: a reversal all, corrections a part.
        """
        found = Loader(connection, self.chart).find(transfer_id)
        if found is None:
            return None
        number, transfer, remaining = found
        [(_, position)] = self.transfers(connection, number, number)
        return transfer, position, remaining

    def ids_with_prefix(self, connection: Connection, digits: str, count: int = 2) -> list[bytes]:
        """Return at most so many ids of transfers that begin with some hexadecimal digits."""
        first, last = (bytes.fromhex(digits[: 2 * ID_BYTES].ljust(2 * ID_BYTES, d)) for d in "0f")
        query = (
            select(_transfers.c.id)
            .where(_transfers.c.community == self.community)
            .where(_transfers.c.id >= first, _transfers.c.id <= last)
            .order_by(_transfers.c.id)
            .limit(count)
        )
        return [bytes(found) for found in connection.scalars(query)]

    def transfers(
        self, connection: Connection, first: int = 1, last: int | None = None
    ) -> Iterator[tuple[Transfer, int]]:
        """Yield (transfer, log position of its cause) by number, in the order of posting."""
        self.chart.load(connection)
        loader = Loader(connection, self.chart)
        query = (
            select(*loader.columns, _batches.c.position)
            .join(
                _batches,
                (_batches.c.community == _transfers.c.community)
                & (_batches.c.number == _transfers.c.batch),
            )
            .where(_transfers.c.community == self.community, _transfers.c.number >= first)
            .order_by(_transfers.c.number)
        )
        if last is not None:
            query = query.where(_transfers.c.number <= last)
        for row in connection.execute(query, execution_options={"yield_per": 10_000}):
            yield loader.transfer(row), row[-1]
