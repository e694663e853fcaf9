"""A member's day and what each run changed of it, as values. Pure.

>>> DayRun("SF", None, None, None, None, ()).changes
()
"""

from dataclasses import dataclass
from typing import NamedTuple

from settlement.postings import Line
from settlement.why_model import Check, NetTold, Outcome
from settlement.why_version_model import Cited


class DayChange(NamedTuple):
    """A half-hour that a later run changed, with (meter, channel, Wh before, Wh now) of the readings."""

    before: Line
    after: Line
    readings: tuple[tuple[str, str, int, int], ...]


class DayRun(NamedTuple):
    """A run of a day that posts, and what it changed for a member.

    Attributes:
        code: the run's.
        month: local month of the statement on which its money stands; None where nothing moved.
        net: the net line, if there is one.
        netting, seal: log entries.
        changes: half-hours that it changed; of the first run, none.
    """

    code: str
    month: str | None
    net: NetTold | None
    netting: Cited | None
    seal: Cited | None
    changes: tuple[DayChange, ...]


@dataclass(frozen=True, slots=True)
class WhyDay:
    """A member's day, half-hour by half-hour, and its net lines by run.

    Attributes:
        community: its name.
        member: the member's id.
        name: None once it was erased.
        zone: of local days.
        day: the local day, ``YYYY-MM-DD``.
        code: of the run as which the half-hours are shown.
        posts: whether it posts or only shows.
        lines: of the half-hours, in order.
        runs: those that post.
        checks: what was worked out again.
        next_run: (code, due in Unix milliseconds) of the next run that posts; None when closed.
    """

    community: str
    member: str
    name: str | None
    zone: str
    day: str
    code: str
    posts: bool
    lines: tuple[Line, ...]
    runs: tuple[DayRun, ...]
    checks: tuple[Check, ...]
    next_run: tuple[str, int] | None

    @property
    def total(self) -> Line:
        """The day, all half-hours together."""
        sums = map(sum, zip(*(line[2:] for line in self.lines), strict=True))
        return Line(self.member, self.lines[0].period, *sums)

    @property
    def differences(self) -> list[str]:
        """What does not agree, as sentences."""
        return [check.says for check in self.checks if check.outcome is Outcome.DIFFERS]
