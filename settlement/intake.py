"""Readings from a file into signed batches and the versioned store.

What was delivered before, value and quality alike, is dropped without a trace, so the same file
twice, or shuffled, or an old one after its correction, writes nothing. The rest is split into batches of one meter, channel and
local day, signed by the importing operator's adapter key: an auditor sees that.

>>> IntakeReport().accepted
0
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ledger.kinds import READINGS_MAX
from ledger.primitives.periods import load_zone, local_date
from ledger.statements import Statement
from ledger.writer import Draft
from meters.batches import BatchContent, Link
from meters.readings import Channel, Reading
from settlement.community import Community
from settlement.state import reading_batch_id

READINGS_A_TRANSACTION = 10_000
"""Readings after which a transaction ends; one meter's channel is never cut."""

_Slot = tuple[str, Channel]


@dataclass
class IntakeReport:
    """What became of a delivery.

    Attributes:
        accepted: readings that were new.
        corrected: readings that replace an earlier version.
        identical: readings known already, dropped.
        batches: signed batches that were logged.
        future: readings of half-hours that are not over, refused.
        uncovered: readings of channels or half-hours that consent does not cover, refused.
        unknown_meters: meters without a member's consent, refused, with their readings' number.
    """

    accepted: int = 0
    corrected: int = 0
    identical: int = 0
    batches: int = 0
    future: int = 0
    uncovered: int = 0
    unknown_meters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive new readings of one meter, channel and local day."""

    meter: str
    channel: Channel
    member: str
    readings: tuple[Reading, ...]


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
    report = IntakeReport()
    now_ms = community.writer.clock.now_ms() // 1000 * 1000
    with community.reading():
        pass  # what was refused before may have dropped what was remembered
    zone = load_zone(community.state.rules_now.zone)
    gathered = _gather(community, readings, now_ms, report)
    for group in _groups(gathered):
        with community.transaction() as connection:
            part = IntakeReport()
            pieces = [
                piece
                for (meter, channel), by_period in group
                for piece in _new_pieces(
                    community, connection, meter, channel, by_period, zone, part
                )
            ]
            if pieces:
                _log(community, connection, pieces, now_ms)
        report.accepted += part.accepted
        report.corrected += part.corrected
        report.identical += part.identical
        report.batches += len(pieces)
        after_group(sum(len(by_period) for _, by_period in group))
    return report


def _groups(
    gathered: dict[_Slot, dict[int, Reading]],
) -> Iterator[list[tuple[_Slot, dict[int, Reading]]]]:
    """Split a delivery into groups of whole meters and channels, one transaction each."""
    group: list[tuple[_Slot, dict[int, Reading]]] = []
    size = 0
    for slot, by_period in sorted(gathered.items()):
        group.append((slot, by_period))
        size += len(by_period)
        if size >= READINGS_A_TRANSACTION:
            yield group
            group, size = [], 0
    if group:
        yield group


def _gather(
    community: Community, readings: Iterable[Reading], now_ms: int, report: IntakeReport
) -> dict[_Slot, dict[int, Reading]]:
    last_over = now_ms // 1_800_000 - 1
    known = community.state.meters
    gathered: dict[_Slot, dict[int, Reading]] = defaultdict(dict)
    for reading in readings:
        if reading.meter not in known:
            count = report.unknown_meters.get(reading.meter, 0)
            report.unknown_meters[reading.meter] = count + 1
        elif reading.period > last_over:
            report.future += 1
        elif community.state.reader_of(reading.meter, reading.channel, reading.period) is None:
            report.uncovered += 1
        else:
            gathered[reading.meter, reading.channel][reading.period] = reading
    return gathered


def _new_pieces(
    community: Community,
    connection: Connection,
    meter: str,
    channel: Channel,
    by_period: dict[int, Reading],
    zone: ZoneInfo,
    report: IntakeReport,
) -> Iterator[_Piece]:
    """Yield what is new of one meter and channel, in consecutive pieces of a local day."""
    span = range(min(by_period), max(by_period) + 1)
    stored = community.readings.versions(connection, meter, channel, span)
    piece: list[Reading] = []
    day: date | None = None
    reader: str | None = None
    for period in sorted(by_period):
        reading, before = by_period[period], stored.get(period)
        if before and (reading.wh, reading.quality.rank) in before.seen:
            report.identical += 1
            continue
        report.accepted += before is None
        report.corrected += before is not None
        here = local_date(period, zone), community.state.reader_of(meter, channel, period)
        ends = piece and (period != piece[-1].period + 1 or here != (day, reader))
        if ends or len(piece) == READINGS_MAX:
            yield _Piece(meter, channel, reader or "", tuple(piece))
            piece = []
        day, reader = here
        piece.append(reading)
    if piece:
        yield _Piece(meter, channel, reader or "", tuple(piece))


def _log(
    community: Community, connection: Connection, group: Sequence[_Piece], now_ms: int
) -> None:
    """Sign a group of batches and have them logged and stored."""
    ends: dict[_Slot, Link] = {}
    drafts = []
    for ahead, piece in enumerate(group):
        slot = (piece.meter, piece.channel)
        if slot not in ends:
            ends[slot] = community.readings.chain_end(connection, *slot)
        draft = _draft(community, connection, piece, ends[slot], now_ms, ahead)
        ends[slot] = (ends[slot][0] + 1, Statement.decode(draft.envelope).tx_id)
        drafts.append(draft)
    community.accept(connection, drafts)


def _draft(
    community: Community,
    connection: Connection,
    piece: _Piece,
    before: Link,
    now_ms: int,
    ahead: int,
) -> Draft:
    writer = community.writer
    sequence, previous = before[0] + 1, before[1]
    statement_id = reading_batch_id(writer.origin, piece.meter, piece.channel, sequence)
    content = BatchContent(
        piece.readings[0].period,
        tuple(reading.wh for reading in piece.readings),
        "".join(reading.quality.letter for reading in piece.readings),
        writer.entropy(f"seed/{statement_id}", 32),
    )
    envelope = writer.sign_new(
        connection,
        "reading_batch",
        piece.member,
        statement_id,
        {
            "meter": piece.meter,
            "channel": piece.channel.value,
            "sequence": sequence,
            "previous": previous,
            "created_at": now_ms,
            "first": content.first,
            "step": 30,
            "count": len(content.wh),
            "root": content.root().hex(),
            "backfill": True,
        },
        [writer.keyring.load("adapter")],
        not_after_ms=now_ms + 24 * 3_600_000,
        ahead=ahead,
    )
    return Draft(envelope, content.encode())
