"""A real year: seventeen homes, every half-hour cleared by the engine, to the Wh."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from ledger.accounts import wallet
from ledger.book import Balance
from ledger.primitives.periods import load_zone, local_date, of_local_day
from market.certificate import verify
from market.clearing import clear
from market.model import PriceRule, Rules
from meters.formats import ReadOptions, find_format
from meters.readings import Channel, Reading
from settlement.orders import fund_orders, period_inputs
from settlement.postings import lines_of, market_of
from settlement.state import CommunityRules, CommunityState, Mandate, Member, MeterUse, Offer

FILE = "data/households/fontana17_halfhourly_wh_derived.csv"
SHARED = Path(os.environ.get("COMMONWATT_SHARED", Path(__file__).parents[2].parent / "shared"))
ZONE = "Etc/GMT+8"


@pytest.fixture(scope="module")
def readings():
    path = SHARED / FILE
    if not path.exists():
        pytest.skip(f"{path} is not here: the real year was not checked")
    with path.open("rb") as stream:
        items = list(find_format("wide-csv").read(stream, ReadOptions(zone=ZONE)))
    assert all(isinstance(item, Reading) for item in items)
    return items


@pytest.mark.shared
def test_the_years_matched_energy_is_right_to_the_wh(readings):
    state = CommunityState()
    rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
    state.rules_history.append(
        (
            0,
            CommunityRules(
                1, "FON/7", ZONE, "s", rules, replay=True, promise="x", floor_units=-(10**13)
            ),
        )
    )
    meters = sorted({reading.meter for reading in readings})
    assert len(meters) == 17
    balances = {}
    for number, meter in enumerate(meters):
        member = f"{number:032x}"
        state.members[member] = Member(member, "household", -(10**12))
        state.offers[member] = [(0, Offer(2450, 410, 2450, 410))]
        state.mandates[member] = [(0, Mandate(10**6, 2450, 10**11, 10**12, 0, 4_000_000))]
        state.meters[meter] = [(0, MeterUse(member, tuple(Channel)))]
    by_day = defaultdict(dict)
    zone = load_zone(ZONE)
    for reading in readings:
        by_day[local_date(reading.period, zone)][reading.meter, reading.channel, reading.period] = (
            reading.wh
        )

    for member in state.members:
        balances[wallet(member, "FON/7")] = Balance(floor=-(10**13))
    sums = dict.fromkeys(
        ("own_use_wh", "bought_wh", "sold_wh", "grid_import_wh", "grid_export_wh"), 0
    )
    for day, known in sorted(by_day.items()):
        inputs = period_inputs(state, of_local_day(day, zone), known)
        for item, orders in zip(inputs, fund_orders(state, inputs, balances), strict=True):
            market = market_of(orders, state.rules_now)
            result = clear(market)
            verify(market, result)
            for line in lines_of(item, result):
                for field in sums:
                    sums[field] += getattr(line, field)
    assert sums == {
        "own_use_wh": 57_523_026,
        "bought_wh": 17_695_672,
        "sold_wh": 17_695_672,
        "grid_import_wh": 94_425_213,
        "grid_export_wh": 28_206_886,
    }
