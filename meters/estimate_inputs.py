"""Estimates packed for signed batches: runs of half-hours, each with what it was made from.

The objects are those of ``docs/spec/statements.md``. Equal inputs give equal bytes: nothing
depends on the order in which anything was given.

>>> from meters.estimate_basis import Source
>>> said = [Source("h1", Channel.IMPORT, period, 5) for period in (8, 7)]
>>> inputs_of(said, ())[1]
{'what': 'readings', 'meter': 'h1', 'channel': 'import', 'first': 7, 'count': 2, 'entry': 5}
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from ledger.kinds import READINGS_MAX
from meters.batches import INPUTS_MAX
from meters.estimate_basis import Draft, Source
from meters.readings import Advance, Channel, Quality

RULES_VERSION = 1
"""Of the rules of estimation: every estimate names the one that it was made by."""

RUN_PERIODS_MAX = 336
"""Longest run: a week, so that its values and 200 inputs of long names fit a batch's detail."""

Input = dict[str, Any]
"""What an estimate was made from, as a batch's detail lists it."""

Shared = dict[tuple[int, tuple[Advance, ...]], tuple[Input, ...]]
"""Inputs of half-hours that share their sources."""


class EstimateRun(NamedTuple):
    """Estimates of consecutive half-hours, as one signed batch carries them.

    Attributes:
        first: the first half-hour.
        wh: whole Wh from 0 of each.
        quality: how all of them were made.
        inputs: what they were made from, at most 200 objects.
    """

    first: int
    wh: tuple[int, ...]
    quality: Quality
    inputs: tuple[Input, ...]

    @property
    def periods(self) -> range:
        """The half-hours."""
        return range(self.first, self.first + len(self.wh))


def packed(drafts: Mapping[int, Draft]) -> list[EstimateRun]:
    """Return estimates as runs, in order of time."""
    runs: list[EstimateRun] = []
    shared: Shared = {}
    # A run ends where half-hours do not follow, or another method or another register begins.
    for _, group in groupby(enumerate(sorted(drafts.items())), _alike):
        part = [item for _, item in group]
        for start in range(0, len(part), RUN_PERIODS_MAX):
            runs += _runs(part[start : start + RUN_PERIODS_MAX], shared)
    return runs


def _alike(item: tuple[int, tuple[int, Draft]]) -> tuple[int, Quality, tuple[Advance, ...]]:
    """Return what half-hours of one run share, given their number in order of time."""
    number, (period, draft) = item
    return period - number, draft.quality, draft.advances


def _runs(part: Sequence[tuple[int, Draft]], shared: Shared) -> Iterator[EstimateRun]:
    """Yield one run, or its halves where it has too many inputs.

    All estimates of one register share one tuple of sources, of a year perhaps: it is looked at
    once, and halves would have as many.

    Args:
        part: consecutive half-hours of one method and register.
        shared: inputs by the identity of such a tuple and its advances; filled here.
    """
    draft = part[0][1]
    tuples = {id(item.sources): item.sources for _, item in part}
    if len(tuples) == 1:
        key = id(draft.sources), draft.advances
        if key not in shared:
            shared[key] = inputs_of(draft.sources, draft.advances)
        inputs = shared[key]
    else:
        sources = {source for one in tuples.values() for source in one}
        if _count(sources, draft.advances) > INPUTS_MAX:
            middle = len(part) // 2
            yield from _runs(part[:middle], shared)
            yield from _runs(part[middle:], shared)
            return
        inputs = inputs_of(sources, draft.advances)
    wh = tuple(item.wh for _, item in part)
    yield EstimateRun(part[0][0], wh, draft.quality, inputs)


def _count(sources: Iterable[Source], advances: Sequence[Advance]) -> int:
    return 1 + len(advances) + len(list(_exact(sources)))


def inputs_of(sources: Iterable[Source], advances: Sequence[Advance]) -> tuple[Input, ...]:
    """Return what an estimate was made from: its rules, registers and readings.

    Where that is too much, readings are named by their half-hours alone: those that counted
    before the estimate's own log entry. Where it is still too much, by a span that holds them;
    and at last by one for all meters together.
    """
    sources = set(sources)
    head: list[Input] = [{"what": "rules", "first": RULES_VERSION}]
    head += [_advance(item) for item in advances]
    for form in (_exact, _without_entries, _spans_of_meters, _spans):
        inputs = [*head, *form(sources)]
        if len(inputs) <= INPUTS_MAX:
            return tuple(inputs)
    raise AssertionError("an estimate has at most 100 advances, 2 channels and 428 days")


def _advance(advance: Advance) -> Input:
    return {
        "what": "advance",
        "meter": advance.meter,
        "channel": advance.channel.value,
        "first": advance.begin,
        "end": advance.end,
        "wh": advance.wh,
    }


def _exact(sources: Iterable[Source]) -> Iterator[Input]:
    """Yield consecutive readings of one log entry as one object each."""
    ordered = sorted(sources, key=lambda one: (one.meter, one.channel, one.entry, one.period))
    objects = [
        (meter, channel, part[0].period, len(part), entry)
        for (meter, channel, entry, _), group in groupby(enumerate(ordered), _chain)
        for part in _cut([source for _, source in group])
    ]
    for meter, channel, first, count, entry in sorted(objects):
        yield {**_readings(meter, channel.value, first, count), "entry": entry}


def _chain(item: tuple[int, Source]) -> tuple[str, Channel, int, int]:
    """Return what consecutive readings of one log entry share, given their number in order."""
    number, source = item
    return source.meter, source.channel, source.entry, source.period - number


def _without_entries(sources: Iterable[Source]) -> Iterator[Input]:
    """Yield consecutive readings as one object each, whatever brought them."""
    for exact in _exact({source._replace(entry=0) for source in sources}):
        yield {name: value for name, value in exact.items() if name != "entry"}


def _spans_of_meters(sources: Iterable[Source]) -> Iterator[Input]:
    """Yield the spans that hold each meter's readings, gaps included."""
    by_slot: dict[tuple[str, str], list[int]] = {}
    for source in sources:
        by_slot.setdefault((source.meter, source.channel.value), []).append(source.period)
    for (meter, channel), periods in sorted(by_slot.items()):
        first, stop = min(periods), max(periods) + 1
        for start in range(first, stop, READINGS_MAX):
            yield _readings(meter, channel, start, min(READINGS_MAX, stop - start))


def _spans(sources: Iterable[Source]) -> Iterator[Input]:
    """Yield the spans that hold all meters' readings of a channel; no meter is named."""
    for span in _spans_of_meters({source._replace(meter="") for source in sources}):
        yield {name: value for name, value in span.items() if name != "meter"}


def _cut(part: list[Source]) -> Iterator[list[Source]]:
    for start in range(0, len(part), READINGS_MAX):
        yield part[start : start + READINGS_MAX]


def _readings(meter: str, channel: str, first: int, count: int) -> Input:
    return {
        "what": "readings",
        "meter": meter,
        "channel": channel,
        "first": first,
        "count": count,
    }
