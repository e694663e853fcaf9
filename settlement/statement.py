"""A household's month, read from the database: `statement_model` says what is in it.

A statement is refused where the days and the wallet do not come to the same.

>>> days_of("2026-02", load_zone("Europe/London"))[-1]
datetime.date(2026, 2, 28)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ledger import people
from ledger.accounts import wallet
from ledger.errors import InputError, LogError
from ledger.primitives.periods import load_zone, local_date, of_local_day, of_local_month
from meters.readings import Channel
from meters.versions import OWN_ESTIMATE
from settlement import store
from settlement.binding import Binding
from settlement.community import Community
from settlement.postings import Line
from settlement.showing import shown_day
from settlement.state import CommunityState, channels_of
from settlement.statement_charges import Bought, charges_of, parts_of
from settlement.statement_grid import with_the_grid
from settlement.statement_leaving import departure
from settlement.statement_model import (
    Adjustment,
    DayLine,
    Disputed,
    GridComparison,
    HouseholdStatement,
    OnTheWay,
    Payment,
    PaymentLine,
    Seal,
    sum_of,
)
from settlement.statement_store import (
    Movements,
    claim_units,
    seals,
    seals_of,
    set_aside_units,
    wallet_movements,
)
from settlement.store import Net
from settlement.terms import CommunityRules


@dataclass
class Month:
    """A local month of a community, with what all its members' statements share.

    Attributes:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        name: ``YYYY-MM``.

    Raises:
        InputError: not a month, or one that has not begun.
    """

    community: Community
    connection: Connection
    name: str
    zone: ZoneInfo = field(init=False)
    periods: range = field(init=False)
    days: tuple[date, ...] = field(init=False)
    names: Mapping[str, str] = field(init=False)
    firsts: tuple[Seal, ...] = field(init=False)
    shown: tuple[tuple[date, str, Sequence[Line]], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.zone = load_zone(self.rules.zone)
        self.periods = of_local_month(self.name, self.zone)
        now = self.community.writer.now_period()
        if self.periods.start > now:
            raise InputError(
                f"{self.name} has not begun: the last month with a statement is "
                f"{local_date(now, self.zone).isoformat()[:7]}."
            )
        self.days = days_of(self.name, self.zone)
        number = self.community.writer.community
        self.names = people.names(self.connection, number)
        sealed = seals(self.connection, number, str(self.days[0]), str(self.days[-1]))
        self.firsts = tuple(_first_seals(sealed))
        settled = {seal.day for seal in sealed}
        open_days = [day for day in self.days if str(day) not in settled]
        found = ((day, shown_day(self.community, self.connection, day)) for day in open_days)
        self.shown = tuple((day, each.shown.code, each.lines) for day, each in found if each)

    @property
    def rules(self) -> CommunityRules:
        """The latest rules: what of them never changes."""
        return self.community.state.rules_now

    def is_before(self, day: date) -> bool:
        """Return whether no rules bind a day: it is never worked out."""
        return self.community.state.rules_of(of_local_day(day, self.zone).start) is None

    def rules_of(self, day: date) -> CommunityRules:
        """Return the rules that bind a local day that was worked out."""
        rules = self.community.state.rules_of(of_local_day(day, self.zone).start)
        if rules is None:
            raise AssertionError("a day without rules is not worked out")
        return rules


def days_of(month: str, zone: ZoneInfo) -> tuple[date, ...]:
    """Return the days of a local month."""
    first = date.fromisoformat(f"{month}-01")
    last = local_date(of_local_month(month, zone).stop - 1, zone)
    return tuple(first + timedelta(days=index) for index in range((last - first).days + 1))


def household_statement(
    community: Community, connection: Connection, member: str, month: str | Month
) -> HouseholdStatement:
    """Build a member's statement of a local month.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        month: ``YYYY-MM``, or what many members' statements share.

    Raises:
        InputError: no such member, or not a month.
        LogError: half-hours and wallet disagree; the database is damaged.
    """
    if member not in community.state.members:
        raise InputError(f"{member!r} is not a member's id. See 'commonwatt member list'.")
    if isinstance(month, str):
        month = Month(community, connection, month)
    state, ledger, asset = community.state, community.writer.ledger, month.rules.asset
    moved = wallet_movements(connection, ledger, wallet(member, asset), month.periods)
    nets = store.member_nets(connection, ledger, member, asset, month.periods)
    _check(month, member, moved, nets)
    firsts = {net.day: net for net in nets if _is_first(net, month.zone)}
    later = [net for net in nets if not _is_first(net, month.zone)]
    readings, estimated = _estimated(month, member)
    shares_only = _has_shares_only(state, member, month.periods.stop)
    return replace(
        _in_wallet(month, member, moved),
        days=tuple(_day_line(month, net) for _, net in sorted(firsts.items())),
        grid=with_the_grid(
            state, _first_lines(month, member, set(firsts)), shares_only=shares_only
        ),
        shares_only=shares_only,
        estimated=estimated,
        readings=readings,
        adjustments=tuple(
            _adjustment(net) for net in later if any(net.change[2:]) or net.given_units
        ),
        claim_units=sum(net.claim_units for net in nets),
        charges=charges_of(
            [_bought(month, net) for net in nets], state.members[member].member_class
        ),
        on_the_way=tuple(
            _on_the_way(day, code, lines, member)
            for day, code, lines in month.shown
            if any(line.member == member for line in lines)
        ),
        later_seals=tuple(_later_seals(month, later)),
        left=departure(state, member, month.periods.stop),
    )


def _in_wallet(month: Month, member: str, moved: Movements) -> HouseholdStatement:
    """Return a statement of what does not depend on the days' runs."""
    community, connection, rules = month.community, month.connection, month.rules
    state, ledger, stop = community.state, community.writer.ledger, month.periods.stop
    return HouseholdStatement(
        community=community.name,
        origin=community.writer.origin,
        currency=rules.asset.partition("/")[0],
        promise=rules.promise,
        member=member,
        member_name=month.names.get(member),
        month=month.name,
        days_in_month=len(month.days),
        opening_units=moved.before_units,
        days=(),
        payments=tuple(_payment_line(payment, month) for payment in moved.payments),
        closing_units=moved.after_units,
        set_aside_units=set_aside_units(connection, ledger, wallet(member, rules.asset), stop),
        floor_units=state.members[member].floor_units,
        grid=GridComparison(0, 0),
        seals=month.firsts,
        owed_units=claim_units(connection, ledger, member, rules.asset, stop),
        vat_number=_vat_number(state, month),
        redeemable=rules.issuance == "reserve",
        days_before=sum(month.is_before(day) for day in month.days),
        disputes=_disputes(month, member),
    )


