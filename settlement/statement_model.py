"""A household's month as one value that every form shows: what it sold, bought, paid and has. Pure.

Opening plus lines is closing, exactly in ledger units, and again at the penny that is printed
(`statement_rounding`). What a half-hour comes to belongs to the local month in which the half-hour
lies, however late it was worked out.

>>> sum_of(date(2026, 5, 1), [DayLine(date(2026, 5, 31), sold_wh=1_234)] * 2).sold_wh
2468
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum

from market.model import Side
from settlement.postings import Line

WHOLE_KWH_FROM_WH = 10_000_000
"""From a monthly total of 10 MWh on, whole kWh are printed: cents of them only fill the page."""

CLOSED_ACCOUNT = "closed account"
"""What is said in place of a name that was erased."""

NOT_THE_BILL = "This is not your electricity bill."
"""Every statement says so: the grid's part is billed by each member's own supplier."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment with another member, or the balance that a member brought along.

    Attributes:
        period: the half-hour in which it was made.
        other: account of the other member, or the community's fund.
        reference: what the payer wrote; None if nothing, or once it was erased.
        units: positive when received.
        position: of its statement in the log.
        tx_id: hash of its statement.
        kind: of its statement.
    """

    period: int
    other: str
    reference: str | None
    units: int
    position: int
    tx_id: str
    kind: str = "transfer"


@dataclass(frozen=True, slots=True)
class Seal:
    """A day's run and the statement that seals it.

    Attributes:
        day: the local day, ``YYYY-MM-DD``.
        code: the run's code.
        missing: readings of the whole community that were counted as zero.
        position: of the seal in the log.
        tx_id: hash of the seal.
        known: log position before which the run's readings stand.
    """

    day: str
    code: str
    missing: int
    position: int
    tx_id: str
    known: int = 0


@dataclass(frozen=True, slots=True)
class DayLine:
    """A local day: Wh and money with neighbours, Wh with oneself and the grid, and what was given.

    ``network_units`` and ``fee_units`` are parts of ``bought_units``: the network charge, and the
    community's own. ``given_units`` are a part of ``sold_units`` that went to the help fund.
    """

    day: date
    sold_wh: int = 0
    sold_units: int = 0
    bought_wh: int = 0
    bought_units: int = 0
    own_use_wh: int = 0
    grid_import_wh: int = 0
    grid_export_wh: int = 0
    given_wh: int = 0
    given_units: int = 0
    network_units: int = 0
    fee_units: int = 0


WH_FIELDS = ("sold_wh", "bought_wh", "own_use_wh", "grid_import_wh", "grid_export_wh")
"""Columns of energy."""


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment with another member, who is named if they still have a name here."""

    day: date
    other: str
    other_name: str | None
    payment: Payment

    @property
    def units(self) -> int:
        """Positive when received."""
        return self.payment.units


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a later run changed of a day that was worked out before: more, or less where below zero.

    Attributes:
        day: the local day that was worked out again.
        code: the run's.
        sold_wh, sold_units, bought_wh, bought_units: the differences.
        given_units: by how much more was given to the fund.
    """

    day: date
    code: str
    sold_wh: int = 0
    sold_units: int = 0
    bought_wh: int = 0
    bought_units: int = 0
    given_units: int = 0

    @property
    def units(self) -> int:
        """Positive when received."""
        return self.sold_units - self.bought_units - self.given_units


class ChargedFor(StrEnum):
    """What is in the price of bought energy, in the order in which it is printed."""

    ENERGY = "energy"
    NETWORK = "network"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of what the member paid for energy, with the VAT that is in it.

    Attributes:
        what: it was paid for.
        changed: of days that later runs changed in this month, and not of the month's own days.
        gross_units: what was paid, VAT inside.
        permille: the rate of VAT; None where there is none.
        vat_units: the VAT in it: gross × rate ÷ (1000 + rate), to the nearest unit, half to even.
    """

    what: ChargedFor
    changed: bool
    gross_units: int
    permille: int | None = None
    vat_units: int = 0

    @property
    def net_units(self) -> int:
        """What was paid without VAT."""
        return self.gross_units - self.vat_units


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """A day of the month that is shown and not posted: nothing of it is final, or in the wallet.

    Attributes:
        day: the local day.
        code: of the run that only shows.
        sold_wh, sold_units, bought_wh, bought_units: what it would come to, as then known.
    """

    day: date
    code: str
    sold_wh: int = 0
    sold_units: int = 0
    bought_wh: int = 0
    bought_units: int = 0


@dataclass(frozen=True, slots=True)
class GridPart:
    """What was traded with neighbours, as it would have been with the grid at one tariff.

    Attributes:
        side: bid where the member bought, ask where they sold.
        ticks: the member's own tariff.
        wh: traded with neighbours in half-hours of that tariff.
        units: what it would have cost, or earned.
    """

    side: Side
    ticks: int
    wh: int
    units: int


