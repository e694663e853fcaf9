r"""D0379: half-hourly advances of UK meters, to a Wh.

Source: the UK's Data Transfer Catalogue. What it shares with the other flow of this kind is in
`dtc_flows`.

>>> looks_like_d0379(b"ZHV|7|D0379001|C|DCXX|X|SUPX|20260616|\n")
True
"""

from collections.abc import Iterator
from typing import BinaryIO

from meters.formats.dtc_flows import D0379, looks_like_flow, read_flow
from meters.formats.lines import ReadOptions
from meters.readings import Block, Refusal


def read_d0379(stream: BinaryIO, options: ReadOptions) -> Iterator[Block | Refusal]:
    """Yield the days of a D0379 file, and what was refused.

    Args:
        stream: UTF-8 text.
        options: not used: the flow names its meters and fixes its clock.

    Raises:
        InputError: the file cannot be used at all, which its trailer may say as late as the end.
    """
    del options
    yield from read_flow(stream, D0379)


def looks_like_d0379(head: bytes) -> bool:
    """Return whether a file begins with a header of D0379."""
    return looks_like_flow(head, D0379)
