"""``commonwatt forecast``: when to wash, in a sentence, and the half-hours behind it.

>>> DAY_FIRST < DAY_LAST
True
"""

import sys
from datetime import date, timedelta
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.periods import load_zone, local_date, parse_date
from settlement import forecast as forecasts
from settlement.forecast_json import forecast_json
from settlement.forecast_store import gather
from settlement.forecast_text import render_forecast
from wallet_api.cli.context import EXIT_NO, open_here, say_json, settings_of, stop

DAY_FIRST, DAY_LAST = date(1971, 1, 1), date(2190, 1, 1)
"""Days that may be asked for: half-hours are counted from 1970, and those after 2198 are refused."""


def forecast(
    context: typer.Context,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="First of the two local days [tomorrow]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Say when neighbours will have most to spare in the next two days, and at what price.

    From the community's own past, as known before the first of the two days: settled days, and the
    readings that came since. Each figure has its usual error. Exit code 1: not enough is known yet.

    Example: commonwatt forecast --day 2026-07-06
    """
    community = open_here(settings_of(context))
    rules = community.state.rules_now
    zone = load_zone(rules.zone)
    today = local_date(community.writer.now_period(), zone)
    first = parse_date(day) if day else today + timedelta(days=1)
    if not DAY_FIRST <= first <= DAY_LAST:
        raise InputError(f"--day {first} is out of range: name one from {DAY_FIRST} to {DAY_LAST}.")
    with community.reading() as connection:
        known = gather(community, connection, first)
    days = [first, first + timedelta(days=1)]
    found = forecasts.forecast(known.history, days, zone, rules.market)
    if as_json:
        say_json({"days": [forecast_json(each, known.settled_through) for each in found]})
    else:
        text = render_forecast(found, known.settled_through, rules.market, zone, today)
        sys.stdout.write(text)
    if isinstance(found[0], forecasts.NotYet):
        stop(EXIT_NO)
