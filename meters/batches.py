"""A signed batch of readings: what the statement binds, and how one reading is proved alone.

The ``reading_batch`` statement carries a Merkle root over salted readings; the readings
themselves travel beside it. So a home proves one reading with its statement and about ten
hashes, and shows no other. ``docs/spec/statements.md`` is the specification.

>>> batch = BatchContent(989737, (412, 380), "AA", bytes(32))
>>> BatchContent.decode(989737, batch.encode()) == batch
True
"""

import hashlib
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ledger.errors import InputError, RefusedError
from ledger.kinds import READINGS_MAX
from ledger.primitives.canonical import INTEGER_MAX, decode, encode
from ledger.primitives.energy import WH_MAX
from ledger.primitives.ids import derived_id
from ledger.primitives.shape import HEX_64, array, integer, integers, one_of, record, text
from ledger.records import salted_root
from ledger.statements import Statement

DETAIL_BYTES_MAX = 40_000
"""Longest detail: READINGS_MAX readings of up to ten digits each."""

INPUTS_MAX = 200
"""Most inputs of an estimate: a half-hour of four weeks, a reference meter and a register."""

_TAG = b"commonwatt/reading/v1\x00"
_LAYOUT = struct.Struct(">QQc")
_INPUT = record(
    {"what": one_of("readings", "advance", "rules"), "first": integer(0, INTEGER_MAX)},
    {
        "meter": text(64),
        "channel": one_of("import", "export"),
        "count": integer(1, READINGS_MAX),
        "entry": integer(0, INTEGER_MAX),
        "end": integer(0, INTEGER_MAX),
        "wh": integer(0, INTEGER_MAX),
    },
)
_SHAPE = record(
    {
        "wh": integers(0, WH_MAX, READINGS_MAX, 1),
        "quality": text(READINGS_MAX, "[AESLIPZ]+"),
        "seed": HEX_64,
    },
    {"inputs": array(_INPUT, INPUTS_MAX, 1)},
)


def reading_record(period: int, wh: int, letter: str) -> bytes:
    """Return the bytes that are hashed for one reading: 39."""
    return _TAG + _LAYOUT.pack(period, wh, letter.encode())


@dataclass(frozen=True, slots=True)
class BatchContent:
    """Consecutive readings of one meter and channel.

    Attributes:
        first: half-hour of the first reading.
        wh: energy of each half-hour.
        quality: one letter each (`meters.readings.Quality.letter`).
        seed: 32 bytes from which each reading's salt follows.
        inputs: of an estimate: what it was made from, by log entry.
    """

    first: int
    wh: tuple[int, ...]
    quality: str
    seed: bytes
    inputs: Sequence[Mapping[str, Any]] = ()

    def root(self) -> bytes:
        """Return the Merkle root that the statement carries."""
        return salted_root(self.seed, self.records())

    def records(self) -> list[bytes]:
        """Return the records under the root, in order."""
        letters = self.quality.encode()
        return [
            _TAG + _LAYOUT.pack(period, wh, letters[index : index + 1])
            for index, (period, wh) in enumerate(enumerate(self.wh, start=self.first))
        ]

    def encode(self) -> bytes:
        """Return the canonical bytes that travel beside the statement."""
        value = {"wh": list(self.wh), "quality": self.quality, "seed": self.seed.hex()}
        return encode({**value, "inputs": list(self.inputs)} if self.inputs else value)

    def inputs_hash(self) -> str | None:
        """Return what the statement binds the inputs by; None where there are none."""
        return hashlib.sha256(encode(list(self.inputs))).hexdigest() if self.inputs else None

    @classmethod
    def decode(cls, first: int, data: bytes) -> Self:
        """Read the detail of a batch that begins at ``first``.

        Raises:
            InputError: names the field that is wrong.
        """
        value = decode(data, DETAIL_BYTES_MAX)
        _SHAPE(value, "readings")
        if len(value["quality"]) != len(value["wh"]):
            raise InputError("readings.quality: one letter a reading, please")
        inputs, seed = tuple(value.get("inputs", ())), bytes.fromhex(value["seed"])
        return cls(first, tuple(value["wh"]), value["quality"], seed, inputs)


Chain = tuple[str, str, str]
"""Meter, channel and key id of the signer: whose batches follow one another."""


def chain_of(batch: Statement) -> Chain:
    """Return the chain that a batch belongs to."""
    return batch.body["meter"], batch.body["channel"], batch.key_id


def batch_id(origin: str, chain: Chain, sequence: int) -> str:
    """Return the id of a chain's batch: a delivery that starts again makes the same."""
    return derived_id("reading_batch", origin, *chain, sequence)


Link = tuple[int, str]
"""Sequence and tx id of a batch in its chain."""

NO_LINK: Link = (0, "0" * 64)
"""What the first batch of a chain follows."""


def check_link(before: Link, batch: Statement) -> Link:
    """Return a batch's link, if it follows the one before in its chain.

    Raises:
        RefusedError: it does not: a batch is missing, came twice, or has a twin.
    """
    body = batch.body
    if (body["sequence"] - 1, body["previous"]) != before:
        raise RefusedError(
            f"the chain of {body['meter']} {body['channel']} is broken: batch {body['sequence']} "
            f"does not follow batch {before[0]}"
        )
    return body["sequence"], batch.tx_id


def content_of(batch: Statement, detail: bytes) -> BatchContent:
    """Return the readings that travel beside a batch, if they are as many as it says.

    Raises:
        InputError: the detail is not of its form.
        RefusedError: their number differs. Whether the root does is the caller's to check.
    """
    content = BatchContent.decode(batch.body["first"], detail)
    if len(content.wh) != batch.body["count"]:
        raise RefusedError(NOT_SIGNED)
    if content.inputs_hash() != batch.body.get("inputs"):
        raise RefusedError("the inputs are not those that were signed")
    return content


def batch_fields(
    chain: Chain,
    before: Link,
    content: BatchContent,
    created_at_ms: int,
    *,
    backfill: bool,
    root: bytes | None = None,
) -> dict[str, Any]:
    """Return the fields of the batch that follows another, for `ledger.statements.make_body`.

    Args:
        chain: its meter, channel and signer.
        before: the link of the last batch, or `NO_LINK`.
        content: its readings.
        created_at_ms: when it was made, Unix milliseconds.
        backfill: whether it comes from a file, or later than its half-hours.
        root: of the readings, where it is known already.
    """
    inputs = content.inputs_hash()
    return {
        "meter": chain[0],
        "channel": chain[1],
        "sequence": before[0] + 1,
        "previous": before[1],
        "created_at": created_at_ms,
        "first": content.first,
        "step": 30,
        "count": len(content.wh),
        "root": (content.root() if root is None else root).hex(),
        "backfill": backfill,
        **({} if inputs is None else {"inputs": inputs}),
    }


LIVE_LETTERS = frozenset("AE")
"""Qualities that a meter's own key may sign: what the meter said. Estimates are the operators'."""


def check_letters(batch: Statement, quality: str, adapters: Collection[str]) -> None:
    """Refuse estimates of ours that a meter's own key signed.

    Args:
        batch: the statement.
        quality: its readings' letters.
        adapters: key ids of the roster's adapter keys.

    Raises:
        RefusedError: it holds one.
    """
    if batch.key_id not in adapters and not LIVE_LETTERS.issuperset(quality):
        raise RefusedError("A meter's own key signs actual and estimated readings only.")


NOT_SIGNED = "the readings are not those that were signed"
"""What is said of readings that differ from their batch's count or root."""
