"""The versioned store of readings.

A correction is a new version; an identical delivery writes nothing; what was known at a time is
a query.

>>> ReadingStore(7).community
7
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from meters.batches import NO_LINK, BatchContent, Link
from meters.readings import Channel, Quality
from meters.tables import MeterRow, ReadingBatchRow, ReadingRow
from meters.versions import Stored, better

CHANNELS = (Channel.IMPORT, Channel.EXPORT)
"""Channels by their number in the database."""

QUALITIES = tuple(Quality)
"""Qualities by their rank."""

_RANKS = {quality.letter: quality.rank for quality in Quality}

_batches = ReadingBatchRow.__table__  # type: ignore[attr-defined]
_meters, _readings = MeterRow.__table__, ReadingRow.__table__  # type: ignore[attr-defined]


@dataclass(slots=True)
class Versions:
    """Of one half-hour: the newest version's number, and every (Wh, quality) delivered."""

    latest: int
    seen: set[tuple[int, int]]


Slot = tuple[str, Channel]
"""Meter and channel."""

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
        names = {number: meter for meter, number in self._load(connection).items()}
        query = (
            select(_readings)
            .where(_readings.c.community == self.community)
            .where(_readings.c.period >= periods.start, _readings.c.period < periods.stop)
        )
        if meters is not None:
            query = query.where(
                _readings.c.meter.in_([self._numbers.get(meter, 0) for meter in meters])
            )
        if before is not None:
            query = query.where(_readings.c.position < before)
        best: dict[Key, Stored] = {}
        for row in connection.execute(query):
            key = (names[row.meter], CHANNELS[row.channel], row.period)
            stored = Stored(row.wh, row.quality, row.version, row.position)
            if key not in best or better(stored, best[key]):
                best[key] = stored
        return best

    def versions(
        self, connection: Connection, meter: str, channel: Channel, periods: range
    ) -> dict[int, Versions]:
        """Return what was ever delivered, by half-hour."""
        number = self._load(connection).get(meter)
        rows = connection.execute(
            select(_readings)
            .where(_readings.c.community == self.community)
            .where(_readings.c.period >= periods.start, _readings.c.period < periods.stop)
            .where(_readings.c.meter == number, _readings.c.channel == CHANNELS.index(channel))
            .order_by(_readings.c.version)
        )
        known: dict[int, Versions] = {}
        for row in rows:
            versions = known.setdefault(row.period, Versions(0, set()))
            versions.latest = row.version
            versions.seen.add((row.wh, row.quality))
        return known

    def save(
        self,
        connection: Connection,
        slot: Slot,
        content: BatchContent,
        link: Link,
        position: int,
        received_at_ms: int,
    ) -> None:
        """Add the readings of a batch, each as its half-hour's next version, and its link.

        Args:
            connection: an open transaction.
            slot: the batch's meter and channel.
            content: its readings, checked.
            link: its place in the chain, checked.
            position: its place in the log.
            received_at_ms: when it came.
        """
        meter, channel = slot
        span = range(content.first, content.first + len(content.wh))
        known = self.versions(connection, meter, channel, span)
        number = self._number(connection, meter)
        side, ranks = CHANNELS.index(channel), _RANKS
        pairs = zip(content.wh, content.quality, strict=True)
        connection.execute(
            insert(_readings),
            [
                {
                    "community": self.community,
                    "period": period,
                    "meter": number,
                    "channel": side,
                    "version": known[period].latest + 1 if period in known else 1,
                    "wh": wh,
                    "quality": ranks[letter],
                    "position": position,
                    "received_at": received_at_ms,
                }
                for period, (wh, letter) in zip(span, pairs, strict=True)
            ],
        )
        connection.execute(
            insert(_batches).values(
                community=self.community,
                meter=number,
                channel=side,
                sequence=link[0],
                tx_id=bytes.fromhex(link[1]),
                position=position,
            )
        )

    def chain_end(self, connection: Connection, meter: str, channel: Channel) -> Link:
        """Return the link of the last batch of a meter and channel, or that none came yet."""
        number = self._load(connection).get(meter)
        row = connection.execute(
            select(_batches.c.sequence, _batches.c.tx_id)
            .where(_batches.c.community == self.community, _batches.c.meter == number)
            .where(_batches.c.channel == CHANNELS.index(channel))
            .order_by(_batches.c.sequence.desc())
            .limit(1)
        ).one_or_none()
        return (row.sequence, row.tx_id.hex()) if row else NO_LINK

    def _number(self, connection: Connection, meter: str) -> int:
        """Return a meter's number; a new one gets the next."""
        if meter not in self._load(connection):
            number = len(self._numbers) + 1
            connection.execute(
                insert(_meters).values(community=self.community, number=number, id=meter)
            )
            self._numbers[meter] = number
        return self._numbers[meter]

    def _load(self, connection: Connection) -> dict[str, int]:
        rows = connection.execute(
            select(_meters.c.id, _meters.c.number)
            .where(_meters.c.community == self.community)
            .where(_meters.c.number > len(self._numbers))
        )
        self._numbers |= {row.id: row.number for row in rows}
        return self._numbers