def _disputes(month: Month, member: str) -> tuple[Disputed, ...]:
    """Return where the member's disputes about days of the month stand now, by day."""
    now = month.community.writer.now_period()
    mine = [
        Disputed(date.fromisoformat(each.day), each.run, each.state(now).value)
        for each in month.community.state.disputes.disputes.values()
        if each.member == member and each.day.startswith(month.name)
    ]
    return tuple(sorted(mine, key=lambda each: each.day))


def _has_shares_only(state: CommunityState, member: str, before: int) -> bool:
    """Return whether all that a member may have sold is of shares in others' generators."""
    own = any(
        use.member == member and Channel.EXPORT in use.channels
        for uses in state.meters.values()
        for logged, use in uses
        if logged < before
    )
    return not own and any(
        member in dict(shares.holders)
        for said in state.shares.values()
        for logged, shares in said
        if logged < before
    )


def _check(month: Month, member: str, moved: Movements, nets: Iterable[Net]) -> None:
    cash_units = sum(net.cash_units for net in nets)
    if cash_units != moved.energy_units:
        raise LogError(
            f"{month.name}: the days of {member} come to {cash_units} units, but "
            f"{moved.energy_units} moved in the wallet. Check the database against its log."
        )


def _day_line(month: Month, net: Net) -> DayLine:
    day, change = date.fromisoformat(net.day), net.change
    parts = parts_of(month.rules_of(day), change.bought_wh, change.bought_units)
    return replace(
        sum_of(day, [change]),
        given_wh=net.given_wh,
        given_units=net.given_units,
        network_units=parts.network,
        fee_units=parts.fee,
    )


