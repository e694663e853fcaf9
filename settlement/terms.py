"""What members and operators agree on: rules, offers, mandates, meters and shares, as values. Pure.

>>> offer = Offer(2450, 410, 2450, 410, import_bands=((960, 3800), (1140, 2450)))
>>> [offer.limit_at(Side.BID, minute) for minute in (0, 1000)]  # never above the member's own limit
[2450, 2450]
>>> [offer.tariff_at(Side.BID, minute) for minute in (0, 1000, 1200)]
[2450, 3800, 2450]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.accounts import currency_asset
from ledger.errors import RefusedError
from ledger.primitives.money import format_price
from ledger.primitives.periods import load_zone
from market.losses import boundary_order, boundary_wh
from market.model import PPM, Rules, Side
from market.rules import check_rules
from market.wire import rules_from_json
from meters.readings import Channel
from settlement.timetable import GB, Timetable, timetable_from_json


@dataclass(frozen=True, slots=True)
class CommunityRules:
    """The rules in force: what a ``rules`` statement carries, checked."""

    version: int
    asset: str
    zone: str
    feeder: str
    market: Rules
    replay: bool
    issuance: str
    promise: str
    floor_units: int
    import_ppm: int = PPM
    export_ppm: int = PPM
    network_ticks: int = 0
    fund_floor_units: int = 0
    timetable: Timetable = GB
    vat_number: str = ""
    vat_permille: tuple[tuple[str, int], ...] = ()

    def vat_of(self, member_class: str) -> int | None:
        """Return the rate of VAT in what a class of members buys, or None: the group has none."""
        return dict(self.vat_permille).get(member_class) if self.vat_number else None

    @property
    def has_losses(self) -> bool:
        """Whether energy at the network's boundary is not what meters say."""
        return (self.import_ppm, self.export_ppm) != (PPM, PPM)

    def order_at_boundary(self, side: Side, metered_wh: int, ticks: int) -> tuple[int, int]:
        """Return the Wh and the limit of a member's order as they count at the boundary."""
        factor_ppm = self.export_ppm if side is Side.ASK else self.import_ppm
        return boundary_order(metered_wh, ticks, side, factor_ppm)

    def at_boundary(self, side: Side, metered_wh: int) -> int:
        """Return a member's net Wh as they count at the network's boundary."""
        factor_ppm = self.export_ppm if side is Side.ASK else self.import_ppm
        return metered_wh if factor_ppm == PPM else boundary_wh(metered_wh, side, factor_ppm)


Bands = tuple[tuple[int, int], ...]
"""A price by time: (minute of the local day at which it begins, ticks), in order."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A member's standing offer and tariffs, in ticks; a tariff with bands goes by the clock.

    Before the first band of a day, the flat tariff counts.
    """

    buy_ticks: int
    sell_ticks: int
    import_tariff_ticks: int
    export_tariff_ticks: int
    import_bands: Bands = ()
    export_bands: Bands = ()

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of an ``offer`` that says the same."""
        flat = ("buy_ticks", "sell_ticks", "import_tariff_ticks", "export_tariff_ticks")
        bands = {
            name: [{"minute": minute, "ticks": ticks} for minute, ticks in found]
            for name, found in (
                ("import_bands", self.import_bands),
                ("export_bands", self.export_bands),
            )
            if found
        }
        return {**{name: getattr(self, name) for name in flat}, **bands}

    def tariff_at(self, side: Side, minute: int) -> int:
        """Return the member's own tariff at a minute of the local day: to buy, or to sell."""
        buys = side is Side.BID
        flat = self.import_tariff_ticks if buys else self.export_tariff_ticks
        bands = self.import_bands if buys else self.export_bands
        return next((ticks for begins, ticks in reversed(bands) if begins <= minute), flat)

    def limit_at(self, side: Side, minute: int) -> int:
        """Return the worst price that the member accepts: never worse than with their supplier."""
        tariff = self.tariff_at(side, minute)
        return min(self.buy_ticks, tariff) if side is Side.BID else max(self.sell_ticks, tariff)


@dataclass(frozen=True, slots=True)
class Mandate:
    """What settlement may debit from a member's wallet; a mandate that was revoked covers none."""

    id: str
    wh_period_max: int
    price_ticks_max: int
    units_period_max: int
    units_day_max: int
    first: int
    last: int
    units_month_max: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the ledger knows them."""

    id: str
    member_class: str
    floor_units: int


@dataclass(frozen=True, slots=True)
class MeterUse:
    """Whose meter it is, and which of its channels may be used: none once consent ended."""

    member: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """Who has which part of what a meter exports, in millionths; the owner has the rest."""

    owner: str
    holders: tuple[tuple[str, int], ...]


CHANNELS = {
    "import": (Channel.IMPORT,),
    "export": (Channel.EXPORT,),
    "both": (Channel.IMPORT, Channel.EXPORT),
}
"""What a consent's ``channels`` stands for."""


def bands_of(bands: Sequence[Mapping[str, int]], name: str) -> Bands:
    """Return a tariff's bands.

    Raises:
        RefusedError: they are not in order of time.
    """
    found = tuple((band["minute"], band["ticks"]) for band in bands)
    if [minute for minute, _ in found] != sorted({minute for minute, _ in found}):
        raise RefusedError(f"{name}: the bands are not in order of time, or two begin at once.")
    return found


def vat_of(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of rules that are about VAT.

    Raises:
        RefusedError: a class has two rates.
    """
    if value is None:
        return {}
    rates = tuple((item["class"], item["permille"]) for item in value["rates"])
    if len(dict(rates)) != len(rates):
        raise RefusedError("The rules give a class of members two rates of VAT.")
    return {"vat_number": value["number"], "vat_permille": rates}


def rules_of_body(body: Mapping[str, Any]) -> CommunityRules:
    """Return the rules that a ``rules`` statement's fields say, checked by themselves.

    Raises:
        MarketInputError, InputError: market or zone cannot be used.
        RefusedError: timetable, VAT or network charge do not hold together.
    """
    market = rules_from_json(body["market"])
    check_rules(market)
    load_zone(body["zone"])
    rules = CommunityRules(
        body["version"],
        currency_asset(body["currency"]),
        body["zone"],
        body["feeder"],
        market,
        body["replay"],
        body["issuance"]["kind"],
        body["issuance"]["promise"],
        body["issuance"]["floor_units"],
        **body.get("losses", {}),
        **body.get("charges", {}),
        timetable=timetable_from_json(body["timetable"]) if "timetable" in body else GB,
        **vat_of(body.get("vat")),
    )
    if not 0 <= rules.network_ticks <= market.charge_ticks:
        raise RefusedError(
            f"The network charge is a part of the charge: {format_price(rules.network_ticks)} is "
            f"not from zero to {format_price(market.charge_ticks)}."
        )
    return rules
