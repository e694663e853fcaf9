r"""Asking witnesses to cosign a checkpoint, all at once, and what came of it.

Each witness has a few seconds and is trusted with nothing: its cosignature is checked with the
policy's key, its size is only a hint where to begin the proof, and a fork that it tells of
counts once both notes carry the log's own signature. Such notes are kept as files.

>>> from ledger.log.checkpoint import Checkpoint, sign_checkpoint
>>> from ledger.log.tree import EMPTY_ROOT
>>> from ledger.primitives.signing import SigningKey
>>> key = SigningKey.from_seed(bytes(32))
>>> log = Verifier("riverside.example/ledger/1", key.public)
>>> policy = Policy.decode(f"log {log.vkey}\nquorum none\n".encode())
>>> note = sign_checkpoint(Checkpoint(log.name, 0, EMPTY_ROOT), key)
>>> Witnesses(log, policy).collect(note, {}.__getitem__).quorum_met
True
"""

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from ledger.errors import CommonwattError, LogError, PeerError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.cosignature import Cosigner, add_lines, open_cosigned, time_of
from ledger.log.fork import FORK_BYTES_MAX, ForkProof
from ledger.log.note import NOTE_BYTES_MAX, SIGNATURES_MAX, NoteSignature, Verifier, split_note
from ledger.log.policy import Policy, PolicyWitness
from ledger.log.tiles import Read, prove_consistency, range_root
from ledger.log.witness import SIZE_TYPE, AddCheckpoint, log_id
from ledger.log_files import write_once
from ledger.peer import Reply, exchange

SECONDS_MAX = 5.0
"""Time for one witness, all its questions together: people wait for a publication."""

ANSWER_BYTES_MAX = 16 * 1024
"""Longest answer: a few signature lines, post-quantum ones included."""

TIME_DIFFERENCE_S_MAX = 600
"""How far a cosignature's time may be from our clock."""

EVIDENCE_MAX = 100
"""Most files of evidence for one size: one is enough, and a disk is not endless."""

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,15})\n")
_SUSPICIOUS = (HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True)
class WitnessReport:
    """What one witness did.

    Attributes:
        name: as the policy calls it.
        time_s: the time of its cosignature in Unix seconds, or None.
        reason: why there is none; empty where there is one.
        fork: proof that the log told two histories, if the witness had one.
    """

    name: str
    time_s: int | None
    reason: str = ""
    fork: ForkProof | None = None


@dataclass(frozen=True)
class Collected:
    """A checkpoint's note after its witnesses were asked.

    Attributes:
        note: the note given, with a line for each witness that cosigned.
        reports: one for each witness, in the policy's order.
        quorum_met: whether the policy's quorum cosigned.
        evidence: files that hold fork proofs, where there were any.
    """

    note: bytes
    reports: tuple[WitnessReport, ...]
    quorum_met: bool
    evidence: tuple[Path, ...] = ()


