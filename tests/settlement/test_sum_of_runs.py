"""The sum of a day's runs is the one run that would have known everything: pure, and in databases."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.accounts import WH, grid, meter_account, pool
from ledger.book import Book, Status
from ledger.invariants import check_balances, check_pools_empty
from ledger.primitives.periods import load_zone, of_local_day
from market.clearing import clear
from meters.readings import Channel, Quality, Reading
from meters.versions import payable
from settlement.day_run import differing, not_as_posted
from settlement.enrol import Terms, add_member
from settlement.intake import import_readings
from settlement.netting import nets_of
from settlement.orders import (
    DayFunds,
    by_half_hour,
    fund_orders,
    funds_of,
    period_inputs,
)
from settlement.postings import (
    NO_ENERGY,
    energy_moves,
    energy_of,
    lines_of,
    market_of,
    transfer_id,
    transfers_of,
)
from settlement.timetable import GB
from tests.prepared import CHARTER, DAY
from tests.settlement.later import balances, checked, run, size_of, without_empty
from tests.settlement.test_pure_day import ASSET, MID_MARKET, PERIODS, UNIFORM, members, street
from tests.streets import SITES, add_meters, new_community, street_readings

LOSSY = {"import_ppm": 1_080_000, "export_ppm": 950_000}

arrivals = st.dictionaries(
    st.tuples(st.integers(0, 5), st.sampled_from(Channel), st.sampled_from(PERIODS)),
    st.tuples(st.integers(0, 2), st.integers(0, 3_000), st.sampled_from([0, 1, 3, 7])),
    max_size=12,
)
"""By reading: before which run a version comes, its Wh, and its rank."""

RUNS = ("SF", "R1", "RF")


def known_at(at_first, versions, run_number):
    """Return the Wh that count, as a run knows them; a later version always counts before."""
    known = {key: (wh, 1) for key, wh in at_first.items()}
    for (number, channel, period), (comes, wh, rank) in versions.items():
        if comes <= run_number:
            known[f"m{number}", channel, period] = wh, rank
    final = GB.is_final(RUNS[run_number])
    return {key: payable(key[1], rank, wh, final=final) for key, (wh, rank) in known.items()}


class Runs:
    """The runs of three half-hours in memory, each posted into one book of energy."""

    def __init__(self, people, market, losses):
        self.state, money, self.at_first, rules = street(people, market)
        fields = {name: getattr(rules, name) for name in rules.__slots__}
        self.rules = type(rules)(**fields | losses)
        self.state.rules_history[:] = [(0, self.rules)]
        self.funds = funds_of(self.state, money.balances, ASSET, PERIODS, {})
        self.book = Book()
        for account in (grid("import"), grid("export"), "losses/street WH/0"):
            self.book.open(account)
        self.book.open(pool("street", WH), floor=0)
        for number in range(len(people)):
            for channel in Channel:
                self.book.open(meter_account(f"m{number}", channel))
        self.inputs = self.orders = None
        self.lines = {period: {} for period in PERIODS}
        self.energy = dict.fromkeys(PERIODS, NO_ENERGY)
        self.batches = 0

    def make(self, readings):
        """Make a run, check it as it is made, and return what it made due to each."""
        before = nets_of(self.all_lines(), self.rules)
        inputs = period_inputs(self.state, PERIODS, by_half_hour(readings))
        orders = fund_orders(self.state, inputs, self.funds)
        self.funds = self.funds if self.funds.held else self.funds.fixed_by(orders)
        changed = range(len(PERIODS))
        if self.inputs is not None:
            assert not_as_posted(self.inputs, self.lines, self.rules) is None
            changed = differing(self.inputs, self.orders, inputs, orders)
        for index in changed:
            self._settle(inputs[index], orders[index])
        self.inputs, self.orders = inputs, orders
        due = nets_of(self.all_lines(), self.rules).less(before)
        assert sum(due.members.values()) + sum(due.community.values()) == 0
        return due

    def _settle(self, item, orders):
        period = item.period
        found = lines_of(item, clear(market_of(orders, self.rules)), self.rules)
        earlier = self.lines[period]
        sold = sum(x.sold_wh - (earlier[x.member].sold_wh if earlier else 0) for x in found)
        bought = sum(x.bought_wh - (earlier[x.member].bought_wh if earlier else 0) for x in found)
        assert sold == bought
        after = energy_of(item, found)
        moves = energy_moves(self.energy[period], after, self.rules)
        self.batches += 1
        made = transfers_of(transfer_id(bytes(16), self.batches), moves, period)
        assert self.book.apply(made, period) == [Status.CREATED] * len(made)
        check_balances(self.book.balances)
        check_pools_empty(self.book.balances, [pool("street", WH)])
        self.energy[period] = after
        self.lines[period] = {line.member: line for line in found}

    def all_lines(self):
        return [line for found in self.lines.values() for line in found.values()]

    def posted(self):
        return {name: balance.posted for name, balance in self.book.balances.items()}


def added(parts):
    total = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return without_empty(total)


@settings(max_examples=150)
@given(members, arrivals, st.sampled_from([MID_MARKET, UNIFORM]), st.sampled_from([{}, LOSSY]))
def test_the_sum_of_runs_is_one_run_with_all_that_is_known_in_the_end(
    people, versions, market, losses
):
    step_by_step, at_once = Runs(people, market, losses), Runs(people, market, losses)
    versions = {key: value for key, value in versions.items() if key[0] < len(people)}
    dues = [step_by_step.make(known_at(step_by_step.at_first, versions, n)) for n in range(3)]
    at_once.funds = step_by_step.funds
    due = at_once.make(known_at(at_once.at_first, versions, 2))
    assert step_by_step.posted() == at_once.posted()
    assert step_by_step.lines == at_once.lines
    assert added(each.members for each in dues) == due.members
    assert added(each.community for each in dues) == due.community


@settings(max_examples=150)
@given(members, arrivals)
def test_every_run_stays_within_the_mandate_and_the_days_funds(people, versions):
    runs = Runs(people, MID_MARKET, {})
    for number in range(3):
        runs.make(known_at(runs.at_first, versions, number))
        for member, history in runs.state.mandates.items():
            mandate = history[0][1]
            mine = [found[member] for found in runs.lines.values() if member in found]
            paid = [line.bought_units for line in mine]
            assert sum(paid) <= min(mandate.units_day_max, runs.funds.units[member])
            for line in mine:
                assert line.bought_units <= mandate.units_period_max
                assert line.bought_wh <= mandate.wh_period_max
                assert line.bought_units <= line.bought_wh * mandate.price_ticks_max


@settings(max_examples=150)
@given(members)
def test_the_same_readings_make_the_same_orders_in_a_later_run(people):
    runs = Runs(people, MID_MARKET, {})
    runs.make(runs.at_first)
    held = {
        item.period: {each.order.id: each.hold_units for each in item.funded() if each.hold_units}
        for item in runs.orders
    }
    assert runs.funds.held == {period: found for period, found in held.items() if found}
    assert fund_orders(runs.state, runs.inputs, runs.funds) == runs.orders


@settings(max_examples=150)
@given(members, arrivals)
def test_a_later_run_works_out_no_half_hour_in_which_no_reading_changed(people, versions):
    runs = Runs(people, MID_MARKET, {})
    runs.make(runs.at_first)
    before, made = runs.inputs, runs.batches
    runs.make(known_at(runs.at_first, versions, 2))
    others = [
        one.readings != other.readings for one, other in zip(before, runs.inputs, strict=True)
    ]
    assert runs.batches - made == sum(others)


def test_a_corrected_morning_leaves_a_poor_wallets_evening_as_it_was():
    poor = {"import_ticks": 2_450, "export_ticks": 410, "posted": -198_500_000, "day_max": 10**8}
    people = [{**poor, "wh": [(500, 0)] * 3}, {**poor, "wh": [(0, 600)] * 3}]
    runs = Runs(people, MID_MARKET, {})
    runs.make(runs.at_first)
    wh = [item.bids[item_id].order.wh for item in runs.orders for item_id in item.bids]
    assert wh == [500, 112, 0]  # 1,225,000 units, then what is left
    less = {**runs.at_first, ("m0", Channel.IMPORT, PERIODS[0]): 100}
    runs.make(less)
    wh = [item.bids[item_id].order.wh for item in runs.orders for item_id in item.bids]
    assert wh == [100, 112, 0]
    more = {**less, ("m0", Channel.IMPORT, PERIODS[0]): 900}
    runs.make(more)
    wh = [item.bids[item_id].order.wh for item in runs.orders for item_id in item.bids]
    assert wh == [500, 112, 0]


@example({"0": 0})
@given(st.dictionaries(st.sampled_from("012"), st.integers(0, 5), max_size=3))
def test_a_half_hour_is_posted_anew_only_where_a_reading_or_an_order_is_another(values):
    people = [
        {"import_ticks": 2_450, "export_ticks": 410, "posted": 10**8, "day_max": 10**8, "wh": wh}
        for wh in ([(500, 0)] * 3, [(0, 400)] * 3)
    ]
    runs = Runs(people, MID_MARKET, {})
    runs.make(runs.at_first)
    made = runs.batches
    before = runs.at_first
    after = {**before, **{("m0", Channel.IMPORT, PERIODS[int(n)]): wh for n, wh in values.items()}}
    runs.make(after)
    assert runs.batches - made == len(values)
    assert runs.funds == DayFunds(runs.funds.units, held=runs.funds.held)


# The same on real databases: three days, and readings that come at random between the runs.

DAYS = tuple(DAY + timedelta(days=number) for number in range(3))
BIG = Terms(mandate_units_day_max=10**11)


def founded(folder):
    folder.mkdir()
    community = new_community(folder, datetime(2026, 6, 27, 12, tzinfo=UTC))
    for site in SITES:
        add_meters(community, add_member(community, site.meter, "household", BIG), site)
    community.writer.clock.set_ms((span_of(DAYS[-1]).stop + 48) * 1_800_000)
    return community


def span_of(day):
    return of_local_day(day, load_zone(CHARTER.zone))


def versions_of(seed):
    """Return readings by when they come: before SF, R1 and RF; and those that count in the end."""
    chosen = random.Random(seed)
    parts, final = ([], [], []), {}
    for reading in street_readings(SITES, DAYS):
        key = reading.meter, reading.channel, reading.period
        fate, final[key] = chosen.random(), reading
        if fate < 0.02:  # comes late
            parts[chosen.choice([1, 2])].append(reading)
        elif fate < 0.04:  # is corrected
            parts[0].append(reading)
            final[key] = Reading(*key, chosen.randrange(3_000), Quality.ACTUAL)
            parts[chosen.choice([1, 2])].append(final[key])
        elif fate < 0.05:  # is guessed, and then known
            parts[0].append(Reading(*key, chosen.randrange(3_000), Quality.LIKE_DAY))
            parts[1].append(reading)
        else:
            parts[0].append(reading)
    return parts, [*final.values()]


@pytest.mark.parametrize("seed", range(2))
def test_three_days_come_to_what_they_would_have_been_at_once(tmp_path, seed):
    parts, final = versions_of(seed)
    communities = founded(tmp_path / "steps"), founded(tmp_path / "once")
    steps, once = communities
    order = random.Random(seed)
    for code, readings in zip(RUNS, parts, strict=True):
        import_readings(steps, readings)
        days = order.sample(DAYS, len(DAYS))
        settled = [run(steps, code, day).settled for day in days]
        assert all(settled), settled
    import_readings(once, final)
    for day in DAYS:
        run(once, "SF", day)
    assert without_empty(balances(steps)) == without_empty(balances(once))
    assert size_of(steps) > size_of(once)
    checked(steps, tmp_path)
    for community in communities:
        community.writer.database.close()
