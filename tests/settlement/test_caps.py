"""Caps: exact at their boundaries, warned of early, measured from a street's own lines."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from settlement.caps import (
    CAPS,
    DOMESTIC,
    GENERATION,
    PAYMENTS,
    SUPPLY,
    Status,
    amount_text,
    beyond_permille,
    euro_cents,
    judge,
    percent_text,
    permille,
    status_of,
)
from settlement.caps_store import measure
from settlement.tables import LineRow, NetRow
from tests.streets import build_street


@pytest.mark.parametrize("cap", CAPS, ids=lambda cap: cap.name)
@pytest.mark.parametrize(
    ("tenths", "status"),
    [
        (0, Status.OK),
        (799, Status.OK),
        (800, Status.NEAR),
        (1000, Status.NEAR),
        (1001, Status.OVER),
        (5000, Status.OVER),
    ],
)
def test_each_cap_warns_from_eighty_percent_and_is_over_above_its_limit(cap, tenths, status):
    measured = -(-cap.limit * tenths // 1000) if tenths > 1000 else cap.limit * tenths // 1000
    [found] = judge({cap.name: measured}, [cap])
    assert found.status is status
    assert bool(found.sentence) == (status is not Status.OK)
    assert found.sentence.startswith("Near the limit") == (status is Status.NEAR)


@pytest.mark.parametrize("cap", CAPS, ids=lambda cap: cap.name)
def test_one_more_than_the_limit_is_over_and_never_shown_as_all_of_it(cap):
    [found] = judge({cap.name: cap.limit + 1}, [cap])
    assert found.status is Status.OVER
    assert permille(found) > 1000


def test_the_limits_are_those_of_the_law():
    assert amount_text(SUPPLY.limit, SUPPLY.unit) == "5,000.0 kW"
    assert amount_text(DOMESTIC.limit, DOMESTIC.unit) == "2,500.0 kW"
    assert amount_text(PAYMENTS.limit, PAYMENTS.unit) == "1,000,000.00 euros"
    assert amount_text(GENERATION.limit, GENERATION.unit) == "20.0 %"
    assert len({cap.name for cap in CAPS}) == len(CAPS)


def test_what_is_not_known_is_not_all_right():
    for found in judge({"supply": None}):
        assert found.status is Status.UNKNOWN
        assert (permille(found), percent_text(found)) == (None, "")
        assert found.sentence == found.cap.unknown


@given(st.integers(0, 10**12), st.integers(1, 10**10))
def test_the_status_follows_the_exact_part(measured, limit):
    status = status_of(measured, limit)
    assert (status is Status.OVER) == (measured > limit)
    assert (status is Status.OK) == (10 * measured < 8 * limit)
    [found] = judge({"supply": measured}, [replace(SUPPLY, limit=limit)])
    assert (permille(found) > 1000) == (status is Status.OVER)
    assert (permille(found) < 800) == (status is Status.OK)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_beyond_is_rounded_up_and_grows_with_what_is_given(given_wh, taken_wh):
    found = beyond_permille(given_wh, taken_wh)
    assert (found == 0) == (given_wh <= taken_wh)
    if taken_wh:
        assert (found - 1) * taken_wh < max(0, given_wh - taken_wh) * 1000 <= found * taken_wh
    assert beyond_permille(given_wh + 1, taken_wh) >= found


@given(st.integers(0, 2**53), st.integers(1, 10**9))
def test_euros_are_rounded_up_by_less_than_a_cent(units, rate):
    exact = units * rate  # in 10^-13 euros
    assert 0 <= euro_cents(units, rate) * 10**11 - exact < 10**11


def test_a_street_is_measured_by_its_own_lines(settled_street):
    community = settled_street.community
    measured = measure(community, 1_150_000)
    lines = LineRow.__table__
    with community.reading() as connection:
        rows = connection.execute(select(lines)).all()
    sold = {}
    for row in rows:
        sold[row.period] = sold.get(row.period, 0) + row.sold_wh
    assert (measured.first.isoformat(), measured.last.isoformat()) == ("2025-07-02", "2026-07-01")
    assert measured.measures["supply"] == 2 * max(sold.values()) > 0
    assert measured.measures["supply_domestic"] == measured.measures["supply"]  # all are households
    nets = NetRow.__table__
    with community.reading() as connection:
        cash = connection.scalars(select(nets.c.cash_units).where(nets.c.cash_units < 0)).all()
    assert len(cash) > 3
    assert measured.paid_units == -sum(cash) + (360 + 125) * 100_000
    assert measured.measures["payments"] == -(-measured.paid_units * 115 // 10**7)
    assert measure(community, None).measures["payments"] is None


def test_the_last_run_of_a_half_hour_counts(tmp_path):
    street = build_street(tmp_path)
    before = measure(street.community, None).measures
    lines = LineRow.__table__
    with street.community.transaction() as connection:
        noon = connection.execute(
            select(lines).where(lines.c.sold_wh > 0).order_by(lines.c.sold_wh.desc())
        ).first()
        highest = connection.scalar(select(func.max(lines.c.position)))
        later = {**noon._asdict(), "code": "R1", "sold_wh": 10**7, "position": highest + 1}
        connection.execute(insert(lines).values(later))
    after = measure(street.community, None).measures
    assert after["supply"] > 2 * 10**7 > before["supply"]
    street.community.writer.database.close()
