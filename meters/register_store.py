"""Advances of registers, for checks and estimates: of one span the latest.

>>> RegisterStore(7).community
7
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select

from meters.readings import NO_PLACE, Advance, Channel, Quality, Slot
from meters.tables import MeterAdvanceRow

_advances = MeterAdvanceRow.__table__  # type: ignore[attr-defined]


class RegisterStore:
    """The registers' advances of one community."""

    def __init__(self, community: int) -> None:
        self.community = community

    def save(self, connection: Connection, advances: Iterable[Advance], now_ms: int) -> int:
        """Store advances that are new, each in the place of an earlier one of its span; count them."""
        count = 0
        for each in advances:
            mine = [
                _advances.c.community == self.community,
                _advances.c.meter == each.meter,
                _advances.c.channel == each.channel.value,
                _advances.c.until == each.end,
                _advances.c.since == each.begin,
            ]
            rows = connection.execute(
                select(_advances.c.wh, _advances.c.quality).where(*mine)
            ).all()
            if [tuple(row) for row in rows] == [(each.wh, each.quality.value)]:
                continue
            connection.execute(delete(_advances).where(*mine))
            connection.execute(
                insert(_advances).values(
                    community=self.community,
                    meter=each.meter,
                    channel=each.channel.value,
                    until=each.end,
                    since=each.begin,
                    wh=each.wh,
                    quality=each.quality.value,
                    received_at=now_ms,
                )
            )
            count += 1
        return count

    def of(
        self, connection: Connection, slots: Sequence[Slot], since: int, until: int
    ) -> dict[Slot, list[Advance]]:
        """Return the advances that touch a span of time, in order, by meter and channel.

        Args:
            connection: an open transaction.
            slots: meters and channels that are asked for.
            since: Unix seconds.
            until: Unix seconds, after `since`.
        """
        rows = connection.execute(
            select(_advances)
            .where(_advances.c.community == self.community)
            .where(_advances.c.until > since, _advances.c.since < until)
            .order_by(*_advances.primary_key)
        )
        wanted, found = set(slots), dict[Slot, list[Advance]]()
        for row in rows:
            slot = row.meter, Channel(row.channel)
            if slot in wanted:
                quality = Quality(row.quality)
                advance = Advance(*slot, row.since, row.until, row.wh, quality, NO_PLACE)
                found.setdefault(slot, []).append(advance)
        return found
