"""A real year: seventeen homes, every half-hour cleared by the engine, to the Wh."""

import pytest

from tests.engines import minutes
from tests.settlement.real_year import agreed, read_year, settled_days

FIELDS = ("own_use_wh", "bought_wh", "sold_wh", "grid_import_wh", "grid_export_wh")


@pytest.mark.shared
def test_the_years_matched_energy_is_right_to_the_wh():
    minutes("the real year was not cleared")
    readings = read_year()
    sums = dict.fromkeys(FIELDS, 0)
    for lines in settled_days(agreed(readings), readings):
        for line in lines:
            for field in FIELDS:
                sums[field] += getattr(line, field)
    assert sums == {
        "own_use_wh": 57_523_026,
        "bought_wh": 17_695_672,
        "sold_wh": 17_695_672,
        "grid_import_wh": 94_425_213,
        "grid_export_wh": 28_206_886,
    }
