"""A run of a local day in memory: what it knows, what was posted before, and what differs. Pure.

>>> differing([], [], [], [])
[]
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from market.model import Side
from settlement.netting import Nets
from settlement.orders import DayFunds, PeriodInputs, PeriodOrders
from settlement.postings import NO_ENERGY, Energy, Line
from settlement.terms import CommunityRules


@dataclass(frozen=True, slots=True)
class Posted:
    """What the runs of a day posted before this one.

    Attributes:
        energy: by half-hour.
        lines: by half-hour and member.
        nets: what the day came to.
        seal: hash of the last run's seal.
        codes: the runs that were made, in order.
        totals: of every half-hour, as that seal shows them.
    """

    energy: Mapping[int, Energy] = field(default_factory=dict)
    lines: Mapping[int, Mapping[str, Line]] = field(default_factory=dict)
    nets: Nets = field(default_factory=Nets)
    seal: str = ""
    codes: tuple[str, ...] = ()
    totals: Sequence[dict[str, int]] = ()

    def energy_of(self, period: int) -> Energy:
        """Return what is posted of a half-hour's energy."""
        return self.energy.get(period, NO_ENERGY)


NOTHING_POSTED = Posted()


@dataclass(slots=True)
class DayRun:
    """A run of a local day.

    Attributes:
        day: the local day.
        code: the run's.
        periods: the day's half-hours.
        rules: that bind the day.
        known_at_ms: when its readings were known.
        known: log position before which they stand.
        hold_batch: id of what was set aside; empty in a later run.
        inputs: readings and flows of every half-hour.
        orders: of every half-hour.
        changed: indices of the half-hours that it works out anew.
        missing: readings that count as zero because there are none.
        quotas: Wh that members give of what they sell that day.
        posted: what was posted before.
        dispute: id of the dispute that led to the run, if one did.
    """

    day: date
    code: str
    periods: range
    rules: CommunityRules
    funds: DayFunds
    known_at_ms: int
    known: int
    hold_batch: bytes
    inputs: list[PeriodInputs]
    orders: list[PeriodOrders]
    changed: list[int]
    missing: int
    quotas: Mapping[str, int] = field(default_factory=dict)
    posted: Posted = NOTHING_POSTED
    dispute: str | None = None

    @property
    def cites(self) -> dict[str, str]:
        """The field that names the dispute which led to it, if one did."""
        return {} if self.dispute is None else {"dispute": self.dispute}

    @property
    def name(self) -> str:
        """The day as statements write it."""
        return self.day.isoformat()

    def money_period(self, now: int) -> int:
        """Return the half-hour in which the run's money counts.

        Of the first run it is the day's last one, however late it was made; a later run's money
        counts when it moves, so that a month that was accounted for stays as it was.

        Args:
            now: the half-hour in which the money moves.
        """
        return self.periods[-1] if self.hold_batch else now


def missing_of(inputs: Iterable[PeriodInputs]) -> int:
    """Return how many readings count as zero because there are none."""
    return sum(len(item.missing) for item in inputs)


def differing(
    before: Sequence[PeriodInputs],
    orders_before: Sequence[PeriodOrders],
    now: Sequence[PeriodInputs],
    orders_now: Sequence[PeriodOrders],
) -> list[int]:
    """Return the indices of the half-hours in which a reading or an order is another one."""
    return [
        index
        for index, (one, other) in enumerate(zip(before, now, strict=True))
        if one.readings != other.readings or orders_before[index] != orders_now[index]
    ]


def not_as_posted(
    before: Iterable[PeriodInputs],
    lines: Mapping[int, Mapping[str, Line]],
    rules: CommunityRules,
) -> int | None:
    """Return the first half-hour whose readings do not give the flows that were posted, or None.

    It happens where readings were erased after a run had used them.
    """
    for item in before:
        found = lines.get(item.period, {})
        for member, flow in item.flows.items():
            line = found.get(member)
            flows = (
                flow.own_use_wh,
                rules.at_boundary(Side.BID, flow.wanted_wh),
                rules.at_boundary(Side.ASK, flow.offered_wh),
            )
            if line is None or flows != (
                line.own_use_wh,
                line.bought_wh + line.grid_import_wh,
                line.sold_wh + line.grid_export_wh,
            ):
                return item.period
    return None


def changed_lines(lines: Iterable[Line], before: Mapping[str, Line]) -> list[Line]:
    """Return the lines that are not as they were posted."""
    return [line for line in lines if before.get(line.member) != line]
