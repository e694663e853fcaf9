"""Why a half-hour came to what it came to: what was found, as values. Pure.

Every number has the log entry that it comes from, so that whoever doubts it knows where to look.

>>> Money(sold_units=503_360, bought_units=0).units
503360
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from market.model import Side
from meters.readings import Channel
from settlement.orders import Flow
from settlement.postings import Line
from settlement.why_version_model import Cited, UsedReading


class Money(NamedTuple):
    """What was got and what was paid, in ledger units."""

    sold_units: int
    bought_units: int

    @property
    def units(self) -> int:
        """Positive when received."""
        return self.sold_units - self.bought_units


def money_of(line: Line) -> Money:
    """Return the money of a line."""
    return Money(line.sold_units, line.bought_units)


class Cap(StrEnum):
    """What cut an order down."""

    NO_MANDATE = "no-mandate"
    MANDATE_WH = "mandate-wh"
    MANDATE_PERIOD = "mandate-half-hour"
    MANDATE_DAY = "mandate-day"
    FUNDS = "funds"
    OUT_OF_REACH = "out-of-reach"


@dataclass(frozen=True, slots=True)
class MandateTold:
    """A mandate as it bound an order."""

    entry: Cited
    wh_period_max: int
    price_ticks_max: int
    units_period_max: int
    units_day_max: int


@dataclass(frozen=True, slots=True)
class OrderTold:
    """A member's order in a half-hour, and what it follows from.

    Attributes:
        side: ask or bid.
        net_wh: metered, own use taken off.
        boundary_wh: the same at the network's boundary.
        wh: what was ordered.
        limit_ticks: at least, or at most.
        hold_units: what was set aside for it.
        offer: the statement that binds.
        offer_ticks: the limit that it names.
        mandate: that covers the half-hour, if there is one.
        cap: what cut the order, if anything did.
        price_lowered: the mandate's price took the place of the offer's.
        funds_units: what there was for the day.
        spent_units: what other half-hours of the day had of it before.
    """

    side: Side
    net_wh: int
    boundary_wh: int
    wh: int
    limit_ticks: int
    hold_units: int
    offer: Cited | None
    offer_ticks: int
    mandate: MandateTold | None
    cap: Cap | None
    price_lowered: bool
    funds_units: int
    spent_units: int


class Agreed(NamedTuple):
    """An agreement of the member that bound the half-hour, and what it served."""

    entry: Cited
    id: str
    price_ticks: int
    wh: int


@dataclass(frozen=True, slots=True)
class MarketTold:
    """How the half-hour was cleared.

    Attributes:
        price_ticks: what the member paid or got a kWh in the market, if they traded.
        low_ticks, high_ticks: the interval of prices that support the result; None without one.
        matched_wh: between all neighbours.
        market, result: hashes that the clearing signs.
        certificate: whether it was verified here and now; None where that cannot be done any more.
        sentences: why this much, at this price.
    """

    price_ticks: int | None
    low_ticks: int | None
    high_ticks: int | None
    matched_wh: int
    market: str
    result: str
    certificate: bool | None
    sentences: tuple[str, ...]


class NetTold(NamedTuple):
    """What a run of a day changed for a member: one net line.

    Attributes:
        code: of the run.
        period: the half-hour in which the money counts.
        change: Wh and money, as the difference from what was posted before.
        cash_units: what moved in the wallet.
        claim_units: what moved in claims: below zero, the member owes more.
        given_units: what went to the help fund.
    """

    code: str
    period: int
    change: Line
    cash_units: int
    claim_units: int
    given_units: int = 0


class Moved(NamedTuple):
    """What a run moved for a half-hour of a member, as a part of one net amount.

    Attributes:
        part: of this half-hour, as the difference from what was posted before.
        net: of the whole day and run.
        month: local month of the statement on which it stands.
        netting: the log entry.
    """

    part: Line
    net: NetTold
    month: str
    netting: Cited


class Place(NamedTuple):
    """Where a line stands among those whose root was signed.

    Attributes:
        number: from 1, in order of member.
        lines: how many there are.
        root: whether they give the root; None where its salts were erased.
    """

    number: int
    lines: int
    root: bool | None


class Outcome(StrEnum):
    """What a check came to."""

    HOLDS = "holds"
    DIFFERS = "differs"
    CANNOT = "cannot"


class Check(NamedTuple):
    """Something that was worked out again and compared; ``says`` is a sentence where it does not hold."""

    name: str
    outcome: Outcome
    says: str = ""


class Brief(NamedTuple):
    """What one run came to, in a line.

    Attributes:
        code: of the run.
        posts: whether it posts or only shows.
        worked_out: whether it worked this half-hour out, and did not leave it as it was.
        line: what it came to.
        changed: (meter, channel, Wh before, Wh now) of the member's readings that were other ones.
        others: how many readings of other members were other ones.
        seal: its seal.
    """

    code: str
    posts: bool
    worked_out: bool
    line: Line
    changed: tuple[tuple[str, Channel, int, int], ...]
    others: int
    seal: Cited | None


@dataclass(frozen=True, slots=True)
class RunTold:
    """One run of the half-hour, from the line down.

    Attributes:
        code: the run's.
        posts: it moves money; else it is only shown.
        known, known_at_ms: log position and time before which its readings stand.
        worked_in: code of the run that worked the half-hour out: this one or an earlier one.
        line: what it came to.
        flow: metered Wh, over all the member's meters.
        readings: those of the member's meters.
        order: the order that came of it; None without one.
        agreements: of the member, that bound.
        market: how it was cleared; None where that was erased.
        place: of the line under the settlement's root.
        factors_ppm: (import, export) factors of losses, if the rules have any.
        rules_version, rules: those that bind the day.
        hold: where the day's funds were fixed.
        begin, seal: how the run begins and ends.
        clearing, settlement, replaces: the half-hour's statements.
        moved: how its money moved, run by run.
        day_units: what the member's day comes to, all its half-hours.
        dispute: that led to the run.
    """

    code: str
    posts: bool
    known: int
    known_at_ms: int
    worked_in: str
    line: Line
    flow: Flow | None
    readings: tuple[UsedReading, ...]
    order: OrderTold | None
    agreements: tuple[Agreed, ...]
    market: MarketTold | None
    place: Place | None
    factors_ppm: tuple[int, int] | None
    rules_version: int
    rules: Cited | None
    hold: Cited | None = None
    begin: Cited | None = None
    clearing: Cited | None = None
    settlement: Cited | None = None
    replaces: Cited | None = None
    seal: Cited | None = None
    moved: tuple[Moved, ...] = ()
    day_units: int = 0
    dispute: Cited | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """A member's half-hour, by run.

    Attributes:
        community, origin: its name and its log.
        member: the member's id.
        name: None once it was erased.
        zone: of local days.
        period: the half-hour.
        day: the local day, ``YYYY-MM-DD``.
        briefs: every run that was made, in order.
        told: the run that is told in full.
        checks: what was worked out again.
        gone: what was erased and cannot be shown.
        log_size: entries of the log.
        published: entries of the published checkpoint; None where none is.
        next_run: (code, due in Unix milliseconds) of the next run that posts; None when closed.
    """

    community: str
    origin: str
    member: str
    name: str | None
    zone: str
    period: int
    day: str
    briefs: tuple[Brief, ...]
    told: RunTold
    checks: tuple[Check, ...]
    gone: tuple[str, ...]
    log_size: int
    published: int | None
    next_run: tuple[str, int] | None

    @property
    def differences(self) -> list[str]:
        """What does not agree, as sentences."""
        return [check.says for check in self.checks if check.outcome is Outcome.DIFFERS]