class Witnesses:
    """Asks the witnesses of a policy; remembers how far each of them is.

    Args:
        log: the log's key.
        policy: the witnesses, their addresses and the quorum.
        evidence: folder for fork proofs; None keeps them in the report alone.
        seconds_max: time for each witness.
        now_s: the time in Unix seconds; never a simulated one.
    """

    def __init__(
        self,
        log: Verifier,
        policy: Policy,
        evidence: Path | None = None,
        *,
        seconds_max: float = SECONDS_MAX,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._log = log
        self._policy = policy
        self._evidence = evidence
        self._seconds_max = seconds_max
        self._now_s = now_s
        self._sizes: dict[str, int] = {}  # how far each witness is thought to be, by its name
        self._cosigned: dict[str, int] = {}  # how far each was when it cosigned for us
        self._running: dict[str, Future[tuple[WitnessReport, NoteSignature | None]]] = {}

    def collect(self, note: bytes, read: Read) -> Collected:
        """Ask every witness that has not signed yet, at once, and wait for them.

        Args:
            note: the signed checkpoint.
            read: returns a tile of this log, at least as large as the checkpoint; called from
                several threads.

        Raises:
            LogError: the note is not this log's checkpoint, or a witness's line on it does not
                hold.
        """
        witnesses = self._policy.witnesses
        opened = open_cosigned(note, self._log, [each.cosigner for each in witnesses])
        there = {each.cosigner: each.time_s for each in opened.cosignatures}
        deadline = time.monotonic() + self._seconds_max
        asked = {
            witness.name: self._start(witness, note, opened.checkpoint, read, deadline)
            for witness in witnesses
            if witness.cosigner not in there
        }
        reports = []
        for witness in witnesses:
            if witness.cosigner in there:
                reports.append(WitnessReport(witness.name, there[witness.cosigner]))
                continue
            report, line = _wait(asked[witness.name], witness.name, deadline)
            if line is not None:
                note, report = _with_line(note, line, report)
            reports.append(report)
        met = self._policy.quorum_met([r.name for r in reports if r.time_s is not None])
        return Collected(note, tuple(reports), met, self._keep(reports))

    def _start(
        self,
        witness: PolicyWitness,
        note: bytes,
        checkpoint: Checkpoint,
        read: Read,
        deadline: float,
    ) -> Future[tuple[WitnessReport, NoteSignature | None]]:
        future: Future[tuple[WitnessReport, NoteSignature | None]] = Future()
        before = self._running.get(witness.name)
        if before is not None and not before.done():
            report = WitnessReport(witness.name, None, "it still hangs in an earlier question")
            future.set_result((report, None))
            return future

        def ask() -> None:
            try:
                try:
                    future.set_result(self._ask(witness, note, checkpoint, read, deadline))
                except (CommonwattError, OSError) as error:
                    future.set_result((WitnessReport(witness.name, None, str(error)), None))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)

        self._running[witness.name] = future
        # Not a pool: its threads are waited for when the program ends, and a witness may hang.
        threading.Thread(target=ask, name=f"witness {witness.name}", daemon=True).start()
        return future

    def _ask(
        self,
        witness: PolicyWitness,
        note: bytes,
        checkpoint: Checkpoint,
        read: Read,
        deadline: float,
    ) -> tuple[WitnessReport, NoteSignature | None]:
        """Ask one witness, a second time with the size it told if our guess was wrong."""
        if witness.url is None:
            raise PeerError("the policy has no address for it")
        url, size = witness.url.rstrip("/"), checkpoint.size
        old_size = min(self._sizes.get(witness.name, 0), size)

        def question() -> Reply:
            proof = prove_consistency(read, old_size, size) if 0 < old_size < size else []
            body = AddCheckpoint(old_size, tuple(proof), note).encode()
            return exchange(
                f"{url}/add-checkpoint", body, deadline=deadline, bytes_max=ANSWER_BYTES_MAX
            )

        reply = question()
        if reply.status == HTTPStatus.CONFLICT and _told_size(reply) <= size:
            told = _told_size(reply)
            if told < self._cosigned.get(witness.name, 0):
                raise PeerError("it has forgotten what it cosigned: it must not count any more")
            if told != old_size:
                old_size = self._sizes[witness.name] = told
                reply = question()
        if reply.status == HTTPStatus.OK:
            line = self._check(witness.cosigner, note, reply.body)
            self._sizes[witness.name] = self._cosigned[witness.name] = size
            return WitnessReport(witness.name, time_of(line.signature)), line
        conflict = reply.status == HTTPStatus.CONFLICT
        reason = _conflict(_told_size(reply), old_size, size) if conflict else _refusal(reply)
        suspicious = reply.status in _SUSPICIOUS or (conflict and old_size == size)
        fork = self._find_fork(url, note, checkpoint, read, deadline) if suspicious else None
        return WitnessReport(witness.name, None, reason, fork), None

    def _check(self, cosigner: Cosigner, note: bytes, body: bytes) -> NoteSignature:
        """Return the witness's line of an answer, the latest if there are several.

        Raises:
            LogError: no line of this witness, it does not hold, or its time is far from ours.
        """
        text = split_note(note).text
        answer = f"{text}\n".encode() + body
        try:
            whole = split_note(answer)
            if whole.text != text:
                raise LogError("its answer holds more than signature lines")
            known = (cosigner.name, cosigner.key_hash)
            lines = [line for line in whole.signatures if (line.name, line.key_hash) == known]
            if not lines:
                raise LogError("its answer holds no line of its key")
            line = max(lines, key=lambda line: time_of(line.signature))
            if not cosigner.holds(line.signature, text.encode()):
                raise LogError("its cosignature does not hold")
        except LogError as error:
            raise PeerError(f"wrong answer: {error}") from error
        difference_s = time_of(line.signature) - self._now_s()
        if abs(difference_s) > TIME_DIFFERENCE_S_MAX:
            raise PeerError(f"its clock and ours are {abs(difference_s):,} seconds apart")
        return line

    def _find_fork(
        self, url: str, note: bytes, checkpoint: Checkpoint, read: Read, deadline: float
    ) -> ForkProof | None:
        """Return a fork proof from what the witness serves, if what it serves proves one."""
        log = f"{url}/{log_id(self._log.name)}"
        try:
            reply = exchange(f"{log}/fork", None, deadline=deadline, bytes_max=FORK_BYTES_MAX)
            if reply.status == HTTPStatus.OK:
                fork = ForkProof.decode(reply.body)
                fork.check(self._log)
                return fork
            reply = exchange(f"{log}/checkpoint", None, deadline=deadline, bytes_max=NOTE_BYTES_MAX)
            if reply.status != HTTPStatus.OK:
                return None
            fork = fork_with(reply.body, note, checkpoint, self._log, read)
            fork.check(self._log)
        except (PeerError, LogError):
            return None  # nothing is proved: what the witness says against us is hearsay
        return fork

    def _keep(self, reports: list[WitnessReport]) -> tuple[Path, ...]:
        forks = [report.fork for report in reports if report.fork is not None]
        if self._evidence is None:
            return ()
        paths = [keep_fork(self._evidence, fork, self._log) for fork in forks]
        return tuple(dict.fromkeys(paths))


