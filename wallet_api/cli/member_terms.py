"""``commonwatt member limit``, ``revoke-mandate``, ``consent`` and ``withdraw``: what a member agreed, changed."""

from enum import StrEnum
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.counted import whose
from settlement import deeds
from wallet_api.cli.context import say
from wallet_api.cli.fields import (
    At,
    Who,
    exact_money,
    local_time,
    money,
    open_at,
    who,
)


class Purpose(StrEnum):
    """What a meter's readings are used for."""

    SETTLEMENT = "settlement"
    SUPPORT = "support"
    ADVICE = "advice"
    RESEARCH = "research"


class Granularity(StrEnum):
    """How finely they may be seen."""

    HALF_HOUR = "half-hour"
    DAY = "day"
    MONTH = "month"


def limit(
    context: typer.Context,
    name: Who,
    floor: Annotated[str, typer.Option(help="How far below zero, as in -12.50")],
    reason: Annotated[str, typer.Option(help="Why, in words")],
    at: At = None,
) -> None:
    """Change how far below zero a member's wallet may go; at once.

    Signed by two operators, and not below what the rules allow.

    Example: commonwatt member limit Ada --floor -12.50 --reason "As she asked."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    floor_units = money(floor)
    if floor_units > 0:
        raise InputError(f"--floor {floor}: a wallet's lower limit is zero or below, as in -12.50.")
    deeds.set_limit(community, member, floor_units, reason)
    say(f"{whose(name)} wallet may go down to {exact_money(floor_units)}.")
    say("It counts from now on; nothing that was posted changes.")


def revoke_mandate(context: typer.Context, name: Who, at: At = None) -> None:
    """End what settlement may debit from a member, signed by the member's keys.

    Without a mandate the member buys nothing from neighbours; what they sell goes on.

    Example: commonwatt member revoke-mandate Ada
    """
    community = open_at(context, at)
    member, name = who(community, name)
    deeds.revoke_mandate(community, member)
    first = local_time(community, community.writer.now_period() + 1)
    say(f"{name} buys nothing from neighbours in half-hours that begin at {first} or later.")


def withdraw(
    context: typer.Context,
    name: Who,
    meter: Annotated[str, typer.Argument(help="The meter's id")],
    purpose: Annotated[Purpose, typer.Option(help="Which use ends")] = Purpose.SETTLEMENT,
    at: At = None,
) -> None:
    """End a member's consent to a meter's use, signed by the member's keys.

    Without settlement every other use ends, too, and the meter can be added to another member:
    commonwatt meter add.

    Example: commonwatt member withdraw Ada 1900012345678
    """
    community = open_at(context, at)
    member, name = who(community, name)
    deeds.withdraw_consent(community, member, meter, purpose.value)
    first = local_time(community, community.writer.now_period() + 1)
    what = "" if purpose is Purpose.SETTLEMENT else f" for {purpose.value}"
    say(f"Meter {meter} is not used{what} in half-hours that begin at {first} or later.")


def consent(
    context: typer.Context,
    name: Who,
    meter: Annotated[str, typer.Argument(help="The meter's id; it is the member's")],
    purpose: Annotated[Purpose, typer.Option(help="What for")],
    granularity: Annotated[
        Granularity, typer.Option(help="The finest that may be seen")
    ] = Granularity.HALF_HOUR,
    at: At = None,
) -> None:
    """Let a meter's readings be used for more than settlement, signed by the member's keys.

    Support: operators and helpers may look at them. Advice: the member gets forecasts and advice.
    Research: they may be in an export for research. For settlement: commonwatt meter add.

    Example: commonwatt member consent Ada 1900012345678 --purpose support --granularity day
    """
    if purpose is Purpose.SETTLEMENT:
        raise typer.BadParameter("a consent to settlement binds the meter: commonwatt meter add")
    community = open_at(context, at)
    member, name = who(community, name)
    deeds.allow(community, member, meter, purpose.value, granularity.value)
    first = local_time(community, community.writer.now_period() + 1)
    say(
        f"{name} allows {purpose.value} with meter {meter}, by the {granularity.value}, in half-hours "
        f"from {first}."
    )
