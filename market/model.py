"""A half-hour's market and its result, as values.

>>> orders = Orders.of([Order("m1", "a", 600, 500)])
>>> orders.wh, [order.limit_ticks for order in orders]
((600,), [500])
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

ORDERS_MAX = 1_000_000
"""Most orders on one side of a market: a city; larger communities are split."""

FEEDERS_MAX = 1_000
"""Most feeders of a market."""

AGREEMENTS_MAX = 100_000
"""Most agreements of a market: they are served one by one."""

KEYS_MAX = 100_000
"""Most coefficients of a half-hour."""

MARKET_WH_MAX = 10**9
"""Most energy on one side of a market. With the price limit of 10^6 ticks every product,
doubled objective included, stays below 2^53, so that doubles in the solver are exact."""

PPM = 1_000_000
"""Parts in a whole, of coefficients."""


class Side(StrEnum):
    """Which side of the market an order stands on."""

    ASK = "ask"
    BID = "bid"


class PriceRule(StrEnum):
    """How a community splits the gain."""

    MID_MARKET = "mid-market"
    UNIFORM = "uniform"
    SUPPLY_DEMAND_RATIO = "supply-demand-ratio"
    FIXED = "fixed"
    PAY_AS_BID = "pay-as-bid"

    @property
    def is_set(self) -> bool:
        """Whether the price is set beforehand, so that limits only say who takes part."""
        return self not in (PriceRule.UNIFORM, PriceRule.PAY_AS_BID)


class SharingRule(StrEnum):
    """How orders that tie share what there is."""

    PRO_RATA = "pro-rata"
    EQUAL_SHARE = "equal-share"
    KEYS = "keys"


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
class Orders:
    """One side's orders, as columns of one length: a city's are read as arrays."""

    ids: Sequence[str] = ()
    feeders: Sequence[str] = ()
    wh: Sequence[int] = ()
    limit_ticks: Sequence[int] = ()

    @classmethod
    def of(cls, orders: Iterable[Order]) -> "Orders":
        """Return the columns of some orders."""
        rows = [(order.id, order.feeder, order.wh, order.limit_ticks) for order in orders]
        return cls(*zip(*rows, strict=True)) if rows else cls()

    def __len__(self) -> int:
        """Return the number of orders."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Order]:
        """Yield the orders one by one."""
        columns = zip(self.ids, self.feeders, self.wh, self.limit_ticks, strict=True)
        return (Order(*values) for values in columns)


@dataclass(frozen=True, slots=True)
class Feeder:
    """A part of the network; capacity and charge belong to the edge to its parent, each way.

    Attributes:
        id: unique.
        parent: the feeder above, None at the root.
        capacity_wh: most Wh in a half-hour, None without limit.
        charge_ticks: what each kWh over the edge costs.
        import_ppm: what must be fed in for what its meters take, in parts per million.
        export_ppm: what arrives of what its meters give, in parts per million.
    """

    id: str
    parent: str | None = None
    capacity_wh: int | None = None
    charge_ticks: int = 0
    import_ppm: int = PPM
    export_ppm: int = PPM


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one seller and one buyer agreed on: served before the market.

    Attributes:
        id: unique.
        rank: lower is served first; then the lower id.
        seller: id of an ask.
        buyer: id of a bid.
        price_ticks: what the seller gets; the buyer pays charges on top.
        cap_wh: most Wh of the half-hour, None without limit.
        share_permille: most of what the seller offers, in thousandths; None without limit.
    """

    id: str
    rank: int
    seller: str
    buyer: str
    price_ticks: int
    cap_wh: int | None = None
    share_permille: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A buyer's part of the supply, or of one seller's: a coefficient in parts per million."""

    bid: str
    ppm: int
    ask: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """A community's market rules, checked by `market.rules.check_rules`.

    Attributes:
        price: the price rule.
        sharing: the sharing rule.
        import_ticks: reference import tariff m (mid-market, supply-demand-ratio).
        export_ticks: reference export tariff e (mid-market, supply-demand-ratio).
        charge_ticks: the community's charge c per traded kWh, paid by buyers.
        k_permille: the sellers' part of the gain, in thousandths (mid-market).
        kappa_permille: the sellers' part of the gain where supply is plenty, in thousandths
            (supply-demand-ratio).
        match_ticks: the price (fixed).
        match_bands: (minute of the local day, price from then on) by rising minute, from which
            `market.rules.in_band` takes ``match_ticks`` (fixed).
        keys: coefficients (sharing by keys).
    """

    price: PriceRule
    sharing: SharingRule = SharingRule.PRO_RATA
    import_ticks: int | None = None
    export_ticks: int | None = None
    charge_ticks: int = 0
    k_permille: int = 500
    kappa_permille: int = 0
    match_ticks: int | None = None
    match_bands: tuple[tuple[int, int], ...] = ()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Market:
    """All that a clearing depends on."""

    period: int
    feeders: tuple[Feeder, ...]
    asks: Orders
    bids: Orders
    rules: Rules
    agreements: tuple[Agreement, ...] = ()


