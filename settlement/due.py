"""Which runs of which days are due and not made yet. Pure.

>>> made = {"2026-06-15": ("II", "SF")}
>>> week_later = first_due_ms(date(2026, 6, 16), "Europe/London")
>>> for run in due_runs(lambda day: GB, "Europe/London", date(2026, 6, 15), made, week_later):
...     print(run.day, run.code)
2026-06-16 SF
2026-06-17 II
2026-06-18 II
2026-06-19 II
2026-06-20 II
2026-06-21 II
2026-06-22 II
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ledger.primitives.periods import SECONDS, load_zone, local_date, of_local_day
from settlement.timetable import GB, RunPlan, Timetable, due_at_ms, first_due_ms

__all__ = ["GB", "DueRun", "due_runs", "first_due_ms"]


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that may be made now, and was not made yet."""

    day: date
    code: str
    posts: bool


def due_runs(
    table_of: Callable[[date], Timetable],
    zone: str,
    first: date,
    made: Mapping[str, Sequence[str]],
    now_ms: int,
    shown: Mapping[str, int] | None = None,
) -> Iterator[DueRun]:
    """Yield what is due, by day and then in the timetable's order.

    A run that only shows is not due once the day's first posting run is: nobody looks at it any more.
    A live one is due again with every half-hour that it has not shown yet.

    Args:
        table_of: the timetable that binds a local day: rules may have changed since.
        zone: of its local days.
        first: the first local day that has rules.
        made: codes of the runs that were made, by day.
        now_ms: the time, in Unix milliseconds.
        shown: when live runs last looked at a day, in Unix milliseconds, by day.
    """
    day, last = first, local_date(now_ms // (SECONDS * 1000), load_zone(zone))
    while day <= last:
        table, codes = table_of(day), made.get(day.isoformat(), ())
        posting = now_ms >= due_at_ms(table.run(table.first), day, zone)
        latest = max((table.posting.index(c) for c in codes if c in table.posting), default=-1)
        for plan in table.runs:
            if now_ms < due_at_ms(plan, day, zone):
                continue
            if plan.code in codes and not _more(
                plan, day, zone, now_ms, (shown or {}).get(str(day))
            ):
                continue
            if not plan.posts and posting:
                continue
            if plan.posts and table.posting.index(plan.code) < latest:
                continue  # one after it was made: it can be made no more
            yield DueRun(day, plan.code, plan.posts)
        day += timedelta(days=1)


def _more(plan: RunPlan, day: date, zone: str, now_ms: int, shown_ms: int | None) -> bool:
    """Return whether a live run has half-hours to show that it did not have before."""
    periods = of_local_day(day, load_zone(zone))
    return (
        plan.live
        and shown_ms is not None
        and plan.shows(periods, now_ms) != plan.shows(periods, shown_ms)
    )
