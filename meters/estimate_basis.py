"""What an estimate may be made from, and what it remembers of it. Pure.

Only what was said of a half-hour by a meter, or decided by two operators, and is not suspect is a
source. A meter company's own estimate is one only where nothing else is left; our own never is,
or one guess would be made from another.

>>> from meters.readings import Channel
>>> basis = Basis("h1", Channel.IMPORT, load_zone("Europe/London"), range(0, 48),
...               {3: Stored(412, 1, 1, 5), 4: Stored(9, 6, 1, 6)})
>>> list(basis.gaps(range(2, 6))), basis.own(4, COMPANY), basis.own(3, ACTUAL).source
([2, 4, 5], None, Source(meter='h1', channel=<Channel.IMPORT: 'import'>, period=3, entry=5))
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.primitives.periods import load_zone
from meters.checks.context import Series
from meters.readings import Advance, Channel, Quality, Slot
from meters.versions import Stored

__all__ = ["ACTUAL", "COMPANY", "Basis", "Draft", "Known", "Source", "load_zone"]

ACTUAL = Quality.ACTUAL.rank
"""The worst quality of a source: edited or actual."""

COMPANY = Quality.ESTIMATED.rank
"""The worst quality of a source where nothing else is left: a meter company's estimate."""


class Source(NamedTuple):
    """A reading that an estimate was made from, and the log entry that brought it."""

    meter: str
    channel: Channel
    period: int
    entry: int


class Known(NamedTuple):
    """A reading that may be a source."""

    wh: int
    source: Source


class Draft(NamedTuple):
    """An estimate of one half-hour.

    Attributes:
        wh: whole Wh from 0.
        quality: how it was made.
        sources: the readings it was made from.
        advances: the register advances it was made from.
    """

    wh: int
    quality: Quality
    sources: tuple[Source, ...] = ()
    advances: tuple[Advance, ...] = ()


@dataclass(frozen=True, slots=True)
class Basis:
    """What is known, as the log stood before the estimate's own position.

    Attributes:
        meter: whose gaps are filled.
        channel: which way the energy flowed.
        zone: of local days.
        covered: the half-hours of which `known` tells; outside them nothing is taken as missing.
        known: the channel's readings: by half-hour, the version that counts.
        suspects: half-hours whose readings are suspect, of any meter.
        advances: of this channel's register.
        others: the same channel of the community's other meters, for the profile.
        references: channels that follow the sun, for an export. One's own meter is left out.
        holidays: local days that count as Sundays.
        capacity_wh: most Wh of a half-hour; None where there is no limit.
        is_final: whether this is for the final run, in which an export may be estimated.
    """

    meter: str
    channel: Channel
    zone: ZoneInfo
    covered: range
    known: Series
    suspects: Mapping[Slot, AbstractSet[int]] = field(default_factory=dict)
    advances: Sequence[Advance] = ()
    others: Mapping[str, Series] = field(default_factory=dict)
    references: Mapping[Slot, Series] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()
    capacity_wh: int | None = None
    is_final: bool = False

    @property
    def slot(self) -> Slot:
        """Meter and channel."""
        return self.meter, self.channel

    def is_gap(self, period: int) -> bool:
        """Return whether nobody said anything of a half-hour but ourselves."""
        item = self.known.get(period)
        return item is None or item.quality > COMPANY

    def gaps(self, periods: range) -> Iterator[int]:
        """Yield the half-hours without a reading, in order."""
        return (period for period in periods if self.is_gap(period))

    def own(self, period: int, worst: int) -> Known | None:
        """Return the channel's own reading, if it may be a source."""
        return self.source(self.slot, self.known, period, worst)

    def source(self, slot: Slot, series: Series, period: int, worst: int) -> Known | None:
        """Return a channel's reading, if it may be a source.

        Args:
            slot: meter and channel.
            series: the channel's readings.
            period: the half-hour.
            worst: rank of the worst quality taken.
        """
        item: Stored | None = series.get(period)
        if item is None or item.quality > worst or period in self.suspects.get(slot, ()):
            return None
        return Known(item.wh, Source(*slot, period, item.position))

    def capped(self, wh: int) -> int:
        """Return Wh, not above the capacity."""
        return wh if self.capacity_wh is None else min(wh, self.capacity_wh)
