"""A year of seventeen real homes, cleared by the pure functions."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.primitives.periods import load_zone, local_date, of_local_day
from market.certificate import verify
from market.clearing import clear
from market.model import PriceRule, Rules
from meters.formats import ReadOptions, find_format
from meters.readings import Block, Channel, Reading
from settlement.orders import DayFunds, by_half_hour, fund_orders, period_inputs
from settlement.postings import (
    Line,
    lines_of,
    market_of,
)
from settlement.state import CommunityState
from settlement.terms import CommunityRules, Mandate, Member, MeterUse, Offer

FILE = "data/households/fontana17_halfhourly_wh_derived.csv"
SHARED = Path(os.environ.get("COMMONWATT_SHARED", Path(__file__).parents[2].parent / "shared"))
ZONE = "Etc/GMT+8"
ASSET = "FON/7"
ORIGIN = "fontana.example/ledger/1"
FLOOR = -(10**13)


def read_year() -> list[Reading]:
    """Return the year's readings, or skip loudly."""
    path = SHARED / FILE
    if not path.exists():
        pytest.skip(f"{path} is not here: the real year was not checked")
    with path.open("rb") as stream:
        items = list(find_format("wide-csv").read(stream, ReadOptions(zone=ZONE)))
    assert all(isinstance(item, Block) for item in items)
    return [reading for block in items for reading in block.readings()]


def agreed(readings: list[Reading]) -> CommunityState:
    """Return seventeen members with a meter, an offer and a mandate each."""
    state = CommunityState()
    rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
    community = CommunityRules(1, ASSET, ZONE, "s", rules, True, "mutual-credit", "x", FLOOR)
    state.rules_history.append((0, community))
    meters = sorted({reading.meter for reading in readings})
    assert len(meters) == 17
    for number, meter in enumerate(meters):
        member = f"{number:032x}"
        state.members[member] = Member(member, "household", FLOOR)
        state.offers[member] = [(0, Offer(2450, 410, 2450, 410))]
        state.mandates[member] = [
            (0, Mandate("00" * 16, 10**6, 2450, 10**11, 10**12, 0, 4_000_000))
        ]
        state.meters[meter] = [(0, MeterUse(member, tuple(Channel)))]
    return state


def settled_days(state: CommunityState, readings: list[Reading]) -> Iterator[list[Line]]:
    """Yield each day's lines; every market's certificate is verified on the way."""
    zone, by_day = load_zone(ZONE), defaultdict(dict)
    for reading in readings:
        key = reading.meter, reading.channel, reading.period
        by_day[local_date(reading.period, zone)][key] = reading.wh
    funds = DayFunds(dict.fromkeys(state.members, -FLOOR))
    for day, known in sorted(by_day.items()):
        inputs = period_inputs(state, of_local_day(day, zone), by_half_hour(known))
        day_lines = []
        for item, orders in zip(inputs, fund_orders(state, inputs, funds), strict=True):
            market = market_of(orders, state.rules_now)
            result = clear(market)
            verify(market, result)
            day_lines += lines_of(item, result, state.rules_now)
        yield day_lines
