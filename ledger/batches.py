"""Batches and what becomes of them: decided by the book, before anything is written.

>>> Answer((Status.CREATED, Status.BELOW_FLOOR)).refusal
(1, <Status.BELOW_FLOOR: 29>)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.book import Balance, Book
from ledger.errors import ConflictError, InputError, RefusedError
from ledger.primitives.ids import ID_BYTES
from ledger.records import AMOUNT_MAX, Transfer, content_hash, first_difference
from ledger.status import Status


@dataclass(frozen=True, slots=True)
class Batch:
    """Transfers to post together.

    Attributes:
        id: 16 bytes, the idempotency key.
        transfers: at least none; an empty batch is recorded too, as a run without trade is.
        position: position in the log of the statement that caused them.
        atomic: all or none; otherwise each is taken or refused alone.
    """

    id: bytes
    transfers: tuple[Transfer, ...]
    position: int
    atomic: bool = True

    def __post_init__(self) -> None:
        """Refuse an id that the database would cut or take for another.

        Raises:
            InputError: not 16 bytes.
        """
        if not 0 <= self.position <= AMOUNT_MAX:
            raise InputError(f"{self.position} is not a position in a log")
        if len(self.id) != ID_BYTES:
            raise InputError(f"{self.id.hex()} is not a batch's id of {ID_BYTES} bytes")


_TAKEN = frozenset(status for status in Status if status.taken)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch.

    Attributes:
        statuses: one a transfer, as they were when the batch first came.
        repeated: the batch came before, with the same content.
        conflict: the batch's id came before with other content; this is the first field that
            differs, as in ``transfers[2].amount``.
    """

    statuses: tuple[Status, ...] = ()
    repeated: bool = False
    conflict: str | None = None

    @property
    def refusal(self) -> tuple[int, Status] | None:
        """Index and reason of the first transfer that was refused for its own sake."""
        if _TAKEN.issuperset(self.statuses):
            return None
        for index, status in enumerate(self.statuses):
            if not status.taken and status is not Status.BATCH_REFUSED:
                return index, status
        return None


@dataclass(slots=True)
class Decision:
    """What the book made of some batches, before it is written."""

    book: Book
    before: dict[str, tuple[int, int, int]]
    last_batch: int
    last_transfer: int
    period: int
    recorded_ms: int
    answers: list[Answer] = field(default_factory=list)
    kept: list[tuple[Batch, list[Transfer], bytes | None]] = field(default_factory=list)


def raise_refusal(batch: Batch, answer: Answer) -> None:
    """Raise if a batch conflicts with an earlier one, or any of it was refused.

    Raises:
        ConflictError: names the field.
        RefusedError: names the transfer and the reason.
    """
    if answer.conflict is not None:
        raise ConflictError(
            f"The batch {batch.id.hex()} was posted before with other transfers: "
            f"{answer.conflict} differs.",
            answer.conflict,
        )
    if answer.refusal is None:
        return
    index, status = answer.refusal
    transfer = batch.transfers[index]
    sentence = (
        f"The transfer {transfer.id.hex()} of {transfer.amount} from {transfer.debit} to "
        f"{transfer.credit} was refused ({status.words}); nothing of its batch was posted."
    )
    if status.conflict is not None:
        raise ConflictError(sentence, status.conflict)
    raise RefusedError(sentence)


def apply_batch(decision: Decision, batch: Batch) -> Answer:
    """Apply a batch that did not come before, and keep it if any of it is taken."""
    book = decision.book
    if batch.atomic:
        statuses = book.apply(batch.transfers, decision.period)
    else:
        statuses = book.apply_each(batch.transfers, decision.period)
    answer = Answer(tuple(statuses))
    if batch.atomic and answer.refusal is not None:
        return answer
    created = [
        transfer
        for transfer, status in zip(batch.transfers, statuses, strict=True)
        if status is Status.CREATED
    ]
    stored = None
    if len(created) < len(statuses):
        stored = bytes(statuses) + content_hash(created)
    decision.kept.append((batch, created, stored))
    return answer


def repeat_within(batch: Batch, earlier: Batch, answer: Answer) -> Answer:
    """Answer a batch whose id came earlier in the same call."""
    if batch.transfers == earlier.transfers:
        return Answer(answer.statuses, repeated=True)
    return Answer(conflict=first_conflict(earlier.transfers, batch.transfers))


def first_conflict(before: Sequence[Transfer], now: Sequence[Transfer]) -> str:
    """Return the first field in which two lists of transfers differ."""
    for index, (one, other) in enumerate(zip(before, now, strict=False)):
        name = first_difference(one, other)
        if name is not None:
            return f"transfers[{index}].{name}"
    return "transfers"


def state_of(balance: Balance) -> tuple[int, int, int]:
    """Return what a batch may change of a balance."""
    return balance.posted, balance.pending_out, balance.pending_in
