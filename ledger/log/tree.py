"""The Merkle tree of RFC 6962 over SHA-256: roots, a growing frontier, proofs and their checks.

Every hash has exactly 32 bytes; anything else is refused before it is hashed. Trees are named
by their size, a count of leaves, and a leaf by its index, which is below the size.

>>> leaves = [leaf_hash(text) for text in (b"one", b"two", b"three")]
>>> root = root_of(leaves)
>>> verify_inclusion(2, 3, leaves[2], inclusion_proof(leaves, 2), root)
>>> verify_inclusion(1, 3, leaves[2], inclusion_proof(leaves, 2), root)
Traceback (most recent call last):
ledger.errors.LogError: an inclusion proof of leaf 1 in a tree of 3 has 2 hashes, not 1
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from ledger.errors import LogError

HASH_BYTES = 32
SIZE_MAX = 2**53 - 1
"""Largest tree: what every JSON reader and a browser's numbers keep exactly."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves."""

_SIZE_BYTES = 8


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's bytes (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, in order.

    Raises:
        LogError: a hash that is not 32 bytes.
    """
    hashes = list(leaf_hashes)
    for value in hashes:
        check_hash(value, "a leaf hash")
    return root_of_joined(b"".join(hashes))


def root_of_joined(hashes: bytes) -> bytes:
    """Return the root over leaf hashes that stand one after another in one bytes object.

    The tight loop under everything else: hashing two neighbours takes one slice.
    """
    if not hashes:
        return EMPTY_ROOT
    while len(hashes) > HASH_BYTES:
        paired = len(hashes) // 64 * 64
        level = [sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, paired, 64)]
        level.append(hashes[paired:])  # the last of an odd count moves up as it is
        hashes = b"".join(level)
    return hashes


def check_hash(value: bytes, what: str) -> None:
    """Refuse a hash that is not 32 bytes.

    Raises:
        LogError: names what it was to be.
    """
    if len(value) != HASH_BYTES:
        raise LogError(f"{what} has {HASH_BYTES} bytes, not {len(value)}")


@dataclass
class Frontier:
    """A tree that only grows, kept as the roots of its full subtrees, the largest first.

    >>> frontier = Frontier()
    >>> for text in (b"one", b"two", b"three"):
    ...     frontier.append(leaf_hash(text))
    >>> frontier.root() == root_of(leaf_hash(text) for text in (b"one", b"two", b"three"))
    True
    """

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0 <= self.size <= SIZE_MAX:
            raise LogError(f"a tree has 0 to 2^53 - 1 leaves, not {self.size}")
        if len(self.hashes) != self.size.bit_count():
            raise LogError(
                f"the frontier of a tree of {self.size} leaves has {self.size.bit_count()} hashes,"
                f" not {len(self.hashes)}"
            )
        for value in self.hashes:
            check_hash(value, "a frontier hash")

    def append(self, new_leaf_hash: bytes) -> None:
        """Add one leaf.

        Raises:
            LogError: the hash is not 32 bytes, or the tree is full.
        """
        check_hash(new_leaf_hash, "a leaf hash")
        if self.size == SIZE_MAX:
            raise LogError("the tree is full")
        value, carry = new_leaf_hash, self.size
        while carry & 1:
            value = sha256(b"\x01" + self.hashes.pop() + value).digest()
            carry >>= 1
        self.hashes.append(value)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        return join_subtrees(self.hashes)

    def to_bytes(self) -> bytes:
        """Return eight bytes of size, big-endian, then the hashes."""
        return self.size.to_bytes(_SIZE_BYTES) + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            LogError: the length does not fit the size.
        """
        if len(data) < _SIZE_BYTES or (len(data) - _SIZE_BYTES) % HASH_BYTES:
            raise LogError(f"a frontier of {len(data)} bytes is cut or too long")
        starts = range(_SIZE_BYTES, len(data), HASH_BYTES)
        hashes = [data[at : at + HASH_BYTES] for at in starts]
        return cls(int.from_bytes(data[:_SIZE_BYTES]), hashes)


