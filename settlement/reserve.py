"""What people counted in the bank, beside what the ledger says that there must be. Pure.

>>> count = ReserveCount("c1", date(2026, 6, 30), 900, 989_737)
>>> Backing(1_000, count, 950).difference_units
-50
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone, local_date, parse_date
from settlement.terms import CommunityRules


@dataclass(frozen=True, slots=True)
class ReserveCount:
    """What was counted outside.

    Attributes:
        id: of the statement.
        day: the local day at whose end it was counted.
        units: what was there.
        logged: the half-hour in which it was logged.
    """

    id: str
    day: date
    units: int
    logged: int


@dataclass(frozen=True, slots=True)
class Backing:
    """What circulates, and what backs it.

    Attributes:
        issued_units: issued less redeemed, now.
        count: the last one, or None.
        issued_then_units: issued less redeemed at the end of the day of the count.
    """

    issued_units: int
    count: ReserveCount | None = None
    issued_then_units: int = 0

    @property
    def difference_units(self) -> int:
        """What was counted less what there should have been; below zero, some is missing."""
        return 0 if self.count is None else self.count.units - self.issued_then_units


def later_count(
    before: ReserveCount | None, body: Mapping[str, Any], period: int, rules: CommunityRules
) -> ReserveCount:
    """Return the count of the latest day after a ``reserve_count`` that was logged in a half-hour.

    Raises:
        RefusedError: there is no reserve, or the day is not there yet.
        InputError: no day of the calendar.
    """
    if rules.issuance != "reserve":
        raise RefusedError("This currency is mutual credit: there is no reserve to count.")
    day, today = parse_date(body["day"]), local_date(period, load_zone(rules.zone))
    if day > today:
        raise RefusedError(f"{day} is not over yet: count what is there today, {today}.")
    count = ReserveCount(body["id"], day, body["units"], period)
    return count if before is None or day >= before.day else before
