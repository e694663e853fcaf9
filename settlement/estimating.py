"""Estimates of missing readings: made from what is known, signed like readings, and yielding to them.

An estimate is a batch like any other, signed by the operator's adapter key; its quality says by which
method it was made, and its inputs from which log entries. What is estimated the same way again writes
nothing.

>>> DayEstimated(date(2026, 6, 15), (), (), 0).batches
0
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from ledger.errors import RefusedError
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, start_text
from meters.checks.delivery import capacity_of
from meters.checks.findings import Finding, suspect_periods
from meters.estimate_basis import COMPANY, Basis
from meters.estimate_inputs import EstimateRun
from meters.estimates import estimate
from meters.pages import Run, split
from meters.readings import Channel, Slot
from meters.versions import Stored
from settlement import store
from settlement.batch_maker import BatchMaker, Piece
from settlement.checking import (
    DayChecked,
    Settings,
    check_one_day,
    settings_of,
    slots_of,
)
from settlement.community import Community, Made
from settlement.run_inputs import surely_unchanged
from settlement.timetable import due_at_ms

LIKE_DAYS = 29
"""Days before a gap that are looked at: a like day is up to four weeks back."""

NEIGHBOURS = 8
"""Half-hours after a day that are looked at, for a straight line across midnight."""


@dataclass(frozen=True)
class DayEstimated:
    """What was estimated of a local day.

    Attributes:
        day: the local day.
        runs: the estimates, by meter and channel.
        findings: registers that cannot be right.
        batches: signed batches that were logged.
    """

    day: date
    runs: Sequence[tuple[Slot, EstimateRun]]
    findings: Sequence[Finding]
    batches: int


def estimate_day(
    community: Community, day: date, *, final: bool = False, dry_run: bool = False
) -> DayEstimated:
    """Estimate the readings of a local day that are missing.

    Args:
        community: open for work.
        day: the local day.
        final: for the final run: only then is an export estimated above zero.
        dry_run: write nothing.
    """
    with community.transaction() as connection:
        return _estimate_within(community, connection, day, final=final, dry_run=dry_run)


def _estimate_within(
    community: Community, connection: Connection, day: date, *, final: bool, dry_run: bool = False
) -> DayEstimated:
    """Estimate within a transaction of the caller's."""
    _check_final(community, day, final=final)
    checked = check_one_day(community, connection, day)
    settings = settings_of(community, connection)
    bases = _bases(community, connection, checked, settings, final=final)
    runs: list[tuple[Slot, EstimateRun]] = []
    findings: list[Finding] = []
    for slot, basis in bases.items():
        found = estimate(basis, checked.periods)
        findings += found.findings
        runs += [(slot, run) for run in found.runs if _is_news(run, basis.known)]
    pieces = [] if dry_run else list(_pieces(community, runs))
    if pieces:
        _log(community, connection, pieces)
    return DayEstimated(day, runs, findings, len(pieces))


def _check_final(community: Community, day: date, *, final: bool) -> None:
    """Refuse final estimates before the final run: an export may only then be above zero."""
    rules = community.state.rules_now
    table = community.state.timetable_of(day)
    closing = table.run(table.closing)
    ready = due_at_ms(closing, day, rules.zone) // (SECONDS * 1000)
    if final and community.writer.now_period() < ready:
        raise RefusedError(
            f"Final estimates of {day} are for the run that closes it, {closing.code}:"
            f" from {start_text(ready)} on."
        )


def estimate_missing(community: Community, day: date, *, final: bool = False) -> int:
    """Estimate what is missing before a day is run, and return how many half-hours.

    A day of which nobody said anything is left as it is: nothing is to be settled of it.

    Args:
        community: open for work.
        day: the local day.
        final: for the run that closes the day: exports are estimated, too.
    """
    with community.reading() as connection:
        if not _has_gaps(community, connection, day):
            return 0
    return _count(estimate_day(community, day, final=final))


def estimate_missing_within(
    community: Community, connection: Connection, day: date, *, final: bool = False
) -> int:
    """Do as `estimate_missing`, within a transaction of the caller's."""
    if not _has_gaps(community, connection, day):
        return 0
    return _count(_estimate_within(community, connection, day, final=final))


