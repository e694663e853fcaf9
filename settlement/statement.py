"""A household's month: what it sold, bought, paid and has, as one value that every format shows.

Opening plus lines is closing, exactly in ledger units, and again at the penny that is printed.
What a half-hour comes to belongs to the local month in which the half-hour lies, however late it
was worked out.

>>> sum_of(date(2026, 5, 1), [DayLine(date(2026, 5, 31), sold_wh=1_234)] * 2).sold_wh
2468
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ledger import people
from ledger.accounts import wallet
from ledger.errors import InputError, LogError
from ledger.primitives.money import value_units
from ledger.primitives.periods import load_zone, local_date, of_local_day, of_local_month
from market.model import PPM
from meters.versions import OWN_ESTIMATE
from settlement import store
from settlement.community import Community
from settlement.postings import Line
from settlement.state import CommunityState
from settlement.statement_store import (
    Payment,
    Seal,
    claim_units,
    seals,
    set_aside_units,
    wallet_movements,
)
from settlement.store import Net

WHOLE_KWH_FROM_WH = 10_000_000
"""From a monthly total of 10 MWh on, whole kWh are printed: cents of them only fill the page."""

CLOSED_ACCOUNT = "closed account"
"""What is said in place of a name that was erased."""

NOT_THE_BILL = "This is not your electricity bill."
"""Every statement says so: the grid's part is billed by each member's own supplier."""


@dataclass(frozen=True, slots=True)
class DayLine:
    """A local day: Wh and money with neighbours, Wh with oneself and the grid, and what was given."""

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


@dataclass(frozen=True, slots=True)
class GridComparison:
    """What the same energy would have cost and earned at the member's own tariffs."""

    bought_units: int
    sold_units: int


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
    def bought_saving_units(self) -> int:
        """How much less was paid to neighbours than to the grid."""
        return self.grid.bought_units - self.total.bought_units

    @property
    def sold_gain_units(self) -> int:
        """How much more neighbours paid than the grid."""
        return self.total.sold_units - self.grid.sold_units

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


def household_statement(
    community: Community, connection: Connection, member: str, month: str
) -> HouseholdStatement:
    """Build a member's statement of a local month.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        month: ``YYYY-MM``.

    Raises:
        InputError: no such member, or not a month.
        LogError: half-hours and wallet disagree; the database is damaged.
    """
    state, ledger = community.state, community.writer.ledger
    if member not in state.members:
        raise InputError(f"{member!r} is not a member's id. See 'commonwatt member list'.")
    rules = state.rules_now
    zone = load_zone(rules.zone)
    periods = of_local_month(month, zone)
    first = date.fromisoformat(f"{month}-01")
    last = local_date(periods.stop - 1, zone)
    account = wallet(member, rules.asset)
    moved = wallet_movements(connection, ledger, account, periods)
    nets = store.member_nets(connection, ledger, member, rules.asset, periods)
    cash_units = sum(net.cash_units for net in nets)
    if cash_units != moved.energy_units:
        raise LogError(
            f"{month}: the days of {member} come to {cash_units} units, but "
            f"{moved.energy_units} moved in the wallet. Check the database against its log."
        )
    days = {net.day: net for net in nets if _is_first(net, zone)}
    lines = _first_lines(community, connection, member, periods, set(days))
    named = people.names(connection, community.writer.community)
    sealed = _first_seals(
        seals(connection, community.writer.community, first.isoformat(), last.isoformat())
    )
    return HouseholdStatement(
        community.name,
        community.writer.origin,
        rules.asset.partition("/")[0],
        rules.promise,
        member,
        named.get(member),
        month,
        (last - first) // timedelta(days=1) + 1,
        moved.before_units,
        tuple(_day_line(net) for _, net in sorted(days.items())),
        tuple(
            _payment_line(payment, named, local_date(payment.period, zone))
            for payment in moved.payments
        ),
        moved.after_units,
        set_aside_units(connection, ledger, account, periods.stop),
        state.members[member].floor_units,
        _with_the_grid(state, lines),
        tuple(sealed),
        _estimated(community, connection, member, sealed),
        tuple(
            _adjustment(net)
            for net in nets
            if not _is_first(net, zone) and (any(net.change[2:]) or net.given_units)
        ),
        sum(net.claim_units for net in nets),
        claim_units(connection, ledger, member, rules.asset, periods.stop),
    )


