r"""Signed batches in a file, as adapters deliver them: two lines each. Read without their keys.

Whether the right key signed is for the community to say: ``commonwatt meters import`` delivers such
a file as it is, signatures and all, and ``commonwatt meters read`` only looks into it.

>>> import io
>>> [item.reason for item in read_signed_batches(io.BytesIO(b"{}\n{}\n"), ReadOptions())]
['not a DSSE envelope']
"""

from collections.abc import Iterator
from typing import BinaryIO

from ledger.errors import CommonwattError, InputError
from ledger.statements import Statement, payload_type
from meters.batches import NOT_SIGNED, content_of
from meters.formats.lines import ReadOptions, first_line
from meters.readings import Block, Channel, Item, Refusal
from meters.wire import WireBatch, numbered_batches

KIND = "reading_batch"
_MARK = f'"payloadType":"{payload_type(KIND)}"'


def read_signed_batches(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of each batch as one block, and the batches that are not well-formed.

    Args:
        stream: two lines a batch.
        options: not used: a batch says everything itself.

    Raises:
        InputError: a line is missing or too long.
    """
    del options
    for batch in numbered_batches(stream):
        try:
            yield _block(batch)
        except CommonwattError as error:
            yield Refusal(batch.place.line, str(error))


def looks_like_signed_batches(head: bytes) -> bool:
    """Return whether a file's first line is the envelope of a batch."""
    return _MARK in first_line(head)


def _block(batch: WireBatch) -> Block:
    statement = Statement.decode(batch.envelope)
    if statement.kind != KIND:
        raise InputError(f"this is a {statement.kind}, and no batch of readings")
    content = content_of(statement, batch.readings)
    if content.root().hex() != statement.body["root"]:
        raise InputError(NOT_SIGNED)
    channel = Channel(statement.body["channel"])
    return Block(
        statement.body["meter"], channel, content.first, content.wh, content.quality, batch.place
    )
