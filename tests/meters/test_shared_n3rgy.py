"""n3rgy's sample answer, against a total counted by another program."""

import io

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.n3rgy import read_n3rgy
from tests.meters.items import singly

pytestmark = pytest.mark.shared


def test_two_days_of_2019(shared_dir):
    data = (shared_dir / "data" / "meters" / "n3rgy" / "get_consumption_data.json").read_bytes()
    assert recognise(data).name == "n3rgy"
    items = list(singly(read_n3rgy(io.BytesIO(data), ReadOptions())))
    assert sum(item.wh for item in items) == 51_891
    assert {(item.meter, item.channel.value) for item in items} == {("2234567891000", "import")}
    first = items[0].period
    assert items[0].as_json()["start"] == "2019-01-01T00:00:00Z"
    assert [item.period for item in items] == list(range(first, first + 96))
