"""``commonwatt community rules``: the rules in force, and their next version."""

from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.periods import load_zone, local_date, of_local_day
from settlement import deeds
from settlement.community import Community
from settlement.constitution import SETTINGS, next_rules, rules_table
from wallet_api.cli.context import EXIT_NO, say, say_json, stop
from wallet_api.cli.fields import AsJson, At, agreed, open_at

COLUMN = 14
"""Characters of a value in the table; longer ones get lines of their own."""


def rules(
    context: typer.Context,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One of: " + ", ".join(SETTINGS)),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show the rules in force, or log their next version, signed by the operators.

    Currency, zone, feeder and what backs the currency never change. A day is settled by the rules
    that were in the log before it began.

    Example: commonwatt community rules

    Or: commonwatt community rules --set charge=0.2p --set sellers=60%
    """
    community = open_at(context, at)
    before = deeds.rules_now(community)
    after = next_rules(before, _settings(settings or []))
    version = community.state.rules_now.version
    if as_json and settings and not yes:
        raise typer.BadParameter("with --json and --set, say --yes: nothing is asked then")
    if settings and before == after:
        raise InputError("The rules are that already: nothing was written.")
    if settings and not as_json:
        _say_difference(community, before, after)
        if not agreed(f"Log this as version {version + 1}?", yes=yes):
            say("Nothing was written.")
            stop(EXIT_NO)
    if settings:
        version = deeds.new_rules(community, after).body["version"]
    if as_json:
        say_json({"version": version, **after})
    elif settings:
        say(f"Version {version} of the rules is logged, signed by the operators.")
    else:
        say(f"Rules, version {version}")
        for name, words, _, now in rules_table(before, after):
            say(f"  {name:<14}{words:<28}{now}")


def _say_difference(
    community: Community, before: dict[str, object], after: dict[str, object]
) -> None:
    """Show what changes, and from when it binds."""
    say(f"  {'rule':<14}{'':<28}{'before':<{COLUMN}}after")
    for name, words, old, new in rules_table(before, after):
        mark = "* " if old != new else "  "
        if max(len(old), len(new)) < COLUMN:
            say(f"{mark}{name:<14}{words:<28}{old:<{COLUMN}}{new}")
        else:
            say(f"{mark}{name:<14}{words:<28}{old if old == new else ''}".rstrip())
            if old != new:
                say(f"    before: {old}")
                say(f"    after:  {new}")
    zone = load_zone(community.state.rules_now.zone)
    now = community.writer.now_period()
    first = local_date(of_local_day(local_date(now, zone), zone).stop, zone)
    say(f"It binds days from {first} on. Limits of wallets that are open stay as they are.")


def _settings(texts: list[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise InputError(f"{text!r}: write --set NAME=VALUE, as in --set charge=0.2p")
        if name in made:
            raise InputError(f"{name!r} is set twice.")
        made[name] = value
    return made