def is_as_it_was(community: Community, connection: Connection, day: date) -> bool:
    """Return whether a day was run, and what was missing then is surely no different now."""
    periods = of_local_day(day, load_zone(community.state.rules_now.zone))
    made = store.runs_of(connection, community.writer.community, day.isoformat())
    return bool(made) and surely_unchanged(community, connection, periods, made[-1].known)


def _count(estimated: DayEstimated) -> int:
    return sum(len(run.wh) for _, run in estimated.runs)


def _has_gaps(community: Community, connection: Connection, day: date) -> bool:
    """Return whether somebody said something of a day, and something of it is missing.

    Most days have no gap, and then the four weeks before them need not be read.
    """
    periods = of_local_day(day, load_zone(community.state.rules_now.zone))
    known = community.readings.known(connection, periods)
    if not any(stored.quality <= COMPANY for stored in known.values()):
        return False
    slots = slots_of(community, periods)
    return any(_is_gap(known.get((*slot, period))) for slot in slots for period in periods)


def _bases(
    community: Community,
    connection: Connection,
    checked: DayChecked,
    settings: Settings,
    *,
    final: bool,
) -> dict[Slot, Basis]:
    """Return what is known of every meter and channel that has gaps that day."""
    periods, zone = checked.periods, load_zone(community.state.rules_now.zone)
    gappy = [
        slot
        for slot in checked.slots
        if any(_is_gap(checked.known.get(slot, {}).get(period)) for period in periods)
    ]
    if not gappy:
        return {}
    advances = community.registers.of(
        connection, gappy, periods.start * SECONDS, periods.stop * SECONDS
    )
    first = of_local_day(checked.day - timedelta(days=LIKE_DAYS), zone).start
    last = periods.stop + NEIGHBOURS
    whole = [advance for of in advances.values() for advance in of]
    first = min([first, *(advance.begin // SECONDS for advance in whole)])
    last = max([last, *(-(-advance.end // SECONDS) for advance in whole)])
    covered = range(first, min(last, community.writer.now_period()))
    known = community.readings.series(connection, covered)
    suspects = suspect_periods(checked.findings)
    return {
        slot: Basis(
            *slot,
            zone,
            covered,
            known.get(slot, {}),
            suspects,
            advances.get(slot, ()),
            others={m: of for (m, side), of in known.items() if side is slot[1] and m != slot[0]},
            references=_references(slot, known, settings),
            capacity_wh=capacity_of(slot[1], settings.of(slot[0])),
            is_final=final,
        )
        for slot in gappy
    }


def _references(
    slot: Slot, known: Mapping[Slot, Mapping[int, Stored]], settings: Settings
) -> dict[Slot, Mapping[int, Stored]]:
    """Return the other exports of the community, which follow the same sun."""
    mine = {slot[0], settings.generation.get(slot[0])}
    return {
        other: of
        for other, of in known.items()
        if other[1] is Channel.EXPORT and other[0] not in mine
    }


def _is_gap(stored: Stored | None) -> bool:
    return stored is None or stored.quality > COMPANY


def _is_news(run: EstimateRun, known: Mapping[int, Stored]) -> bool:
    """Return whether an estimate says anything that does not count already."""
    counts = (known.get(period) for period in run.periods)
    return any(
        stored is None or (stored.wh, stored.quality) != (wh, run.quality.rank)
        for stored, wh in zip(counts, run.wh, strict=True)
    )


def _pieces(community: Community, runs: Sequence[tuple[Slot, EstimateRun]]) -> list[Piece]:
    """Return estimates as batches, each within one member's consent."""
    pieces = []
    for slot, run in runs:
        whole = Run(run.first, array("i", run.wh), run.quality.letter * len(run.wh))
        for part in split(whole, community.state.meter_changes(slot[0]), len(run.wh)):
            member = community.state.reader_of(*slot, part.first)
            if member is not None:
                pieces.append(Piece(slot, member, part, run.inputs))
    return pieces


def _log(community: Community, connection: Connection, pieces: Sequence[Piece]) -> None:
    now_ms = community.writer.clock.now_ms() // 1000 * 1000
    maker = BatchMaker(community, connection, now_ms)
    placed = [(piece, maker.place(piece)) for piece in pieces]
    for piece, content in placed:
        maker.sign(piece, content, content.root())
    community.accept(connection, maker.drafts, Made(maker.contents))
