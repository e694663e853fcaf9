"""What a member lets themselves pay at most: in one payment, a local day, a local month. Pure.

A limit that is lowered binds at once. One that is raised or taken away binds a day later, so that
whoever finds an open phone cannot lift it first; and any word that follows takes its place.

>>> tight = said(None, Limits(day_max=20), 100)
>>> raised = said(tight, Limits(day_max=90), 110)
>>> [raised.at(period).day_max for period in (110, 157, 158)]
[20, 20, 90]
>>> said(raised, Limits(day_max=5), 120).at(158)
Limits(payment_max=None, day_max=5, month_max=None)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.primitives.money import format_money
from ledger.primitives.periods import (
    load_zone,
    local_date,
    of_local_day,
    of_local_month,
    start_utc,
)
from settlement.errors import PayersOwnError

SPENDING_KINDS = frozenset({"transfer", "donation", "standing_payment", "voucher"})
"""Kinds of statement whose payments count. Energy and what is redeemed do not."""

RAISE_PERIODS = 48
"""How long a raised limit waits, in half-hours: a day to see that a phone is gone."""

WARN_PERCENT = 80
"""From this part of a limit on, a payer is told before paying."""

FIELDS = ("payment_max", "day_max", "month_max")


class Limits(NamedTuple):
    """The most that a member pays, in units; None: no limit."""

    payment_max: int | None = None
    day_max: int | None = None
    month_max: int | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """A member's limits, and those that wait.

    Attributes:
        now: what binds.
        waiting: what binds from a half-hour on, if anything waits.
        due: that half-hour.
    """

    now: Limits
    waiting: Limits | None = None
    due: int = 0

    def at(self, period: int) -> Limits:
        """Return what binds in a half-hour."""
        return self.now if self.waiting is None or period < self.due else self.waiting


def said(before: Spending | None, limits: Limits, period: int) -> Spending:
    """Return a member's limits after they said new ones, logged in a half-hour."""
    now = Limits() if before is None else before.at(period)
    lower = Limits(*(_least(old, new) for old, new in zip(now, limits, strict=True)))
    if lower == limits:
        return Spending(limits)
    return Spending(lower, limits, period + RAISE_PERIODS)


def _least(old: int | None, new: int | None) -> int | None:
    known = [limit for limit in (old, new) if limit is not None]
    return min(known, default=None)


def limits_of_body(body: Mapping[str, Any]) -> Limits:
    """Return the limits that a ``spending_limit`` says."""
    return Limits(*(body.get(name) for name in FIELDS))


class Spent(NamedTuple):
    """What a member paid in the local day and month of a half-hour, before a payment."""

    day_units: int = 0
    month_units: int = 0


SpentOf = Callable[[str], Spent]
"""Returns what a member paid so far in the local day and month in which a statement is logged."""


class Use(NamedTuple):
    """How much of one limit is used once a payment is made.

    Attributes:
        name: of `FIELDS`.
        most_units: the limit.
        before_units: what was paid before.
        units: with this payment.
    """

    name: str
    most_units: int
    before_units: int
    units: int

    @property
    def percent(self) -> int:
        """Part of the limit that is used, rounded down; of a limit of zero, all of it."""
        return self.units * 100 // self.most_units if self.most_units else 100

    @property
    def left_units(self) -> int:
        """What could be paid before this payment."""
        return max(0, self.most_units - self.before_units)


def uses_of(limits: Limits, spent: Spent, units: int) -> list[Use]:
    """Return how much of each limit is used once a payment is made, in the order of `FIELDS`."""
    before = (0, spent.day_units, spent.month_units)
    return [
        Use(name, most, paid, paid + units)
        for name, most, paid in zip(FIELDS, limits, before, strict=True)
        if most is not None
    ]


def warnings_of(limits: Limits, spent: Spent, units: int) -> list[Use]:
    """Return the limits of which a payment would use 80 % or more: what to tell before it is made.

    One payment's own limit warns of nothing until it is passed: it is used up by no other.

    >>> [use.percent for use in warnings_of(Limits(50, 100, 1_000), Spent(60, 60), 20)]
    [80]
    """
    return [
        use
        for use in uses_of(limits, spent, units)
        if use.percent >= WARN_PERCENT and (use.name != FIELDS[0] or use.units > use.most_units)
    ]


def check_spending(limits: Limits, spent: Spent, units: int, span: "Spans") -> None:
    """Refuse a payment above a limit.

    Args:
        limits: those that bind.
        spent: what was paid before, in this local day and month.
        units: the payment.
        span: the local day and month in which it is made.

    Raises:
        PayersOwnError: says which limit, what is left of it, and until when.
    """
    for use in uses_of(limits, spent, units):
        if use.units <= use.most_units:
            continue
        most, left = format_money(use.most_units), format_money(use.left_units)
        if use.name == "payment_max":
            raise PayersOwnError(
                f"This member set a limit of {most} for one payment. Nothing was written."
            )
        whole, ends = ("day", span.day) if use.name == "day_max" else ("month", span.month)
        until = start_utc(ends.stop).astimezone(load_zone(span.zone))
        raise PayersOwnError(
            f"This member set a limit of {most} a {whole}, of which {left} is left until "
            f"{until:%Y-%m-%d %H:%M}. Nothing was written."
        )


@dataclass(frozen=True, slots=True)
class Spans:
    """The local day and month of a half-hour, as half-hours."""

    zone: str
    day: range
    month: range


def spans_of(period: int, zone: str) -> Spans:
    """Return the local day and month in which a half-hour lies."""
    where = load_zone(zone)
    day = local_date(period, where)
    return Spans(zone, of_local_day(day, where), of_local_month(f"{day:%Y-%m}", where))


@dataclass
class SpendingBook:
    """What every member paid in the local day and month of their last payment.

    For whoever reads the log in its order; the database has its own sums.

    Attributes:
        last: (first half-hour of the day, units in it, first half-hour of the month, units in it).
    """

    last: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)

    def spent(self, member: str, period: int, zone: str) -> Spent:
        """Return what a member paid in the local day and month of a half-hour."""
        day, day_units, month, month_units = self.last.get(member, (-1, 0, -1, 0))
        span = spans_of(period, zone)
        return Spent(
            day_units if day == span.day.start else 0,
            month_units if month == span.month.start else 0,
        )

    def pay(self, member: str, units: int, period: int, zone: str) -> None:
        """Take a payment that was logged in a half-hour."""
        before, span = self.spent(member, period, zone), spans_of(period, zone)
        self.last[member] = (
            *(span.day.start, before.day_units + units),
            *(span.month.start, before.month_units + units),
        )