def fork_with(
    other: bytes, note: bytes, checkpoint: Checkpoint, log: Verifier, read: Read
) -> ForkProof:
    """Return the proof, still to be checked, that another note contradicts this log's own.

    Args:
        other: a note that somebody else kept, not larger than ours.
        note: our signed checkpoint.
        checkpoint: what it says.
        log: the log's key.
        read: returns a tile of this log.

    Raises:
        LogError: the other note is not this log's, or is larger than ours.
    """
    seen = open_checkpoint(other, log)
    if seen.size == checkpoint.size:
        return ForkProof(other, note)
    proof = tuple(prove_consistency(read, seen.size, checkpoint.size))
    own_root = range_root(read, checkpoint.size, 0, seen.size)
    return ForkProof(other, note, own_root, proof)


def keep_fork(folder: Path, fork: ForkProof, log: Verifier) -> Path:
    """Keep a fork proof as ``fork-<size>-<n>.txt`` and return the file, an old one if equal.

    Only the log's own lines are kept, so that strangers cannot make many files of one fork. The
    last of `EVIDENCE_MAX` files is returned when there are as many.

    Raises:
        LogError: it proves nothing.
    """
    size = fork.check(log).size
    data = fork.reduced(log).encode()
    path = folder
    for number in range(1, EVIDENCE_MAX + 1):
        path = folder / f"fork-{size}-{number}.txt"
        if not path.exists() or path.read_bytes() == data:
            write_once(folder, path.name, data)
            break
    return path


def _wait(
    future: Future[tuple[WitnessReport, NoteSignature | None]], name: str, deadline: float
) -> tuple[WitnessReport, NoteSignature | None]:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeoutError:
        return WitnessReport(name, None, "it did not answer in time"), None


def _with_line(
    note: bytes, line: NoteSignature, report: WitnessReport
) -> tuple[bytes, WitnessReport]:
    """Return the note with the line, or the report that there is no room for it."""
    if len(split_note(note).signatures) == SIGNATURES_MAX:
        return note, WitnessReport(report.name, None, "the note has no room for its line")
    return add_lines(note, [line]), report


def _conflict(told: int, old_size: int, size: int) -> str:
    if told > size:
        return (
            f"it has cosigned {told:,} entries and this checkpoint has {size:,}: another"
            " sequencer was faster, or a backup was put back here"
        )
    if told == old_size == size:
        return f"it has seen another root of {size:,} entries"
    return f"it told another size ({told:,}) again: another sequencer may be at work"


def _told_size(reply: Reply) -> int:
    match = _SIZE.fullmatch(reply.body)
    if reply.content_type != SIZE_TYPE or match is None:
        raise PeerError("wrong answer: 409 without a size")
    return int(match[1])


def _refusal(reply: Reply) -> str:
    """Return a status and the first line of its reason, without anything that moves a cursor."""
    line = _detail(reply.body).partition("\n")[0]
    shown = "".join(letter for letter in line if letter.isprintable())[:200]
    return f"it answered {reply.status} ({shown})" if shown else f"it answered {reply.status}"


def _detail(body: bytes) -> str:
    """Return the sentence of a problem (RFC 9457), or the whole answer where it is none."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    if isinstance(problem, dict) and isinstance(problem.get("detail"), str):
        return str(problem["detail"]).removesuffix(".")
    return body.decode(errors="replace")
