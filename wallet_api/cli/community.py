"""``commonwatt community``: found one, and look at it."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from ledger import log_store
from ledger.errors import InputError
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock, SystemClock
from ledger.primitives.money import UNITS_PER_MAJOR, format_money, format_price
from ledger.primitives.periods import load_zone, of_local_day, parse_date
from market.model import PriceRule, Rules
from market.wire import rules_from_json, rules_to_json
from settlement import store
from settlement.community import Community
from settlement.constitution import next_rules
from settlement.enrol import Charter, found_community
from settlement.terms import CommunityRules
from wallet_api.cli.context import (
    Settings,
    open_database,
    open_here,
    say,
    say_json,
    settings_of,
    warn,
)
from wallet_api.cli.publish import evidence_files, policy_here
from wallet_api.cli.rules import settings_of_rules

app = typer.Typer(help="Found a community, and look at it.", no_args_is_help=True)


class Issuance(StrEnum):
    """What backs a currency."""

    MUTUAL_CREDIT = "mutual-credit"
    RESERVE = "reserve"


PROMISES = {
    Issuance.MUTUAL_CREDIT: "Mutual credit: all balances sum to zero. Nobody outside backs it.",
    Issuance.RESERVE: "What circulates was paid in, and is paid out again on request.",
}
"""What the currency promises, unless the group says otherwise."""


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it, as in 'Ladywood Street Power'")],
    origin: Annotated[
        str, typer.Option(help="Name of its log, for ever, as in ladywood.example/ledger/1")
    ],
    zone: Annotated[str, typer.Option(help="Time zone of its days")] = "Europe/London",
    currency: Annotated[str, typer.Option(help="Code of its currency")] = "BRM",
    feeder: Annotated[str, typer.Option(help="Name of its feeder")] = "street",
    price: Annotated[PriceRule, typer.Option(help="Price rule")] = PriceRule.MID_MARKET,
    import_ticks: Annotated[
        int, typer.Option(help="Reference import tariff in ticks; 2450 is 24.50p")
    ] = 2450,
    export_ticks: Annotated[int, typer.Option(help="Reference export tariff in ticks")] = 410,
    charge_ticks: Annotated[int, typer.Option(help="Community's charge per traded kWh")] = 0,
    k_permille: Annotated[int, typer.Option(help="Sellers' part of the gain", max=1000)] = 500,
    settings_texts: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A market rule, as in community rules"),
    ] = None,
    credit_limit: Annotated[
        int, typer.Option(help="Pounds that a member can go below zero at most", min=0)
    ] = 20,
    issuance: Annotated[
        Issuance, typer.Option(help="What backs the currency: each other's credit, or a reserve")
    ] = Issuance.MUTUAL_CREDIT,
    promise: Annotated[
        str | None, typer.Option(help="What it promises, in words [as its kind says]")
    ] = None,
    replay_from: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Replay past readings: a simulated clock from this day"),
    ] = None,
) -> None:
    """Found a community: keys, empty ledger and log, roster and rules signed by two operators.

    Example: commonwatt community create "Ladywood Street Power" --origin ladywood.example/ledger/1
    """
    settings = settings_of(context)
    database = open_database(settings)
    by_tariffs = price.is_set and price is not PriceRule.FIXED
    plain = Rules(
        price,
        import_ticks=import_ticks if by_tariffs else None,
        export_ticks=export_ticks if by_tariffs else None,
        charge_ticks=charge_ticks,
        k_permille=k_permille,
    )
    rules, more = _with_settings(plain, settings_texts or [])
    charter = Charter(
        origin,
        name,
        zone,
        currency,
        feeder,
        rules,
        PROMISES[issuance] if promise is None else promise,
        replay_from is not None,
        -credit_limit * UNITS_PER_MAJOR,
        issuance.value,
        more,
    )
    clock: FixedClock | SystemClock = SystemClock()
    if replay_from is not None:
        first = of_local_day(parse_date(replay_from), load_zone(zone)).start
        clock = FixedClock((first - 2) * 1_800_000)  # set up before its first half-hour
    community = found_community(database, Keyring(settings.keys_folder), clock, charter)
    say(f"{name} is founded. Its keys are in {settings.keys_folder}: back them up, keep them safe.")
    say(f"Publish its log key: {_vkey(community)}")
    say('Next: commonwatt member add "Ada" and commonwatt meter add Ada METER --channels both')


def _with_settings(rules: Rules, texts: list[str]) -> tuple[Rules, dict[str, Any]]:
    """Return market rules after some settings, as ``community rules`` takes them, and further fields."""
    made = {"market": rules_to_json(rules), "issuance": {}}
    settings = settings_of_rules(texts)
    if "price" in settings:
        raise InputError("--set price: say --price here")
    after = next_rules(made, settings)
    if after["issuance"]:
        raise InputError("--set credit-limit or promise: say --credit-limit and --promise here")
    more = {name: value for name, value in after.items() if name not in ("market", "issuance")}
    return rules_from_json(after["market"]), more


@app.command()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Show a community: rules, members, runs and the log's head.

    Example: commonwatt community show --json
    """
    settings = settings_of(context)
    community = open_here(settings)
    rules = community.state.rules_now
    (witnessed, enough), evidence = (
        _witnesses(settings, community),
        evidence_files(settings.log_folder),
    )
    with community.reading() as connection:
        size, _, _ = log_store.head(connection, community.writer.community)
        runs = store.runs(connection, community.writer.community)
        balances = community.writer.ledger.balances(connection)
    in_use = sum(
        balance.posted
        for account, balance in balances.items()
        if account.endswith(rules.asset) and balance.posted > 0
    )
    if as_json:
        say_json(
            {
                "name": community.name,
                "origin": community.writer.origin,
                "log_key": _vkey(community),
                "zone": rules.zone,
                "asset": rules.asset,
                "replay": rules.replay,
                "rules": rules_to_json(rules.market),
                "members": len(community.state.members),
                "meters": len(community.state.meters),
                "log_entries": size,
                "witnesses": witnessed,
                "witnesses_enough": enough,
                "evidence_of_forks": [str(file) for file in evidence],
                "days_settled": len(runs),
                "matched_wh": sum(run.matched_wh for run in runs),
                "units_in_use": in_use,
            }
        )
        return
    say(f"{community.name} ({community.writer.origin})")
    _say_rules(rules)
    say(f"  members      {len(community.state.members)} with {len(community.state.meters)} meters")
    matched_wh = sum(run.matched_wh for run in runs)
    say(f"  settled      {len(runs)} days, {matched_wh:,} Wh matched between neighbours")
    say(f"  in use       {format_money(in_use)} of {UNITS_PER_MAJOR:,} units a pound")
    say(f"  log          {size:,} entries, key {_vkey(community)}")
    names = ", ".join(witnessed) or "none: nobody cosigned the published checkpoint"
    say(f"  witnesses    {names}{'' if enough else '; fewer than the policy asks for'}")
    for file in evidence:
        warn(f"Two histories of this log exist. The proof is kept in {file}.")


def _say_rules(rules: CommunityRules) -> None:
    """Print what the rules in force say."""
    if rules.replay:
        say("  clock        simulated: this ledger replays past readings")
    say(f"  zone         {rules.zone}, currency {rules.asset}, feeder {rules.feeder}")
    say(f"  rules        {rules.market.price.value}, {rules.market.sharing.value}")
    if rules.market.import_ticks is not None and rules.market.export_ticks is not None:
        say(
            f"  tariffs      {format_price(rules.market.import_ticks)} in, "
            f"{format_price(rules.market.export_ticks)} out"
        )


def _witnesses(settings: Settings, community: Community) -> tuple[list[str], bool]:
    """Return who cosigned the checkpoint that is published, by the policy's names; if enough."""
    with community.reading() as connection:
        policy = policy_here(settings, community.log_verifier(connection))
    checkpoint = settings.log_folder / "checkpoint"
    if policy is None or not checkpoint.exists():
        return [], True
    witnessed = policy.open(checkpoint.read_bytes())
    return sorted(witnessed.times_s), witnessed.quorum_met


def _vkey(community: Community) -> str:
    with community.reading() as connection:
        return community.log_verifier(connection).vkey
