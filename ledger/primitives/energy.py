"""Energy is an integer of watt-hours per register and half-hour.

>>> wh_from_text("0.125", "kWh")
125
>>> format_kwh(10530)
'10.53'
"""

import re
from decimal import Decimal

from ledger.errors import InputError

WH_MAX = 10**9
"""Largest reading or order, 1 GWh in a half-hour: more than any feeder carries, and small
enough that energy times price stays inside 64 bits with a wide margin."""

UNIT_EXPONENTS = {"wh": 0, "kwh": 3, "mwh": 6}
"""Power of ten that turns a unit, in lower case, into Wh."""

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")


def wh_from_text(text: str, unit: str) -> int:
    """Read a decimal number exactly as whole Wh.

    Args:
        text: digits with an optional point; nothing else (no exponent, sign only in front).
        unit: ``Wh``, ``kWh`` or ``MWh`` in any case.

    Raises:
        InputError: not a number, an unknown unit, a fraction of a Wh, or out of range.
    """
    exponent = UNIT_EXPONENTS.get(unit.lower())
    if exponent is None:
        raise InputError(f"unit {unit!r} is not energy; use Wh, kWh or MWh")
    if _NUMBER.fullmatch(text) is None:
        raise InputError(f"{text!r} is not a plain decimal number")
    scaled = Decimal(text).scaleb(exponent)
    whole = int(scaled)
    if whole != scaled:
        raise InputError(f"{text} {unit} is not a whole number of Wh")
    if abs(whole) > WH_MAX:
        raise InputError(f"{text} {unit} is beyond {WH_MAX:,} Wh in one interval")
    return whole


def format_kwh(energy_wh: int, places: int = 2) -> str:
    """Write Wh as kWh rounded half-even to ``places`` decimals (at most 3), for display.

    >>> format_kwh(-1234567, 3)
    '−1,234.567'
    """
    step = 10 ** (3 - places)
    whole, part = divmod(abs(energy_wh), step)
    whole += 2 * part > step or (2 * part == step and whole % 2)
    text = f"{whole // 10**places:,}"
    if places:
        text += f".{whole % 10**places:0{places}d}"
    return ("−" if energy_wh < 0 and whole else "") + text
