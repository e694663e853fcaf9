"""A settled half-hour, as properties over random streets: pure, no database."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import WH, fees, fund, grid, meter_account, network, pool, wallet
from ledger.book import Balance, Book, Status
from ledger.errors import InputError
from ledger.invariants import check_balances, check_pools_empty
from ledger.primitives.canonical import encode
from ledger.primitives.energy import WH_MAX
from market.certificate import verify
from market.clearing import clear
from market.model import Order, PriceRule, Rules
from meters.readings import Channel
from settlement.audit.proofs import DayProof, Signed, prove_day
from settlement.netting import nets_of, netting_moves, opened_by, purses_of, settle_up
from settlement.orders import (
    DayFunds,
    Funded,
    PeriodOrders,
    by_half_hour,
    fund_orders,
    funds_of,
    period_inputs,
)
from settlement.orders_wire import (
    fixed_funds,
    funds_from_detail,
    funds_to_detail,
    hold_detail,
    orders_from_detail,
    orders_to_detail,
)
from settlement.postings import (
    NO_ENERGY,
    energy_moves,
    energy_of,
    held_units,
    hold_transfers,
    lines_of,
    market_of,
    transfer_id,
    transfers_of,
)
from settlement.state import CommunityState
from settlement.terms import CommunityRules, Mandate, Member, MeterUse, Offer

ASSET = "LWD/7"
PERIODS = range(989_700, 989_703)
MID_MARKET = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410, charge_ticks=35)
UNIFORM = Rules(PriceRule.UNIFORM)

members = st.lists(
    st.fixed_dictionaries(
        {
            "import_ticks": st.integers(0, 4000),
            "export_ticks": st.integers(-600, 1500),
            "posted": st.integers(-200_000_000, 200_000_000),
            "day_max": st.integers(0, 50_000_000),
            "wh": st.lists(
                st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=3, max_size=3
            ),
        }
    ),
    min_size=1,
    max_size=6,
)


def street(people, market):
    """Return state, book and readings of a random street."""
    state, book = CommunityState(), Book()
    rules = CommunityRules(
        1,
        ASSET,
        "Europe/London",
        "street",
        market,
        replay=False,
        issuance="mutual-credit",
        promise="x",
        floor_units=-(10**13),
    )
    state.rules_history.append((0, rules))
    for account in (fees(ASSET), network(ASSET), fund(ASSET), grid("import"), grid("export")):
        book.open(account)
    for asset in (ASSET, WH):
        book.open(pool("street", asset), floor=0)
    readings = {}
    total = 0
    for number, person in enumerate(people):
        member = f"{number:032x}"
        state.members[member] = Member(member, "household", -200_000_000)
        offer = Offer(
            person["import_ticks"],
            person["export_ticks"],
            person["import_ticks"],
            person["export_ticks"],
        )
        state.offers[member] = [(0, offer)]
        mandate = Mandate(
            "00" * 16, 100_000, max(0, person["import_ticks"]), 2**40, person["day_max"], 0, 10**6
        )
        state.mandates[member] = [(0, mandate)]
        state.meters[f"m{number}"] = [(0, MeterUse(member, tuple(Channel)))]
        book.open(wallet(member, ASSET), floor=-200_000_000)
        book.balances[wallet(member, ASSET)].posted = person["posted"]
        total += person["posted"]
        for channel in Channel:
            book.open(meter_account(f"m{number}", channel))
        for period, flows in zip(PERIODS, person["wh"], strict=True):
            for channel, wh in zip(Channel, flows, strict=True):
                readings[f"m{number}", channel, period] = wh
    book.balances[fees(ASSET)] = Balance(posted=-total)
    return state, book, readings, rules


def settle(people, market):
    """Settle three half-hours on a pure book and yield what each came to."""
    state, book, readings, rules = street(people, market)
    inputs = period_inputs(state, PERIODS, by_half_hour(readings))
    orders = fund_orders(state, inputs, funds_of(state, book.balances, ASSET, PERIODS, {}))
    hold_batch = bytes(16)
    holds = hold_transfers(hold_batch, orders, rules)
    assert all(status is Status.CREATED for status in book.apply(holds, PERIODS.start))
    every_line = []
    for item, its_orders in zip(inputs, orders, strict=True):
        market_now = market_of(its_orders, rules)
        result = clear(market_now)
        verify(market_now, result)
        lines = lines_of(item, result, rules)
        batch = transfer_id(hold_batch, item.period % 1000)
        moves = energy_moves(NO_ENERGY, energy_of(item, lines), rules)
        before = {name: balance.posted for name, balance in book.balances.items()}
        statuses = book.apply(transfers_of(batch, moves, item.period), item.period)
        assert all(status is Status.CREATED for status in statuses), statuses
        every_line += lines
        yield state, book, item, lines, before
    before = {name: balance.posted for name, balance in book.balances.items()}
    nets, held = nets_of(every_line, rules), held_units(orders)
    purses = purses_of(book.balances, held, rules)
    shares = settle_up(nets.members, purses.claims, purses.can_pay, purses.coffers, nets.community)
    moves = netting_moves(shares, held, hold_batch, rules)
    assert not opened_by(moves)
    statuses = book.apply(transfers_of(transfer_id(hold_batch, 7), moves, PERIODS[-1]), PERIODS[-1])
    assert all(status is Status.CREATED for status in statuses), statuses
    yield state, book, None, every_line, before


@settings(max_examples=60)
@given(members, st.sampled_from([MID_MARKET, UNIFORM]))
def test_every_half_hour_sums_to_zero_and_leaves_the_pool_empty(people, market):
    for _, book, item, lines, before in settle(people, market):
        check_balances(book.balances)
        check_pools_empty(book.balances, list(book.balances))
        changes = {name: b.posted - before[name] for name, b in book.balances.items()}
        assert sum(v for name, v in changes.items() if name.endswith(ASSET)) == 0
        assert sum(v for name, v in changes.items() if name.endswith(WH)) == 0
        assert sum(line.sold_wh for line in lines) == sum(line.bought_wh for line in lines)
        if item is None:
            for member in {line.member for line in lines}:
                mine = [line for line in lines if line.member == member]
                units = sum(line.sold_units - line.bought_units for line in mine)
                assert changes[wallet(member, ASSET)] == units
        for (meter, channel), wh in item.readings.items() if item else ():
            sign = 1 if channel is Channel.IMPORT else -1
            assert changes[meter_account(meter, channel)] == sign * wh


@settings(max_examples=60)
@given(members, st.sampled_from([MID_MARKET, UNIFORM]))
def test_nobody_is_worse_off_than_with_the_grid_and_no_wallet_bounces(people, market):
    for state, book, _, lines, _ in settle(people, market):
        for line in lines:
            offer = state.offers[line.member][0][1]
            assert line.bought_units <= line.bought_wh * offer.import_tariff_ticks
            assert line.sold_units >= line.sold_wh * offer.export_tariff_ticks
            purse = book.balances[wallet(line.member, ASSET)]
            assert purse.posted - purse.pending_out >= purse.floor or purse.pending_out == 0


@settings(max_examples=60)
@given(members, st.randoms(use_true_random=False))
def test_the_order_of_readings_and_members_changes_nothing(people, random):
    state, book, readings, _ = street(people, MID_MARKET)
    funds = funds_of(state, book.balances, ASSET, PERIODS, {})
    expected = fund_orders(state, period_inputs(state, PERIODS, by_half_hour(readings)), funds)
    shuffled = list(readings.items())
    random.shuffle(shuffled)
    meters = list(state.meters.items())
    random.shuffle(meters)
    state.meters = dict(meters)
    again = fund_orders(state, period_inputs(state, PERIODS, by_half_hour(dict(shuffled))), funds)
    assert again == expected
    assert orders_from_detail({"orders": orders_to_detail(again)}, "street") == expected


@settings(max_examples=60)
@given(members)
def test_all_holds_of_a_day_are_resolved_when_its_half_hours_are_settled(people):
    book = list(settle(people, MID_MARKET))[-1][1]
    assert all(hold.resolved for hold in book.holds.values())
    assert all(balance.pending_out == 0 for balance in book.balances.values())


@settings(max_examples=50)
@given(people=members)
def test_a_holds_detail_written_out_is_its_canonical_json(people):
    state, book, readings, _ = street(people, MID_MARKET)
    inputs = period_inputs(state, PERIODS, by_half_hour(readings))
    funds = funds_of(state, book.balances, ASSET, PERIODS, {})
    funds = DayFunds(funds.units, frozenset({"1e" * 16, "0f" * 16}))
    orders = fund_orders(state, inputs, funds)
    seed = "0f" * 32
    value = {"seed": seed, "funds": funds_to_detail(funds), "orders": orders_to_detail(orders)}
    assert hold_detail(orders, funds, seed) == encode(value)
    assert funds_from_detail(value) == funds
    assert fixed_funds(value) == funds.fixed_by(orders)


@pytest.mark.parametrize("wrong", ["5", 5.0, -5, True, [5], {}])
@pytest.mark.parametrize("name", ["hold_units", "period"])
def test_a_hold_whose_numbers_are_none_is_told_in_a_sentence(name, wrong):
    entry = {"hold_units": 5, "id": "0f" * 16, "limit_ticks": 500, "wh": 3}
    item = {"period": PERIODS[0], "bids": [entry]}
    detail = {"funds": {"revoked": [], "units": []}, "orders": [item]}
    assert fixed_funds(detail).held == {PERIODS[0]: {"0f" * 16: 5}}
    (item if name == "period" else entry)[name] = wrong
    with pytest.raises(InputError, match="check the log"):
        fixed_funds(detail)


@given(people=members)
def test_inputs_come_to_another_process_as_they_were(people):
    state, _, readings, _ = street(people, MID_MARKET)
    inputs = period_inputs(state, PERIODS, by_half_hour(readings))
    assert pickle.loads(pickle.dumps(inputs)) == inputs  # noqa: S301 - our own


def test_an_order_of_more_than_a_reading_may_be_fails_its_hold():
    _, _, _, rules = street([], MID_MARKET)
    most = Funded(Order("0f" * 16, "street", WH_MAX + 1, 500), 0)
    orders = hold_detail(
        [PeriodOrders(PERIODS[0], {most.order.id: most}, {})], DayFunds({}), "0f" * 32
    )
    held = Signed(3, "00" * 32, 0, bytes(32))
    position, check, words = prove_day(DayProof(PERIODS, bytes(16), rules, [], orders, held))
    assert (position, check) == (3, "funds and mandates")
    assert words.startswith("entry 3: orders[0].asks[0].wh: 1000000001 is not between")
