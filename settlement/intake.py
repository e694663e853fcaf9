"""Readings of a delivery into signed batches and the versioned store.

What was delivered before, value and quality alike, is dropped without a trace, so the same file
twice, or shuffled, or an old one after its correction, writes nothing. The rest is split into
batches of one meter and channel, signed by the importing operator's adapter key: an auditor sees
that.

>>> IntakeReport().accepted
0
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby, islice

from sqlalchemy import Connection

from ledger.kinds import READINGS_MAX
from meters.checks.delivery import check_delivery
from meters.checks.findings import Finding
from meters.files import SourceFile
from meters.pages import DAY_PERIODS, Delivery, Run, split
from meters.readings import Reading, Slot
from meters.store import OWN_LETTERS
from settlement.batch_maker import BatchMaker, Piece
from settlement.checking import Settings, settings_of
from settlement.community import Community, Made
from settlement.roots import Roots

READINGS_A_TRANSACTION = 10_000
"""Readings after which a transaction ends; one meter's channel is never cut."""

READINGS_OF_MANY = 200_000
"""The same, where several processes hash: a group must be worth sharing."""


@dataclass
class IntakeReport:
    """What became of a delivery.

    Attributes:
        accepted: readings that were new.
        corrected: readings that replace an earlier version.
        estimated: of these, readings of half-hours that had our own estimates only.
        identical: readings known already, dropped.
        batches: signed batches that were logged.
        future: readings of half-hours that are not over, refused.
        uncovered: readings of channels or half-hours that consent does not cover, refused.
        unknown_meters: meters without a member's consent, refused, with their readings' number.
        findings: what checks took out, because it cannot be a reading.
    """

    accepted: int = 0
    corrected: int = 0
    estimated: int = 0
    identical: int = 0
    batches: int = 0
    future: int = 0
    uncovered: int = 0
    unknown_meters: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, part: "IntakeReport") -> None:
        """Add what became of a part of the delivery."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(part, each.name))


def import_readings(
    community: Community,
    readings: Iterable[Reading],
    after_group: Callable[[int], None] = lambda _count: None,
) -> IntakeReport:
    """Store readings that are new.

    Args:
        community: open for work.
        readings: in any order; a later one of the same half-hour replaces an earlier one.
        after_group: called with the number of readings stored after each transaction.
    """
    delivery = Delivery()
    for reading in readings:
        delivery.add_reading(reading)
    return import_delivery(community, delivery, after_group=after_group)


def import_delivery(
    community: Community,
    delivery: Delivery,
    *,
    source: SourceFile | None = None,
    after_group: Callable[[int], None] = lambda _count: None,
) -> IntakeReport:
    """Store what is new in a delivery.

    Args:
        community: open for work.
        delivery: whole: nothing of it is stored before all of it is here.
        source: the file that it was read from: stored with the first batch of it.
        after_group: called with the number of readings stored after each transaction.
    """
    report = IntakeReport()
    now_ms = community.writer.clock.now_ms() // 1000 * 1000
    with community.reading():
        pass  # what was refused before may have dropped what was remembered
    with Roots(delivery.count) as roots:
        size = READINGS_OF_MANY if roots.many else READINGS_A_TRANSACTION
        for group in _groups(delivery, size):
            with community.transaction() as connection:
                part = IntakeReport()
                settings = settings_of(community, connection)
                pieces = [
                    piece
                    for slot in group
                    for piece in _new_pieces(
                        community, connection, slot, delivery, settings, now_ms, part
                    )
                ]
                if pieces:
                    _log(community, connection, pieces, now_ms, source, roots)
            part.batches = len(pieces)
            report.add(part)
            after_group(sum(delivery.size(slot) for slot in group))
    return report


def _groups(delivery: Delivery, readings: int) -> Iterator[list[Slot]]:
    """Split a delivery into groups of whole meters and channels, one transaction each."""
    group: list[Slot] = []
    size = 0
    for slot in delivery.slots():
        group.append(slot)
        size += delivery.size(slot)
        if size >= readings:
            yield group
            group, size = [], 0
    if group:
        yield group


def _allowed(
    slot: Slot, delivery: Delivery, settings: Settings, report: IntakeReport
) -> Iterator[Run]:
    """Yield what of a meter and channel can be readings: no sentinels, nothing above capacity."""
    limits = settings.of(slot[0])
    for run in delivery.runs(slot):
        kept, found = check_delivery(slot, run, limits)
        report.findings += found
        yield from kept


def _new_pieces(
    community: Community,
    connection: Connection,
    slot: Slot,
    delivery: Delivery,
    settings: Settings,
    now_ms: int,
    report: IntakeReport,
) -> Iterator[Piece]:
    """Yield what of a meter and channel is new and may be taken."""
    (meter, channel), state = slot, community.state
    if meter not in state.meters:
        report.unknown_meters[meter] += delivery.size(slot)
        return
    now_period = now_ms // 1_800_000
    cuts = [*state.meter_changes(meter), now_period]
    stored = community.readings.delivered(connection, slot, delivery.days(slot))
    for run in _allowed(slot, delivery, settings, report):
        for part in split(run, cuts, READINGS_MAX):
            if part.first >= now_period:
                report.future += len(part.wh)
                continue
            member = state.reader_of(meter, channel, part.first)
            if member is None:
                report.uncovered += len(part.wh)
                continue
            for new in _unknown(part, stored, report):
                yield Piece(slot, member, new)


def _unknown(
    run: Run, stored: dict[int, list[tuple[int, Run]]], report: IntakeReport
) -> Iterator[Run]:
    """Yield what of a run was never delivered before, value and quality alike."""
    days = range(run.first // DAY_PERIODS, (run.periods.stop - 1) // DAY_PERIODS + 1)
    if not any(day in stored for day in days):
        report.accepted += len(run.wh)
        yield run
        return
    seen: dict[int, set[tuple[int, str]]] = {}
    for day in days:
        for _, part in stored.get(day, []):
            for period, wh, letter in zip(part.periods, part.wh, part.quality, strict=True):
                seen.setdefault(period, set()).add((wh, letter))
    fresh = []
    for period, wh, letter in zip(run.periods, run.wh, run.quality, strict=True):
        before = seen.get(period)
        known = before is not None and (wh, letter) in before
        report.identical += known
        report.accepted += before is None
        report.corrected += before is not None and not known
        report.estimated += before is not None and not known and _only_ours(before, letter)
        fresh.append(not known)
    places = iter(range(len(fresh)))
    for new, group in groupby(fresh):
        count = sum(1 for _ in group)
        first, *_ = islice(places, count)
        if new:
            yield run.cut(run.first + first, run.first + first + count)


def _only_ours(before: set[tuple[int, str]], letter: str) -> bool:
    """Return whether a reading is the first of a half-hour that we had only estimated."""
    return letter not in OWN_LETTERS and all(each in OWN_LETTERS for _, each in before)


def _log(
    community: Community,
    connection: Connection,
    pieces: Sequence[Piece],
    now_ms: int,
    source: SourceFile | None,
    roots: Roots,
) -> None:
    """Sign a group of batches and have them logged and stored."""
    file = None if source is None else community.files.save(connection, source, now_ms)
    maker = BatchMaker(community, connection, now_ms, source)
    places = [maker.place(piece) for piece in pieces]
    for piece, content, root in zip(pieces, places, roots.of(places), strict=True):
        maker.sign(piece, content, root)
    community.accept(connection, maker.drafts, Made(maker.contents, file))
