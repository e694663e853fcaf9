"""Money is an integer of ledger units; a price is an integer of ticks.

One unit is 10^-7 of the currency's major unit and one tick is 0.0001 of it per kWh, so
``wh * ticks`` is an exact number of units and nothing ever rounds on the way to the ledger.

>>> value_units(600, 1475)  # 600 Wh at 14.75 p/kWh
885000
>>> format_money(885000)
'£0.09'
>>> format_price(1475)
'14.75p'
"""

import re
from fractions import Fraction

from ledger.errors import InputError

UNITS_PER_MAJOR = 10_000_000
"""Ledger units in one pound (the asset scale 7)."""

TICKS_PER_PENNY = 100
"""Price ticks in 1 p/kWh."""

UNITS_MAX = 2**53 - 1
"""Largest amount: an integer that JavaScript still holds exactly (900 million pounds)."""

PRICE_TICKS_MAX = 1_000_000
"""Largest price limit either way, 100 pounds per kWh: far above any tariff, and
``PRICE_TICKS_MAX * WH_MAX`` stays far below 2^63."""


_PENCE = re.compile(r"(-?)([0-9]{1,6})(?:\.([0-9]{1,2}))?p")
_TICKS = re.compile(r"-?[0-9]{1,9}")


def value_units(energy_wh: int, price_ticks: int) -> int:
    """Return the exact money, in ledger units, for energy in Wh at a price in ticks."""
    return energy_wh * price_ticks


def round_half_even(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest integer, ties to the even one.

    >>> [round_half_even(n, 2) for n in (1, 3, 5, -1, -3)]
    [0, 2, 2, 0, -2]
    """
    return round(Fraction(numerator, denominator))


def pence_from_units(units: int) -> int:
    """Return whole pence, rounded half-even: for display only."""
    return round_half_even(units, UNITS_PER_MAJOR // 100)


def format_pence(pence: int, symbol: str = "£") -> str:
    """Write pence as people read them, with a true minus sign.

    >>> format_pence(-123456)
    '−£1,234.56'
    """
    sign = "−" if pence < 0 else ""
    return f"{sign}{symbol}{abs(pence) // 100:,}.{abs(pence) % 100:02d}"


def format_money(units: int, symbol: str = "£") -> str:
    """Write ledger units as pounds and pence, rounded half-even for display.

    >>> format_money(-50_000), format_money(150_000)
    ('£0.00', '£0.02')
    """
    return format_pence(pence_from_units(units), symbol)


def format_price(price_ticks: int) -> str:
    """Write a price in ticks as pence per kWh, exactly.

    >>> format_price(-5)
    '−0.05p'
    """
    sign = "−" if price_ticks < 0 else ""
    whole, part = divmod(abs(price_ticks), TICKS_PER_PENNY)
    return f"{sign}{whole}.{part:02d}p"


def ticks_from_text(text: str) -> int:
    """Read a price per kWh: ``24.50p``, or whole ticks (hundredths of a penny).

    Raises:
        InputError: neither; says how to write it.

    >>> ticks_from_text("24.50p"), ticks_from_text("2450")
    (2450, 2450)
    """
    found = _PENCE.fullmatch(text)
    if found is not None:
        sign = -1 if found[1] else 1
        return sign * (int(found[2]) * TICKS_PER_PENNY + int((found[3] or "0").ljust(2, "0")))
    if _TICKS.fullmatch(text) is not None:
        return int(text)
    raise InputError(f"{text!r} is not a price; write 24.50p, or 2450 ticks of 0.01p")


def split_closing(opening: int, lines: list[int], closing: int, step: int) -> list[int]:
    """Round a column of amounts so that it still closes at the printed precision.

    Args:
        opening: balance before the lines, in units.
        lines: the changes, in units; ``opening + sum(lines) == closing``.
        closing: balance after the lines, in units.
        step: units in one printed step (a penny is 100,000).

    Returns:
        One printed amount a line, in steps, with
        ``round(opening) + sum(result) == round(closing)``. Each printed running total is the
        rounded true running total, so no line is off by more than one step.

    >>> split_closing(0, [50_000, 50_000, 50_000], 150_000, 100_000)
    [0, 1, 1]
    """
    if opening + sum(lines) != closing:
        raise AssertionError("opening + lines must equal closing before rounding")
    printed = []
    running = opening
    before = round_half_even(opening, step)
    for line in lines:
        running += line
        after = round_half_even(running, step)
        printed.append(after - before)
        before = after
    return printed
