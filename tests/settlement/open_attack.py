"""Somebody who knows all homes but one, and everything published, and works out what is left.

They know the other homes' Wh of every half-hour, the unknown home's of all other half-hours, the rules,
and this program. They try every value of the one half-hour and keep those that would have given the
very same publication.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple

from market.model import PriceRule, Rules
from settlement.open_data import CEILING_WH, PERCENT, STEP_WH, HalfHour, open_row

MID = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
RATIO = Rules(PriceRule.SUPPLY_DEMAND_RATIO, import_ticks=2450, export_ticks=410)

Publish = Callable[[Sequence[int]], object]
"""From each home's net Wh, below zero if it gave, to everything that is published."""


def publish(nets_wh: Sequence[int], rules: Rules = RATIO) -> object:
    """Publish a half-hour of a market in which everybody may trade, under the price that tells most."""
    wanted = [max(net, 0) for net in nets_wh]
    offered = [max(-net, 0) for net in nets_wh]
    matched = min(sum(wanted), sum(offered))
    return astuple(open_row(HalfHour(0, "1970-01-01", wanted, offered, matched, rules)))


def survivors(publish_: Publish, nets_wh: Sequence[int], home: int, tried: Sequence[int]) -> list:
    """Return the values of a home that give the same publication, of those that are tried."""
    seen, guess = publish_(nets_wh), list(nets_wh)
    found = []
    for value in tried:
        guess[home] = value
        if publish_(guess) == seen:
            found.append(value)
    return found


def width_around(publish_: Publish, nets_wh: Sequence[int], home: int, enough: int) -> int:
    """Return how many neighbouring values of a home give the same publication, its own among them.

    Stops at ``enough``: each is tried, so nothing is assumed of how the publication is made.
    """
    seen, guess, count = publish_(nets_wh), list(nets_wh), 1
    for step in (1, -1):
        value = nets_wh[home] + step
        while count < enough:
            guess[home] = value
            if publish_(guess) != seen:
                break
            count, value = count + 1, value + step
    return count


def wide_enough(net_wh: int) -> int:
    """Return how many values must be left: a step, or as many as the home took or gave at all.

    Above the ceiling a step would be too little, so there the p% are asked for themselves.
    """
    size = abs(net_wh)
    promised = -(-size * PERCENT // 100)
    return max(1, promised, min(size, STEP_WH) if size <= CEILING_WH else STEP_WH)
