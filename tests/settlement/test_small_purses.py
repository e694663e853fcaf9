"""A purse that ends within the day, in later runs: each order has what was set aside for it."""

from dataclasses import replace

import pytest

from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.orders_wire import fixed_funds
from settlement.reproduce import reproduce
from settlement.why import why
from tests.settlement.later import BEN, CLEO, checked, lines, owner, run, say
from tests.settlement.test_debts import DAYS, SPANS, base, opened

assert base  # a fixture


@pytest.fixture
def short(base, tmp_path):
    """A street after the first run of a day in which Ben's money ended, and when he bought."""
    community = opened(base, tmp_path / "street")
    ben = owner(community, BEN)
    pay(community, ben, owner(community, CLEO), 7_500_000, "a bicycle")
    run(community, "SF", DAYS[0])
    found = lines(community, SPANS[DAYS[0]])
    bought = [place for place, p in enumerate(SPANS[DAYS[0]]) if found[p][ben].bought_wh]
    assert len(bought) > 2
    assert found[SPANS[DAYS[0]][bought[-1]]][ben].grid_import_wh, "his money never ended"
    yield community, ben, bought
    community.writer.database.close()


def test_a_morning_that_is_corrected_leaves_the_evening_of_a_small_purse(short, tmp_path):
    """Each half-hour has what the first run set aside for it, whatever becomes of the others."""
    community, ben, bought = short
    before = lines(community, SPANS[DAYS[0]])
    memory = checked(community, tmp_path).memory()
    for code, wh in (("R1", 1), ("RF", 150)):
        say(community, BEN, {bought[0]: wh}, periods=SPANS[DAYS[0]])
        assert run(community, code, DAYS[0]).settled == 1
        after = lines(community, SPANS[DAYS[0]])
        corrected = SPANS[DAYS[0]][bought[0]]
        assert {p for p in SPANS[DAYS[0]] if after[p] != before[p]} == {corrected}
        assert after[corrected][ben].bought_wh > 0
        memory = checked(community, tmp_path, memory).memory()
        with community.reading() as connection:
            assert reproduce(community, connection, DAYS[0], code).same
            found = why(community, connection, ben, corrected, code)
        assert not found.differences


@pytest.mark.parametrize("held", ["nothing", "more"])
def test_a_later_run_that_funds_an_order_otherwise_is_noticed(short, tmp_path, monkeypatch, held):
    """Were half-hours funded in turn again, or with more than was set aside, the audit would tell."""
    community, ben, bought = short

    def otherwise(detail):
        fixed = fixed_funds(detail)
        if held == "nothing":
            return replace(fixed, held={})
        return replace(
            fixed, held={p: {**h, ben: h.get(ben, 0) + 90_000} for p, h in fixed.held.items()}
        )

    place, wh = (bought[0], 1) if held == "nothing" else (bought[-1], 149)
    say(community, BEN, {place: wh}, periods=SPANS[DAYS[0]])
    with monkeypatch.context() as patch:
        patch.setattr("settlement.run_begin.fixed_funds", otherwise)
        run(community, "R1", DAYS[0])
    export_bundle(community, tmp_path / "insider")
    report = audit(tmp_path / "insider")
    assert (report.verdict, report.failed) == ("unsound", "clearings")