def _bought(month: Month, net: Net) -> Bought:
    rules = month.rules_of(date.fromisoformat(net.day))
    changed = not _is_first(net, month.zone)
    return Bought(rules, changed, net.change.bought_wh, net.change.bought_units)


def _vat_number(state: CommunityState, month: Month) -> str:
    """Return the group's number for VAT by the last rules that bind a day of the month."""
    rules = state.rules_of(of_local_day(month.days[-1], month.zone).start)
    return rules.vat_number if rules else ""


def _first_seals(sealed: Iterable[Seal]) -> list[Seal]:
    """Return those of each day's first run: what came later does not change a month that was read."""
    firsts: dict[str, Seal] = {}
    for seal in sealed:
        firsts.setdefault(seal.day, seal)
    return [*firsts.values()]


def _later_seals(month: Month, later: Iterable[Net]) -> list[Seal]:
    """Return the seals of later runs whose money counts in the month."""
    runs = {(net.day, net.code) for net in later}
    number = month.community.writer.community
    found = seals_of(month.connection, number, (day for day, _ in runs))
    return [seal for seal in found if (seal.day, seal.code) in runs]


def _is_first(net: Net, zone: ZoneInfo) -> bool:
    """Return whether a net is of a day's first run: its money counts in the day itself."""
    return local_date(net.period, zone).isoformat() == net.day


def _adjustment(net: Net) -> Adjustment:
    change = net.change
    return Adjustment(
        *(date.fromisoformat(net.day), net.code, change.sold_wh, change.sold_units),
        *(change.bought_wh, change.bought_units, net.given_units),
    )


def _on_the_way(day: date, code: str, lines: Iterable[Line], member: str) -> OnTheWay:
    total = sum_of(day, (line for line in lines if line.member == member))
    return OnTheWay(
        *(day, code, total.sold_wh, total.sold_units, total.bought_wh, total.bought_units)
    )


def _first_lines(month: Month, member: str, days: set[str]) -> list[Line]:
    """Return the member's half-hours of some days as their first runs worked them out."""
    lines = store.member_lines(
        *(month.connection, month.community.writer.ledger, member, month.rules.asset),
        month.periods,
        first=True,
    )
    return [line for line in lines if local_date(line.period, month.zone).isoformat() in days]


def _estimated(month: Month, member: str) -> tuple[int, int]:
    """Count the half-hours that the member's own meters should say, in days that are worked out.

    Returns:
        All of them, by channel; and those for which our estimates counted in each day's first run.
    """
    state, wanted, estimated = month.community.state, 0, 0
    meters = {
        meter: uses
        for meter, uses in state.meters.items()
        if any(use.member == member for _, use in uses)
    }
    bound = Binding(meters)
    for seal in month.firsts if meters else ():
        periods = of_local_day(date.fromisoformat(seal.day), month.zone)
        known = month.community.readings.known(
            month.connection, periods, meters=[*meters], before=seal.known
        )
        for period in periods:
            for meter, channel, whose in channels_of(bound.at(period)):
                stored = known.get((meter, channel, period))
                wanted += whose == member
                estimated += (
                    whose == member and stored is not None and stored.quality >= OWN_ESTIMATE
                )
    return wanted, estimated


_FUND_WORDS = {
    "grant": "From the help fund",
    "donation": "To the help fund",
    "voucher": "Put into a voucher",
    "voucher_pay": "Paid by voucher",
    "voucher_end": "Voucher taken back",
}


def _payment_line(payment: Payment, month: Month) -> PaymentLine:
    day = local_date(payment.period, month.zone)
    account = payment.other.partition(" ")[0]
    if payment.other.startswith("issuer/"):
        words = "Paid in" if payment.units > 0 else "Paid out"
        return PaymentLine(day, account, words, payment)
    if not payment.other.startswith("member/"):
        return PaymentLine(day, account, _FUND_WORDS.get(payment.kind, "Opening balance"), payment)
    other = payment.other.split("/")[1]
    return PaymentLine(day, other, month.names.get(other), payment)
