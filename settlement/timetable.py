"""Which runs a community makes of a day, and when: data, signed with its rules. Pure.

The default is the ladder of settlement in Great Britain from 2027, in small: II is shown the next
morning and posts nothing; SF posts first; R1 and RF post differences, and RF closes the day; DF is
made only for a dispute that was upheld.

>>> GB.posting
('SF', 'R1', 'RF')
>>> due_at_ms(GB.run("SF"), date(2026, 6, 15), "Europe/London")  # seven days after the day's end
1782169200000
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.periods import SECONDS, load_zone, of_local_day
from settlement.errors import RunRefusedError

HALF_HOURS_A_DAY = 48

AFTER_MAX = 600 * HALF_HOURS_A_DAY
"""No run waits longer, nor does a dispute: 600 days, as in Great Britain."""

MADE_MAX = AFTER_MAX + 30 * HALF_HOURS_A_DAY
"""No run but a day's first is made later, in half-hours after its end: an audit keeps so much."""

NOT_AFTER_MS = 600 * 24 * 3_600_000
"""A run's statements may be logged until the last dispute: 600 days after what was known."""

DETAIL_BYTES_MAX = 200_000_000
"""Longest detail of a run's statement."""

NO_SEAL = "0" * 64
"""What the first seal names as its predecessor."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run of the timetable.

    Attributes:
        code: its name, as in ``SF``.
        after: half-hours from the end of the local day until it may be made.
        posts: it moves energy and money; else it is only shown.
        live: shown while the day goes on; ``after`` then counts from the end of each half-hour.
    """

    code: str
    after: int
    posts: bool = True
    live: bool = False

    def shows(self, periods: range, now_ms: int) -> range:
        """Return the half-hours of a day that may be shown at a time in Unix milliseconds.

        >>> RunPlan("II", 1, posts=False, live=True).shows(range(100, 148), 105 * 1_800_000)
        range(100, 104)
        """
        now = now_ms // (SECONDS * 1000) - self.after
        return range(periods.start, min(periods.stop, now)) if self.live else periods


@dataclass(frozen=True, slots=True)
class DisputePlan:
    """The run that a dispute may lead to.

    Attributes:
        code: its name, as in ``DF``.
        until: half-hours from the end of the local day until a dispute may be raised and run.
        least_units: what a dispute must be about at least, in ledger units.
    """

    code: str = "DF"
    until: int = AFTER_MAX
    least_units: int = 0


