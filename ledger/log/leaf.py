"""What one entry of the log says: a commitment to a private fact, or a public fact in clear.

A fact is an envelope's bytes. Kinds that name no person stand in clear; for every other kind
the leaf shows only a salted commitment, so deleting salt and fact erases the person's data
while every proof stays valid. ``docs/spec/log.md`` is the specification.

>>> salt, fact = bytes(16), b'{"payload":"e30="}'
>>> leaf = Leaf("transfer", 7, commitment=commitment(salt, fact))
>>> leaf.encode()[:12], Leaf.decode(leaf.encode()) == leaf, leaf.is_opened_by(salt, fact)
(b'{"c":"634657', True, True)
"""

import re
from dataclasses import dataclass
from typing import Any, Self

from ledger.errors import CanonicalError
from ledger.primitives import canonical
from ledger.primitives.hashing import HASH_BYTES, commitment

LEAF_BYTES_MAX = 65_535
"""Longest leaf: an entry bundle gives its length two bytes."""

CLEAR_FACT_BYTES_MAX = 60_000
"""Longest public fact, so that its quotes still fit into a leaf once they are escaped."""

SALT_BYTES = 16
"""Length of the salt: fixed, so that salt and fact cannot be cut at another place."""

CLEAR_KINDS = frozenset({"rules", "roster", "seal", "erasure"})
"""Kinds of facts that hold no personal data."""

VERSION = 1

_KIND = re.compile("[a-z_]{1,32}")
_PRIVATE = re.compile(
    rb'\{"c":"([0-9a-f]{64})","k":"([a-z_]{1,32})","p":(0|[1-9][0-9]{0,15}),"v":1\}'
)


@dataclass(frozen=True)
class Leaf:
    """One entry.

    Attributes:
        kind: the statement's kind.
        period: index of the half-hour in which it was logged.
        commitment: 32 bytes, for every kind that may hold personal data.
        fact: the envelope's bytes, for the kinds in `CLEAR_KINDS`.
    """

    kind: str
    period: int
    commitment: bytes | None = None
    fact: bytes | None = None

    def __post_init__(self) -> None:
        if _KIND.fullmatch(self.kind) is None:
            raise CanonicalError(f"{self.kind!r} is not a kind: use 1 to 32 of a-z and _")
        if not 0 <= self.period <= canonical.INTEGER_MAX:
            raise CanonicalError(f"a leaf's period is 0 to 2^53 - 1, not {self.period}")
        if self.kind in CLEAR_KINDS:
            _check_clear(self.kind, self.commitment, self.fact)
        elif self.fact is not None or self.commitment is None:
            raise CanonicalError(f"a fact of kind {self.kind} stands as a commitment only")
        elif len(self.commitment) != HASH_BYTES:
            raise CanonicalError(f"a commitment has 32 bytes, not {len(self.commitment)}")

    def encode(self) -> bytes:
        """Return the leaf's canonical bytes.

        Raises:
            CanonicalError: a public fact with a control character, or with too many quotes.
        """
        value: dict[str, Any] = {"k": self.kind, "p": self.period, "v": VERSION}
        if self.commitment is not None:
            value["c"] = self.commitment.hex()
        if self.fact is not None:
            value["f"] = self.fact.decode("ascii")
        data = canonical.encode(value)
        if len(data) > LEAF_BYTES_MAX:
            raise CanonicalError(f"a leaf of {len(data):,} bytes is too long")
        return data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a leaf, and refuse any bytes but its one encoding.

        Raises:
            CanonicalError: not canonical, not of this schema, or of another version.
        """
        match = _PRIVATE.fullmatch(data)  # the form of nearly every leaf, ten times faster
        if match is not None:
            digest, kind, period = match.groups()
            return cls(kind.decode(), int(period), bytes.fromhex(digest.decode()))
        value = canonical.decode(data, LEAF_BYTES_MAX)
        if not isinstance(value, dict) or value.keys() != {"f", "k", "p", "v"}:
            raise CanonicalError(
                "a leaf has f, k, p and v, or c (64 lower-case digits), k, p and v"
            )
        fact, kind, period, version = value["f"], value["k"], value["p"], value["v"]
        if type(version) is not int or version != VERSION:
            raise CanonicalError(f"a leaf of version {version!r} is not known here")
        if type(period) is not int or not isinstance(kind, str) or not isinstance(fact, str):
            raise CanonicalError("a leaf has text in f and k and an integer in p")
        return cls(kind, period, fact=fact.encode())

    def is_opened_by(self, salt: bytes, fact: bytes) -> bool:
        """Return whether the commitment is to this salt and fact."""
        return len(salt) == SALT_BYTES and self.commitment == commitment(salt, fact)


def _check_clear(kind: str, digest: bytes | None, fact: bytes | None) -> None:
    if fact is None or digest is not None:
        raise CanonicalError(f"a fact of kind {kind} stands in clear, without a commitment")
    if not fact.isascii():
        raise CanonicalError("a public fact is an envelope, in ASCII")
    if len(fact) > CLEAR_FACT_BYTES_MAX:
        raise CanonicalError(f"a public fact of {len(fact):,} bytes is too long")
