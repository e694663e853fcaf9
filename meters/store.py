"""The versioned store of readings.

A correction is a new version; an identical delivery writes nothing; what was known at a time is
a query. Versions are not numbered in the database: a half-hour's versions are what batches say of
it, in the order of the log.

>>> ReadingStore(7).community
7
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select

from ledger.bulk import Reads, insert_rows, mark, select_in
from ledger.db import erases
from meters.batches import NO_LINK, BatchContent, Chain, Link
from meters.edits import EDITED
from meters.pages import DAY_PERIODS, Run
from meters.readings import Channel, Quality, Slot
from meters.silence import SAID
from meters.tables import MeterRow, ReadingBatchRow, ReadingDayRow
from meters.versions import OWN_ESTIMATE, Stored, better

CHANNELS = (Channel.IMPORT, Channel.EXPORT)
"""Channels by their number in the database."""

OWN_LETTERS = "".join(quality.letter for quality in Quality if quality.rank >= OWN_ESTIMATE)
"""Letters of our own estimates."""

_RANKS = {quality.letter: quality.rank for quality in Quality}

_batches = ReadingBatchRow.__table__  # type: ignore[attr-defined]
_meters, _days = MeterRow.__table__, ReadingDayRow.__table__  # type: ignore[attr-defined]

_LITTLE = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class Origin:
    """How a batch came.

    Attributes:
        position: its place in the log.
        received_at_ms: when it came.
        file: number of the file it was made from; None for what an adapter signed.
    """

    position: int
    received_at_ms: int
    file: int | None = None


class NewBatch(NamedTuple):
    """A batch to be stored: its chain, its readings, its link in the chain, and how it came.

    All of it is checked.
    """

    chain: Chain
    content: BatchContent
    link: Link
    origin: Origin


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one reading, and how it came."""

    stored: Stored
    origin: Origin | None  # none for an edit


Key = tuple[str, Channel, int]
"""Meter, channel and half-hour."""


