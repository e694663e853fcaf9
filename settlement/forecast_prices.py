"""What a kWh between neighbours will cost, given what will be offered and wanted. Pure.

Where the rules set the price before anybody is matched, it follows from them. Where members' own
limits make it, it is the median of what was paid in the 25 half-hours of the last four weeks that
were most alike: in which what was offered stood to what was wanted as it will then.

>>> from market.model import PriceRule
>>> Prices(Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)).at(24, 500, 900)
1430
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from market.model import PPM, Rules
from market.rules import in_band, set_price_ticks
from settlement.forecast_days import Day

ALIKE = 25
"""Half-hours of the past that make a price: half a day."""

PLACE_MINUTES = 30
"""Minutes of a place on the clock."""


class Prices:
    """What a kWh costs, by place on the clock and what is offered and wanted then.

    What buyers pay: with the community's charge.
    """

    def __init__(self, rules: Rules, past: Iterable[Day] = ()) -> None:
        """Take the rules in force then and, where they set no price, days of the past."""
        self._rules = rules
        self._past: list[tuple[int, int]] = []
        if not rules.price.is_set:
            self._past = sorted(pair for day in past for pair in _paid(day))

    def at(self, place: int, offered_wh: int, wanted_wh: int) -> int | None:
        """Return the price in ticks, or None where nothing is traded or nothing known."""
        if offered_wh <= 0 or wanted_wh <= 0:
            return None
        if self._rules.price.is_set:
            rules = in_band(self._rules, place * PLACE_MINUTES)
            return set_price_ticks(rules, offered_wh, wanted_wh) + rules.charge_ticks
        return _median(self._alike(_share_ppm(offered_wh, wanted_wh)))

    def came_true(self, place: int, day: Day) -> int | None:
        """Return the price of a past half-hour: by the rules of today, or what was paid."""
        if self._rules.price.is_set:
            return self.at(place, day.offered[place], day.wanted[place])
        return day.prices[place]

    def _alike(self, share_ppm: int) -> list[int]:
        """Return the prices of the most alike half-hours, in the order of their shares."""
        past = self._past
        low = high = bisect_left(past, (share_ppm,))
        while high - low < min(ALIKE, len(past)):
            if high == len(past) or (
                low and share_ppm - past[low - 1][0] <= past[high][0] - share_ppm
            ):
                low -= 1
            else:
                high += 1
        return [price for _, price in past[low:high]]


def _paid(day: Day) -> Iterable[tuple[int, int]]:
    return (
        (_share_ppm(offered_wh, wanted_wh), price)
        for offered_wh, wanted_wh, price in zip(*day, strict=True)
        if price is not None
    )


def _share_ppm(offered_wh: int, wanted_wh: int) -> int:
    """Return what is offered as a part of both sides, rounded down."""
    return offered_wh * PPM // max(1, offered_wh + wanted_wh)


def _median(values: Sequence[int]) -> int | None:
    """Return the middle value, the lower of two."""
    return sorted(values)[(len(values) - 1) // 2] if values else None
