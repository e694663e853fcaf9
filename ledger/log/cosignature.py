"""C2SP cosignatures: what a witness signs about a checkpoint, and when.

A witness says that, at a time, this was the largest tree of the log that it knew, and that the
tree extends every earlier one it cosigned. Its line stands in the note beside the log's own.
Specification: https://c2sp.org/tlog-cosignature, with algorithm 0x04 (Ed25519 with a time).
Lines of other algorithms are lines of unknown keys: they are passed over.

>>> from ledger.log.checkpoint import Checkpoint, sign_checkpoint
>>> from ledger.log.tree import leaf_hash
>>> log_key, key = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(b"w" * 32)
>>> head = sign_checkpoint(Checkpoint("riverside.example/ledger/1", 1, leaf_hash(b"one")), log_key)
>>> note = add_lines(head, [cosign(head, "witness.example/w1", key, 1_790_000_000)])
>>> log = Verifier("riverside.example/ledger/1", log_key.public)
>>> opened = open_cosigned(note, log, [Cosigner("witness.example/w1", key.public)])
>>> [(each.cosigner.name, each.time_s) for each in opened.cosignatures]
[('witness.example/w1', 1790000000)]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint
from ledger.log.note import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    NoteSignature,
    Verifier,
    open_note,
    split_note,
)
from ledger.primitives.signing import SIGNATURE_BYTES, SigningKey

ALGORITHM_COSIGNATURE = b"\x04"

TIME_BYTES = 8

TIME_S_MAX = 2**63 - 1
"""Latest time a cosignature may carry: the standard's limit."""


class Cosigner(Verifier):
    """A witness's name and public key; its verifier key has algorithm 0x04."""

    algorithm: ClassVar[bytes] = ALGORITHM_COSIGNATURE

    def holds(self, signature: bytes, text: bytes) -> bool:
        """Return whether time and signature hold for a checkpoint's text."""
        if len(signature) != TIME_BYTES + SIGNATURE_BYTES:
            return False
        time_s = time_of(signature)
        return time_s <= TIME_S_MAX and super().holds(
            signature[TIME_BYTES:], cosigned_message(text, time_s)
        )


@dataclass(frozen=True)
class Cosignature:
    """That a witness signed, and at what time, in Unix seconds."""

    cosigner: Cosigner
    time_s: int


@dataclass(frozen=True)
class Cosigned:
    """A checkpoint whose log signed, and the known witnesses that cosigned it."""

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]


def cosigned_message(text: bytes, time_s: int) -> bytes:
    """Return the bytes that a witness signs: two lines, then the checkpoint's text."""
    return b"cosignature/v1\ntime %d\n%b" % (time_s, text)


def cosign(note: bytes, name: str, key: SigningKey, time_s: int) -> NoteSignature:
    """Return a witness's line for a note. Whether it may sign is decided in `ledger.log.witness`.

    Raises:
        LogError: not a note of a checkpoint, or no time of the standard.
    """
    if not 0 <= time_s <= TIME_S_MAX:
        raise LogError(f"a cosignature's time is 0 to 2^63 - 1, not {time_s}")
    text = split_note(note).text.encode()
    Checkpoint.decode(text)
    signature = time_s.to_bytes(TIME_BYTES) + key.sign(cosigned_message(text, time_s))
    return NoteSignature(name, Cosigner(name, key.public).key_hash, signature)


def time_of(signature: bytes) -> int:
    """Return the time in a cosignature, in Unix seconds."""
    return int.from_bytes(signature[:TIME_BYTES])


def open_cosigned(data: bytes, log: Verifier, cosigners: Sequence[Cosigner]) -> Cosigned:
    """Read a checkpoint that its log signed, and the cosignatures of known witnesses.

    A witness that signed twice counts once, with its latest time. The cosignatures are in the
    order of the witnesses given.

    Raises:
        LogError: malformed, the log did not sign, it is another log's checkpoint, or the
            signature of a known witness does not hold.
    """
    note = open_note(data, [log, *cosigners])
    if log not in note.verified:
        raise LogError(f"{log.name} did not sign this checkpoint")
    checkpoint = Checkpoint.decode(note.text.encode())
    if checkpoint.origin != log.name:
        raise LogError(f"this checkpoint is of {checkpoint.origin}, not of {log.name}")
    found = []
    for cosigner in cosigners:
        times = [
            time_of(line.signature)
            for line in note.signatures
            if (line.name, line.key_hash) == (cosigner.name, cosigner.key_hash)
        ]
        if times:
            found.append(Cosignature(cosigner, max(times)))
    return Cosigned(checkpoint, tuple(found))


def add_lines(note: bytes, lines: Sequence[NoteSignature]) -> bytes:
    """Return a note with signature lines added at its end.

    Raises:
        LogError: the note would have too many lines or bytes.
    """
    count = len(split_note(note).signatures) + len(lines)
    if count > SIGNATURES_MAX:
        raise LogError(f"a note has at most {SIGNATURES_MAX} signatures, not {count}")
    longer = note + "".join(line.line() for line in lines).encode()
    if len(longer) > NOTE_BYTES_MAX:
        raise LogError(f"a note has at most {NOTE_BYTES_MAX:,} bytes")
    return longer
