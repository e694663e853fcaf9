"""``commonwatt caps``: how near the group is to limits of law and of its agreements.

The answer is always exit code 0: a warning is for people to read and no failure of the program.

>>> bar(500, 8), bar(1_200, 8), bar(None, 8)
('████░░░░', '████████', '░░░░░░░░')
"""

import re
import textwrap
from datetime import date
from typing import Annotated, Any

import typer

from ledger.errors import InputError
from ledger.primitives.periods import parse_date
from settlement.caps import CapStatus, Status, amount_text, judge, percent_text, permille
from settlement.caps_store import EURO, Measured, measure
from wallet_api.cli.context import open_here, say, say_json, settings_of, warn

BAR_WIDTH, LINE_WIDTH = 20, 96
MARKS = {Status.OVER: "✗", Status.NEAR: "!", Status.UNKNOWN: "–", Status.OK: "✓"}
WARNED = (Status.OVER, Status.NEAR)

RATE_MAX_DIGITS = 6
_RATE = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?")


def caps(
    context: typer.Context,
    euro_rate: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Euros for one of the currency, as in 1.15"),
    ] = None,
    rate_date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Of which day the rate is")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Show how near the group is to limits of law: power supplied, money paid, generation.

    Warns from 80 % on. It is a look-out and no legal advice.

    Example: commonwatt caps --euro-rate 1.15 --rate-date 2026-11-20
    """
    if (euro_rate is None) != (rate_date is None):
        raise InputError("--euro-rate and --rate-date go together: a rate is of a day.")
    rate = None if euro_rate is None else rate_millionths(euro_rate)
    day = None if rate_date is None else parse_date(rate_date)
    community = open_here(settings_of(context))
    measured = measure(community, rate)
    found = judge(measured.measures)
    currency = community.state.rules_now.asset.partition("/")[0]
    if as_json:
        say_json(caps_json(community.name, measured, found, euro_rate, day))
    else:
        say(text(community.name, measured, found, rate_words(currency, euro_rate, day)))
    warned = [each for each in found if each.status in WARNED]
    if warned:
        warn(f"Warning: {', '.join(f'{w.cap.title.lower()}: {percent_text(w)}' for w in warned)}.")


def rate_millionths(written: str) -> int:
    """Read a rate with up to six decimals as millionths.

    Raises:
        InputError: not a rate above zero.

    >>> rate_millionths("1.15"), rate_millionths("2")
    (1150000, 2000000)
    """
    match = _RATE.fullmatch(written)
    value = 0 if match is None else int(match[1] + (match[2] or "").ljust(RATE_MAX_DIGITS, "0"))
    if not value:
        raise InputError(f"--euro-rate {written!r} is not a rate as in 1.15, above zero.")
    return value


def rate_words(currency: str, rate: str | None, day: date | None) -> str:
    """Say at which rate money was taken into euros."""
    if currency == EURO:
        return ""
    return "" if rate is None else f"Rate: 1 {currency} = {rate} euros, of {day}."


def text(name: str, measured: Measured, found: list[CapStatus], rate: str) -> str:
    """Return the caps as a person reads them."""
    span = "no day is settled yet"
    if measured.first is not None:
        span = f"12 months, {measured.first} to {measured.last}"
    lines = [f"Caps of {name}: {span}", ""]
    for each in found:
        limit = amount_text(each.cap.limit, each.cap.unit)
        value = "?" if each.measured is None else amount_text(each.measured, each.cap.unit)
        lines.append(
            f"  {MARKS[each.status]} {each.cap.title:<28}  {bar(permille(each), BAR_WIDTH)}  "
            f"{percent_text(each) or 'not known':>9}  {value} of {limit}"
        )
        if each.sentence:
            lines.append(_wrapped(each.sentence))
    if rate:
        lines += ["", rate]
    lines += ["", "Measured, and by which rule:"]
    for each in found:
        lines.append(_wrapped(f"{each.cap.title}: {each.cap.measured}.", 2))
        lines.append(_wrapped(f"{each.cap.source}."))
    lines += ["", "This is a look-out and no legal advice: docs/caps.md."]
    return "\n".join(lines)


def _wrapped(sentence: str, indent: int = 6) -> str:
    margin = " " * indent
    return textwrap.fill(sentence, LINE_WIDTH, initial_indent=margin, subsequent_indent=margin)


def bar(parts: int | None, width: int) -> str:
    """Return a bar that is full at the limit; a part is drawn down to whole blocks."""
    full = 0 if parts is None else min(width, parts * width // 1000)
    return "█" * full + "░" * (width - full)


def caps_json(
    name: str, measured: Measured, found: list[CapStatus], rate: str | None, day: date | None
) -> dict[str, Any]:
    """Return the caps for programs."""
    return {
        "community": name,
        "first_day": None if measured.first is None else measured.first.isoformat(),
        "last_day": None if measured.last is None else measured.last.isoformat(),
        "paid_units": measured.paid_units,
        "euro_rate": rate,
        "rate_date": None if day is None else day.isoformat(),
        "caps": [
            {
                "name": each.cap.name,
                "status": each.status.value,
                "measured": each.measured,
                "limit": each.cap.limit,
                "unit": each.cap.unit.value,
                "permille": permille(each),
                "what": each.cap.measured,
                "source": each.cap.source,
                "sentence": each.sentence,
            }
            for each in found
        ],
    }
