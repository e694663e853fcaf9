"""What cut an order, in a sentence. Pure.

>>> CAP_WORDS[Cap.FUNDS].format("0.120 kWh")
'what was left of your money for the day was enough for 0.120 kWh'
"""

from market.model import Side
from settlement.why_model import Cap, OrderTold
from settlement.why_words import kwh

CAP_WORDS = {
    Cap.FUNDS: "what was left of your money for the day was enough for {}",
    Cap.MANDATE_DAY: "what was left of your mandate for the day was enough for {}",
    Cap.MANDATE_PERIOD: "the money that your mandate allows in a half-hour was enough for {}",
    Cap.MANDATE_WH: "your mandate allows {} in a half-hour",
}
"""Why an order was cut, and to what."""


def cap_sentence(order: OrderTold) -> str:
    """Say by what an order was cut."""
    whole, kept = kwh(order.boundary_wh), kwh(order.wh) if order.wh else "none of it"
    verb = "offered" if order.side is Side.ASK else "wanted"
    if order.cap is Cap.NO_MANDATE:
        return f"You {verb} {whole}, but no mandate covered it: nothing can be taken without one."
    if order.cap is Cap.OUT_OF_REACH or order.cap is None:
        return f"You {verb} {whole}, but with the network's losses your limit is out of reach."
    return f"You {verb} {whole}; {CAP_WORDS[order.cap].format(kept)}."
