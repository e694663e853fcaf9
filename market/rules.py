"""Market rules are data: checked when they are made, with sentences an operator understands.

>>> check_rules(Rules(PriceRule.MID_MARKET))
Traceback (most recent call last):
market.errors.MarketInputError: rules: the price rule 'mid-market' needs import_ticks
"""

import itertools
from dataclasses import fields, replace

from ledger.primitives.money import PRICE_TICKS_MAX
from market.errors import MarketInputError
from market.model import KEYS_MAX, PPM, Key, PriceRule, Rules, SharingRule

PERMILLE = 1000
"""Thousandths in a whole."""

DAY_MINUTES = 24 * 60
"""Minutes on the clock of a local day, whether it has 23, 24 or 25 hours."""

BANDS_MAX = 48
"""Most bands of a day: a price for every half-hour."""

_TARIFFS = ("import_ticks", "export_ticks")
_FIELDS = {
    PriceRule.MID_MARKET: (*_TARIFFS, "k_permille", "charge_ticks"),
    PriceRule.UNIFORM: (),
    PriceRule.SUPPLY_DEMAND_RATIO: (*_TARIFFS, "kappa_permille", "charge_ticks"),
    PriceRule.FIXED: ("match_ticks", "match_bands", "charge_ticks", *_TARIFFS),
    PriceRule.PAY_AS_BID: (),
}
"""Fields that mean something under a price rule."""


def fields_of(price: PriceRule) -> tuple[str, ...]:
    """Return the fields that mean something under a price rule, apart from sharing."""
    return _FIELDS[price]


def check_rules(rules: Rules) -> None:
    """Refuse rules under which a market could not be cleared.

    Raises:
        MarketInputError: says which field and why.
    """
    for name in ("k_permille", "kappa_permille"):
        if not 0 <= getattr(rules, name) <= PERMILLE:
            value = getattr(rules, name)
            raise MarketInputError(f"rules: {name} {value} is not between 0 and 1000")
    if rules.charge_ticks < 0:
        raise MarketInputError(f"rules: charge_ticks {rules.charge_ticks} is below zero")
    if rules.charge_ticks and not rules.price.is_set:
        raise MarketInputError(
            "rules: charge_ticks goes with a set price such as 'mid-market'; under "
            f"'{rules.price.value}' put the charge on the feeder's edge"
        )
    _check_idle_fields(rules)
    _check_keys(rules)
    if rules.price is PriceRule.FIXED:
        _check_match(rules)
    elif rules.price.is_set:
        _check_tariffs(rules)


def _check_idle_fields(rules: Rules) -> None:
    """Refuse a field that says nothing under the price rule: somebody expects it to."""
    for each in fields(Rules):
        idle = each.name not in ("price", "sharing", "keys", *_FIELDS[rules.price])
        if idle and getattr(rules, each.name) != each.default and each.name not in _TARIFFS:
            raise MarketInputError(
                f"rules: {each.name} means nothing under the price rule '{rules.price.value}'"
            )


def _check_tariffs(rules: Rules) -> None:
    import_ticks, export_ticks = reference_tariffs(rules)
    highest = import_ticks - rules.charge_ticks
    if export_ticks > highest:
        raise MarketInputError(
            f"rules: export_ticks {export_ticks} is above import_ticks less charge_ticks "
            f"({highest}): neighbours would lose by trading"
        )
    if rules.price is PriceRule.SUPPLY_DEMAND_RATIO and _plenty_permille(rules) <= 0:
        raise MarketInputError(
            "rules: under 'supply-demand-ratio' export_ticks plus kappa of the gain must be above "
            "zero: raise kappa_permille, or choose 'mid-market'"
        )


def _check_match(rules: Rules) -> None:
    if (rules.match_ticks is None) == (not rules.match_bands):
        raise MarketInputError(
            "rules: the price rule 'fixed' needs match_ticks, or match_bands by time of day, and "
            "not both"
        )
    minutes = [minute for minute, _ in rules.match_bands]
    if minutes and (
        minutes[0] != 0
        or len(minutes) > BANDS_MAX
        or any(minute % 30 or not 0 <= minute < DAY_MINUTES for minute in minutes)
        or any(one >= other for one, other in itertools.pairwise(minutes))
    ):
        raise MarketInputError(
            "rules: match_bands begin at 00:00 and rise, each on a half-hour, as in 00:00, 16:00"
        )
    for ticks in (rules.match_ticks or 0, *(ticks for _, ticks in rules.match_bands)):
        if abs(ticks) > PRICE_TICKS_MAX:
            raise MarketInputError(f"rules: the price of {ticks} ticks is out of range")


