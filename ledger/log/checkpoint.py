"""C2SP checkpoints: the signed size and root of a log at one moment.

Three lines: origin, size, root. No extension lines and no timestamps, so two logs with the
same leaves have the same body, and two signed bodies of one size with different roots prove
a fork. Specification: https://c2sp.org/tlog-checkpoint.

>>> from ledger.log.tree import EMPTY_ROOT
>>> key = SigningKey.from_seed(bytes(32))
>>> checkpoint = Checkpoint("riverside.example/ledger/1", 0, EMPTY_ROOT)
>>> note = sign_checkpoint(checkpoint, key)
>>> open_checkpoint(note, Verifier(checkpoint.origin, key.public)) == checkpoint
True
"""

import base64
import re
from dataclasses import dataclass
from typing import Self

from ledger.errors import LogError
from ledger.log.note import Verifier, decode_base64, open_note, sign_note
from ledger.log.tree import EMPTY_ROOT, SIZE_MAX, check_hash
from ledger.primitives.signing import SigningKey

ORIGIN_CHARACTERS_MAX = 140
"""Longest origin: a URL without its scheme that still fits on a printed page."""

_ORIGIN = re.compile("[!-*,-~]{1,140}")  # printable ASCII without space and plus
_BODY = re.compile(r"([^\n]*)\n(0|[1-9][0-9]{0,15})\n([^\n]*)\n")


@dataclass(frozen=True)
class Checkpoint:
    """A log's head.

    Attributes:
        origin: the log's identity, a URL without its scheme.
        size: count of leaves.
        root: the tree's 32-byte root.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if not 0 <= self.size <= SIZE_MAX:
            raise LogError(f"a checkpoint's size is 0 to 2^53 - 1, not {self.size}")
        check_hash(self.root, "a checkpoint's root")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise LogError("a checkpoint of size 0 has the root of the empty tree")

    def encode(self) -> bytes:
        """Return the three lines that are signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the three lines, and refuse any other bytes.

        Raises:
            LogError: another form, an extension line, or a size with leading zeros.
        """
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError as error:
            raise LogError("a checkpoint is ASCII text") from error
        match = _BODY.fullmatch(text)
        if match is None:
            raise LogError("a checkpoint has three lines: origin, size in decimal, root")
        origin, size, root = match.groups()
        return cls(origin, int(size), decode_base64(root, "a checkpoint's root"))


def check_origin(origin: str) -> None:
    """Refuse an origin that is not a URL without its scheme, in printable ASCII.

    Raises:
        LogError: a scheme, a space, a plus sign, another character, or too long.
    """
    if _ORIGIN.fullmatch(origin) is None:
        raise LogError(
            f"an origin has 1 to {ORIGIN_CHARACTERS_MAX} printable ASCII characters,"
            " without spaces and plus signs"
        )
    if "://" in origin:
        raise LogError(f"an origin has no scheme: leave out what stands before // in {origin}")


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Return the checkpoint as a note signed in the origin's name."""
    return sign_note(checkpoint.encode().decode(), checkpoint.origin, key).encode()


def open_checkpoint(data: bytes, verifier: Verifier) -> Checkpoint:
    """Read a signed checkpoint of the log that the verifier names.

    Raises:
        LogError: the note does not hold, or it speaks of another log.
    """
    checkpoint = Checkpoint.decode(open_note(data, [verifier]).text.encode())
    if checkpoint.origin != verifier.name:
        raise LogError(f"this checkpoint is of {checkpoint.origin}, not of {verifier.name}")
    return checkpoint
