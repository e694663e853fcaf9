"""The coverage report of a community: what the pure report needs, gathered from the store.

>>> DAYS_MAX
400
"""

from collections.abc import Callable, Sequence
from datetime import date

from sqlalchemy import Connection

from meters.checks.findings import suspect_periods
from meters.coverage import Coverage, Key, cover
from meters.readings import Slot
from meters.versions import Stored
from settlement.checking import check_one_day
from settlement.community import Community

DAYS_MAX = 400
"""Most days in one report."""


def cover_days(
    community: Community,
    connection: Connection,
    days: Sequence[date],
    after_day: Callable[[int], None] = lambda _count: None,
) -> Coverage:
    """Return the coverage of consecutive local days.

    Args:
        community: open for work.
        connection: an open transaction.
        days: at most `DAYS_MAX`.
        after_day: called with 1 after each day.
    """
    known: dict[Key, Stored] = {}
    received: dict[int, int] = {}
    suspects: dict[Slot, set[int]] = {}
    due: dict[date, int] = {}
    slots: set[Slot] = set()
    for day in days:
        checked = check_one_day(community, connection, day)
        slots |= set(checked.slots)
        for slot in checked.slots:
            for period in checked.periods:
                stored = checked.known.get(slot, {}).get(period)
                if stored is not None:
                    known[*slot, period] = stored
        received |= checked.received_ms
        due[day] = checked.due_at_ms
        for slot, periods in suspect_periods(checked.findings).items():
            suspects.setdefault(slot, set()).update(periods)
        after_day(1)
    return cover(
        community.name,
        community.state.rules_now.zone,
        days,
        {slot: _expected(community, slot) for slot in slots},
        known,
        received_ms=received,
        due_ms=due,
        suspects=suspects,
    )


def _expected(community: Community, slot: Slot) -> range:
    """Return the half-hours in which a channel should have readings: since consent, until now."""
    changes = community.state.meter_changes(slot[0])
    now = community.writer.now_period()
    bound = [c for c in changes if community.state.reader_of(*slot, c) is not None]
    if not bound:
        return range(0)
    ended = [c for c in changes if c > bound[-1]]
    return range(bound[0], min([now, *ended]))
