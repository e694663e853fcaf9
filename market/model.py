"""A half-hour's market and its result, as values.

>>> order = Order("m1", "a", 600, 500)
>>> order.wh, order.limit_ticks
(600, 500)
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

ORDERS_MAX = 1_000_000
"""Most orders on one side of a market: a city; larger communities are split."""

MARKET_WH_MAX = 10**9
"""Most energy on one side of a market. With the price limit of 10^6 ticks every product,
doubled objective included, stays below 2^53, so that doubles in the solver are exact."""


class Side(StrEnum):
    """Which side of the market an order stands on."""

    ASK = "ask"
    BID = "bid"


class PriceRule(StrEnum):
    """How a community splits the gain."""

    MID_MARKET = "mid-market"
    UNIFORM = "uniform"


class SharingRule(StrEnum):
    """How orders that tie share what there is."""

    PRO_RATA = "pro-rata"


class Order(NamedTuple):
    """An offer for metered energy.

    Attributes:
        id: unique on its side.
        feeder: id of the feeder it stands on.
        wh: metered Wh on offer, not negative.
        limit_ticks: least price accepted (ask) or highest price paid (bid), all-in.
    """

    id: str
    feeder: str
    wh: int
    limit_ticks: int


@dataclass(frozen=True, slots=True)
class Feeder:
    """A part of the network; capacity and charge belong to the edge to its parent."""

    id: str
    parent: str | None = None
    capacity_wh: int | None = None
    charge_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """A community's market rules, checked by `market.rules.check_rules`.

    Attributes:
        price: the price rule.
        sharing: the sharing rule.
        import_ticks: reference import tariff m (mid-market).
        export_ticks: reference export tariff e (mid-market).
        charge_ticks: the community's charge c per traded kWh, paid by buyers.
        k_permille: the sellers' part of the gain, in thousandths (mid-market).
    """

    price: PriceRule
    sharing: SharingRule = SharingRule.PRO_RATA
    import_ticks: int | None = None
    export_ticks: int | None = None
    charge_ticks: int = 0
    k_permille: int = 500


@dataclass(frozen=True, slots=True)
class Market:
    """All that a clearing depends on."""

    period: int
    feeders: tuple[Feeder, ...]
    asks: tuple[Order, ...]
    bids: tuple[Order, ...]
    rules: Rules


class Outcome(NamedTuple):
    """What one order got: Wh matched, and the all-in price unless that is 0 Wh."""

    id: str
    side: Side
    wh: int
    price_ticks: int | None


@dataclass(frozen=True, slots=True)
class FeederPrice:
    """A feeder's price and the interval of prices that support the result."""

    feeder: str
    price_ticks: int
    low_ticks: int
    high_ticks: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What proves a result without a solver.

    Attributes:
        potentials: (feeder, potential of the doubled programme): the `uniform` rule.
        cut: feeders on the suppliers' side of a minimum cut: the rules with a set price.
    """

    potentials: tuple[tuple[str, int], ...] = ()
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A cleared half-hour. ``orders`` is sorted by side, then id."""

    period: int
    orders: tuple[Outcome, ...]
    prices: tuple[FeederPrice, ...]
    matched_wh: int
    welfare_units: int
    certificate: Certificate
