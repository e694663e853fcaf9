"""``commonwatt member spending``: what a member pays at most.

>>> limit_text(Limits(day_max=500_000_000))
'£50.00 a day'
"""

from typing import Annotated

import typer

from settlement import payment_deeds
from settlement.community import Community
from settlement.spending import Limits, Spent, Use, uses_of, warnings_of
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import (
    AsJson,
    At,
    Who,
    exact_money,
    local_time,
    money,
    open_at,
    positive_money,
    who,
)

_WHAT = {"payment_max": "a payment", "day_max": "a day", "month_max": "a month"}
_Money = Annotated[str | None, typer.Option(help="As in 50.00; none for no limit [as before]")]


def spending(
    context: typer.Context,
    name: Who,
    payment: _Money = None,
    day: _Money = None,
    month: _Money = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Limit what a member pays others, or show it; signed by the member.

    What lowers a limit counts at once. What raises it or takes it away counts a day later, so that
    nobody who finds the phone can do it first. Energy does not count: it has the mandate's limits.

    Example: commonwatt member spending Ada --payment 20.00 --day 50.00 --month none
    """
    community = open_at(context, at)
    member, name = who(community, name)
    options = dict(zip(_WHAT, (payment, day, month), strict=True))
    new = {field: text for field, text in options.items() if text is not None}
    if new:
        before = payment_deeds.spent_now(community, member)[0]
        units = {field: _most(text) for field, text in new.items()}
        payment_deeds.set_spending(community, member, before._replace(**units))
    limits, spent = payment_deeds.spent_now(community, member)
    if as_json:
        say_json({**_to_json(community, member), "spent": spent._asdict()})
        return
    say(f"{name} pays at most {limit_text(limits)}.")
    if not new:
        for use in uses_of(limits, spent, 0)[limits.payment_max is not None :]:
            left = f"{exact_money(use.left_units)} of {exact_money(use.most_units)}"
            say(f"  this {_WHAT[use.name][2:]} {left} left")
    waits = _waiting(community, member)
    if waits is not None:
        later, due = waits
        say(f"From {local_time(community, due)} on: {limit_text(later)}.")


def _most(text: str) -> int | None:
    """Read a limit: zero is one, too, and lets nothing be paid.

    Raises:
        InputError: below zero, or no amount.
    """
    return None if text == "none" else 0 if not money(text) else positive_money(text)


def warn_of(limits: Limits, spent: Spent, units: int) -> None:
    """Say which limits a payment nearly uses up."""
    for use in warnings_of(limits, spent, units):
        say(warning_text(use))


def warning_text(use: Use) -> str:
    """Return what to tell of a limit that is nearly used up.

    >>> warning_text(Use("day_max", 500_000_000, 0, 450_000_000))
    'That is 90 % of the £50.00 a day that you set.'
    """
    return f"That is {use.percent} % of the {exact_money(use.most_units)} {_WHAT[use.name]} that you set."


def limit_text(limits: Limits) -> str:
    """Write limits, as in ``£20.00 a payment, £50.00 a day``."""
    words = [
        f"{exact_money(most)} {_WHAT[name]}"
        for name, most in limits._asdict().items()
        if most is not None
    ]
    return ", ".join(words) or "what the wallet has: no limit is set"


def _waiting(community: Community, member: str) -> tuple[Limits, int] | None:
    """Return limits that wait and from when they count, or None."""
    found = community.state.payments.spending.get(member)
    if found is None or found.waiting is None or found.due <= community.writer.now_period():
        return None
    return found.waiting, found.due


def _to_json(community: Community, member: str) -> dict[str, object]:
    waits = _waiting(community, member)
    now = community.state.payments.limits_at(member, community.writer.now_period())
    waiting = None if waits is None else {**waits[0]._asdict(), "from_period": waits[1]}
    return {"member": member, **now._asdict(), "waiting": waiting}
