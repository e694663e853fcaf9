"""Each run is reproduced to the byte, whatever came later; and what was changed beneath it is found."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from ledger.errors import InputError, LogError
from ledger.store import LedgerStore
from meters.readings import Quality
from settlement import deeds
from settlement.enrol import Terms, add_member, pay
from settlement.reproduce import reproduce
from tests.prepared import DAY
from tests.settlement.later import (
    BEN,
    CLEO,
    LATE,
    NOON,
    SCHOOL,
    begin,
    late,
    owner,
    run,
    say,
    statements,
    without,
)

assert late  # a fixture

RUNS = ("SF", "R1", "RF", "DF")


def again(community, code):
    with community.reading() as connection:
        return reproduce(community, connection, DAY, code)


def what_comes_later(community):
    """Yield, before each run but the first, things that no earlier run may notice."""
    ben, cleo = owner(community, BEN), owner(community, CLEO)
    yield lambda: say(community, BEN, LATE)
    yield lambda: (
        say(community, SCHOOL, {NOON: 0, NOON + 1: 9_000}),
        pay(community, ben, cleo, 500_000, "eggs"),
        deeds.revoke_mandate(community, ben),
        deeds.set_limit(community, cleo, -100_000_000, "As agreed."),
    )
    yield lambda: (
        say(community, CLEO, {3: 0}),
        add_member(community, "Dora", "household", Terms()),
        deeds.withdraw_consent(community, cleo, "m-cleo"),
    )


def test_each_run_is_reproduced_after_all_that_came_later(tmp_path):
    gone = {NOON + 4: 1_000}
    community = begin(tmp_path, without((BEN, LATE), (SCHOOL, gone)))
    say(community, SCHOOL, gone, Quality.SCALED)  # zero at first, and in full in RF
    later = what_comes_later(community)
    settled = {}
    for code in RUNS:
        if code != "SF":
            next(later)()
        settled[code] = run(community, code).settled
    assert settled == {"SF": 48, "R1": 2, "RF": 3, "DF": 1}
    for code in RUNS:
        found = again(community, code)
        assert found.difference is None, (code, found.difference)
        counted = {"clearing": settled[code], "settlement": settled[code], "seal": 1}
        assert found.compared == ({"hold": 1, **counted} if code == "SF" else counted)
    community.writer.database.close()


@pytest.fixture
def street(late, tmp_path):
    community = late.copy(tmp_path / "street")
    run(community, "R1")
    yield community
    community.writer.database.close()


def test_a_run_that_changed_nothing_is_reproduced_too(street):
    run(street, "RF")
    assert dict(again(street, "RF").compared) == {"seal": 1}
    assert again(street, "RF").same


def test_a_run_that_was_not_made_is_none(street):
    with pytest.raises(InputError, match="The run RF of 2026-06-30 was not made"):
        again(street, "RF")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        # Ben's late readings are given to the first run, too, as if it had ignored them.
        ("UPDATE reading_day SET position = 3 WHERE position > 100", "SF", "the hold of 2026"),
        ("UPDATE run SET known = known + 200 WHERE code = 'SF'", "SF", "the hold of 2026"),
        ("UPDATE run SET known = 40 WHERE code = 'R1'", "R1", "the seal of 2026"),
        ("UPDATE line SET own_use_wh = 1 WHERE position > 127", "R1", "the seal of 2026"),
        ("UPDATE line SET grid_import_wh = 5 WHERE code = 'SF'", "R1", "the settlement of 2026"),
    ],
)
def test_what_was_changed_in_the_database_is_found(street, monkeypatch, change, code, words):
    monkeypatch.setattr(LedgerStore, "after_write", None)
    with street.writer.database.write() as connection:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for name in list(connection.exec_driver_sql(triggers).scalars()):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        assert connection.execute(text(change)).rowcount
    found = again(street, code)
    assert words in (found.difference or "")
    assert not found.same


def test_another_market_is_found_by_its_clearing(street, monkeypatch):
    logged, rules = street.state.rules_history[0]
    market = replace(rules.market, charge_ticks=21)
    street.state.rules_history[0] = logged, replace(rules, market=market)
    assert "the clearing of 2026" in (again(street, "R1").difference or "")


def test_what_needs_an_erased_detail_cannot_tell(street):
    [(hold, _)] = statements(street, "hold")
    clock = street.writer.clock
    clock.set_ms(clock.now_ms() + 110 * 86_400_000)
    deeds.erase(street, {hold: "detail"}, "It is long ago.")
    with pytest.raises(LogError, match="was erased"):
        again(street, "SF")
