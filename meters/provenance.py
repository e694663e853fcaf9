r"""From a stored reading back to the bytes it came from: the adapter is asked again.

Adapters are pure, so reading the stored file again in the same way gives the same readings, and
each says where it stands. Nothing about places need be stored.

>>> import io
>>> from meters.readings import Channel
>>> rows = b"meter,channel,start,wh\nh1,import,2026-06-15T12:30Z,412\n"
>>> stream = io.BytesIO(rows)
>>> found = find_in_file(stream, "csv", ReadOptions(), ("h1", Channel.IMPORT), 989737)
>>> found.wh, rows[found.place.offset :][: found.place.length]
(412, b'h1,import,2026-06-15T12:30Z,412\n')
"""

from dataclasses import dataclass
from typing import BinaryIO

from meters.formats import ReadOptions, find_format
from meters.readings import Block, Place, Slot


@dataclass(frozen=True, slots=True)
class InFile:
    """A reading as a file gives it: Wh, quality's letter, and where it stands."""

    wh: int
    letter: str
    place: Place


def find_in_file(
    stream: BinaryIO, format_name: str, options: ReadOptions, slot: Slot, period: int
) -> InFile | None:
    """Return what a file says of one reading, or None if it says nothing.

    Args:
        stream: the file, seekable.
        format_name: of the format it was read as.
        options: how it was read.
        slot: meter and channel.
        period: the half-hour.

    Raises:
        InputError: the file cannot be read in this way.
    """
    found = None
    for item in find_format(format_name).read(stream, options):
        if isinstance(item, Block) and (item.meter, item.channel) == slot:
            at = period - item.first
            if 0 <= at < len(item.wh):
                found = InFile(item.wh[at], item.quality[at], item.place)
    return found
