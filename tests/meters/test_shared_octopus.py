"""Octopus Energy's sample answers, against totals counted by another program."""

import io
from datetime import UTC, datetime

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.octopus_json import read_octopus_json
from meters.readings import Advance, Channel, Reading
from tests.meters.items import singly

pytestmark = pytest.mark.shared

OPTIONS = ReadOptions(meter="1100009640372", channel=Channel.IMPORT)


@pytest.fixture
def meters_dir(shared_dir):
    return shared_dir / "data" / "meters"


def read(path):
    data = path.read_bytes()
    assert recognise(data).name == "octopus-json"
    return list(singly(read_octopus_json(io.BytesIO(data), OPTIONS)))


@pytest.mark.parametrize(
    ("name", "count", "wh"),
    [
        ("octopus/aiooctopusenergy/consumption.json", 4, 1602),
        ("octopus/aiooctopusenergy/consumption_paginated_page1.json", 2, 690),
        ("octopus/aiooctopusenergy/consumption_paginated_page2.json", 2, 912),
        ("made/octopus_spring_46.json", 46, 27_267),
    ],
)
def test_totals(meters_dir, name, count, wh):
    items = read(meters_dir / name)
    assert all(isinstance(item, Reading) for item in items)
    assert (len(items), sum(item.wh for item in items)) == (count, wh)
    periods = [item.period for item in items]
    assert periods == list(range(periods[0], periods[0] + count))


def test_a_spring_day_has_46_half_hours_of_one_utc_day(meters_dir):
    items = read(meters_dir / "made" / "octopus_spring_46.json")
    assert items[0].as_json()["start"] == "2024-03-31T00:00:00Z"
    assert items[-1].as_json()["start"] == "2024-03-31T22:30:00Z"


def test_days_are_advances(meters_dir):
    items = read(meters_dir / "octopus" / "aiooctopusenergy" / "consumption_daily.json")
    assert all(isinstance(item, Advance) for item in items)
    days = {datetime.fromtimestamp(item.begin, UTC).day: item.wh for item in items}
    assert days == {5: 8456, 4: 7234, 3: 9123}
