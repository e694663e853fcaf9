"""When a later run's money counts, and by which of the community's rules it is paid."""

from datetime import timedelta

import pytest

from settlement import deeds, store
from settlement.audit.verify import audit
from settlement.day_run import DayRun
from settlement.export import export_bundle
from settlement.netting import purses_of
from settlement.run import settle_day
from tests.prepared import DAY
from tests.settlement.later import KilledError, at, checked, killing, late, run

assert late  # a fixture

DAY_MS = 86_400_000


@pytest.fixture
def street(late, tmp_path):
    """A street in which Ben's readings of two half-hours came after the first run."""
    community = late.copy(tmp_path / "street")
    yield community
    community.writer.database.close()


def nets(community, code):
    with community.reading() as connection:
        return store.nets_of_run(connection, community.writer.ledger, str(DAY), code)


def test_a_run_that_was_killed_in_one_month_and_finished_in_the_next_counts_in_the_next(
    street, monkeypatch, tmp_path
):
    """Whoever read the first month's statement in between has read what it says for ever."""
    monkeypatch.setattr("settlement.run.GROUP_TRANSFERS_MAX", 1)
    with pytest.raises(KilledError):
        run(street, "R1", after_step=killing(1, "settle"))
    clock = street.writer.clock
    begun = clock.now_ms()
    clock.set_ms(begun + 9 * DAY_MS)
    settle_day(street, DAY, code="R1")
    assert {net.period for net in nets(street, "R1")} == {(begun + 9 * DAY_MS) // 1_800_000}
    checked(street, tmp_path)


def test_the_funds_limit_is_that_of_the_rules_in_force_when_money_moves(
    street, monkeypatch, tmp_path
):
    """The day's own rules allowed the fund nothing; those of now let it carry five pounds."""
    seen = []

    def look(balances, held, rules):
        seen.append(rules.fund_floor_units)
        return purses_of(balances, held, rules)

    fields = deeds.rules_now(street)
    fields["charges"] = {"network_ticks": 0, "fund_floor_units": -50_000_000}
    deeds.new_rules(street, fields)
    at(street, "R1", DAY + timedelta(days=1))
    monkeypatch.setattr("settlement.run_close.purses_of", look)
    settle_day(street, DAY, code="R1")
    assert seen == [-50_000_000]
    checked(street, tmp_path)


@pytest.mark.parametrize("limit", [10_000, 1])
def test_a_half_hour_that_ends_while_money_moves_takes_it_back_and_tries_again(
    street, monkeypatch, tmp_path, limit
):
    monkeypatch.setattr("settlement.run.GROUP_TRANSFERS_MAX", limit)
    at(street, "R1")
    honest, said = DayRun.money_period, []

    def late_once(day_run, now):
        said.append(now)
        return honest(day_run, now - (len(said) == 1))

    monkeypatch.setattr(DayRun, "money_period", late_once)
    settle_day(street, DAY, code="R1")
    assert len(said) == 2
    assert {net.period for net in nets(street, "R1")} == {said[1]}
    checked(street, tmp_path)


def test_an_operator_who_moves_money_into_the_half_hour_before_is_noticed(
    street, monkeypatch, tmp_path
):
    """Five minutes after a month's end, that would change a statement that was read."""
    at(street, "R1")
    with monkeypatch.context() as patch:
        patch.setattr(DayRun, "money_period", lambda _run, now: now - 1)
        patch.setattr("settlement.run_close._check_same_half_hour", lambda *_args: None)
        settle_day(street, DAY, code="R1")
    export_bundle(street, tmp_path / "insider")
    report = audit(tmp_path / "insider")
    assert (report.verdict, report.failed) == ("unsound", "postings")
    assert "counts in another half-hour than it moves in" in report.failure
