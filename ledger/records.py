"""The transfer: the one fact of the ledger, and its bytes for hashing.

A transfer moves a positive amount of one asset from one account to another, so it cannot be
unbalanced. Its record is fixed-width big-endian bytes, text only as a 32-byte hash, so that no
two transfers share one and hashing is fast. A batch's root is the RFC 6962 root over its salted
records; the salts come from one seed a batch, so that a receipt shows one line alone.

>>> transfer = Transfer(bytes([1] * 16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> len(record(transfer))
136
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

from ledger.accounts import account_hash
from ledger.errors import InputError
from ledger.log.tree import leaf_hash, root_of_joined
from ledger.primitives.ids import ID_BYTES

_TAG = b"commonwatt/transfer/v1\x00"
_TAG_EXPIRING = b"commonwatt/transfer/v2\x00"
_LAYOUT = struct.Struct(">16sB32s32sqq16s")
_NO_ORIGINAL = bytes(ID_BYTES)

AMOUNT_MAX = 2**53 - 1
"""Largest balance either way: an integer that JavaScript still holds exactly."""

TRANSFER_MAX = 2**51 - 1
"""Largest amount of one transfer, 225 million pounds: a chunk of history adds up 4,096 of them
and must stay below 2^63."""


class Kind(IntEnum):
    """What a transfer does."""

    POST = 1  # moves the amount at once
    HOLD = 2  # sets the amount aside
    POST_HOLD = 3  # moves up to what was set aside and releases the rest
    VOID_HOLD = 4  # releases what was set aside
    EXPIRE_HOLD = 5  # releases what was set aside, because its time is over
    REVERSE = 6  # moves back all that remains of an earlier movement
    CORRECT = 7  # moves a difference, either way, between the accounts of an earlier movement


RESOLVES = frozenset({Kind.POST_HOLD, Kind.VOID_HOLD, Kind.EXPIRE_HOLD})
"""Kinds that resolve a hold, each hold once."""

RELEASES = frozenset({Kind.VOID_HOLD, Kind.EXPIRE_HOLD})
"""Kinds that resolve a hold and move nothing."""

AMENDS = frozenset({Kind.REVERSE, Kind.CORRECT})
"""Kinds that name an earlier movement."""

MOVES = frozenset({Kind.POST, Kind.POST_HOLD, Kind.REVERSE, Kind.CORRECT})
"""Kinds that change what is posted."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement of one asset.

    Attributes:
        id: 16 bytes, unique in the community.
        kind: what it does.
        debit: account that gives, as in ``pool/street WH/0``.
        credit: account that takes, of the same asset.
        amount: positive, in the asset's smallest unit; what was set aside, for a release.
        effective: the half-hour it is about.
        original: id of the transfer that this one resolves, reverses or corrects.
        expires: of a HOLD: the half-hour from which it may no longer be posted; None is never.
    """

    id: bytes
    kind: Kind
    debit: str
    credit: str
    amount: int
    effective: int
    original: bytes | None = None
    expires: int | None = None


def record(transfer: Transfer) -> bytes:
    """Return the bytes that are hashed for a transfer: 136, or 144 for one that expires.

    Numbers that a book would refuse are hashed too, as a refused transfer is part of what was
    sent.

    Raises:
        InputError: an id is not 16 bytes or all zero, or a number does not fit into 64 bits.
    """
    original = transfer.original
    if len(transfer.id) != ID_BYTES or transfer.id == _NO_ORIGINAL:
        # Zeros stand for no original, so what has them for an id could never be resolved.
        raise InputError(f"{transfer.id.hex()} is not an id of {ID_BYTES} bytes, not all zero")
    if original is not None and (len(original) != ID_BYTES or original == _NO_ORIGINAL):
        raise InputError(f"{original.hex()} is not the id of an original")
    try:
        plain = pack_record(
            transfer.id,
            transfer.kind,
            transfer.debit,
            transfer.credit,
            transfer.amount,
            transfer.effective,
            original,
        )
        if transfer.expires is None:
            return plain
        expiry = transfer.expires.to_bytes(8, signed=True)
        return _TAG_EXPIRING + plain[len(_TAG) :] + expiry
    except (struct.error, OverflowError) as error:
        raise InputError(f"{transfer.id.hex()}: a number does not fit into 64 bits") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{transfer.id.hex()}: an account's name is not text") from error


def pack_record(
    transfer_id: bytes,
    kind: int,
    debit: str,
    credit: str,
    amount: int,
    effective: int,
    original: bytes | None,
) -> bytes:
    """Return a record's 136 bytes from fields that are known to be right."""
    return _TAG + _LAYOUT.pack(
        transfer_id,
        kind,
        account_hash(debit),
        account_hash(credit),
        amount,
        effective,
        original or _NO_ORIGINAL,
    )


def first_difference(one: Transfer, other: Transfer) -> str | None:
    """Return the name of the first field in which two transfers differ, or None."""
    for name in _FIELDS:
        if getattr(one, name) != getattr(other, name):
            return name
    return None


_FIELDS = tuple(field.name for field in fields(Transfer))


def content_hash(transfers: Iterable[Transfer]) -> bytes:
    """Return the hash that tells whether a batch came before with the same content."""
    digest = hashlib.sha256(b"commonwatt/batch/v1\x00")
    for transfer in transfers:
        digest.update(record(transfer))
    return digest.digest()


def salt_of(seed: bytes, index: int) -> bytes:
    """Return the 16-byte salt of the item at an index, from a batch's 32-byte seed."""
    return hashlib.sha256(seed + index.to_bytes(8)).digest()[:16]


def salted_leaf(salt: bytes, content: bytes) -> bytes:
    """Return the leaf hash of one salted record: what a receipt begins with."""
    return leaf_hash(salt + content)


def salted_leaves(seed: bytes, records: Sequence[bytes]) -> list[bytes]:
    """Return the leaf hashes of salted records, in order: `salted_leaf` of each.

    Written out, as the audit hashes millions.
    """
    sha256 = hashlib.sha256
    return [
        sha256(b"\x00" + sha256(seed + index.to_bytes(8)).digest()[:16] + content).digest()
        for index, content in enumerate(records)
    ]


def salted_root(seed: bytes, records: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over salted records: what a signed statement carries."""
    return root_of_joined(b"".join(salted_leaves(seed, records)))
