"""Market rules are data: checked when they are made, with sentences an operator understands.

>>> check_rules(Rules(PriceRule.MID_MARKET))
Traceback (most recent call last):
market.errors.MarketInputError: rules: the price rule 'mid-market' needs import_ticks
"""

from market.errors import MarketInputError
from market.model import PriceRule, Rules

PERMILLE = 1000
"""Thousandths in a whole."""


def check_rules(rules: Rules) -> None:
    """Refuse rules under which a market could not be cleared.

    Raises:
        MarketInputError: says which field and why.
    """
    if not 0 <= rules.k_permille <= PERMILLE:
        raise MarketInputError(f"rules: k_permille {rules.k_permille} is not between 0 and 1000")
    if rules.charge_ticks < 0:
        raise MarketInputError(f"rules: charge_ticks {rules.charge_ticks} is below zero")
    if rules.price is PriceRule.UNIFORM:
        if rules.charge_ticks:
            raise MarketInputError(
                "rules: charge_ticks goes with a set price such as 'mid-market'; under 'uniform' "
                "put the charge on the feeder's edge"
            )
        return
    import_ticks, export_ticks = reference_tariffs(rules)
    if export_ticks > import_ticks - rules.charge_ticks:
        raise MarketInputError(
            f"rules: export_ticks {export_ticks} is above import_ticks less charge_ticks "
            f"({import_ticks - rules.charge_ticks}): neighbours would lose by trading"
        )


def reference_tariffs(rules: Rules) -> tuple[int, int]:
    """Return the community's reference import and export tariffs, in ticks.

    Raises:
        MarketInputError: the rules leave one out.
    """
    if rules.import_ticks is None or rules.export_ticks is None:
        field = "import_ticks" if rules.import_ticks is None else "export_ticks"
        raise MarketInputError(f"rules: the price rule '{rules.price.value}' needs {field}")
    return rules.import_ticks, rules.export_ticks


def set_price_ticks(rules: Rules) -> int:
    """Return the mid-market price: ``floor(e + k (m - c - e))``, clipped to [e, m - c].

    Source: Long et al. 2017, generalised by a permille k and a charge c.

    >>> set_price_ticks(Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410))
    1430
    """
    import_ticks, export_ticks = reference_tariffs(rules)
    ceiling = import_ticks - rules.charge_ticks
    price = export_ticks + rules.k_permille * (ceiling - export_ticks) // PERMILLE
    return max(export_ticks, min(price, ceiling))