def join_subtrees(hashes: Sequence[bytes]) -> bytes:
    """Return the root over full subtrees of falling size, from left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def full_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (height, index) of the full subtrees that make up the leaves from start to end.

    ``start`` is a multiple of the largest subtree, as it is for every range in a proof.
    """
    for height in reversed(range((end - start).bit_length())):
        if (end - start) >> height & 1:
            yield height, start >> height
            start += 1 << height


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the leaf ranges whose roots are an inclusion proof, from the leaf up.

    Raises:
        LogError: the tree has no leaf of that index.
    """
    _check_index(index, size)
    ranges, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """Return the leaf ranges whose roots are a consistency proof, in the proof's order.

    Raises:
        LogError: the sizes do not rise, or the old tree is empty.
    """
    _check_sizes(old_size, new_size)
    ranges, start, end = [], 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:  # the old tree is not itself a node of the new one
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the inclusion proof of one leaf (RFC 6962, section 2.1.1).

    Raises:
        LogError: the tree has no leaf of that index, or a hash is not 32 bytes.
    """
    ranges = inclusion_ranges(index, len(leaf_hashes))
    return [root_of(leaf_hashes[start:end]) for start, end in ranges]


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree extends its first leaves (RFC 6962, section 2.1.2).

    Raises:
        LogError: the old size is 0 or above the tree's, or a hash is not 32 bytes.
    """
    ranges = consistency_ranges(old_size, len(leaf_hashes))
    return [root_of(leaf_hashes[start:end]) for start, end in ranges]


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash stands at an index of the tree of this size and root.

    Raises:
        LogError: the proof has another length, a hash is not 32 bytes, or the root differs.
    """
    _check_index(index, size)
    _check_hashes(proof, leaf, root)
    inner, border = _path_lengths(index, size)
    if len(proof) != inner + border:
        raise LogError(
            f"an inclusion proof of leaf {index} in a tree of {size} has {inner + border} hashes,"
            f" not {len(proof)}"
        )
    value = leaf
    for height, sibling in enumerate(proof):
        if height >= inner or index >> height & 1:
            value = node_hash(sibling, value)
        else:
            value = node_hash(value, sibling)
    if value != root:
        raise LogError(f"leaf {index} is not in the tree of {size} leaves with this root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of the new size and root extends the one of the old.

    Old size 0 is refused: every tree extends the empty one, so such a proof says nothing, and
    a caller who holds nothing yet must say so instead of passing a check. (The tlog-witness
    protocol answers it with an empty proof, and verifiers differ about it.)

    Raises:
        LogError: the sizes, the proof's length, a hash or one of the roots does not fit.
    """
    _check_sizes(old_size, new_size)
    _check_hashes(proof, old_root, new_root)
    shift = (old_size & -old_size).bit_length() - 1  # the old tree ends in a full subtree
    inner, border = _path_lengths(old_size - 1, new_size)
    inner -= shift
    seeds = 0 if old_size == 1 << shift else 1  # a full old tree starts from its own root
    length = 0 if old_size == new_size else seeds + inner + border
    if len(proof) != length:
        raise LogError(
            f"a consistency proof from {old_size} to {new_size} leaves has {length} hashes,"
            f" not {len(proof)}"
        )
    old = new = proof[0] if proof and seeds else old_root
    position = (old_size - 1) >> shift
    for height, sibling in enumerate(proof[seeds:]):
        if height >= inner or position >> height & 1:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != old_root:
        raise LogError(f"the proof does not lead to the old root of {old_size} leaves")
    if new != new_root:
        raise LogError(f"the log of {new_size} leaves does not extend the one of {old_size}")


def _path_lengths(index: int, size: int) -> tuple[int, int]:
    """Return how many siblings a path has up to the tree's right edge, and along that edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _split(count: int) -> int:
    """Return the largest power of two below a count of at least two."""
    return 1 << (count - 1).bit_length() - 1


def _check_index(index: int, size: int) -> None:
    if not 0 < size <= SIZE_MAX:
        raise LogError(f"a tree with leaves has 1 to 2^53 - 1 of them, not {size}")
    if not 0 <= index < size:
        raise LogError(f"a tree of {size} leaves has no leaf {index}")


def _check_sizes(old_size: int, new_size: int) -> None:
    if old_size == 0:
        raise LogError("every tree extends the empty one: a proof from size 0 says nothing")
    if not 0 < old_size <= new_size <= SIZE_MAX:
        raise LogError(f"a log of {old_size} leaves cannot grow to {new_size}")


def _check_hashes(proof: Sequence[bytes], first: bytes, second: bytes) -> None:
    for value in (first, second, *proof):
        check_hash(value, "a hash in a proof")
