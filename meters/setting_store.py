"""What operators say of meters: limits of checks, where they stand, which measures what is generated.

>>> SettingStore(7).community
7
"""

from sqlalchemy import Connection, func, insert, select

from meters.tables import MeterSettingRow

EVERY_METER = ""
"""Instead of a meter: what is said holds for all."""

_settings = MeterSettingRow.__table__  # type: ignore[attr-defined]


class SettingStore:
    """The settings of one community's meters."""

    def __init__(self, community: int) -> None:
        self.community = community

    def set(
        self, connection: Connection, meter: str, name: str, value: str | None, now_ms: int
    ) -> None:
        """Say something of a meter; none takes back what was said."""
        latest = select(func.max(_settings.c.number)).where(_settings.c.community == self.community)
        connection.execute(
            insert(_settings).values(
                community=self.community,
                number=(connection.scalar(latest) or 0) + 1,
                meter=meter,
                name=name,
                value=value,
                at=now_ms,
            )
        )

    def all(self, connection: Connection) -> dict[str, dict[str, str]]:
        """Return what holds now, by meter and name."""
        rows = connection.execute(
            select(_settings)
            .where(_settings.c.community == self.community)
            .order_by(_settings.c.number)
        )
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            of_meter = found.setdefault(row.meter, {})
            if row.value is None:
                of_meter.pop(row.name, None)
            else:
                of_meter[row.name] = row.value
        return found
