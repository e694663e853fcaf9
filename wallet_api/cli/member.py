"""``commonwatt member`` and ``commonwatt meter``: who takes part, and with which meters."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger import people
from ledger.accounts import wallet
from ledger.errors import InputError
from ledger.primitives.money import UNITS_PER_MAJOR, format_money, format_price, ticks_from_text
from settlement.community import Community
from settlement.enrol import Terms, add_member, add_meter
from settlement.key_deeds import make_paper_code
from settlement.member_facts import can_spend, parts_now
from settlement.netting import purses_of
from wallet_api.cli.context import (
    open_here,
    progress,
    say,
    say_json,
    settings_of,
)
from wallet_api.cli.fields import read_rows, who
from wallet_api.cli.member_show import percent
from wallet_api.cli.paper import card

member_app = typer.Typer(
    help="Members: add and list; their keys, limits and mandates.", no_args_is_help=True
)
meter_app = typer.Typer(help="Meters: add and list.", no_args_is_help=True)

CLASSES = ("household", "generator", "shop", "group")
CHANNELS = ("import", "export", "both")
FILE_COLUMNS = {"name", "class", "meter", "channels", "import_ticks", "export_ticks"}


@member_app.command()
def add(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Kept in the erasable store alone")] = None,
    member_class: Annotated[str, typer.Option("--class", help="|".join(CLASSES))] = "household",
    import_ticks: Annotated[
        str, typer.Option("--import-ticks", help="Their import tariff: 24.50p, or 2450")
    ] = "2450",
    export_ticks: Annotated[
        str, typer.Option("--export-ticks", help="Their export tariff: 4.10p, or 410")
    ] = "410",
    buy_ticks: Annotated[str | None, typer.Option(help="Pays up to [import tariff]")] = None,
    sell_ticks: Annotated[str | None, typer.Option(help="Sells from [export tariff]")] = None,
    credit_limit: Annotated[
        int | None, typer.Option(help="Pounds they can go below zero [as the rules allow]", min=0)
    ] = None,
    day_limit: Annotated[
        int, typer.Option(help="Most that settlement may take a day, pounds")
    ] = 50,
    file: Annotated[
        Path | None,
        typer.Option(help="CSV of many: name,class,meter,channels,import_ticks,export_ticks"),
    ] = None,
    paper_code: Annotated[
        bool,
        typer.Option(
            "--paper-code/--no-paper-code",
            help="Print twelve words that bring the account back if the phone is lost",
        ),
    ] = True,
) -> None:
    """Open an account with a standing offer and a mandate, each signed.

    The key that signs is made here, as for a sign-up on paper, and kept among the keys. Each new
    member gets a paper code, which is printed once and kept nowhere: cut it out and hand it over.

    Example: commonwatt member add "Ada" --import-ticks 2600

    Or: commonwatt member add --file homes.csv
    """
    if (name is None) == (file is None):
        raise typer.BadParameter("give a NAME, or --file with many")
    terms = Terms(
        ticks_from_text(import_ticks),
        ticks_from_text(export_ticks),
        None if buy_ticks is None else ticks_from_text(buy_ticks),
        None if sell_ticks is None else ticks_from_text(sell_ticks),
        floor_units=None if credit_limit is None else -credit_limit * UNITS_PER_MAJOR,
        mandate_units_day_max=day_limit * UNITS_PER_MAJOR,
    )
    community = open_here(settings_of(context))
    if name is not None:
        _check_choice(member_class, CLASSES)
        member = _add(community, name, member_class, terms, paper_code)
        offer = community.state.offers[member][-1][1]
        say(f"{name} is a member: {member}")
        say(
            f"Buys up to {format_price(offer.buy_ticks)} a kWh, sells from "
            f"{format_price(offer.sell_ticks)}; with the grid {format_price(offer.import_tariff_ticks)}"
            f" in and {format_price(offer.export_tariff_ticks)} out."
        )
        return
    rows = _read_file(file) if file is not None else []
    with progress("Members", len(rows)) as advance:
        for row in rows:
            own = replace(
                terms,
                import_tariff_ticks=row["import_ticks"],
                export_tariff_ticks=row["export_ticks"],
            )
            member = _add(community, row["name"], row["class"], own, paper_code)
            if row["meter"]:
                add_meter(community, member, row["meter"], row["channels"])
            advance(1)
    say(f"{len(rows)} members added from {file}.")


def _add(
    community: Community,
    name: str,
    member_class: str,
    terms: Terms,
    paper_code: bool,  # noqa: FBT001 - the command's flag
) -> str:
    """Add a member, and print their paper code as soon as it counts: it is kept nowhere."""
    code = make_paper_code(community, name) if paper_code else None
    recovery = None if code is None else code.commitment
    member = add_member(community, name, member_class, terms, recovery=recovery)
    if code is not None:
        say(card(name, community.name, code.words))
        say()
    return member


@member_app.command("list")
def list_members(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """List members with what they have, and what their wallets could pay now.

    What a month's mandate leaves of it: commonwatt member show NAME.

    Example: commonwatt member list
    """
    community = open_here(settings_of(context))
    rows = _members(community)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        meters = ", ".join(row["meters"]) or "no meter"
        say(
            f"{row['member'][:8]}  {row['name']:<24} {row['class']:<10} "
            f"{format_money(row['units']):>10} can spend {format_money(row['spendable']):>9}  {meters}"
            f"{_owed(row['owed_units'])}"
        )


def _owed(units: int) -> str:
    """Say what a later run found, and a wallet could not pay or was not paid."""
    if not units:
        return ""
    return f"; {'is owed' if units > 0 else 'owes'} {format_money(abs(units))}"


@meter_app.command("add")
def add_one_meter(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="Name, or beginning of the id")],
    meter: Annotated[str, typer.Argument(help="The meter's id, as it stands in meter files")],
    channels: Annotated[str, typer.Option(help="|".join(CHANNELS))] = "import",
) -> None:
    """Log a member's signed consent to a meter's half-hourly use for settlement.

    Example: commonwatt meter add Ada 1900012345678 --channels both
    """
    _check_choice(channels, CHANNELS)
    community = open_here(settings_of(context))
    found, name = who(community, member)
    add_meter(community, found, meter, channels)
    say(f"Meter {meter} ({channels}) belongs to {name} from the next half-hour on.")


@meter_app.command("list")
def list_meters(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """List meters, whose they are, and who holds a share of what they give.

    Example: commonwatt meter list --json
    """
    community = open_here(settings_of(context))
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    rows = meters_json(community)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        name = names.get(row["member"], row["member"][:8])
        held = [
            f"{names.get(part['member'], part['member'][:8])} {percent(part['ppm'])}"
            for part in row["shares"]
        ]
        shares = f"; shared: {', '.join(held)}" if held else ""
        sides = " and ".join(row["channels"]) or "consent withdrawn"
        say(f"{row['meter']:<24} {row['member'][:8]}  {name:<24} {sides}{shares}")


def meters_json(community: Community) -> list[dict[str, Any]]:
    """Return every meter for programs: whose it is, and who holds shares of it."""
    parts = parts_now(community)
    return [
        {
            "meter": meter,
            "member": uses[-1][1].member,
            "channels": [channel.value for channel in uses[-1][1].channels],
            "shares": [
                {"member": part.holder, "ppm": part.ppm} for part in parts if part.meter == meter
            ],
        }
        for meter, uses in sorted(community.state.meters.items())
    ]


def _members(community: Community) -> list[dict[str, Any]]:
    asset = community.state.rules_now.asset
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
        balances = community.writer.ledger.balances(connection)
    rules = community.state.rules_now
    purses = purses_of(balances, {}, rules)
    return [
        {
            "member": member.id,
            "name": names.get(member.id, "closed account"),
            "class": member.member_class,
            "units": balances[wallet(member.id, asset)].posted,
            "spendable": can_spend(purses, member.id),
            "owed_units": purses.claims.get(member.id, 0),
            "meters": community.state.meters_of(member.id),
        }
        for member in community.state.members.values()
    ]


def _read_file(path: Path) -> list[dict[str, Any]]:
    """Read a CSV of members, all of it before any is added."""
    reader = read_rows(path)
    if reader.fieldnames is None or set(reader.fieldnames) != FILE_COLUMNS:
        raise InputError(f"{path}: the first line must be {','.join(sorted(FILE_COLUMNS))}")
    rows = []
    for number, row in enumerate(reader, start=2):
        try:
            _check_choice(row["class"], CLASSES)
            if row["meter"]:
                _check_choice(row["channels"], CHANNELS)
            ticks = {key: ticks_from_text(row[key]) for key in ("import_ticks", "export_ticks")}
        except (InputError, TypeError, typer.BadParameter) as error:
            raise InputError(f"{path} line {number}: {error}") from error
        rows.append({**row, **ticks})
    return rows


def _check_choice(value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of: {', '.join(choices)}")
