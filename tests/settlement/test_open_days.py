"""Which days are open: settled ones, once, as the first run left them."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from market.model import PPM, PriceRule, Rules
from settlement.open_data import Why
from settlement.open_data_store import OpenDays, admits, total_matched_wh
from settlement.run import settle_day
from settlement.tables import LineRow, RunRow
from settlement.terms import CommunityRules, Mandate, Offer
from settlement.timetable import first_due_ms
from tests.prepared import DAY, reopen
from tests.wallet_api.open_streets import opened
from wallet_api.street import CHARTER, WEEK


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    community = opened(tmp_path_factory.mktemp("open") / "street")
    yield community
    community.writer.database.close()


def settle(community, day):
    community.writer.clock.set_ms(first_due_ms(day, CHARTER.zone))
    settle_day(community, day)


def test_days_appear_when_they_are_settled_and_earlier_ones_stay(street):
    days = OpenDays()
    assert days.of(street) == []
    settle(street, WEEK[0])
    [first] = days.of(street)
    settle(street, WEEK[1])
    assert days.of(street) == OpenDays().of(street)
    assert [day.day for day in days.of(street)] == WEEK[:2]
    assert days.of(street)[0] == first
    assert [len(day.rows) for day in days.of(street)] == [48, 48]
    assert [d.day for d in days.of(street, WEEK[1])] == [WEEK[1]]
    assert [d.day for d in days.of(street, None, WEEK[0])] == [WEEK[0]]
    assert days.of(street, WEEK[1] + timedelta(1)) == []


def test_what_is_shown_is_the_rounded_truth(street):
    days = OpenDays().of(street, WEEK[0], WEEK[0])
    with street.reading() as connection:
        lines = connection.execute(select(LineRow.__table__)).all()
    noon = next(row for row in days[0].rows if row.matched_wh and row.period % 48 == 24)
    here = [line for line in lines if line.period == noon.period]
    for shown, exact in (
        (noon.import_wh, sum(line.bought_wh + line.grid_import_wh for line in here)),
        (noon.export_wh, sum(line.sold_wh + line.grid_export_wh for line in here)),
        (noon.matched_wh, sum(line.sold_wh for line in here)),
    ):
        assert abs(shown - exact) <= 500
        assert shown % 1000 == 0
    assert noon.price_ticks == 1430
    assert 0 < total_matched_wh(days) == sum(row.matched_wh or 0 for row in days[0].rows)


def test_a_later_run_changes_nothing_that_is_open(street):
    before = OpenDays().of(street)
    lines, runs = LineRow.__table__, RunRow.__table__
    with street.transaction() as connection:
        found = connection.execute(select(lines)).all()
        later = [
            {**row._asdict(), "code": "R1", "bought_wh": 9_999, "position": row.position + 10_000}
            for row in found[:400]
        ]
        connection.execute(insert(lines), later)
        run = connection.execute(select(runs)).first()
        connection.execute(insert(runs).values({**run._asdict(), "code": "R1"}))
    assert OpenDays().of(street) == before


def test_a_street_of_four_shows_nothing(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "four")
    community = reopen(f"sqlite:///{tmp_path}/four/street.sqlite", tmp_path / "four" / "keys")
    settle_day(community, DAY)
    days = OpenDays().of(community)
    figures = {(r.import_wh, r.export_wh, r.matched_wh, r.price_ticks) for r in days[0].rows}
    assert figures == {(None, None, None, None)}
    assert {row.matched_why for row in days[0].rows} == {Why.FEW}
    assert total_matched_wh(days) is None
    community.writer.database.close()


MID = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)  # 14.30p
RULES = CommunityRules(1, "LWD/7", "Europe/London", "s", MID, True, "mutual-credit", "x", 0)
OFFER = Offer(2450, 410, 2450, 410)
MANDATE = Mandate("00", 10**6, 2450, 10**9, 10**9, 0, 100)


@pytest.mark.parametrize(
    ("rules", "offer", "mandate", "yes"),
    [
        (RULES, OFFER, MANDATE, True),
        (RULES, None, MANDATE, False),
        (RULES, OFFER, None, False),
        (RULES, OFFER, replace(MANDATE, last=6), False),
        (RULES, replace(OFFER, buy_ticks=1430, sell_ticks=1430), MANDATE, True),
        (RULES, replace(OFFER, buy_ticks=1429), MANDATE, False),
        (RULES, replace(OFFER, sell_ticks=1431), MANDATE, False),
        (RULES, OFFER, replace(MANDATE, price_ticks_max=1429), False),
        (replace(RULES, market=replace(MID, charge_ticks=100)), OFFER, MANDATE, True),
        (
            replace(RULES, market=replace(MID, price=PriceRule.SUPPLY_DEMAND_RATIO)),
            replace(OFFER, buy_ticks=2449),
            MANDATE,
            False,
        ),
        (replace(RULES, market=Rules(PriceRule.UNIFORM)), OFFER, MANDATE, False),
        (replace(RULES, import_ppm=2 * PPM), OFFER, MANDATE, False),
    ],
)
def test_who_may_trade_is_told_from_agreements_alone(rules, offer, mandate, yes):
    assert admits(rules, offer, mandate, 7) is yes
