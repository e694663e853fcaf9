"""A forecast as JSON: what the command line and a wallet's page are made of.

>>> guess_json(Guess(5, 2, 3))
{'expected': 5, 'error': 2, 'band': 3}
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from ledger.primitives.periods import start_text
from settlement.forecast import DayForecast, Guess, NotYet
from settlement.forecast_advice import advise
from settlement.forecast_text import why_not


def forecast_json(
    day: DayForecast | NotYet,
    settled_through: date | None,
    reason: Callable[[NotYet], str] = why_not,
) -> dict[str, Any]:
    """Return a day: UTC times, Wh and ticks, each with its mean error and its band.

    Args:
        day: a forecast, or that there is none.
        settled_through: the last settled day behind it.
        reason: says why there is none, to whoever reads it.
    """
    if isinstance(day, NotYet):
        return {
            "day": str(day.day),
            "enough": False,
            "reason": reason(day),
            "last_known": str(day.last_known) if day.last_known else None,
            "known_days": day.known_days,
        }
    advice = advise(day)
    return {
        "day": str(day.day),
        "enough": True,
        "last_known": str(day.last_known),
        "rests_on_days": day.rests_on_days,
        "settled_through": str(settled_through) if settled_through else None,
        "wash": {
            "from": start_text(advice.periods.start),
            "until": start_text(advice.periods.stop),
            "surplus_wh": advice.surplus_wh,
            "offered_wh": advice.offered_wh,
            "wanted_wh": advice.wanted_wh,
            "had_days": advice.had_days,
            "tried_days": advice.tried_days,
        },
        "half_hours": [
            {
                "start": start_text(hour.period),
                "offered_wh": guess_json(hour.offered),
                "wanted_wh": guess_json(hour.wanted),
                "surplus_wh": guess_json(hour.surplus),
                "price_ticks": guess_json(hour.price) if hour.price else None,
            }
            for hour in day.half_hours
        ],
    }


def guess_json(guess: Guess) -> dict[str, int]:
    """Return a guess: what is expected, the mean error, and what four of five days kept within."""
    return {"expected": guess.value, "error": guess.error, "band": guess.band}
