"""What a reading caused, as values. Pure.

>>> MarketAt(1430, 9_525).matched_wh
9525
"""

from dataclasses import dataclass
from typing import NamedTuple

from meters.readings import Slot
from settlement.postings import Line
from settlement.why_model import Check, NetTold, Outcome
from settlement.why_version_model import Cited, Version


class MarketAt(NamedTuple):
    """A half-hour's market as a run left it: sellers' price, and what was matched."""

    price_ticks: int | None
    matched_wh: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a reading did in a run of its day.

    Attributes:
        code: the run's.
        posts: whether it moves money or only shows.
        version: number of the version that counted; None where none did.
        wh: what counted.
        worked_out: whether the run worked this half-hour out, and did not leave it as it was.
        line: the member's, as the run left it; None where nobody's consent covers the reading.
        part: what the run changed of it; all of it in the first run that posts.
        market, before: as the run left it, and as the one before had.
        others: members besides this one whose lines the run changed.
        others_part: what it changed of them, added up.
        named: (member, what changed), if it was asked for.
        together: other readings of the half-hour that were other ones than in the run before.
        reworked: half-hours of the day that the run worked out anew.
        net: the member's net line of the day and run.
        month: local month of the statement on which it stands.
        begin, clearing, settlement, netting, seal: log entries.
    """

    code: str
    posts: bool
    version: int | None
    wh: int
    worked_out: bool
    line: Line | None
    part: Line
    market: MarketAt | None
    before: MarketAt | None
    others: int
    others_part: Line
    named: tuple[tuple[str, Line], ...]
    together: int
    reworked: tuple[int, ...]
    net: NetTold | None = None
    month: str | None = None
    begin: Cited | None = None
    clearing: Cited | None = None
    settlement: Cited | None = None
    netting: Cited | None = None
    seal: Cited | None = None


class EstimateMade(NamedTuple):
    """An estimate that was made from a reading.

    Attributes:
        entry: the batch of estimates.
        meter, channel: what was estimated.
        first, half_hours: which it estimates.
        quality: by which method.
        exact: whether it names the log entry of the reading, and not only its half-hour.
    """

    entry: Cited
    meter: str
    channel: str
    first: int
    half_hours: int
    quality: str
    exact: bool


@dataclass(frozen=True, slots=True)
class WhyReading:
    """A reading, and all that it caused.

    Attributes:
        community: its name.
        zone: of local days.
        slot: meter and channel.
        period: the half-hour.
        day: the local day, ``YYYY-MM-DD``.
        member: whose it is; None where nobody's consent covers it.
        name: None where there is none.
        versions: in the order of the log.
        effects: by run.
        estimates: made from it.
        checks: what was compared.
        gone: what was erased and cannot be shown.
        next_run: (code, due in Unix milliseconds) of the next run that posts; None when closed.
        holders: (member, millionths) of those who have a part of it.
    """

    community: str
    zone: str
    slot: Slot
    period: int
    day: str
    member: str | None
    name: str | None
    versions: tuple[Version, ...]
    effects: tuple[Effect, ...]
    estimates: tuple[EstimateMade, ...]
    checks: tuple[Check, ...]
    gone: tuple[str, ...]
    next_run: tuple[str, int] | None
    holders: tuple[tuple[str, int], ...] = ()

    @property
    def differences(self) -> list[str]:
        """What does not agree, as sentences."""
        return [check.says for check in self.checks if check.outcome is Outcome.DIFFERS]


class BatchRun(NamedTuple):
    """How a batch counted in a run of a day: half-hours of it, and the member's net line."""

    code: str
    counted: int
    net: NetTold | None
    netting: Cited | None


class BatchDay(NamedTuple):
    """A local day of a batch: how many half-hours it has of it, and the day's runs that post."""

    day: str
    half_hours: int
    runs: tuple[BatchRun, ...]


@dataclass(frozen=True, slots=True)
class WhyBatch:
    """A batch or an edit of readings, and all that it caused.

    Attributes:
        zone: of local days.
        entry: of the log.
        slot: meter and channel.
        first, count: its half-hours.
        member: whose it is.
        name: None once it was erased.
        days: in order.
        estimates: made from it.
    """

    zone: str
    entry: Cited
    slot: Slot
    first: int
    count: int
    member: str
    name: str | None
    days: tuple[BatchDay, ...]
    estimates: tuple[EstimateMade, ...]
