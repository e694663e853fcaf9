"""Public Green Button files, against totals counted by another program."""

import io
import re

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.greenbutton import read_greenbutton
from meters.readings import Advance, Block, Refusal
from tests.meters.items import singly

pytestmark = pytest.mark.shared

GAS = "ngma_natural_gas_billing_billing_data_Service_1_1_2021-05-26_to_2024-04-25"


@pytest.fixture
def green_dir(shared_dir):
    return shared_dir / "data" / "meters" / "greenbutton"


def read(path, *, split=True):
    data = path.read_bytes()
    assert recognise(data[:65_536]).name == "greenbutton"
    return list(read_greenbutton(io.BytesIO(data), ReadOptions(split=split)))


def dumped(path):
    """Return each value that another program printed, by its UTC start."""
    found = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\+00:00, .*?: (\d+) Wh", path.read_text())
    return {f"{start.replace(' ', 'T')}Z": int(wh) for start, wh in found}


@pytest.mark.parametrize(
    ("name", "half_hours", "wh", "refused"),
    [
        ("greenbutton_objects/TestGBDataHourlyNineDaysBinnedDaily", 432, 199_563, []),
        ("greenbutton_objects/electric_containerized", 16, 4_086, [88, 133]),
        ("cew821/sample_greenbutton_data", 724, 291_018, [181]),
    ],
)
def test_hours_that_are_split(green_dir, name, half_hours, wh, refused):
    items = list(singly(read(green_dir / f"{name}.xml")))
    lines = [item.line for item in items if isinstance(item, Refusal)]
    readings = [item for item in items if not isinstance(item, Refusal)]
    assert (len(readings), sum(item.wh for item in readings)) == (half_hours, wh)
    assert {item.channel.value for item in readings} == {"import"}
    assert {item.quality.value for item in readings} == {"interpolated"}
    assert lines == refused


def test_each_hour_is_what_another_program_read(green_dir):
    folder = green_dir / "greenbutton_objects"
    found: dict[str, int] = {}
    for item in singly(read(folder / "TestGBDataHourlyNineDaysBinnedDaily.xml")):
        hour = item.as_json()["start"].replace(":30:", ":00:")
        found[hour] = found.get(hour, 0) + item.wh
    assert found == dumped(folder / "TestGBDataHourlyNineDaysBinnedDaily.txt")


def test_hours_are_refused_one_by_one_unless_they_are_split(green_dir):
    items = read(green_dir / "cew821" / "sample_greenbutton_data.xml", split=False)
    assert not [item for item in items if isinstance(item, Block)]
    assert sum("60 minutes" in item.reason for item in items) == 362


def test_a_year_of_days_with_clock_changes(green_dir):
    folder = green_dir / "greenbutton_objects"
    items = read(folder / "TestGBDataOneYearDailyBinnedMonthly.xml")
    assert {type(item) for item in items} == {Advance}
    assert sum(item.wh for item in items) == 9_917_817
    lengths = [item.end - item.begin for item in items]
    assert [lengths.count(length) for length in (86_400, 82_800, 90_000)] == [441, 2, 1]
    expected = dumped(folder / "TestGBDataOneYearDailyBinnedMonthly.txt")
    assert {item.as_json()["begin"]: item.wh for item in items} == expected


def test_gas_is_refused_with_its_reason(green_dir):
    [item] = read(green_dir / "greenbutton_objects" / f"{GAS}.xml")
    assert "uom is therms of gas" in item.reason
