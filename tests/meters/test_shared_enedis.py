"""Enedis's sample load curves: times only, since all their values are 0."""

import io

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.enedis import read_enedis
from meters.readings import Channel, Reading, Refusal
from tests.meters.items import singly

pytestmark = pytest.mark.shared

FIRST = 949390  # 2024-02-25T23:00Z, midnight in Paris


def read(shared_dir, name, *, split=False):
    data = (shared_dir / "data" / "meters" / "eu_datahubs" / "eddie" / name).read_bytes()
    assert recognise(data).name == "enedis"
    options = ReadOptions(channel=Channel.IMPORT, split=split)
    return list(singly(read_enedis(io.BytesIO(data), options)))


def test_a_day_whose_last_label_is_left_out(shared_dir):
    items = read(shared_dir, "fr_enedis_load_curve.json")
    assert items[0].as_json()["start"] == "2024-02-25T23:00:00Z"
    assert [item.period for item in items] == list(range(FIRST, FIRST + 47))
    assert {(item.meter, item.wh) for item in items} == {("24115050XXXXXX", 0)}


def test_changing_resolution(shared_dir):
    items = read(shared_dir, "fr_enedis_load_curve_changing_resolution.json")
    assert [item.period for item in items if isinstance(item, Reading)] == list(
        range(FIRST, FIRST + 4)
    )
    refusals = [item for item in items if isinstance(item, Refusal)]
    assert len(refusals) == 21
    assert all("interval of 60 minutes" in item.reason for item in refusals)


def test_changing_resolution_split(shared_dir):
    items = read(shared_dir, "fr_enedis_load_curve_changing_resolution.json", split=True)
    assert [item.period for item in items] == list(range(FIRST, FIRST + 46))
    assert [item.quality.letter for item in items] == ["A"] * 4 + ["I"] * 42
