"""Money that cannot bounce: wallets near zero, small mandates, payments between runs, and claims.

A real community is driven at random: whatever is done, nothing fails but a payment that is refused,
and who owes, who is owed and what was posted always add up to the lines that were signed.
"""

import random
import shutil
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ledger import log_store
from ledger.accounts import carried, fund, receivable, wallet
from ledger.errors import RefusedError
from ledger.primitives.canonical import decode
from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel
from settlement import deeds
from settlement.enrol import Terms, add_member, pay
from settlement.intake import import_readings
from settlement.orders_wire import funds_from_detail
from tests.prepared import CHARTER, DAY, reopen
from tests.settlement.later import (
    BEN,
    CLEO,
    NOON,
    SCHOOL,
    at,
    balances,
    checked,
    lines,
    owner,
    run,
    say,
)
from tests.streets import SITES, add_meters, new_community, street_readings

ASSET = "LWD/7"
DAYS = tuple(DAY + timedelta(days=number) for number in range(2))
SPANS = {day: of_local_day(day, load_zone(CHARTER.zone)) for day in DAYS}
CODES = ("SF", "R1", "RF", "DF")
FUND_FLOOR = -250_000
SELLERS = (SCHOOL, ("m-ada-pv", Channel.EXPORT))
SLOTS = (BEN, CLEO, *SELLERS)
TERMS = {
    "m-ada": Terms(floor_units=0),
    "m-ben": Terms(floor_units=-9_000_000, mandate_wh_period_max=150),
    "m-cleo": Terms(floor_units=-8_000_000, mandate_units_day_max=9_000_000),
    "m-school": Terms(floor_units=-300_000),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A street whose members have next to nothing, with the readings of two days in."""
    folder = tmp_path_factory.mktemp("debts")
    community = new_community(folder, datetime(2026, 6, 28, 12, tzinfo=UTC))
    fields = deeds.rules_now(community)
    fields["charges"] = {"network_ticks": 0, "fund_floor_units": FUND_FLOOR}
    fields["market"]["charge_ticks"] = 20
    deeds.new_rules(community, fields)
    for site in SITES:
        terms = TERMS[site.meter]
        add_meters(community, add_member(community, site.meter, "household", terms), site)
    community.writer.clock.set_ms((SPANS[DAYS[-1]].stop + 48) * 1_800_000)
    import_readings(community, street_readings(SITES, DAYS))
    community.writer.database.close()
    return folder


def opened(base, folder):
    shutil.copytree(base, folder)
    return reopen(f"sqlite:///{folder}/street.sqlite", folder / "keys")


class Debts(RuleBasedStateMachine):
    """A community of few means; ``base`` is set by the test."""

    base: Path

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp())
        self.community = opened(self.base, self.folder / "street")
        self.members = {slot: owner(self.community, slot) for slot in SLOTS}
        self.made = {day: [] for day in DAYS}
        self.paid = dict.fromkeys(self.members.values(), 0)
        self.revoked = {}
        self.runs(DAYS[0], 0)
        for seller in SELLERS:  # what they got is gone, and all of their limits
            self.pays(seller, CLEO, 1.0)
        self.now = balances(self.community)

    def free(self, member):
        """Return what a wallet can still pay."""
        with self.community.reading() as connection:
            found = self.community.writer.ledger.balances(connection)[wallet(member, ASSET)]
        return found.available

    # What members do.

    @rule(
        payer=st.sampled_from(SLOTS),
        payee=st.sampled_from(SLOTS),
        part=st.sampled_from([0.1, 1.0, 1.0, 1.1]),
    )
    def pays(self, payer, payee, part):
        one, other = self.members[payer], self.members[payee]
        free = self.free(one)
        units = max(1, int(free * part))
        if not free:
            return
        try:
            pay(self.community, one, other, units, "a loaf")
        except RefusedError:
            assert units > free or one == other
            return
        assert units <= free
        self.paid[one] -= units
        self.paid[other] += units

    @rule(slot=st.sampled_from((BEN, CLEO)))
    def revokes(self, slot):
        member = self.members[slot]
        if member not in self.revoked:
            deeds.revoke_mandate(self.community, member)
            # Of days that were run before, it takes nothing back: those were cleared.
            self.revoked[member] = {day for day in DAYS if not self.made[day]}

    @rule(slot=st.sampled_from(SLOTS), floor=st.sampled_from([0, -600_000, -9_000_000]))
    def limits(self, slot, floor):
        member = self.members[slot]
        before = self.now[wallet(member, ASSET)]
        try:
            deeds.set_limit(self.community, member, floor, "As agreed.")
        except RefusedError:
            assert before < floor
        else:
            assert before >= floor

    # What meters say.

    @rule(
        slot=st.sampled_from(SLOTS),
        day=st.sampled_from(DAYS),
        first=st.integers(14, 34),
        count=st.integers(1, 12),
        wh=st.sampled_from([0, 0, 150, 2_500, 6_000]),
    )
    def is_corrected(self, slot, day, first, count, wh):
        say(
            self.community, slot, dict.fromkeys(range(first, first + count), wh), periods=SPANS[day]
        )

    @rule(slot=st.sampled_from(SELLERS), day=st.sampled_from(DAYS))
    def spends_all_and_is_corrected_down(self, slot, day):
        self.pays(slot, BEN, 1.0)
        say(self.community, slot, dict.fromkeys(range(48), 0), periods=SPANS[day])
        if self.made[day]:
            self.runs(day, 0)

    # What the operator does.

    @rule(day=st.sampled_from(DAYS), skip=st.sampled_from([0, 0, 0, 1]))
    def runs(self, day, skip):
        made = self.made[day]
        place = min(CODES.index(made[-1]) + 1 + skip, 3) if made else 0
        code = CODES[place]
        if code in made or (code == "DF" and "RF" not in made):
            return
        before = balances(self.community)
        summary = run(self.community, code, day)
        made.append(code)
        after = balances(self.community)
        if not summary.settled:
            assert after == before
            return
        self.nobody_waits_for_less_than_they_must(before, after)
        self.caps_hold(day)

    def nobody_waits_for_less_than_they_must(self, before, after):
        """Debts are paid first, and whoever waits does so because the fund is at its floor."""
        pot = fund(ASSET)
        assert after[pot] >= min(before[pot], FUND_FLOOR)
        for member in self.members.values():
            claim = after.get(receivable(member, ASSET), 0)
            if claim < 0:
                assert self.free(member) == 0
            if claim > 0:
                assert after[pot] <= max(FUND_FLOOR, min(before[pot], FUND_FLOOR))
                assert after[carried(ASSET)] >= 0

    def caps_hold(self, day):
        found = lines(self.community, SPANS[day]).values()
        state = self.community.state
        for member in self.members.values():
            mandate = state.mandates[member][0][1]
            mine = [of_period[member] for of_period in found if member in of_period]
            assert sum(line.bought_units for line in mine) <= mandate.units_day_max
            for line in mine:
                assert line.bought_units <= mandate.units_period_max
                assert line.bought_wh <= mandate.wh_period_max
                assert line.bought_units <= line.bought_wh * mandate.price_ticks_max
            if day in self.revoked.get(member, ()):
                assert sum(line.bought_wh for line in mine) == 0

    # What always holds.

    @invariant()
    def everything_adds_up(self):
        """Wallet and claim, less payments, are what all signed lines come to."""
        self.now = balances(self.community)  # sums, limits, claims and pools are checked with it
        everybodys = [
            line
            for span in SPANS.values()
            for of_period in lines(self.community, span).values()
            for line in of_period.values()
        ]
        for member, paid in self.paid.items():
            mine = [line for line in everybodys if line.member == member]
            due = sum(line.sold_units - line.bought_units for line in mine)
            claim = self.now.get(receivable(member, ASSET), 0)
            assert self.now[wallet(member, ASSET)] + claim - paid == due
        assert sum(line.sold_wh - line.bought_wh for line in everybodys) == 0

    def teardown(self):
        if hasattr(self, "community"):
            checked(self.community, self.folder)
            self.community.writer.database.close()
            shutil.rmtree(self.folder)


def test_whatever_is_done_nothing_bounces_and_everything_adds_up(base):
    Debts.base = base
    run_state_machine_as_test(
        Debts, settings=settings(max_examples=6, stateful_step_count=16, deadline=None)
    )


# One story, told in full.


def worth(community, member, day):
    """Return what a day's lines come to for a member."""
    mine = [found[member] for found in lines(community, SPANS[day]).values()]
    return sum(line.sold_units - line.bought_units for line in mine)


def test_a_debt_is_repaid_by_the_first_money_that_comes(base, tmp_path):
    """The school is corrected down after it spent what it got; then it sells again."""
    community = opened(base, tmp_path / "street")
    school, ben = owner(community, SCHOOL), owner(community, BEN)
    run(community, "SF", DAYS[0])
    got = balances(community)[wallet(school, ASSET)]
    assert got > 0
    pay(community, school, ben, got + 300_000, "roof tiles")  # all, and all of its limit
    say(community, SCHOOL, dict.fromkeys(range(48), 0), periods=SPANS[DAYS[0]])
    run(community, "R1", DAYS[0])
    owing = balances(community)
    assert owing[wallet(school, ASSET)] == -300_000
    # It owes what it had got and what it bought; nobody could be paid by it but from the fund.
    assert worth(community, school, DAYS[0]) <= 0
    assert owing[receivable(school, ASSET)] == worth(community, school, DAYS[0]) - got
    assert owing[fund(ASSET)] == FUND_FLOOR
    waiting = {m: owing.get(receivable(m, ASSET), 0) for m in community.state.members}
    assert sum(waiting.values()) + owing[carried(ASSET)] == 0
    assert sum(units > 0 for units in waiting.values()) > 0
    checked(community, tmp_path)
    # Of the next day's money nothing stays with the school until the debt is paid.
    run(community, "SF", DAYS[1])
    after = balances(community)
    sold = worth(community, school, DAYS[1])
    assert 0 < sold < -owing[receivable(school, ASSET)]
    assert after[wallet(school, ASSET)] == -300_000
    assert after[receivable(school, ASSET)] == owing[receivable(school, ASSET)] + sold
    assert after[fund(ASSET)] >= FUND_FLOOR
    # With money enough every claim goes, the fund's too.
    pay(community, ben, school, 900_000, "the tiles were paid twice")
    say(community, CLEO, {NOON: 1}, periods=SPANS[DAYS[1]])
    run(community, "R1", DAYS[1])
    end = balances(community)
    assert end[receivable(school, ASSET)] > after[receivable(school, ASSET)]
    checked(community, tmp_path)
    community.writer.database.close()


def test_what_somebody_owes_is_not_theirs_to_buy_with(base, tmp_path):
    community = opened(base, tmp_path / "street")
    ben, cleo = owner(community, BEN), owner(community, CLEO)
    run(community, "SF", DAYS[0])
    free = balances(community)[wallet(ben, ASSET)] + 9_000_000
    pay(community, ben, cleo, free, "a bicycle")
    say(community, BEN, dict.fromkeys(range(14, 34), 150), periods=SPANS[DAYS[0]])
    run(community, "R1", DAYS[0])
    debt = -balances(community)[receivable(ben, ASSET)]
    assert debt > 0
    pay(community, cleo, ben, debt + 1_000_000, "back")
    run(community, "SF", DAYS[1])
    with community.reading() as connection:
        [_, hold] = log_store.facts(connection, community.writer.community, kinds=["hold"])
    assert funds_from_detail(decode(hold[1].detail, 10**7)).units[ben] == 1_000_000
    # It was repaid before anything else, with what the day itself brought.
    assert balances(community)[receivable(ben, ASSET)] == 0
    checked(community, tmp_path)
    community.writer.database.close()


def test_payments_from_another_process_never_stop_a_run(base, tmp_path):
    """Somebody pays at every moment of two days' runs: only payments are ever refused."""
    community = opened(base, tmp_path / "street")
    other = reopen(f"sqlite:///{tmp_path}/street/street.sqlite", tmp_path / "street/keys")
    at(community, "R1", DAYS[1])
    other.writer.clock = community.writer.clock  # one machine's: neither runs ahead of the log
    over, failures, taken = threading.Event(), [], []
    chosen = random.Random(3)
    members = sorted(other.state.members)

    def shop():
        count = 0
        while not over.is_set():
            count += 1
            payer, payee = chosen.sample(members, 2)
            try:
                pay(other, payer, payee, chosen.choice([10_000, 3_000_000]), f"loaf {count}")
                taken.append(count)
            except RefusedError:
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failures.append(error)
                return

    thread = threading.Thread(target=shop)
    thread.start()
    try:
        for code, values in (("SF", {}), ("R1", {NOON: 0, NOON + 1: 0})):
            for day in DAYS:
                if values:
                    say(community, SCHOOL, values, periods=SPANS[day])
                run(community, code, day)
    finally:
        over.set()
        thread.join()
    assert failures == []
    assert taken
    balances(community)
    checked(community, tmp_path)
    for each in (community, other):
        each.writer.database.close()


def test_a_day_is_within_what_the_wallet_had_when_it_was_first_worked_out(base, tmp_path):
    """Funds are fixed by the first run: money that comes later buys nothing of that day."""
    community = opened(base, tmp_path / "street")
    ben, cleo = owner(community, BEN), owner(community, CLEO)
    pay(community, ben, cleo, 8_999_999, "all but one")
    run(community, "SF", DAYS[0])
    bought = [f[ben].bought_wh for f in lines(community, SPANS[DAYS[0]]).values()]
    assert sum(bought) == 0
    pay(community, cleo, ben, 1_000_000, "back")
    say(community, BEN, {NOON: 140}, periods=SPANS[DAYS[0]])
    run(community, "R1", DAYS[0])
    bought = [f[ben].bought_wh for f in lines(community, SPANS[DAYS[0]]).values()]
    assert sum(bought) == 0
    checked(community, tmp_path)
    community.writer.database.close()
