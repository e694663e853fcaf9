"""A delivery put together in memory: five bytes a reading, whatever order the rows came in.

A page holds one meter's channel over one day of UTC. A later reading of the same half-hour
replaces an earlier one.

>>> from meters.readings import Channel, Place
>>> delivery = Delivery()
>>> delivery.add(Block("h1", Channel.IMPORT, 95, (7, 8), "AE", Place(2, 0, 9)))
>>> [(run.first, list(run.wh), run.quality) for run in delivery.runs(("h1", Channel.IMPORT))]
[(95, [7, 8], 'AE')]
"""

from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ledger.errors import InputError
from meters.readings import NO_PLACE, Block, Reading, Slot

DAY_PERIODS = 48
"""Half-hours of a day of UTC: what one page, and one row of the store, covers at most."""

PAGES_MAX = 2_000_000
"""Most days of meters in a delivery: 1,800 meters and channels for three years, in about a
gigabyte of memory."""

MISSING = -1
"""Stands for the Wh of a half-hour that is not there."""

_NO_WH = array("i", [MISSING]) * DAY_PERIODS
_NO_QUALITY = b"." * DAY_PERIODS


class Page(NamedTuple):
    """A day of UTC of one meter and channel: 48 Wh, `MISSING` where there is none."""

    wh: "array[int]"
    quality: bytearray


class Run(NamedTuple):
    """Consecutive readings: the first one's half-hour, whole Wh each, one letter each."""

    first: int
    wh: "array[int]"
    quality: str

    @property
    def periods(self) -> range:
        """The half-hours."""
        return range(self.first, self.first + len(self.wh))

    def cut(self, start: int, stop: int) -> "Run":
        """Return what of it stands in the half-hours from start to stop - 1."""
        begin, end = max(start - self.first, 0), max(stop - self.first, 0)
        return Run(self.first + begin, self.wh[begin:end], self.quality[begin:end])


class Delivery:
    """Everything that a delivery holds, by meter and channel and then by day."""

    def __init__(self) -> None:
        self._pages: dict[Slot, dict[int, Page]] = {}
        self.count = self._page_count = 0

    def add(self, block: Block) -> None:
        """Take a block of readings."""
        pages = self._pages.get((block.meter, block.channel))
        if pages is None:
            pages = self._pages[block.meter, block.channel] = {}
        wh = block.wh if isinstance(block.wh, array) else array("i", block.wh)
        self.count += len(wh)
        quality = block.quality.encode()
        day, at = divmod(block.first, DAY_PERIODS)
        taken = 0
        while taken < len(wh):
            here = min(DAY_PERIODS - at, len(wh) - taken)
            page = pages.get(day)
            if page is None:
                self._page_count += 1
                if self._page_count > PAGES_MAX:
                    raise InputError(f"the file holds more than {PAGES_MAX:,} meter-days; split it")
                page = pages[day] = Page(_NO_WH[:], bytearray(_NO_QUALITY))
            page.wh[at : at + here] = wh[taken : taken + here]
            page.quality[at : at + here] = quality[taken : taken + here]
            taken, day, at = taken + here, day + 1, 0

    def add_reading(self, reading: Reading) -> None:
        """Take one reading."""
        letter = reading.quality.letter
        self.add(
            Block(reading.meter, reading.channel, reading.period, (reading.wh,), letter, NO_PLACE)
        )

    def slots(self) -> list[Slot]:
        """Return the meters and channels, in order."""
        return sorted(self._pages)

    def size(self, slot: Slot) -> int:
        """Return how many readings a slot has."""
        return sum(DAY_PERIODS - page.quality.count(b".") for page in self._pages[slot].values())

    def days(self, slot: Slot) -> range:
        """Return the days of UTC between the first and the last reading of a slot."""
        days = self._pages[slot]
        return range(min(days), max(days) + 1)

    def runs(self, slot: Slot) -> Iterator[Run]:
        """Yield a slot's readings in order of time, each run as long as it can be."""
        yield from joined(sorted(self._pages[slot].items()))


def joined(pages: Iterable[tuple[int, Page]]) -> Iterator[Run]:
    """Yield what stands in pages in order of days, each run as long as it can be."""
    first, wh, quality = 0, array("i"), bytearray()
    for day, page in pages:
        begins = day * DAY_PERIODS
        if MISSING not in page.wh and (not wh or begins == first + len(wh)):
            if not wh:
                first = begins
            wh += page.wh
            quality += page.quality
            continue
        for at, value in enumerate(page.wh):
            if value == MISSING:
                continue
            if wh and begins + at != first + len(wh):
                yield Run(first, wh, quality.decode())
                wh, quality = array("i"), bytearray()
            if not wh:
                first = begins + at
            wh.append(value)
            quality.append(page.quality[at])
    if wh:
        yield Run(first, wh, quality.decode())


def split(run: Run, cuts: Iterable[int], length_max: int) -> Iterator[Run]:
    """Yield a run in pieces.

    Args:
        run: consecutive readings.
        cuts: half-hours with which another piece begins; those outside the run do nothing.
        length_max: longest piece.
    """
    inside = sorted(period for period in set(cuts) if period in run.periods)
    for begin, end in pairwise((run.first, *inside, run.periods.stop)):
        for start in range(begin, end, length_max):
            yield run.cut(start, min(start + length_max, end))
