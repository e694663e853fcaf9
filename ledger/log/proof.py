"""C2SP log proofs: a text file that shows, offline, that one leaf is in a signed log.

Header, optional extra data, index, the inclusion proof, a blank line, and the checkpoint's
note byte for byte. The extra data is not signed by anybody: treat it as hearsay.
Specification: https://c2sp.org/tlog-proof.

>>> from ledger.log.checkpoint import sign_checkpoint
>>> from ledger.log.tree import inclusion_proof, root_of
>>> from ledger.primitives.signing import SigningKey
>>> key, leaves = SigningKey.from_seed(bytes(32)), [leaf_hash(b"one"), leaf_hash(b"two")]
>>> head = sign_checkpoint(Checkpoint("riverside.example/ledger/1", 2, root_of(leaves)), key)
>>> proof = LogProof.decode(LogProof(1, inclusion_proof(leaves, 1), head).encode())
>>> proof.verify(b"two", Verifier("riverside.example/ledger/1", key.public)).size
2
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import NOTE_BYTES_MAX, Verifier, decode_base64
from ledger.log.tree import SIZE_MAX, check_hash, leaf_hash, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"

HASHES_MAX = 53
"""Longest inclusion proof: a tree has fewer than 2^53 leaves."""

EXTRA_BYTES_MAX = 64 * 1024
"""Longest extra data: a salt and a fact fit, a film does not."""

_HEAD_BYTES_MAX = 4 * (EXTRA_BYTES_MAX // 3 + 1) + 45 * HASHES_MAX + 64
_INDEX = re.compile("index (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True)
class LogProof:
    """An inclusion proof together with the signed checkpoint it leads to.

    Attributes:
        index: the leaf's place in the log.
        hashes: the inclusion proof, from the leaf up.
        checkpoint: the signed note's bytes, with cosignatures where there are any.
        extra: data of the application's own, signed by nobody.
    """

    index: int
    hashes: Sequence[bytes]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "hashes", tuple(self.hashes))
        if not 0 <= self.index < SIZE_MAX:
            raise LogError(f"a log proof's index is 0 to 2^53 - 2, not {self.index}")
        if len(self.hashes) > HASHES_MAX:
            raise LogError(f"an inclusion proof has at most {HASHES_MAX} hashes")
        for value in self.hashes:
            check_hash(value, "a hash in a log proof")
        if self.extra is not None and not 0 < len(self.extra) <= EXTRA_BYTES_MAX:
            raise LogError(f"a log proof's extra data has 1 to {EXTRA_BYTES_MAX:,} bytes")
        if not 0 < len(self.checkpoint) <= NOTE_BYTES_MAX:
            raise LogError(f"a log proof's checkpoint has 1 to {NOTE_BYTES_MAX:,} bytes")

    def encode(self) -> bytes:
        """Return the file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(value).decode() for value in self.hashes]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the file, and refuse any bytes but its one encoding.

        Raises:
            LogError: too long or not of this form. Nothing is verified yet.
        """
        if len(data) > _HEAD_BYTES_MAX + NOTE_BYTES_MAX:
            raise LogError(f"a log proof of {len(data):,} bytes is too long")
        head, blank, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise LogError("a log proof's first part is ASCII text") from error
        if not blank or lines.pop(0) != HEADER:
            raise LogError(f"a log proof starts with the line {HEADER} and has a blank line")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "), "a log proof's extra data")
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if match is None:
            raise LogError("a log proof names the leaf: a line 'index' with a decimal number")
        hashes = [decode_base64(line, "a hash in a log proof") for line in lines]
        return cls(int(match[1]), hashes, checkpoint, extra)

    def verify(self, leaf: bytes, verifier: Verifier) -> Checkpoint:
        """Check that a leaf's bytes are in the log, and return the checkpoint that says so.

        Raises:
            LogError: the checkpoint's note does not hold, or the leaf is not in that tree.
        """
        checkpoint = open_checkpoint(self.checkpoint, verifier)
        verify_inclusion(self.index, checkpoint.size, leaf_hash(leaf), self.hashes, checkpoint.root)
        return checkpoint
