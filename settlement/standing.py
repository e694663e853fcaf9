"""Standing orders: so much to another member, each week or month, until it is ended. Pure.

A payment is due on a local day and may be made for seven days from its beginning. It is one statement
whose id follows from the order and the day, so it is made once, whoever makes it and however often.

>>> rent = StandingOrder("o1", "ada", "ben", 5, "rent", date(2026, 1, 31), "month")
>>> [str(day) for day in due_days(rent, date(2026, 1, 1), date(2026, 4, 30))]
['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30']
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.ids import derived_id
from ledger.primitives.periods import load_zone, local_date, parse_date

DAYS = 7
"""How many local days a payment may be made on: the day it is due, and the six after it."""

WEEK_DAYS = 7

ORDERS_MAX = 100
"""Most standing orders of a member at one time: each is looked at on every day."""


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """What a member pays again and again.

    Attributes:
        id: of the statement that gave it.
        member: who pays.
        to: who is paid.
        units: how much, each time.
        reference: what for, in words.
        first: the first local day on which it is due.
        every: ``week`` or ``month``.
        last: the last local day on which it may be due, or None.
    """

    id: str
    member: str
    to: str
    units: int
    reference: str
    first: date
    every: str
    last: date | None = None

    def is_due(self, day: date) -> bool:
        """Return whether a payment is due on a local day.

        Monthly: on the day of the month of the first; where a month has no such day, on its last.
        """
        if day < self.first or (self.last is not None and day > self.last):
            return False
        if self.every == "week":
            return (day - self.first).days % WEEK_DAYS == 0
        return day.day == min(self.first.day, monthrange(day.year, day.month)[1])


def due_days(order: StandingOrder, first: date, last: date) -> Iterator[date]:
    """Yield the days on which a payment is due, from one local day to another."""
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if order.is_due(day):
            yield day


def payment_id(ledger: str, order: str, day: str) -> str:
    """Return the id of the payment of an order that is due on a local day, ``YYYY-MM-DD``."""
    return derived_id("standing_payment", ledger, order, day)


@dataclass
class StandingBook:
    """The standing orders of a community that were not ended.

    Attributes:
        orders: by id, in the order in which they were given.
    """

    orders: dict[str, StandingOrder] = field(default_factory=dict)

    def add(self, order: StandingOrder, today: date, members: Mapping[str, Any]) -> None:
        """Take a new order, which was logged on a local day.

        Raises:
            RefusedError: to nobody, of the past, over before it begins, or one too many.
        """
        if order.to not in members or order.to == order.member:
            raise RefusedError("The payee is not another member of this community.")
        if order.first < today:
            raise RefusedError(f"A standing order begins today, {today}, or later.")
        if order.last is not None and order.last < order.first:
            raise RefusedError("The standing order would be over before it begins.")
        live = [o for o in self.of(order.member) if o.last is None or o.last >= today]
        if len(live) >= ORDERS_MAX:
            raise RefusedError(f"A member has {ORDERS_MAX} standing orders at most: end one.")
        self.orders[order.id] = order

    def end(self, order_id: str, member: str) -> None:
        """Let the member who pays end an order: nothing more is paid by it.

        Raises:
            RefusedError: it is none of theirs, or was ended.
        """
        self._standing(order_id, member)
        del self.orders[order_id]

    def of(self, member: str) -> list[StandingOrder]:
        """Return a member's orders, in the order in which they were given."""
        return [order for order in self.orders.values() if order.member == member]

    def due(self, today: date) -> list[tuple[date, StandingOrder]]:
        """Return what may be paid on a local day: by the day on which it was due, then by order."""
        since = today - timedelta(days=DAYS - 1)
        found = [
            (day, order) for order in self.orders.values() for day in due_days(order, since, today)
        ]
        return sorted(found, key=lambda each: (each[0], each[1].id))

    def paid_by(self, body: Mapping[str, Any], period: int, zone: str) -> StandingOrder:
        """Return the order that a ``standing_payment``, logged in a half-hour, pays.

        Raises:
            RefusedError: it does not stand, nothing is due on that day, or it is not the time.
        """
        order = self._standing(body["order"], body["account"])
        if body["id"] != payment_id(body["ledger"], body["order"], body["day"]):
            raise RefusedError("The id is not the one that follows from the order and the day.")
        day, today = parse_date(body["day"]), local_date(period, load_zone(zone))
        if not order.is_due(day):
            raise RefusedError(f"Nothing is due by this standing order on {day}.")
        if not 0 <= (today - day).days < DAYS:
            raise RefusedError(
                f"What is due on {day} is paid on that day or the {DAYS - 1} after it, not on {today}."
            )
        return order

    def _standing(self, order_id: str, member: str) -> StandingOrder:
        order = self.orders.get(order_id)
        if order is None or order.member != member:
            raise RefusedError("This member has no such standing order, or ended it.")
        return order


def order_of_body(body: Mapping[str, Any]) -> StandingOrder:
    """Return the order that a ``standing_order`` gives.

    Raises:
        InputError: a day is none of the calendar's.
    """
    last = parse_date(body["last"]) if "last" in body else None
    return StandingOrder(
        *(body["id"], body["account"], body["to"], body["amount"], body["reference"]),
        *(parse_date(body["first"]), body["every"], last),
    )
