"""A half-hour of a run that only shows: on its way, not final.

Nothing of it was signed. Its readings stand, and where the wallets are still as they were, its
orders and clearing follow again; else only its lines are told.

>>> shown_lines(None, 989737)
{}
"""

import json
from collections.abc import Iterator

from market.clearing import clear
from settlement import store
from settlement.orders import fund_orders, funds_of
from settlement.postings import Line, lines_of, market_of
from settlement.shown_store import Shown
from settlement.why_model import Agreed, RunTold
from settlement.why_orders import agreements_told, market_told, order_told, rules_cited
from settlement.why_scene import Scene
from settlement.why_version_model import UsedReading

MOVED_ON = "What is in the wallets has changed since this was shown, so its order and price are not made again."


def shown_lines(shown: Shown | None, period: int) -> dict[str, Line]:
    """Return every member's line of a half-hour as a run that only shows left it."""
    return {line.member: line for line in _lines(shown) if line.period == period}


def shown_day(shown: Shown | None, member: str) -> dict[int, Line]:
    """Return a member's half-hours as a run that only shows left them."""
    return {line.period: line for line in _lines(shown) if line.member == member}


def _lines(shown: Shown | None) -> Iterator[Line]:
    """Yield what is kept of a run that only shows: our own bytes, and nothing that anybody signed."""
    value = {"lines": []} if shown is None else json.loads(shown.data)
    return (Line(*line) for line in value["lines"])


def told_shown(
    scene: Scene, shown: Shown, member: str, period: int, readings: list[UsedReading]
) -> RunTold:
    """Tell a half-hour of a run that only shows."""
    rules, state = scene.rules, scene.community.state
    lines = shown_lines(shown, period)
    inputs = scene.inputs(shown.known, final=False, until=period)
    balances = scene.community.writer.ledger.balances(scene.connection)
    caps, ledger = state.month_caps(scene.periods), scene.community.writer.ledger
    month = str(scene.day)[:7]
    bought = store.bought_in_month(scene.connection, ledger, month, caps, rules.asset)
    funds = funds_of(state, balances, rules.asset, scene.periods, bought)
    orders = fund_orders(state, inputs, funds)
    market = market_of(orders[-1], rules)
    result = clear(market)
    same = {line.member: line for line in lines_of(inputs[-1], result, rules)} == lines
    flow, order, told = inputs[-1].flows.get(member), None, None
    agreed: tuple[Agreed, ...] = ()
    if not same:
        scene.gone.append(MOVED_ON)
    elif flow is not None:
        order = order_told(scene, member, flow, orders, funds)
        told = market_told(market, result, ("", ""), member, certificate=True)
        agreed = agreements_told(scene, member, orders[-1], result)
    mine = shown_day(shown, member).values()
    return RunTold(
        code=shown.code,
        posts=False,
        known=shown.known,
        known_at_ms=shown.known_at_ms,
        worked_in=shown.code,
        line=lines[member],
        flow=flow,
        readings=tuple(readings),
        order=order,
        agreements=agreed,
        market=told,
        place=None,
        factors_ppm=(rules.import_ppm, rules.export_ppm) if rules.has_losses else None,
        rules_version=rules.version,
        rules=rules_cited(scene),
        day_units=sum(line.sold_units - line.bought_units for line in mine),
    )