def _check_keys(rules: Rules) -> None:
    if (rules.sharing is SharingRule.KEYS) != bool(rules.keys):
        raise MarketInputError("rules: keys and the sharing rule 'keys' go together")
    if rules.keys and not rules.price.is_set:
        raise MarketInputError(
            f"rules: sharing by keys needs a set price; under '{rules.price.value}' limits decide"
        )
    if len(rules.keys) > KEYS_MAX:
        raise MarketInputError(f"rules: {len(rules.keys):,} keys are more than {KEYS_MAX:,}")
    if len({key.ask is None for key in rules.keys}) > 1:
        raise MarketInputError("rules: keys name an ask each, or none does")
    totals: dict[str | None, int] = {}
    seen: set[tuple[str | None, str]] = set()
    for key in rules.keys:
        if (key.ask, key.bid) in seen:
            raise MarketInputError(f"rules: there are two keys {_named(key)}")
        seen.add((key.ask, key.bid))
        if not 0 <= key.ppm <= PPM:
            raise MarketInputError(f"rules: the key {_named(key)} is not 0 to 1,000,000 ppm")
        totals[key.ask] = totals.get(key.ask, 0) + key.ppm
        if totals[key.ask] > PPM:
            whose = f"the ask {key.ask!r}" if key.ask else "all supply"
            raise MarketInputError(
                f"rules: the keys to {whose} are {totals[key.ask]:,} parts per million, more than "
                f"the {PPM:,} of the whole"
            )


def _named(key: Key) -> str:
    return f"of the bid {key.bid!r}" + (f" to the ask {key.ask!r}" if key.ask else "")


def reference_tariffs(rules: Rules) -> tuple[int, int]:
    """Return the community's reference import and export tariffs, in ticks.

    Raises:
        MarketInputError: the rules leave one out.
    """
    if rules.import_ticks is None or rules.export_ticks is None:
        field = "import_ticks" if rules.import_ticks is None else "export_ticks"
        raise MarketInputError(f"rules: the price rule '{rules.price.value}' needs {field}")
    return rules.import_ticks, rules.export_ticks


def in_band(rules: Rules, minute: int) -> Rules:
    """Return the rules with the price of a minute of the local day, if they have bands.

    >>> bands = ((0, 900), (960, 1800))
    >>> in_band(Rules(PriceRule.FIXED, match_bands=bands), 970).match_ticks
    1800
    """
    if not rules.match_bands:
        return rules
    ticks = [ticks for begins, ticks in rules.match_bands if begins <= minute]
    return replace(rules, match_ticks=ticks[-1], match_bands=())


def set_price_ticks(rules: Rules, supply_wh: int = 0, demand_wh: int = 0) -> int:
    """Return the price that a rule sets before anybody is matched, for sellers.

    Args:
        rules: with a set price.
        supply_wh: all that is offered (supply-demand-ratio).
        demand_wh: all that is wanted (supply-demand-ratio).

    Raises:
        MarketInputError: the rules leave a tariff or the price out.

    >>> set_price_ticks(Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410))
    1430
    """
    if rules.price is PriceRule.FIXED:
        if rules.match_ticks is None:
            raise MarketInputError(
                "rules: match_bands need the time of day: a market has match_ticks"
            )
        return rules.match_ticks
    if rules.price is PriceRule.SUPPLY_DEMAND_RATIO:
        return _ratio_price_ticks(rules, supply_wh, demand_wh)
    return _mid_market_ticks(rules)


def _mid_market_ticks(rules: Rules) -> int:
    """Return ``floor(e + k (m - c - e))``, clipped to [e, m - c].

    Source: Long et al., "Peer-to-peer energy trading in a community microgrid", 2017, whose k is
    a half and c zero.
    """
    import_ticks, export_ticks = reference_tariffs(rules)
    highest = import_ticks - rules.charge_ticks
    price = export_ticks + rules.k_permille * (highest - export_ticks) // PERMILLE
    return max(export_ticks, min(price, highest))


def _ratio_price_ticks(rules: Rules, supply_wh: int, demand_wh: int) -> int:
    """Return the compensated supply-demand-ratio price, floored.

    With M = m - c, b = kappa (M - e) and r = supply / demand: ``M (e + b) / ((M - e - b) r + e + b)``
    up to r = 1, and ``e + b`` beyond. Source: Liu et al., "Energy-sharing model with price-based
    demand response for microgrids of peer-to-peer prosumers", 2017, with a charge c.
    """
    import_ticks, _ = reference_tariffs(rules)
    highest, plenty = import_ticks - rules.charge_ticks, _plenty_permille(rules)
    if supply_wh >= demand_wh:
        return plenty // PERMILLE
    falls = (PERMILLE * highest - plenty) * supply_wh
    return highest * plenty * demand_wh // (falls + plenty * demand_wh)


def _plenty_permille(rules: Rules) -> int:
    """Return e + b in thousandths of a tick: the price where supply is plenty."""
    import_ticks, export_ticks = reference_tariffs(rules)
    gain = import_ticks - rules.charge_ticks - export_ticks
    return PERMILLE * export_ticks + rules.kappa_permille * gain
