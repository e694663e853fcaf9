"""``commonwatt community rules``: the rules in force, and their next version."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger import people
from ledger.errors import InputError
from ledger.primitives.counted import whose
from ledger.primitives.periods import load_zone, local_date, of_local_day
from settlement import deeds
from settlement.community import Community
from settlement.constitution import check_rules_whole, next_rules, rules_table
from settlement.rule_parts import FORMS
from wallet_api.cli.context import EXIT_NO, say, say_json, stop
from wallet_api.cli.fields import AsJson, At, agreed, open_at, read_rows, who

KEY_COLUMNS = {"member", "ppm", "seller"}
"""Columns of a file of coefficients."""

SET_HELP = (
    "One of, with a value such as: "
    + "; ".join(
        f"'{name}={form}'" if " " in form else f"{name}={form}" for name, form in FORMS.items()
    )
    + ". What may end takes none. See docs/rules.md"
)
"""What can be set, and the form of each value."""

COLUMN = 14
"""Characters of a value in the table; longer ones get lines of their own."""


def rules(
    context: typer.Context,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help=SET_HELP),
    ] = None,
    coefficients: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Share by coefficients: CSV of member,ppm and perhaps seller"
        ),
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

    Or: commonwatt community rules --set price=fixed --set bands=00:00=9p,16:00=18p
    """
    community = open_at(context, at)
    before = deeds.rules_now(community)
    found = None if coefficients is None else _coefficients(community, coefficients)
    after = next_rules(before, settings_of_rules(settings or []), found)
    changes = bool(settings) or found is not None
    version = community.state.rules_now.version
    if as_json and changes and not yes:
        raise typer.BadParameter("with --json and a change, say --yes: nothing is asked then")
    if changes:
        _check_change(before, after)
    if changes and not as_json:
        _say_difference(community, before, after)
        if not agreed(f"Log this as version {version + 1}?", yes=yes):
            say("Nothing was written.")
            stop(EXIT_NO)
    if changes:
        version = deeds.new_rules(community, after).body["version"]
    if as_json:
        say_json({"version": version, **after})
    elif changes:
        say(f"Version {version} of the rules is logged, signed by the operators.")
    else:
        say(f"Rules, version {version}")
        for name, words, _, now in rules_table(before, after):
            say(f"  {name:<14}{words:<32}{now}")
        for line in _coefficient_lines(community, after):
            say(f"  {'coefficient':<14}{line}")


def _check_change(before: dict[str, object], after: dict[str, object]) -> None:
    """Refuse what could not be logged before anybody is asked about it."""
    if before == after:
        raise InputError("The rules are that already: nothing was written.")
    check_rules_whole(after)


def _say_difference(
    community: Community, before: dict[str, object], after: dict[str, object]
) -> None:
    """Show what changes, and from when it binds."""
    say(f"  {'rule':<14}{'':<32}{'before':<{COLUMN}}after")
    for name, words, old, new in rules_table(before, after):
        mark = "* " if old != new else "  "
        if max(len(old), len(new)) < COLUMN:
            say(f"{mark}{name:<14}{words:<32}{old:<{COLUMN}}{new}")
        else:
            say(f"{mark}{name:<14}{words:<32}{old if old == new else ''}".rstrip())
            if old != new:
                say(f"    before: {old}")
                say(f"    after:  {new}")
    lines = [_coefficient_lines(community, fields) for fields in (before, after)]
    for line in dict.fromkeys([*lines[0], *lines[1]]):
        if (line in lines[0]) != (line in lines[1]):
            say(f"* {'gone' if line in lines[0] else 'new':<14}coefficient: {line}")
    zone = load_zone(community.state.rules_now.zone)
    now = community.writer.now_period()
    first = local_date(of_local_day(local_date(now, zone), zone).stop, zone)
    say(f"It binds days from {first} on. Limits of wallets that are open stay as they are.")


def _coefficients(community: Community, path: Path) -> list[dict[str, object]]:
    """Read coefficients from a CSV; members by name, or by how their ids begin."""
    reader = read_rows(path)
    if reader.fieldnames is None or not {"member", "ppm"} <= set(reader.fieldnames) <= KEY_COLUMNS:
        raise InputError(f"{path}: the first line must be member,ppm or member,ppm,seller")
    keys: list[dict[str, object]] = []
    for number, row in enumerate(reader, start=2):
        ppm = row["ppm"] or ""
        if not re.fullmatch(r"[0-9]{1,7}", ppm):
            raise InputError(f"{path} line {number}: {ppm!r} is not parts per million, as in 30000")
        key: dict[str, object] = {"bid": who(community, row["member"])[0], "ppm": int(ppm)}
        if row.get("seller"):
            key["ask"] = who(community, row["seller"])[0]
        keys.append(key)
    if not keys:
        raise InputError(f"{path}: there is no row of coefficients below the first line")
    return keys


def _coefficient_lines(community: Community, fields: Mapping[str, Any]) -> list[str]:
    """Return the coefficients of some rules in words, by name."""
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    lines = []
    for key in fields["market"].get("keys", []):
        seller = key.get("ask")
        of_whom = (
            f" of {whose(names.get(seller, seller[:8]))} supply" if seller else " of all supply"
        )
        member = names.get(key["bid"], key["bid"][:8])
        lines.append(f"{member} {key['ppm'] / 10_000:.4f}%{of_whom}")
    return lines


def settings_of_rules(texts: list[str]) -> dict[str, str]:
    """Return values by name of ``NAME=VALUE`` texts.

    Raises:
        InputError: not of this form, or one twice.
    """
    made: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise InputError(f"{text!r}: write --set NAME=VALUE, as in --set charge=0.2p")
        if name in made:
            raise InputError(f"{name!r} is set twice.")
        made[name] = value
    return made