@dataclass(frozen=True, slots=True)
class GridComparison:
    """What the same energy would have cost and earned at the member's own tariffs.

    ``parts`` sum to the two, tariff by tariff.
    """

    bought_units: int
    sold_units: int
    parts: tuple[GridPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Departure:
    """When a member stopped taking part: no meter of theirs is used any more.

    Attributes:
        last_day: local day of the last half-hour in which one was.
        final_on: local day from which the run that closes that day may be made.
    """

    last_day: date
    final_on: date


@dataclass(frozen=True, slots=True)
class Disputed:
    """A dispute of the member's about a day of the month.

    Attributes:
        day: the local day.
        code: of the run that it is about.
        state: open, upheld, rejected or expired.
    """

    day: date
    code: str
    state: str


@dataclass(frozen=True, slots=True)
class HouseholdStatement:
    """One member's month.

    Attributes:
        community: its name.
        origin: its log.
        currency: code of its currency.
        promise: the plain words of its issuance.
        member: the member's id.
        member_name: None once it was erased.
        month: ``YYYY-MM``.
        days_in_month: how many it has.
        opening_units: in the wallet before the month's first half-hour.
        days: those with a line, in order.
        payments: with other members, in order.
        closing_units: in the wallet after the month's last half-hour.
        set_aside_units: of the closing balance, held for half-hours not worked out yet.
        floor_units: how far below zero the wallet may go, zero or less.
        grid: the same energy with the grid.
        seals: the first runs of the month's days, with their log entries.
        estimated: half-hours of the member's own meters that the runs took from our estimates.
        adjustments: of days that later runs changed in this month.
        claim_units: what was not paid yet of all that: below zero, the member owes it.
        owed_units: what is owed to the member at the month's end; below zero, by the member.
        charges: what is in the money of days and adjustments that was paid for energy.
        vat_number: of the group, where it is registered; else empty.
        on_the_way: days that are shown and not posted.
        later_seals: later runs whose money counts in this month.
        readings: half-hours of the member's own meters and channels, in days that are worked out.
        left: when the member stopped taking part, if they did by the month's end.
        redeemable: operators may pay money out against the currency.
        days_before: days of the month that no rules bound: the community began later.
        shares_only: what was sold is of a share in another's generator, for which no tariff of the
            member's own would pay: it is not compared with the grid.
        disputes: the member's own, about days of the month.
        is_without_energy: it is for somebody who may not see it: money stands by the month.
    """

    community: str
    origin: str
    currency: str
    promise: str
    member: str
    member_name: str | None
    month: str
    days_in_month: int
    opening_units: int
    days: tuple[DayLine, ...]
    payments: tuple[PaymentLine, ...]
    closing_units: int
    set_aside_units: int
    floor_units: int
    grid: GridComparison
    seals: tuple[Seal, ...]
    estimated: int = 0
    adjustments: tuple[Adjustment, ...] = ()
    claim_units: int = 0
    owed_units: int = 0
    charges: tuple[Charge, ...] = ()
    vat_number: str = ""
    on_the_way: tuple[OnTheWay, ...] = ()
    later_seals: tuple[Seal, ...] = ()
    readings: int = 0
    left: Departure | None = None
    redeemable: bool = False
    days_before: int = 0
    shares_only: bool = False
    disputes: tuple[Disputed, ...] = ()
    is_without_energy: bool = False

    @property
    def adjusted_units(self) -> int:
        """The sum of all adjustments, positive when received."""
        return sum(line.units for line in self.adjustments)

    @property
    def total(self) -> DayLine:
        """The sum of all days; its day is the month's first."""
        return sum_of(date.fromisoformat(f"{self.month}-01"), self.days)

    @property
    def kwh_places(self) -> int:
        """Decimals with which kWh are printed: the same in every column."""
        largest = max(getattr(self.total, name) for name in WH_FIELDS)
        return 0 if largest >= WHOLE_KWH_FROM_WH else 2

    @property
    def paid_units(self) -> int:
        """The sum of all payments, positive when more was received."""
        return sum(payment.units for payment in self.payments)

    @property
    def charged_units(self) -> int:
        """What was paid for energy in all: of the month's days, and of days that changed."""
        return self.total.bought_units + sum(line.bought_units for line in self.adjustments)

    @property
    def bought_saving_units(self) -> int:
        """How much less was paid to neighbours than to the grid."""
        return self.grid.bought_units - self.total.bought_units

    @property
    def sold_gain_units(self) -> int:
        """How much more neighbours paid than the grid; nothing where that is not compared."""
        return 0 if self.shares_only else self.total.sold_units - self.grid.sold_units

    @property
    def better_units(self) -> int:
        """How much better off the member is than with the grid alone."""
        return self.bought_saving_units + self.sold_gain_units

    @property
    def days_settled(self) -> int:
        """How many days of the month are worked out."""
        return len({seal.day for seal in self.seals})

    @property
    def missing(self) -> int:
        """Readings of the whole community that were counted as zero."""
        return sum(seal.missing for seal in self.seals)


def sum_of(day: date, lines: Iterable[Line | DayLine]) -> DayLine:
    """Return some lines added up as those of one day."""
    names = [field.name for field in fields(DayLine) if field.name != "day"]
    sums = dict.fromkeys(names, 0)
    for line in lines:
        for name in names:
            sums[name] += getattr(line, name, 0)  # a half-hour's line gives and is charged nothing
    return DayLine(day, **sums)