class ReadingStore:
    """The readings of one community; remembers meters' numbers, which never change."""

    def __init__(self, community: int) -> None:
        self.community = community
        self._numbers: dict[str, int] = {}

    def forget(self) -> None:
        """Drop what is remembered: after a transaction was rolled back."""
        self._numbers.clear()

    def known(
        self,
        connection: Connection,
        periods: range,
        *,
        meters: Sequence[str] | None = None,
        before: int | None = None,
    ) -> dict[Key, Stored]:
        """Return the version that counts for each reading of some half-hours.

        Args:
            connection: an open transaction.
            periods: consecutive half-hours.
            meters: only these meters; all if left out.
            before: as the log stood before this position; now if left out.
        """
        series = self.series(connection, periods, meters=meters, before=before)
        return {
            (*slot, period): stored for slot, of in series.items() for period, stored in of.items()
        }

    def series(
        self,
        connection: Connection,
        periods: range,
        *,
        meters: Sequence[str] | None = None,
        before: int | None = None,
    ) -> dict[Slot, dict[int, Stored]]:
        """Return what `known` does, by meter and channel, and then by half-hour."""
        names = {number: meter for meter, number in self._load(connection).items()}
        query = self._rows(periods)
        if meters is not None:
            numbers = [self._numbers.get(meter, 0) for meter in meters]
            query = query.where(_days.c.meter.in_(numbers))
        if before is not None:
            query = query.where(_days.c.position < before)
        best: dict[Slot, dict[int, Stored]] = {}
        counts: dict[Key, int] = {}
        for row in connection.execute(query.order_by(*_days.primary_key)):
            slot, position = (names[row.meter], CHANNELS[row.channel]), row.position
            of_slot = best.setdefault(slot, {})
            run = _run(row).cut(periods.start, periods.stop)
            ranks = map(_RANKS.__getitem__, run.quality)
            if of_slot.keys().isdisjoint(run.periods):
                # Most readings have one version: weeks of them are read for a day's estimates.
                fresh = map(Stored, run.wh, ranks, repeat(1), repeat(position))
                of_slot.update(zip(run.periods, fresh, strict=False))  # the last two never end
                continue
            for period, wh, rank in zip(run.periods, run.wh, ranks, strict=True):
                last, key = of_slot.get(period), (*slot, period)
                number = 1 if last is None else counts.get(key, 1) + 1
                counts[key] = number
                stored = Stored(wh, rank, number, position)
                if last is None or better(stored, last):
                    of_slot[period] = stored
        return best

    def all_versions(
        self, connection: Connection, periods: range
    ) -> dict[Slot, dict[int, list[Stored]]]:
        """Return every version of the readings of some half-hours, in the order of the log."""
        names = {number: meter for meter, number in self._load(connection).items()}
        found: dict[Slot, dict[int, list[Stored]]] = {}
        query = self._rows(periods).order_by(*_days.primary_key)
        for row in connection.execute(query):
            of_slot = found.setdefault((names[row.meter], CHANNELS[row.channel]), {})
            run = _run(row).cut(periods.start, periods.stop)
            for period, wh, letter in zip(run.periods, run.wh, run.quality, strict=True):
                before = of_slot.setdefault(period, [])
                before.append(Stored(wh, _RANKS[letter], len(before) + 1, row.position))
        return found

    def latest(self, connection: Connection, periods: range) -> int:
        """Return the last log position of whatever says something of the days of some half-hours.

        Days are those of UTC that they touch; -1 if nothing does.
        """
        rows = self._rows(periods).subquery()
        return int(connection.scalar(select(func.coalesce(func.max(rows.c.position), -1))) or 0)

    def any_estimate(self, connection: Connection, periods: range) -> bool:
        """Return whether the days of UTC that some half-hours touch have any estimate of ours."""
        ours = or_(*(_days.c.quality.contains(letter) for letter in OWN_LETTERS))
        return connection.execute(self._rows(periods).where(ours).limit(1)).first() is not None

    def said_since(self, connection: Connection, day: int, before: int) -> set[Slot]:
        """Return who said anything of a day of UTC or a later one, as the log stood then.

        Args:
            connection: an open transaction.
            day: the first day of UTC.
            before: only what stands before this log position.
        """
        names = {number: meter for meter, number in self._load(connection).items()}
        said = or_(*(_days.c.quality.contains(letter) for letter in SAID))
        rows = connection.execute(
            select(_days.c.meter, _days.c.channel)
            .where(_days.c.community == self.community, _days.c.day >= day)
            .where(_days.c.position < before, said)
            .distinct()
        )
        return {(names[row.meter], CHANNELS[row.channel]) for row in rows}

    def received(self, connection: Connection, positions: Iterable[int]) -> dict[int, int]:
        """Return when batches came, in Unix milliseconds, by log position; edits are not there."""
        rows = select_in(
            connection,
            "SELECT position, received_at FROM reading_batch",
            "position",
            self.community,
            sorted(set(positions)),
        )
        return {position: received_at for position, received_at in rows}  # noqa: C416 - tuples of a driver

    def delivered(
        self, connection: Connection, slot: Slot, days: range
    ) -> dict[int, list[tuple[int, Run]]]:
        """Return (log position, readings) of all that was ever delivered, by day of UTC."""
        number = self._known_number(connection, slot[0])
        rows = connection.execute(
            self._rows(range(days.start * DAY_PERIODS, days.stop * DAY_PERIODS))
            .where(_days.c.meter == number, _days.c.channel == CHANNELS.index(slot[1]))
            .order_by(_days.c.day, _days.c.position)
        )
        found: dict[int, list[tuple[int, Run]]] = {}
        for row in rows:
            found.setdefault(row.day, []).append((row.position, _run(row)))
        return found

    def history(self, connection: Connection, slot: Slot, period: int) -> list[Version]:
        """Return every version of a reading in the order of the log, and how each came."""
        parts = self.delivered(
            connection, slot, range(period // DAY_PERIODS, period // DAY_PERIODS + 1)
        )
        versions: list[Version] = []
        for position, run in parts.get(period // DAY_PERIODS, []):
            if period in run.periods:
                at = period - run.first
                stored = Stored(run.wh[at], _RANKS[run.quality[at]], len(versions) + 1, position)
                versions.append(Version(stored, self._origin(connection, slot, position)))
        return versions

    def save(self, connection: Connection, batches: Sequence[NewBatch]) -> None:
        """Add the readings of batches, each as its half-hour's next version, and their links."""
        days: list[tuple[int | bytes | str | None, ...]] = []
        links: list[tuple[int | bytes | str | None, ...]] = []
        for chain, content, link, origin in batches:
            meter, channel, signer = chain
            run = Run(content.first, array("i", content.wh), content.quality)
            number, side = self._number(connection, meter), CHANNELS.index(Channel(channel))
            days += self._packed(number, side, run, origin.position)
            when = (origin.position, origin.received_at_ms, origin.file)
            tx_id = bytes.fromhex(link[1])
            links.append((self.community, number, side, signer, link[0], tx_id, *when))
        insert_rows(connection, _days, days)
        insert_rows(connection, _batches, links)

    def edit(
        self, connection: Connection, slot: Slot, first: int, wh: Sequence[int], position: int
    ) -> None:
        """Add an edit that was checked: it outranks what was delivered."""
        run = Run(first, array("i", wh), EDITED * len(wh))
        number, side = self._number(connection, slot[0]), CHANNELS.index(slot[1])
        insert_rows(connection, _days, self._packed(number, side, run, position))

    def _packed(
        self, number: int, side: int, run: Run, position: int
    ) -> list[tuple[int | bytes | str | None, ...]]:
        return [
            (self.community, day, number, side, position, *_packed(part))
            for day, part in _by_day(run)
        ]

    def erase(self, connection: Connection, positions: Iterable[int]) -> None:
        """Delete the readings of batches whose details are erased; their links stay."""
        erases(connection)
        mine = _days.c.community == self.community
        connection.execute(delete(_days).where(mine, _days.c.position.in_(list(positions))))

    def chain_end(self, connection: Connection, chain: Chain) -> Link:
        """Return the link of the last batch of a chain, or that none came yet."""
        return self.chain_ends(connection, [chain])[chain]

    def chain_ends(self, connection: Connection, chains: Iterable[Chain]) -> dict[Chain, Link]:
        """Return the link of the last batch of each chain."""
        reads = Reads(connection)
        value = mark(reads.dialect)
        asked = {}
        for chain in chains:
            number = self._known_number(connection, chain[0])
            if number is not None:
                where = (number, CHANNELS.index(Channel(chain[1])), chain[2])
                asked[chain] = reads.query(
                    f"SELECT sequence, tx_id FROM reading_batch WHERE community = {self.community:d}"
                    f" AND meter = {value} AND channel = {value} AND signer = {value}"
                    " ORDER BY sequence DESC LIMIT 1",
                    where,
                )
            else:
                asked[chain] = []
        reads.run()
        return {
            chain: (rows[0][0], bytes(rows[0][1]).hex()) if rows else NO_LINK
            for chain, rows in asked.items()
        }

    def link_at(
        self, connection: Connection, chain: Chain, sequence: int
    ) -> tuple[str, Origin] | None:
        """Return (tx id, how it came) of the batch at a place of a chain, or None."""
        meter, channel, signer = chain
        row = connection.execute(
            select(_batches)
            .where(_batches.c.community == self.community)
            .where(_batches.c.meter == self._known_number(connection, meter))
            .where(_batches.c.channel == CHANNELS.index(Channel(channel)))
            .where(_batches.c.signer == signer, _batches.c.sequence == sequence)
        ).one_or_none()
        if row is None:
            return None
        return row.tx_id.hex(), Origin(row.position, row.received_at, row.file)

    def _rows(self, periods: range) -> Select[tuple[int, ...]]:
        """Select all that touches some half-hours."""
        first, last = periods.start // DAY_PERIODS, (periods.stop - 1) // DAY_PERIODS
        return (
            select(_days)
            .where(_days.c.community == self.community)
            .where(_days.c.day >= first, _days.c.day <= last)
        )

    def _origin(self, connection: Connection, slot: Slot, position: int) -> Origin | None:
        row = connection.execute(
            select(_batches.c.received_at, _batches.c.file)
            .where(_batches.c.community == self.community)
            .where(_batches.c.meter == self._numbers[slot[0]])
            .where(_batches.c.channel == CHANNELS.index(slot[1]))
            .where(_batches.c.position == position)
        ).one_or_none()
        return None if row is None else Origin(position, row.received_at, row.file)

    def _number(self, connection: Connection, meter: str) -> int:
        """Return a meter's number; a new one gets the next."""
        if self._known_number(connection, meter) is None:
            number = len(self._numbers) + 1
            connection.execute(
                insert(_meters).values(community=self.community, number=number, id=meter)
            )
            self._numbers[meter] = number
        return self._numbers[meter]

    def _known_number(self, connection: Connection, meter: str) -> int | None:
        """Return a meter's number, which never changes, or None if it has none yet."""
        number = self._numbers.get(meter)
        return number if number is not None else self._load(connection).get(meter)

    def _load(self, connection: Connection) -> dict[str, int]:
        rows = connection.execute(
            select(_meters.c.id, _meters.c.number)
            .where(_meters.c.community == self.community)
            .where(_meters.c.number > len(self._numbers))
        )
        self._numbers |= {row.id: row.number for row in rows}
        return self._numbers


def _by_day(run: Run) -> Iterator[tuple[int, Run]]:
    """Yield each day of UTC that a run touches, and what of it stands there."""
    for day in range(run.first // DAY_PERIODS, (run.periods.stop - 1) // DAY_PERIODS + 1):
        yield day, run.cut(day * DAY_PERIODS, (day + 1) * DAY_PERIODS)


def _packed(run: Run) -> tuple[int, bytes, str]:
    """Return a run within a day as the database holds it: first, Wh, quality."""
    wh = run.wh if _LITTLE else _swapped(run.wh)
    letters = run.quality
    uniform = letters.count(letters[0]) == len(letters)
    return run.first % DAY_PERIODS, wh.tobytes(), letters[0] if uniform else letters


def _run(row: Row[tuple[int, ...]]) -> Run:
    """Return what a row holds."""
    wh = array("i", row.wh)
    letters = row.quality
    quality = letters * len(wh) if len(letters) == 1 else letters
    return Run(row.day * DAY_PERIODS + row.first, wh if _LITTLE else _swapped(wh), quality)


def _swapped(wh: "array[int]") -> "array[int]":
    other = wh[:]
    other.byteswap()
    return other
