"""Half-hours and local days, by property, by example and by the published table."""

import csv
import os
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.primitives import periods

REPOSITORY = Path(__file__).resolve().parents[2]
LONDON = periods.load_zone("Europe/London")
LORD_HOWE = periods.load_zone("Australia/Lord_Howe")


@pytest.mark.shared
def test_the_table_of_settlement_periods():
    """Against a table made by another program: London's days around clock changes."""
    folder = Path(os.environ.get("COMMONWATT_SHARED") or REPOSITORY.parent / "shared")
    path = folder / "data" / "meters" / "periods" / "settlement_periods.csv"
    if not path.is_file():
        pytest.skip(f"SKIPPED: the table of settlement periods is not at {path}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 240
    for row in rows:
        zone = periods.load_zone(row["zone"])
        day = periods.parse_date(row["settlement_date"])
        of_day = periods.of_local_day(day, zone)
        period = periods.parse_utc(row["start_utc"])
        assert len(of_day) == int(row["periods_in_day"])
        assert periods.number_in_day(period, zone) == int(row["period"])
        assert of_day[int(row["period"]) - 1] == period
        assert periods.local_date(period, zone) == day
        assert periods.start_text(period + 1) == row["end_utc"]
        local = datetime.fromisoformat(row["start_local_iso"])
        assert periods.from_instant(local) == period


@settings(max_examples=300)
@given(st.integers(96, periods.PERIOD_MAX - 96))  # whole local days within the range
def test_periods_round_trip(period):
    assert periods.parse_utc(periods.start_text(period)) == period
    assert periods.from_instant(periods.start_utc(period)) == period
    for zone in (LONDON, LORD_HOWE):
        day = periods.local_date(period, zone)
        assert period in periods.of_local_day(day, zone)
        assert 1 <= periods.number_in_day(period, zone) <= 50
        assert periods.from_instant(periods.start_utc(period).astimezone(zone)) == period


ZONES = ["Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]
ZONES += ["Asia/Kolkata", "Pacific/Marquesas", "Africa/Cairo", "America/Havana", "Asia/Beirut"]


@pytest.mark.parametrize("name", ZONES)
def test_days_follow_each_other_without_gap_or_overlap(name):
    """Also where midnight itself is skipped or comes twice."""
    zone = periods.load_zone(name)
    day = date(2015, 1, 1)
    days = [day + timedelta(days=number) for number in range(6 * 365)]
    for one, other in pairwise(days):
        today = periods.of_local_day(one, zone)
        assert today.stop == periods.of_local_day(other, zone).start
        assert len(today) in (46, 47, 48, 49, 50)
        assert periods.local_date(today[0], zone) == one
        assert periods.local_date(today[-1], zone) == one


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        (LONDON, date(2026, 3, 29), 46),
        (LONDON, date(2026, 6, 15), 48),
        (LONDON, date(2026, 10, 25), 50),
        (LORD_HOWE, date(2026, 4, 5), 49),
        (LORD_HOWE, date(2026, 6, 15), 48),
        (LORD_HOWE, date(2026, 10, 4), 47),
    ],
)
def test_days_of_46_to_50_half_hours(zone, day, count):
    assert len(periods.of_local_day(day, zone)) == count


def test_the_autumn_night_in_london_has_each_clock_time_twice():
    first = periods.of_local_day(date(2026, 10, 25), LONDON).start
    labels = [periods.local_label(first + number, LONDON) for number in range(2, 6)]
    assert labels == [
        "01:00 to 01:30",
        "01:30 to 01:00",
        "01:00 to 01:30",
        "01:30 to 02:00",
    ]
    assert [periods.number_in_day(first + number, LONDON) for number in range(2, 6)] == [3, 4, 5, 6]


def test_a_month_is_its_days():
    for month, count in (("2026-03", 31 * 48 - 2), ("2026-10", 31 * 48 + 2), ("2026-12", 31 * 48)):
        assert len(periods.of_local_month(month, LONDON)) == count
    december = periods.of_local_month("2026-12", LONDON)
    assert december.stop == periods.of_local_month("2027-01", LONDON).start


@pytest.mark.parametrize("name", ["Asia/Kathmandu", "Pacific/Chatham", "Australia/Eucla"])
def test_zones_off_the_half_hour_are_refused(name):
    with pytest.raises(InputError, match="not on the half-hour"):
        periods.of_local_day(date(2026, 6, 15), periods.load_zone(name))


@pytest.mark.parametrize(
    "name", ["", ".", "Europe", "/etc/passwd", "../x", "a\0b", "x" * 5000, "\ud800", "Mars/Olympus"]
)
def test_what_is_not_a_zone_is_refused(name):
    with pytest.raises(InputError, match="is not a time zone"):
        periods.load_zone(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-06-15T12:30Z",
        "2026-06-15T12:30:00",
        "2026-06-15 12:30:00Z",
        "2026-06-15T12:30:00+00:00",
        "2026-06-15T12:31:00Z",
        "2026-06-15T12:30:01Z",
        "2026-02-30T00:00:00Z",
        "2026-06-15T24:00:00Z",
        "1969-12-31T23:30:00Z",
        "2999-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "\uff12\uff10\uff12\uff16-06-15T12:30:00Z",
    ],
)
def test_what_is_not_the_start_of_a_half_hour_is_refused(text):
    with pytest.raises(InputError):
        periods.parse_utc(text)


@pytest.mark.parametrize(
    "text", ["", "2026-6-15", "20260615", "2026-06-31", "2026-W24-1", "26-06-15", "2026/06/15"]
)
def test_what_is_not_a_date_is_refused(text):
    with pytest.raises(InputError):
        periods.parse_date(text)


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-6", "9999-12", "0001-01"])
def test_what_is_not_a_month_in_range_is_refused(month):
    with pytest.raises(InputError):
        periods.of_local_month(month, LONDON)


@pytest.mark.parametrize("day", [date.min, date.max, date(1960, 1, 1), date(2500, 1, 1)])
def test_days_out_of_range_are_refused(day):
    for zone in (LONDON, periods.load_zone("Asia/Tokyo")):
        with pytest.raises(InputError):
            periods.of_local_day(day, zone)


def test_instants_that_are_no_half_hours_are_refused():
    with pytest.raises(InputError, match="has no time zone"):
        periods.from_instant(datetime(2026, 6, 15))  # noqa: DTZ001 - this is what is refused
    with pytest.raises(InputError, match="not on the half-hour"):
        periods.from_instant(datetime(2026, 6, 15, 0, 0, 0, 1, tzinfo=UTC))
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    with pytest.raises(InputError, match="not on the half-hour"):
        periods.from_instant(datetime(2026, 6, 15, tzinfo=kathmandu))