def _day_line(net: Net) -> DayLine:
    line = sum_of(date.fromisoformat(net.day), [net.change])
    return replace(line, given_wh=net.given_wh, given_units=net.given_units)


def _first_seals(sealed: Iterable[Seal]) -> list[Seal]:
    """Return those of each day's first run: what came later does not change a month that was read."""
    firsts: dict[str, Seal] = {}
    for seal in sealed:
        firsts.setdefault(seal.day, seal)
    return [*firsts.values()]


def _is_first(net: Net, zone: ZoneInfo) -> bool:
    """Return whether a net is of a day's first run: its money counts in the day itself."""
    return local_date(net.period, zone).isoformat() == net.day


def _adjustment(net: Net) -> Adjustment:
    change = net.change
    return Adjustment(
        *(date.fromisoformat(net.day), net.code, change.sold_wh, change.sold_units),
        *(change.bought_wh, change.bought_units, net.given_units),
    )


def _first_lines(
    community: Community, connection: Connection, member: str, periods: range, days: set[str]
) -> list[Line]:
    """Return the member's half-hours of some days as their first runs worked them out."""
    rules, ledger = community.state.rules_now, community.writer.ledger
    zone = load_zone(rules.zone)
    lines = store.member_lines(connection, ledger, member, rules.asset, periods, first=True)
    return [line for line in lines if local_date(line.period, zone).isoformat() in days]


def _estimated(
    community: Community, connection: Connection, member: str, sealed: Iterable[Seal]
) -> int:
    """Count the member's half-hours for which our estimates counted in each day's first run."""
    state, count = community.state, 0
    zone = load_zone(state.rules_now.zone)
    meters = [
        meter
        for meter, bindings in state.meters.items()
        if any(binding.member == member for _, binding in bindings)
    ]
    for day, position in {seal.day: seal.position for seal in sealed}.items():
        known = community.readings.known(
            connection,
            of_local_day(date.fromisoformat(day), zone),
            meters=meters,
            before=position,
        )
        count += sum(
            stored.quality >= OWN_ESTIMATE and state.member_of(meter, period) == member
            for (meter, _, period), stored in known.items()
        )
    return count


def sum_of(day: date, lines: Iterable[Line | DayLine]) -> DayLine:
    """Return some lines added up as those of one day."""
    names = [field.name for field in fields(DayLine) if field.name != "day"]
    sums = dict.fromkeys(names, 0)
    for line in lines:
        for name in names:
            sums[name] += getattr(line, name, 0)  # a half-hour's line gives nothing
    return DayLine(day, **sums)


_FUND_WORDS = {"grant": "From the help fund", "donation": "To the help fund"}


def _payment_line(payment: Payment, named: dict[str, str], day: date) -> PaymentLine:
    if payment.other.startswith("issuer/"):
        words = "Paid in" if payment.units > 0 else "Paid out"
        return PaymentLine(day, payment.other.partition(" ")[0], words, payment)
    if not payment.other.startswith("member/"):
        words = _FUND_WORDS.get(payment.kind, "Opening balance")
        return PaymentLine(day, payment.other.partition(" ")[0], words, payment)
    other = payment.other.split("/")[1]
    return PaymentLine(day, other, named.get(other), payment)


def _with_the_grid(state: CommunityState, lines: Iterable[Line]) -> GridComparison:
    bought_units = sold_units = 0
    for line in lines:
        if not line.bought_wh and not line.sold_wh:
            continue
        offer = state.offer_of(line.member, line.period)
        if offer is None:
            raise AssertionError("a member without an offer does not trade")
        rules = state.rules_of(line.period) or state.rules_now
        # The supplier bills what the meter says, and lines are of energy at the boundary.
        bought = value_units(line.bought_wh, offer.import_tariff_ticks)
        sold = value_units(line.sold_wh, offer.export_tariff_ticks)
        bought_units += bought * PPM // rules.import_ppm
        sold_units += sold * PPM // rules.export_ppm
    return GridComparison(bought_units, sold_units)
