r"""Signed batches on their way: two lines each, the envelope and the readings it binds.

The same bytes are posted over HTTP, published over MQTT and dropped as files. Both lines are
canonical, so the bytes that were signed and hashed are the bytes that came.

>>> list(numbered_batches(io.BytesIO(b'{"payload":"e30"}\n{"quality":"A"}\n')))[0].readings
b'{"quality":"A"}'
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ledger.errors import InputError
from ledger.primitives.signing import ENVELOPE_BYTES_MAX
from meters.batches import DETAIL_BYTES_MAX
from meters.readings import Place

MEDIA_TYPE = "application/vnd.commonwatt.readings"
"""Of a body that holds batches."""

SUFFIX = ".batch"
"""Of a file that holds batches."""

BATCHES_MAX = 100
"""Most batches in one request or message; a file may hold any number."""

REQUEST_BYTES_MAX = 1 << 20
"""Longest request or message: a hundred days of half-hours with their signatures fit."""


class WireBatch(NamedTuple):
    """A batch as it came: nothing is checked yet."""

    envelope: bytes
    readings: bytes
    place: Place

    def encode(self) -> bytes:
        """Return the two lines."""
        return self.envelope + b"\n" + self.readings + b"\n"


def numbered_batches(stream: BinaryIO) -> Iterator[WireBatch]:
    """Yield the batches of a stream, which may be of any length.

    Raises:
        InputError: a line is too long, empty, or its second is missing; names the line.
    """
    line = offset = 0
    while envelope := stream.readline(ENVELOPE_BYTES_MAX + 2):
        readings = stream.readline(DETAIL_BYTES_MAX + 2)
        for number, data, bytes_max in (
            (line + 1, envelope, ENVELOPE_BYTES_MAX),
            (line + 2, readings, DETAIL_BYTES_MAX),
        ):
            if len(data.rstrip(b"\n")) > bytes_max:
                raise InputError(f"line {number} is longer than {bytes_max:,} bytes")
            if not data.strip():
                raise InputError(
                    f"line {number} is missing: a batch has two lines, its signed envelope and its"
                    " readings"
                )
        length = len(envelope) + len(readings)
        place = Place(line + 1, offset, length)
        yield WireBatch(envelope.rstrip(b"\n"), readings.rstrip(b"\n"), place)
        line, offset = line + 2, offset + length


def decode_request(data: bytes) -> list[WireBatch]:
    """Return the batches of one request or message.

    Raises:
        InputError: too long, none, too many, or not two lines each.
    """
    if len(data) > REQUEST_BYTES_MAX:
        raise InputError(f"a delivery has at most {REQUEST_BYTES_MAX:,} bytes; send it in parts")
    batches: list[WireBatch] = []
    for batch in numbered_batches(io.BytesIO(data)):
        if len(batches) == BATCHES_MAX:
            raise InputError(f"a delivery has at most {BATCHES_MAX} batches; send it in parts")
        batches.append(batch)
    if not batches:
        raise InputError("the delivery is empty: send two lines a batch")
    return batches
