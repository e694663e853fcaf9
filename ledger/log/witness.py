r"""What a witness answers: the rules of C2SP tlog-witness ``add-checkpoint``, without a network.

A witness cosigns a checkpoint only if it extends the last one it cosigned for that log, and the
new one is kept before the cosignature leaves. A log that signed two roots of one size is not
trusted any more: both notes are kept, and from then on every request for it is answered 403,
which is what the standard has for a checkpoint that no trusted key signed. Specification:
https://c2sp.org/tlog-witness, and ``docs/spec/log.md`` for what it leaves open.

>>> AddCheckpoint.decode(b"old 0\n\nsome note").old_size
0
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, Self, TypeGuard

from ledger.errors import LogError, SetupError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.cosignature import add_lines, cosign
from ledger.log.fork import CONSISTENCY_HASHES_MAX, ForkProof
from ledger.log.note import NOTE_BYTES_MAX, Verifier, decode_base64, split_note, with_lines_of
from ledger.log.tree import SIZE_MAX, check_hash, verify_consistency
from ledger.primitives.clock import CLOCK_BACK_MS_MAX
from ledger.primitives.signing import SigningKey

REQUEST_BYTES_MAX = NOTE_BYTES_MAX + 45 * CONSISTENCY_HASHES_MAX + 32
"""Longest request: a note, 63 hashes in base64, and the line of the old size."""

SIZE_TYPE = "text/x.tlog.size"
"""Content type of an answer 409, as the standard has it."""

TEXT_TYPE = "text/plain; charset=utf-8"

ATTEMPTS_MAX = 8
"""How often a request is decided anew when others move the same log's head in between."""

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True)
class AddCheckpoint:
    """A request: the size the witness is thought to know, the proof from there, the new note."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """Return the request's bytes."""
        hashes = b"".join(base64.b64encode(value) + b"\n" for value in self.proof)
        return b"old %d\n%b\n%b" % (self.old_size, hashes, self.note)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a request, and refuse any bytes but its one encoding. The note is not read yet.

        Raises:
            LogError: too long or not of this form.
        """
        if len(data) > REQUEST_BYTES_MAX:
            raise LogError(f"a request of {len(data):,} bytes is longer than {REQUEST_BYTES_MAX:,}")
        head, blank, note = data.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        match = _OLD.fullmatch(first)
        if match is None or not blank:
            raise LogError("a request is 'old' and a size, proof lines, an empty line and a note")
        if int(match[1]) > SIZE_MAX:
            raise LogError("an old size is at most 2^53 - 1")
        if len(lines) > CONSISTENCY_HASHES_MAX:
            raise LogError(f"a proof has at most {CONSISTENCY_HASHES_MAX} lines, not {len(lines)}")
        proof = []
        for line in lines:
            proof.append(decode_base64(line.decode("ascii", "replace"), "a proof line"))
            check_hash(proof[-1], "a proof line")
        return cls(int(match[1]), tuple(proof), note)


@dataclass(frozen=True)
class Seen:
    """The last checkpoint that a witness cosigned for a log.

    Attributes:
        size: count of leaves.
        root: 32 bytes.
        note: the log's and the witness's lines.
        time_s: when it was cosigned, in Unix seconds.
    """

    size: int
    root: bytes
    note: bytes
    time_s: int


class WitnessStore(Protocol):
    """What a witness must remember. Every method that writes is durable when it returns."""

    def trusted(self, origin: str) -> Verifier | None:
        """Return the key of a log, or None if this witness does not know the log."""
        ...

    def seen(self, origin: str) -> Seen | None:
        """Return what was last cosigned for a log."""
        ...

    def fork(self, origin: str) -> ForkProof | None:
        """Return the evidence that a log told two histories, if there is any."""
        ...

    def advance(self, origin: str, old: Seen | None, new: Seen) -> bool:
        """Replace `old` by `new` if `old` still stands and there is no fork; say whether."""
        ...

    def keep_fork(self, origin: str, fork: ForkProof, time_s: int) -> None:
        """Keep evidence. The first stays; nothing ever overwrites it."""
        ...


@dataclass(frozen=True)
class Answer:
    """An HTTP status, a body and its content type."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT_TYPE


class _RefusedError(Exception):
    """Ends a request with an answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.answer = Answer(status, f"{reason}\n".encode())


def log_id(origin: str) -> str:
    """Return a log's name in the addresses of a witness, its SHA-256: origins hold slashes."""
    return hashlib.sha256(origin.encode()).hexdigest()


