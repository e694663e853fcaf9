"""A public consumption record of the Austrian market, against its total."""

import io

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.eda import read_eda
from meters.readings import Block

pytestmark = pytest.mark.shared


def test_a_day_of_quarter_hours(shared_dir):
    folder = shared_dir / "data" / "meters" / "eu_datahubs" / "eddie"
    data = (folder / "at_eda_consumptionrecord_quarter_hourly.xml").read_bytes()
    assert recognise(data).name == "eda"
    items = list(read_eda(io.BytesIO(data), ReadOptions()))
    assert {type(item) for item in items} == {Block}
    readings = [reading for item in items for reading in item.readings()]
    assert (len(readings), sum(reading.wh for reading in readings)) == (48, 719)
    assert readings[0].as_json() == {
        "meter": "ATXXXXXX00000000000000000XXXXXXXX",
        "channel": "export",
        "period": 951_068,
        "start": "2024-03-31T22:00:00Z",
        "wh": 2,
        "quality": "actual",
    }
    assert [reading.period - 951_068 for reading in readings] == list(range(48))
