"""What cut an order, in a sentence. Pure.

>>> CAP_WORDS[Cap.FUNDS]
'what was left of your money for the day'
"""

from market.model import Side
from settlement.why_model import Cap, OrderTold
from settlement.why_words import kwh

CAP_WORDS = {
    Cap.FUNDS: "what was left of your money for the day",
    Cap.MANDATE_DAY: "what your mandate lets be taken in a day",
    Cap.MANDATE_PERIOD: "what your mandate lets be taken in a half-hour",
    Cap.MANDATE_WH: "the energy that your mandate allows in a half-hour",
}
"""What an order was cut to, by what cut it."""


def cap_sentence(order: OrderTold) -> str:
    """Say by what an order was cut."""
    whole, kept = kwh(order.boundary_wh), kwh(order.wh)
    verb = "offered" if order.side is Side.ASK else "wanted"
    if order.cap is Cap.NO_MANDATE:
        return f"You {verb} {whole}, but no mandate covered it: nothing can be taken without one."
    if order.cap is Cap.OUT_OF_REACH or order.cap is None:
        return f"You {verb} {whole}, but with the network's losses your limit is out of reach."
    return f"You {verb} {whole}; {CAP_WORDS[order.cap]} allowed {kept}."
