"""What the checks of one local day look at. What is not known is left out, and its rules rest.

>>> day = DayContext("h1", Channel.IMPORT, range(989736, 989784), {989737: Stored(412, 1, 1, 5)})
>>> day.slot, len(day.judged())
(('h1', <Channel.IMPORT: 'import'>), 1)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from meters.checks.sun import Site
from meters.readings import Advance, Channel, Quality, Slot
from meters.versions import Stored

Series = Mapping[int, Stored]
"""A channel's readings: by half-hour, the version that counts."""

SAID = (Quality.ACTUAL.rank, Quality.ESTIMATED.rank)
"""Ranks of what a meter or its company said. An edit was decided by two operators, and our own
estimates are made within limits: what is peculiar about them is not the meter's fault."""


class Arrival(NamedTuple):
    """How a batch came.

    Attributes:
        created_at_ms: when its signer made it, by the signer's clock.
        received_at_ms: when it came, by ours.
        is_backfill: whether it was made after the fact, from a file.
        last: the last half-hour in it.
    """

    created_at_ms: int
    received_at_ms: int
    is_backfill: bool
    last: int


@dataclass(frozen=True, slots=True)
class DayContext:
    """One local day of one meter and channel, and what is known around it.

    Attributes:
        meter: as its readings name it.
        channel: which way the energy flowed.
        periods: the local day's half-hours, 46 to 50.
        known: its readings, and those before the day from `history_first` on.
        history_first: first half-hour of which `known` tells; the day's first if left out.
        versions: by half-hour: every version, in the order of the log.
        arrivals: by log position: how the batch came.
        due_at_ms: when the day's first posting run was due.
        advances: of this channel's register.
        generation: what the site's generation meter measured; None where there is none.
        site: where the meter stands, for a home whose export can only come from the sun.
    """

    meter: str
    channel: Channel
    periods: range
    known: Series
    history_first: int | None = None
    versions: Mapping[int, Sequence[Stored]] = field(default_factory=dict)
    arrivals: Mapping[int, Arrival] = field(default_factory=dict)
    due_at_ms: int | None = None
    advances: Sequence[Advance] = ()
    generation: Series | None = None
    site: Site | None = None

    @property
    def slot(self) -> Slot:
        """Meter and channel."""
        return self.meter, self.channel

    @property
    def known_from(self) -> int:
        """The first half-hour of which `known` tells."""
        return self.periods.start if self.history_first is None else self.history_first

    def judged(self) -> dict[int, int]:
        """Return the day's Wh that a meter or its company said, in order of time."""
        known = ((period, self.known.get(period)) for period in self.periods)
        return {period: item.wh for period, item in known if item and item.quality in SAID}

    def gaps(self) -> list[int]:
        """Return the day's half-hours without any reading."""
        return [period for period in self.periods if period not in self.known]