@dataclass(frozen=True)
class Timetable:
    """The runs of a day, in the order in which they are made."""

    runs: tuple[RunPlan, ...]
    dispute: DisputePlan = DisputePlan()

    @cached_property
    def posting(self) -> tuple[str, ...]:
        """Codes of the runs that post, in order; the last one closes the day."""
        return tuple(run.code for run in self.runs if run.posts)

    @property
    def first(self) -> str:
        """Code of the first run that posts."""
        return self.posting[0]

    @property
    def closing(self) -> str:
        """Code of the run that closes the day."""
        return self.posting[-1]

    def is_dispute(self, code: str) -> bool:
        """Return whether a code is of a run that a dispute led to: ``DF``, then ``DF2`` and so on.

        >>> GB.is_dispute("DF2"), GB.is_dispute("DF1"), GB.is_dispute("SF")
        (True, False, False)
        """
        number = code.removeprefix(self.dispute.code)
        return code == self.dispute.code or (
            number != code and number.isdecimal() and number[0] != "0" and int(number) > 1
        )

    def is_final(self, code: str) -> bool:
        """Return whether a run closes the day, or comes after the one that did."""
        return code == self.closing or self.is_dispute(code)

    def next_dispute(self, made: tuple[str, ...]) -> str:
        """Return the code of a day's next run that a dispute leads to."""
        number = 1 + sum(self.is_dispute(code) for code in made)
        return self.dispute.code if number == 1 else f"{self.dispute.code}{number}"

    def run(self, code: str) -> RunPlan:
        """Return the plan of a run.

        Raises:
            RefusedError: the timetable has none of that name.
        """
        for plan in self.runs:
            if plan.code == code:
                return plan
        if self.is_dispute(code):
            return RunPlan(code, 0)
        known = ", ".join([*(plan.code for plan in self.runs), self.dispute.code])
        raise RefusedError(f"The timetable has no run {code!r}: it has {known}.")

    def check_turn(self, code: str, made: tuple[str, ...], day: str) -> None:
        """Refuse a posting run that is not a day's next one.

        Args:
            code: the run.
            made: codes of the posting runs of the day that were made, in order.
            day: the local day, for the message.

        Raises:
            RunRefusedError: it posts nothing, is out of order, or the day is closed.
            RefusedError: no such run.
        """
        if not self.run(code).posts:
            raise RunRefusedError(f"The run {code} of {day} posts nothing: it is only shown.")
        if self.is_dispute(code):
            if self.closing not in made:
                raise RunRefusedError(
                    f"{day} is not closed yet: what is wrong is put right by its next run, and "
                    f"{code} is only for days that {self.closing} closed."
                )
            if code != self.next_dispute(made):
                raise RunRefusedError(f"The next run of {day} is {self.next_dispute(made)}.")
            return
        place = self.posting.index(code)
        if made and made[-1] not in self.posting[:place]:
            closed = self.closing in made
            raise RunRefusedError(
                f"{code} of {day} comes too late: {made[-1]} was made"
                + (
                    f" and closed the day. Only {self.dispute.code} may follow, after a dispute "
                    "that was upheld."
                    if closed
                    else ", and runs are made in their order. What came since counts in the next."
                )
            )
        if not made and place:
            raise RunRefusedError(
                f"{code} of {day} comes too early: {self.first} of that day was not made yet."
            )

    def may_be_open(self, made: tuple[str, ...]) -> list[str]:
        """Return the later runs of a day that may have been begun and not finished.

        >>> GB.may_be_open(("SF",)), GB.may_be_open(("SF", "RF", "DF"))
        (['R1', 'RF', 'DF', 'DF2'], ['R1', 'DF2', 'DF3'])
        """
        disputes = sum(map(self.is_dispute, made))
        numbers = range(disputes + 1, disputes + 3)
        named = [self.dispute.code + (str(number) if number > 1 else "") for number in numbers]
        return [code for code in (*self.posting, *named) if code not in made]

    def to_json(self) -> dict[str, Any]:
        """Return what a ``rules`` statement carries."""
        return {
            "runs": [
                {"code": run.code, "after": run.after, "posts": run.posts}
                | ({"live": True} if run.live else {})
                for run in self.runs
            ],
            "disputes": {
                "code": self.dispute.code,
                "until": self.dispute.until,
                "least_units": self.dispute.least_units,
            },
        }


GB = Timetable(
    (
        RunPlan("II", 14, posts=False),
        RunPlan("SF", 7 * HALF_HOURS_A_DAY),
        RunPlan("R1", 30 * HALF_HOURS_A_DAY),
        RunPlan("RF", 90 * HALF_HOURS_A_DAY),
    )
)
"""The default; its morning begins at seven."""


def timetable_from_json(value: Mapping[str, Any]) -> Timetable:
    """Return the timetable of checked JSON.

    Raises:
        RefusedError: codes repeat, nothing posts, or the runs are not in order of time.
    """
    runs = tuple(
        RunPlan(item["code"], item["after"], item["posts"], live=item.get("live", False))
        for item in value["runs"]
    )
    table = Timetable(runs, DisputePlan(**value["disputes"]))
    codes = [*(run.code for run in runs), table.dispute.code]
    if len(set(codes)) != len(codes):
        raise RefusedError("The timetable names a run twice.")
    if [run.after for run in runs] != sorted(run.after for run in runs):
        raise RefusedError("The timetable's runs are not in order of time.")
    if any(run.live and run.posts for run in runs):
        raise RefusedError("A run that posts is of whole days: only one that shows can be live.")
    if not table.posting:
        raise RefusedError("No run of the timetable posts anything.")
    return table


def due_at_ms(plan: RunPlan, day: date, zone: str) -> int:
    """Return when a run of a local day may be made, in Unix milliseconds: a live one, from when on."""
    periods = of_local_day(day, load_zone(zone))
    begins = periods.start + 1 if plan.live else periods.stop
    return (begins + plan.after) * SECONDS * 1000


def over_at_ms(table: Timetable, code: str, day: date, zone: str) -> int:
    """Return until when a run of a local day after its first may be made, in Unix milliseconds.

    >>> over_at_ms(GB, "RF", date(2026, 6, 15), "Europe/London") // 86_400_000 - 20_619
    630
    """
    until = table.dispute.until if table.is_dispute(code) else MADE_MAX
    return due_at_ms(RunPlan(code, until), day, zone)


def first_due_ms(day: date, zone: str, table: Timetable = GB) -> int:
    """Return when the first run of a local day that posts may be made, in Unix milliseconds."""
    return due_at_ms(table.run(table.first), day, zone)
