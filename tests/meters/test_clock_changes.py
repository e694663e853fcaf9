"""Days of 46 to 50 half-hours, written as clocks showed them, come back as the very half-hours."""

import csv
import io
from datetime import date, datetime, timedelta

import pytest

from ledger.primitives.periods import load_zone, of_local_day, start_utc
from meters.formats import FORMATS, ReadOptions
from meters.readings import Refusal
from tests.meters.items import singly

DAYS = [
    ("Europe/London", date(2026, 3, 29), 46),
    ("Europe/London", date(2026, 6, 15), 48),
    ("Europe/London", date(2026, 10, 25), 50),
    ("Australia/Lord_Howe", date(2026, 4, 5), 49),
    ("Australia/Lord_Howe", date(2026, 10, 4), 47),
    ("America/Sao_Paulo", date(2018, 11, 4), 46),  # midnight itself is skipped
    ("America/Sao_Paulo", date(2018, 2, 17), 50),  # the hour before midnight comes twice
]


def local(period, zone):
    return start_utc(period).astimezone(load_zone(zone)).strftime("%Y-%m-%dT%H:%M")


def plain(periods, zone, back):
    rows = [f"h1,import,{local(period + back, zone)},{n}" for n, period in enumerate(periods)]
    return "meter,channel,time,wh\n" + "\n".join(rows) + "\n"


def wide(periods, zone, _back):
    rows = [f"{local(period, zone)},{n}" for n, period in enumerate(periods)]
    return "period_start,h1_load_wh\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(("zone", "day", "count"), DAYS)
@pytest.mark.parametrize(
    ("name", "write", "label"),
    [("csv", plain, "start"), ("csv", plain, "end"), ("wide-csv", wide, None)],
)
def test_three_local_days_come_back_half_hour_by_half_hour(zone, day, count, name, write, label):
    days = [of_local_day(day + timedelta(n), load_zone(zone)) for n in (-1, 0, 1)]
    assert len(days[1]) == count
    periods = [period for each in days for period in each]
    text = write(periods, zone, 1 if label == "end" else 0)
    options = ReadOptions(zone=zone, label=label)
    items = list(singly(FORMATS[name].read(io.BytesIO(text.encode()), options)))
    assert [(item.period, item.wh) for item in items] == list(
        zip(periods, range(len(periods)), strict=True)
    )


@pytest.mark.parametrize(("zone", "day", "count"), [each for each in DAYS if each[2] != 48])
def test_a_clock_that_did_not_change_is_noticed(zone, day, count):
    """48 rows a day, whatever the zone did: what did not happen, or happened twice, is refused."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - as a clock shows it
    rows = [midnight + timedelta(minutes=30 * n) for n in range(-48, 96)]
    text = "meter,channel,start,wh\n" + "".join(
        f"h1,import,{each:%Y-%m-%dT%H:%M},{n}\n" for n, each in enumerate(rows)
    )
    items = list(singly(FORMATS["csv"].read(io.BytesIO(text.encode()), ReadOptions(zone=zone))))
    refused = [item for item in items if isinstance(item, Refusal)]
    assert len(refused) == abs(count - 48)
    words = "the clock skipped it" if count < 48 else "twice that night"
    assert all(words in item.reason for item in refused)
    taken = {item.wh: item.period for item in items if not isinstance(item, Refusal)}
    for n, period in taken.items():
        assert local(period, zone) == f"{rows[n]:%Y-%m-%dT%H:%M}"


@pytest.mark.shared
def test_every_published_settlement_period_is_read_as_itself(shared_dir):
    """Each row of the vectors, written as the clock showed it, day by day."""
    path = shared_dir / "data" / "meters" / "periods" / "settlement_periods.csv"
    with path.open(newline="") as text:
        vectors = list(csv.DictReader(text))
    zones = {row["zone"] for row in vectors}
    for zone in zones:
        mine = [row for row in vectors if row["zone"] == zone]
        rows = [f"h1,import,{row['start_local_iso'][:16]},{n}" for n, row in enumerate(mine)]
        text = "meter,channel,start,wh\n" + "\n".join(rows) + "\n"
        options = ReadOptions(zone=zone)
        items = list(singly(FORMATS["csv"].read(io.BytesIO(text.encode()), options)))
        assert not [item for item in items if isinstance(item, Refusal)]
        found = {item.wh: item.as_json()["start"] for item in items}
        assert found == {n: row["start_utc"] for n, row in enumerate(mine)}
