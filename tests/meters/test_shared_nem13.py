"""The public NEM13 sample files, against totals counted by another program."""

import io

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.nem13 import read_nem13

pytestmark = pytest.mark.shared


@pytest.mark.parametrize(
    ("name", "advances"),
    [
        (
            "consumption_data",
            [("VABC005890", 1_312_100, "actual", "2003-10-04T23:30:55Z", "2004-01-07T00:03:33Z")],
        ),
        (
            "forward_estimate",
            [
                ("VDEF005890", 111_000, "estimated", "2004-01-08T00:30:55Z", "2004-04-07T14:00:00Z"),
                ("VDEF005890/41", 65_000, "estimated", "2004-01-08T00:30:55Z", "2004-04-07T14:00:00Z"),
            ],
        ),
    ],
)  # fmt: skip
def test_samples(shared_dir, name, advances):
    path = shared_dir / "data" / "meters" / "nem12" / "nem-reader" / f"Example_NEM13_{name}.csv"
    data = path.read_bytes()
    assert recognise(data).name == "nem13"
    items = [item.as_json() for item in read_nem13(io.BytesIO(data), ReadOptions())]
    keys = ("meter", "advance_wh", "quality", "begin", "end")
    assert [tuple(item[key] for key in keys) for item in items] == advances
    assert {item["channel"] for item in items} == {"import"}