def add_checkpoint(
    data: bytes, store: WitnessStore, name: str, key: SigningKey, now_s: Callable[[], int]
) -> Answer:
    """Answer one request.

    Args:
        data: the request's body.
        store: what the witness remembers.
        name: the witness's name.
        key: the witness's key.
        now_s: returns the time in Unix seconds. It is asked after the last cosigned checkpoint
            is read and before the new one is kept: at that time no larger one was known.

    Returns:
        200 with the cosignature, 400 malformed, 403 not signed by a trusted key or a fork is
        known, 404 unknown log, 409 another size than the last, 422 another root of that size or
        a proof that does not hold; 503 where others are always faster.

    Raises:
        SetupError: the clock stands before the last cosignature.
    """
    try:
        request, checkpoint, verifier = _open(data, store)
        for _ in range(ATTEMPTS_MAX):
            seen = store.seen(checkpoint.origin)
            if _is_fork(seen, checkpoint):
                fork = ForkProof(seen.note, request.note).reduced(verifier)
                store.keep_fork(checkpoint.origin, fork, now_s())
            refusal = judge(request, checkpoint, seen)
            if refusal is not None:
                return refusal
            time_s = _time_after(seen, now_s())
            line = cosign(request.note, name, key, time_s)
            note = add_lines(request.note, [line])
            if store.advance(
                checkpoint.origin, seen, Seen(checkpoint.size, checkpoint.root, note, time_s)
            ):
                return Answer(HTTPStatus.OK, line.line().encode())
            _refuse_forked(checkpoint.origin, store)
    except _RefusedError as refused:
        return refused.answer
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"Others move this log's head; ask again.\n")


def judge(request: AddCheckpoint, checkpoint: Checkpoint, seen: Seen | None) -> Answer | None:
    """Return the refusal of a checkpoint that a trusted key signed, or None to cosign it."""
    known_size = seen.size if seen else 0
    if request.old_size > checkpoint.size:
        reason = f"old size {request.old_size} is above the checkpoint's {checkpoint.size}"
        return Answer(HTTPStatus.BAD_REQUEST, f"{reason}\n".encode())
    if request.old_size != known_size:
        return Answer(HTTPStatus.CONFLICT, b"%d\n" % known_size, SIZE_TYPE)
    try:
        if seen is None or known_size == 0:
            if request.proof:
                raise LogError("a consistency proof from size 0 is empty")
        else:
            verify_consistency(
                known_size, checkpoint.size, seen.root, checkpoint.root, request.proof
            )
    except LogError as error:
        return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}\n".encode())
    return None


def _open(data: bytes, store: WitnessStore) -> tuple[AddCheckpoint, Checkpoint, Verifier]:
    try:
        request = AddCheckpoint.decode(data)
        checkpoint = Checkpoint.decode(split_note(request.note).text.encode())
    except LogError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
    verifier = store.trusted(checkpoint.origin)
    if verifier is None:
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"{checkpoint.origin} is not witnessed here")
    try:
        open_checkpoint(request.note, verifier)
    except LogError as error:
        raise _RefusedError(HTTPStatus.FORBIDDEN, str(error)) from error
    _refuse_forked(checkpoint.origin, store)
    note = with_lines_of(verifier, request.note)  # strangers' lines would fill the store
    return AddCheckpoint(request.old_size, request.proof, note), checkpoint, verifier


def _is_fork(seen: Seen | None, checkpoint: Checkpoint) -> TypeGuard[Seen]:
    """Return whether there is a last checkpoint of the same size with another root."""
    return seen is not None and seen.size == checkpoint.size and seen.root != checkpoint.root


def _refuse_forked(origin: str, store: WitnessStore) -> None:
    if store.fork(origin) is not None:
        raise _RefusedError(
            HTTPStatus.FORBIDDEN,
            f"{origin} signed two histories: its key is not trusted here any more",
        )


def _time_after(seen: Seen | None, now_s: int) -> int:
    """Return the time to sign: never before the last, and small steps of a clock are forgiven."""
    last_s = seen.time_s if seen else 0
    if now_s < last_s - CLOCK_BACK_MS_MAX // 1000:
        raise SetupError(
            "This witness's clock stands before its last cosignature; set it right first."
        )
    return max(now_s, last_s)
