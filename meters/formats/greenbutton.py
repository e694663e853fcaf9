r"""Green Button: energy usage as an Atom feed of NAESB's ESPI.

Source: NAESB REQ.21, Energy Services Provider Interface, and its schema espi.xsd. Times are
seconds of UTC, so no clock matters. What a block is of stands in other entries
(`greenbutton_links`), so the file is read twice: links first, then one reading after another.

>>> entry = '<entry><id>{}</id>{}<content>{}</content></entry>'
>>> link = '<link rel="{}" href="{}"/>'
>>> reading = '<IntervalReading><timePeriod><duration>1800</duration><start>1781526600</start>'
>>> reading += '</timePeriod><value>412</value></IntervalReading>'
>>> kind = '<ReadingType><uom>72</uom><flowDirection>1</flowDirection></ReadingType>'
>>> feed = '<feed xmlns="http://www.w3.org/2005/Atom">' + ''.join((
...     entry.format('h1', link.format('related', 'M'), '<UsagePoint/>'),
...     entry.format('m', link.format('self', 'M') + link.format('related', 'T')
...                  + link.format('related', 'B'), '<MeterReading/>'),
...     entry.format('t', link.format('self', 'T'), kind),
...     entry.format('b', link.format('up', 'B'), f'<IntervalBlock>{reading}</IntervalBlock>')))
>>> import io
>>> [block] = read_greenbutton(io.BytesIO((feed + '</feed>').encode()), ReadOptions())
>>> block.meter, block.first, block.wh
('h1', 989737, (412,))
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import BinaryIO

from ledger.errors import InputError
from ledger.primitives.periods import utc_text
from meters.formats.advances import KnownAdvances
from meters.formats.coverage import Coverage
from meters.formats.greenbutton_links import READING, BlockEntry, check_interval, gather, whole
from meters.formats.half_hours import HalfHours, Part, nanojoules
from meters.formats.lines import ReadOptions
from meters.formats.xml_elements import Element, elements, root_of
from meters.readings import ACTUAL, ESTIMATED, Advance, Block, Refusal

_ATOM = "http://www.w3.org/2005/Atom"
_ESPI = b"http://naesb.org/espi"
# Codes of QualityOfReading: valid, raw, validated, verified and fit for billing are the meter's;
# edited, estimated, questionable, derived, mixed and other are somebody's estimate.
_LETTERS = dict.fromkeys((0, 14, 17, 18, 19), ACTUAL) | dict.fromkeys(
    (7, 8, 9, 10, 11, 13, 16), ESTIMATED
)


def read_greenbutton(stream: BinaryIO, options: ReadOptions) -> Iterator[Block | Advance | Refusal]:
    """Yield the readings and advances of a Green Button file, and what was refused.

    Args:
        stream: an XML document, seekable.
        options: `meter` instead of the usage point's id; `channel` where no flow is said; `split`.

    Raises:
        InputError: not well-formed XML, not a feed, not seekable, or beyond a limit.
    """
    if not stream.seekable():
        raise InputError("a Green Button file is read twice; save it as a file first")
    begin = stream.tell()
    head = stream.read(65_536)
    if root_of(head) != (_ATOM, "feed"):
        raise InputError("a Green Button file is an Atom feed; is this another kind of file?")
    stream.seek(begin)
    blocks = gather(stream, options)
    offsets = [block.place.offset for block in blocks]
    stream.seek(begin)
    halves, known = HalfHours(options), KnownAdvances()
    pending = map(_Reading, blocks)
    current = next(pending, None)
    for element in elements(stream, {READING}):
        at = bisect_right(offsets, element.place.offset) - 1
        if at < 0 or not _holds(blocks[at], element):
            yield Refusal(element.place.line, "this reading stands in no block of an entry")
            continue
        while current is not None and current.block is not blocks[at]:
            yield from current.check()
            current = next(pending, None)
        if current is not None and not current.block.reason:
            yield from _read(element, current, halves, known)
    for reading in (*([current] if current else []), *pending):
        yield from reading.check()
    yield from halves.close()


def looks_like_greenbutton(head: bytes) -> bool:
    """Return whether a file begins as an Atom feed that speaks of ESPI."""
    return _ESPI in head and root_of(head) == (_ATOM, "feed")


def _holds(block: BlockEntry, element: Element) -> bool:
    return element.place.offset < block.place.offset + block.place.length


def _read(
    element: Element, reading: "_Reading", halves: HalfHours, known: KnownAdvances
) -> Iterator[Block | Advance | Refusal]:
    block = reading.block
    try:
        part = _part(element, block.multiplier)
        reading.coverage.add(part.begin, part.begin + part.seconds)
    except InputError as error:
        yield Refusal(element.place.line, str(error))
        return
    for item in halves.add(block.meter, block.channel, part):
        if not isinstance(item, Advance):
            yield item
        elif (taken := known.take(item)) is not None:
            yield taken


def _part(element: Element, multiplier: int) -> Part:
    begin = whole(element.text_of("timePeriod", "start"), "start")
    seconds = whole(element.text_of("timePeriod", "duration"), "duration")
    value = whole(element.text_of("value"), "value")
    letter = ACTUAL
    for quality in element.all("ReadingQuality"):
        code = whole(quality.text_of("quality"), "quality")
        if code not in _LETTERS:
            raise InputError(f"quality {code} is not of a measured or estimated value")
        letter = ESTIMATED if _LETTERS[code] == ESTIMATED else letter
    check_interval(begin, seconds)
    energy = nanojoules(f"{value}E{multiplier}", "Wh")
    return Part(begin, seconds, energy, letter, element.place)


class _Reading:
    """A block that is being read."""

    def __init__(self, block: BlockEntry) -> None:
        self.block = block
        self.coverage = Coverage()

    def check(self) -> Iterator[Refusal]:
        """Yield why the block was not read, or what is missing, doubled or outside in it."""
        block = self.block
        if block.reason:
            yield Refusal(block.place.line, f"{block.reason}; none of the block was read")
            return
        span = self.coverage.span()
        if block.begin is not None:
            span = block.begin, block.begin + block.seconds
        if span is not None and (said := self.coverage.said(*span)):
            yield Refusal(
                block.place.line,
                f"the block of {utc_text(span[0])}, {span[1] - span[0]:,} s long, does not agree"
                f" with its {len(self.coverage):,} readings: {said}; what it has was read: ask for"
                " the rest",
            )
