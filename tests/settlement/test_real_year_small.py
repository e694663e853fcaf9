"""Ten made-up days of three homes with every fault: the same code and the same checks as a real year."""

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement import store
from tests.settlement.real_year_checks import CHECKS
from tests.settlement.real_year_faults import plan
from tests.settlement.real_year_lived import live
from tests.settlement.real_year_oracle import Said, matched
from tests.settlement.real_year_scripts import small
from tests.settlement.real_year_sums import compare


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    made = live(small(), tmp_path_factory.mktemp("small"))
    yield made
    made.community.writer.database.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_ten_days_with_every_fault(lived, check):
    check(lived)


def test_a_line_that_is_one_wh_off_is_found(lived, monkeypatch):
    def off(*arguments):
        found = honest(*arguments)
        period, lines = next((p, of) for p, of in found.items() if any(x[3] for x in of.values()))
        member, line = next((m, x) for m, x in lines.items() if x.bought_wh)
        found[period] = {**lines, member: line._replace(bought_wh=line.bought_wh - 1)}
        return found

    honest = store.lines_by_period
    monkeypatch.setattr(store, "lines_by_period", off)
    assert compare.__wrapped__(lived).different


def test_in_the_end_the_truth_is_known_but_for_what_never_came():
    script = small()
    made = plan(script.readings, script.zone, script.rates, script.seed, script.swap)
    said, after_all = Said.of(made.deliveries), 10**9
    lost = Counter(
        reading.wh - said.best((reading.meter, reading.channel), reading.period, after_all)
        if said.best((reading.meter, reading.channel), reading.period, after_all) is not None
        else None
        for reading in script.readings
    )
    whole = made.counts["missing day"] + made.counts["missing fortnight"]
    assert lost[None] == whole * 96 + made.counts["missing half-hours"]
    assert set(lost) == {0, None}, "something wrong was never put right"


def test_the_same_seed_gives_the_same_faults_and_another_one_others():
    script = small()
    plans = [
        plan(script.readings, script.zone, script.rates, seed, script.swap) for seed in (1, 1, 2)
    ]
    assert plans[0].deliveries == plans[1].deliveries
    assert plans[0].deliveries != plans[2].deliveries


orders = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5_000))


@given(orders, orders, st.integers(0, 10**6))
def test_the_plain_market_sells_what_it_buys_and_nobody_more_than_offered(asks, bids, period):
    sells, buys = matched(asks, bids, period)
    total = min(sum(asks.values()), sum(bids.values()))
    assert sum(sells.values()) == sum(buys.values()) == total
    for offered, traded in chain(
        ((asks[m], wh) for m, wh in sells.items()), ((bids[m], wh) for m, wh in buys.items())
    ):
        assert 0 <= traded <= offered
