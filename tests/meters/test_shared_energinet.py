"""Energinet's sample answer, against day sums counted by another program."""

import io

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.energinet import read_energinet
from meters.readings import Refusal
from tests.meters.items import singly

pytestmark = pytest.mark.shared


@pytest.fixture
def data(shared_dir):
    path = shared_dir / "data" / "meters" / "eu_datahubs" / "eddie" / "dk_energinet_cim.json"
    return path.read_bytes()


def read(data, options):
    return list(singly(read_energinet(io.BytesIO(data), options)))


def test_hours_are_refused(data):
    assert recognise(data).name == "energinet"
    items = read(data, ReadOptions())
    assert len(items) == 4 * 24
    assert all(isinstance(item, Refusal) and "--split" in item.reason for item in items)


def test_day_sums_of_consumption_and_production(data):
    sums = {}
    for item in read(data, ReadOptions(split=True)):
        day = (item.meter[-1], item.channel.value, (item.period - 46) // 48)  # from 23:00 UTC
        sums[day] = sums.get(day, 0) + item.wh
    assert sums == {
        ("1", "import", 19_764): 3100,
        ("1", "import", 19_765): 3500,
        ("2", "export", 19_765): 3030,
        ("2", "export", 19_766): 3540,
    }