class Fill(NamedTuple):
    """A part of what an order got, at a price of its own; by an agreement, if one is named."""

    wh: int
    price_ticks: int
    agreement: str | None = None


def summed(fills: Sequence[Fill]) -> tuple[int, int]:
    """Return the Wh and the ledger units of some fills.

    >>> summed([Fill(5, 1475), Fill(2, 0, "gift")])
    (7, 7375)
    """
    return sum(fill.wh for fill in fills), sum(fill.wh * fill.price_ticks for fill in fills)


@dataclass(frozen=True, slots=True)
class Trades:
    """What one side's orders got, in the order of the market's.

    Attributes:
        ids: of all orders of the side.
        wh: matched Wh, agreements included.
        prices: the all-in price, None where nothing was matched or ``fills`` says it.
        fills: by order, of those that agreements served or that trade at several prices.
    """

    ids: Sequence[str] = ()
    wh: Sequence[int] = ()
    prices: Sequence[int | None] = ()
    fills: Mapping[str, tuple[Fill, ...]] = field(default_factory=dict)

    def matched(self) -> Iterator[tuple[str, tuple[Fill, ...]]]:
        """Yield (order, fills) of those that got anything."""
        for order, wh, price in zip(self.ids, self.wh, self.prices, strict=True):
            if wh:
                yield order, self.fills[order] if price is None else (Fill(wh, price),)


class FeederPrice(NamedTuple):
    """A feeder's price and the interval of prices that support the result."""

    feeder: str
    price_ticks: int
    low_ticks: int
    high_ticks: int


class Flow(NamedTuple):
    """What crossed a feeder's edge to its parent, net: out to the parent, or in from it."""

    feeder: str
    out_wh: int
    in_wh: int
    full: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """What proves a result without a solver.

    Attributes:
        potentials: (feeder, potential of the doubled programme), by feeder: `uniform` and
            `pay-as-bid`.
        cut: feeders on the suppliers' side of a minimum cut: the rules with a set price.
    """

    potentials: tuple[tuple[str, int], ...] = ()
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A cleared half-hour.

    Attributes:
        period: the market's.
        asks: what sellers got.
        bids: what buyers got.
        prices: of each feeder with trade or flow in the market, by id; agreements have their own.
        flows: over each edge, by id of the feeder below it.
        matched_wh: sold Wh, agreements included.
        welfare_units: limits of what was bought, less those of what was sold.
        charge_units: what buyers pay for the community's charge and those of edges.
        rent_units: what price differences over full edges bring beyond charges.
        certificate: what proves it.
    """

    period: int
    asks: Trades
    bids: Trades
    prices: tuple[FeederPrice, ...]
    flows: tuple[Flow, ...]
    matched_wh: int
    welfare_units: int
    charge_units: int
    rent_units: int
    certificate: Certificate
