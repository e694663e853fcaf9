"""Checks of a community's readings: what the pure rules need, gathered from the store.

>>> site_of("52.48,-1.90")
Site(latitude_udeg=52480000, longitude_udeg=-1900000)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import InputError
from ledger.primitives.periods import SECONDS, load_zone, of_local_day
from ledger.statements import Statement
from meters.checks.context import Arrival, DayContext, Series
from meters.checks.day import check_day
from meters.checks.findings import Finding, in_order
from meters.checks.limits import DEFAULTS, CheckLimits, limits_of
from meters.checks.sun import Site
from meters.readings import Advance, Channel, Slot
from meters.setting_store import EVERY_METER
from settlement.community import Community
from settlement.timetable import first_due_ms

SITE, GENERATION = "site", "generation"
"""Settings of a meter that are no limits: where a solar home stands, and its generation meter."""

OFF = "off"
"""Value of a limit that is switched off."""

HISTORY_DAYS = 15
"""Days before a day that its checks look at: prolonged estimation takes 14."""


@dataclass(frozen=True)
class Settings:
    """What operators say of meters.

    Attributes:
        limits: by meter, what differs from the defaults.
        defaults: for all meters.
        sites: where solar homes stand, by meter.
        generation: the meter that measures what a home generates, by the home's meter.
    """

    limits: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    defaults: CheckLimits = DEFAULTS
    sites: Mapping[str, Site] = field(default_factory=dict)
    generation: Mapping[str, str] = field(default_factory=dict)

    def of(self, meter: str) -> CheckLimits:
        """Return the limits of a meter."""
        return limits_of(meter, self.limits, self.defaults)

    @classmethod
    def read(cls, said: Mapping[str, Mapping[str, str]]) -> "Settings":
        """Take settings as they are stored.

        Raises:
            InputError: a name or a value that is none.
        """
        limits: dict[str, dict[str, int | None]] = {}
        sites, generation = {}, {}
        for meter, values in said.items():
            for name, value in values.items():
                if name == SITE:
                    sites[meter] = site_of(value)
                elif name == GENERATION:
                    generation[meter] = value
                else:
                    limits.setdefault(meter, {})[name] = limit_of(value)
        defaults = limits_of("every meter", {"every meter": limits.pop(EVERY_METER, {})})
        made = cls(limits, defaults, sites, generation)
        for meter in limits:
            made.of(meter)
        return made


def settings_of(community: Community, connection: Connection) -> Settings:
    """Return what operators say of a community's meters."""
    return Settings.read(community.settings.all(connection))


def limit_of(value: str) -> int | None:
    """Return a limit as it is written: a whole number, or ``off``.

    Raises:
        InputError: neither.
    """
    if value == OFF:
        return None
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{value!r} is no whole number, nor {OFF!r}") from None


def site_of(value: str) -> Site:
    """Return a place as it is written: degrees north and east, as in ``52.48,-1.90``.

    Raises:
        InputError: no place.
    """
    try:
        north, east = (int(Decimal(part).scaleb(6)) for part in value.split(","))
    except (ValueError, InvalidOperation, OverflowError):
        raise InputError(f"{value!r} is no place; write it as 52.48,-1.90") from None
    return Site(north, east).check()


@dataclass(frozen=True)
class DayChecked:
    """A local day's readings, and what the checks say of them.

    Attributes:
        day: the local day.
        periods: its half-hours.
        slots: meters and channels that somebody consents to in any of them.
        known: by slot and half-hour, the version that counts.
        findings: of all meters, the weightiest first.
        due_at_ms: when the day's first posting run was due.
        received_ms: by log position: when it came.
    """

    day: date
    periods: range
    slots: Sequence[Slot]
    known: Mapping[Slot, Series]
    findings: Sequence[Finding]
    due_at_ms: int
    received_ms: Mapping[int, int]


def slots_of(community: Community, periods: range) -> list[Slot]:
    """Return the meters and channels that somebody consents to in any of some half-hours."""
    state = community.state
    ends = (periods.start, periods.stop - 1)
    return [
        (meter, channel)
        for meter in sorted(state.meters)
        for channel in Channel
        if any(
            state.reader_of(meter, channel, period) is not None
            for period in (*ends, *(p for p in state.meter_changes(meter) if p in periods))
        )
    ]


def check_one_day(community: Community, connection: Connection, day: date) -> DayChecked:
    """Check a local day of all meters. Nothing is changed.

    Args:
        community: open for work.
        connection: an open transaction.
        day: the local day.
    """
    rules = community.state.rules_now
    zone = load_zone(rules.zone)
    periods = of_local_day(day, zone)
    first = of_local_day(day - timedelta(days=HISTORY_DAYS), zone).start
    slots, settings = slots_of(community, periods), settings_of(community, connection)
    wanted = {meter for meter, _ in slots} | set(settings.generation.values())
    span = range(first, periods.stop)
    known = community.readings.series(connection, span, meters=sorted(wanted))
    versions = community.readings.all_versions(connection, periods)
    positions = {each.position for of in versions.values() for some in of.values() for each in some}
    arrivals = _arrivals(community, connection, positions)
    advances = community.registers.of(
        connection, slots, periods.start * SECONDS, periods.stop * SECONDS
    )
    due_ms = first_due_ms(day, rules.zone, community.state.timetable_of(day))
    findings: list[Finding] = []
    for slot in slots:
        meter, channel = slot
        context = DayContext(
            meter,
            channel,
            periods,
            known.get(slot, {}),
            max(first, _begun(community, slot, known.get(slot, {}), periods.start)),
            versions.get(slot, {}),
            arrivals,
            due_ms,
            _inside(advances.get(slot, ()), first, periods.stop),
            generation=_generated(settings, known, slot),
            site=settings.sites.get(meter) if channel is Channel.EXPORT else None,
        )
        findings += check_day(context, settings.of(meter))
    received = {position: arrival.received_at_ms for position, arrival in arrivals.items()}
    return DayChecked(day, periods, slots, known, in_order(findings), due_ms, received)


def _begun(community: Community, slot: Slot, known: Series, start: int) -> int:
    """Return since when a channel has readings: a new meter was not silent before."""
    bound = community.state.meter_changes(slot[0])
    return min([start, *bound[:1], *known])


def _generated(settings: Settings, known: Mapping[Slot, Series], slot: Slot) -> Series | None:
    """Return what a home's generation meter measured, for its export."""
    meter = settings.generation.get(slot[0])
    if meter is None or slot[1] is not Channel.EXPORT:
        return None
    return known.get((meter, Channel.EXPORT)) or known.get((meter, Channel.IMPORT))


def _inside(advances: Iterable[Advance], first: int, stop: int) -> list[Advance]:
    """Return the advances of which all half-hours are known here."""
    return [
        each for each in advances if first * SECONDS <= each.begin and each.end <= stop * SECONDS
    ]


def _arrivals(
    community: Community, connection: Connection, positions: Iterable[int]
) -> dict[int, Arrival]:
    """Return how each batch came, by its log position; edits came otherwise."""
    received = community.readings.received(connection, positions)
    found = {}
    for position, received_ms in received.items():
        fact = log_store.fact_at(connection, community.writer.community, position)
        body = Statement.decode(fact.envelope).body
        last = body["first"] + body["count"] - 1
        found[position] = Arrival(body["created_at"], received_ms, body["backfill"], last)
    return found
