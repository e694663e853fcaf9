"""A fork proof: what shows anybody, offline, that a log told two histories.

Either two notes of one size with different roots, both signed by the log; or a smaller and a
larger one, with a consistency proof from *another* root of the smaller size to the larger note.
The larger tree then begins with that other root, and the log signed two histories all the same.
``docs/spec/log.md`` has the file's form. Nobody can make such a file against an honest log.

>>> from ledger.log.checkpoint import Checkpoint, sign_checkpoint
>>> from ledger.log.tree import leaf_hash
>>> from ledger.primitives.signing import SigningKey
>>> key, origin = SigningKey.from_seed(bytes(32)), "riverside.example/ledger/1"
>>> notes = [sign_checkpoint(Checkpoint(origin, 1, leaf_hash(x)), key) for x in (b"a", b"b")]
>>> fork = ForkProof.decode(ForkProof(*notes).encode())
>>> fork.check(Verifier(origin, key.public)).size
1
"""

import base64
import re
from dataclasses import dataclass, replace
from typing import Self

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import NOTE_BYTES_MAX, Verifier, decode_base64, with_lines_of
from ledger.log.tree import check_hash, verify_consistency

HEADER = b"commonwatt/fork/v1\n"

CONSISTENCY_HASHES_MAX = 63
"""Longest consistency proof: the limit that tlog-witness sets."""

FORK_BYTES_MAX = 2 * NOTE_BYTES_MAX + 64 * (CONSISTENCY_HASHES_MAX + 4)
"""Longest file: two notes and a proof."""

_HASH_LINE = re.compile(rb"(root|proof) ([^\n]*)\n")
_NOTE_LINE = re.compile(rb"note ([1-9][0-9]{0,5})\n")


@dataclass(frozen=True)
class ForkProof:
    """Two signed notes and, where their sizes differ, what links the larger to another root.

    Attributes:
        first: a note's bytes; the smaller one where the sizes differ.
        second: the other note's bytes.
        other_root: the root of the first note's size with which the second note's tree begins.
        proof: the consistency proof from `other_root` to the second note.
    """

    first: bytes
    second: bytes
    other_root: bytes | None = None
    proof: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        for note in (self.first, self.second):
            if not 0 < len(note) <= NOTE_BYTES_MAX:
                raise LogError(f"a note in a fork proof has 1 to {NOTE_BYTES_MAX:,} bytes")
        if self.other_root is not None:
            check_hash(self.other_root, "the other root in a fork proof")
        elif self.proof:
            raise LogError("a fork proof has a consistency proof only with the other root")
        if len(self.proof) > CONSISTENCY_HASHES_MAX:
            raise LogError(f"a consistency proof has at most {CONSISTENCY_HASHES_MAX} hashes")
        for value in self.proof:
            check_hash(value, "a hash in a fork proof")

    def encode(self) -> bytes:
        """Return the file's bytes."""
        hashes = [] if self.other_root is None else [b"root " + base64.b64encode(self.other_root)]
        hashes += [b"proof " + base64.b64encode(value) for value in self.proof]
        notes = b"".join(b"note %d\n%b" % (len(note), note) for note in (self.first, self.second))
        return HEADER + b"".join(line + b"\n" for line in hashes) + notes

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the file, and refuse any bytes but its one encoding. Nothing is verified yet.

        Raises:
            LogError: too long or not of this form.
        """
        if len(data) > FORK_BYTES_MAX:
            raise LogError(f"a fork proof of {len(data):,} bytes is too long")
        if not data.startswith(HEADER):
            raise LogError(f"a fork proof starts with the line {HEADER.decode().strip()}")
        at, hashes = len(HEADER), []
        while match := _HASH_LINE.match(data, at):
            text = match[2].decode("ascii", "replace")
            hashes.append((match[1], decode_base64(text, "a hash in a fork proof")))
            at = match.end()
        notes = []
        while match := _NOTE_LINE.match(data, at):
            at = match.end() + int(match[1])
            notes.append(data[match.end() : at])
        if len(notes) != 2:  # noqa: PLR2004 - the two that contradict each other
            raise LogError("a fork proof holds two notes, each after its length")
        roots = [value for word, value in hashes if word == b"root"]
        proof = tuple(value for word, value in hashes if word == b"proof")
        found = cls(notes[0], notes[1], roots[0] if roots else None, proof)
        if found.encode() != data:
            raise LogError("not the fork proof's one encoding (see docs/spec/log.md)")
        return found

    def reduced(self, verifier: Verifier) -> Self:
        """Return the proof with the log's own signature lines alone, in one order of the notes.

        Raises:
            LogError: the log's key did not sign both.
        """
        notes = [with_lines_of(verifier, note) for note in (self.first, self.second)]
        if self.other_root is None:
            notes.sort()
        return replace(self, first=notes[0], second=notes[1])

    def check(self, verifier: Verifier) -> Checkpoint:
        """Return the first note's checkpoint if the log of this key did tell two histories.

        Raises:
            LogError: it is not proved; says why.
        """
        first, second = (open_checkpoint(note, verifier) for note in (self.first, self.second))
        if self.other_root is None:
            if first.size != second.size:
                raise LogError(
                    f"the notes are of {first.size} and {second.size} entries: without the other"
                    " root and a consistency proof both can be true"
                )
            if first.root == second.root:
                raise LogError(f"both notes show the same {first.size} entries")
            return first
        if first.root == self.other_root:
            raise LogError(f"the larger log begins with the same {first.size} entries")
        verify_consistency(first.size, second.size, self.other_root, second.root, self.proof)
        return first


def check_fork(first: bytes, second: bytes, verifier: Verifier) -> Checkpoint:
    """Return the first checkpoint if two notes of one size prove that their log lied.

    Raises:
        LogError: they do not; says why.
    """
    return ForkProof(first, second).check(verifier)
