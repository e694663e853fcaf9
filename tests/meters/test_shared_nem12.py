"""The public NEM12 sample files, against totals counted by another program."""

import io
import zipfile
from collections import Counter

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.nem12 import read_nem12
from meters.readings import Reading, Refusal
from tests.meters.items import singly

pytestmark = pytest.mark.shared

MONTH = {("NMI1234567", "import"): 270_738}
TOTALS = {
    "actual_interval": {("VABD000163", "import"): 53_328},
    "upper_case_units": {("VABD000163", "import"): 53_328},
    "month_solar": {**MONTH, ("NMI1234567", "export"): 589_172},
    "partialchannel": {**MONTH, ("NMI1234567", "export"): 23_166},
    "multiple_meters": {
        ("NCDE001111", "import"): 1_920,
        ("NCDE001111", "export"): 1_920,
        ("NCDE001111/E2", "import"): 19_200,
        ("NDDD001888", "export"): 3_840,
    },
    "multiple_quality": {("CCCC123456", "import"): 896_990},
    "substituted_interval": {("VBCD000022", "import"): 110_976},
    "different_interval_length": {("C123", "import"): 254_000, ("C123/E2", "import"): 120_000},
    "no_scheduled_read": {("NMI111", "import"): 5_840},
}
"""Wh by meter and channel, of each Example_NEM12_<name>.csv."""

HALF_HOURS = {
    "month_solar": 2 * 31 * 48,
    "partialchannel": 32 * 48,
    "multiple_meters": 4 * 2 * 48,
    "different_interval_length": 2 * 48,
}
"""Where there is more than one day of one channel."""


@pytest.fixture
def nem12_dir(shared_dir):
    return shared_dir / "data" / "meters" / "nem12"


def read(path):
    return list(singly(read_nem12(io.BytesIO(path.read_bytes()), ReadOptions())))


def totals(items):
    found: Counter[tuple[str, str]] = Counter()
    for item in items:
        assert isinstance(item, Reading)
        found[item.meter, item.channel.value] += item.wh
    return found


@pytest.mark.parametrize("name", TOTALS)
def test_totals_of_the_sample_files(nem12_dir, name):
    items = read(nem12_dir / "nem-reader" / f"Example_NEM12_{name}.csv")
    assert totals(items) == TOTALS[name]
    assert len(items) == HALF_HOURS.get(name, 48)


def test_qualities_within_a_day(nem12_dir):
    items = read(nem12_dir / "nem-reader" / "Example_NEM12_multiple_quality.csv")
    assert items[0].wh == 18_023
    assert [item.quality.letter for item in items] == ["E"] * 20 + ["A"] * 4 + ["E"] * 24


def test_many_meters_in_a_zip(nem12_dir):
    with zipfile.ZipFile(nem12_dir / "nem-reader" / "Example_NEM12_ManyNMIs.zip") as archive:
        [name] = archive.namelist()
        with archive.open(name) as stream:
            found = totals(singly(read_nem12(stream, ReadOptions())))
    assert len(found) == 198
    assert sum(found.values()) == 214_621_000


def test_padded_records_of_a_western_network(nem12_dir):
    items = read(nem12_dir / "nem-reader" / "Example_WesternPower.csv")
    assert totals(items) == {("9999999999", "import"): 0, ("9999999999", "export"): 0}
    assert len(items) == 96


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("15min_200_30min_300", "holds 48 values, but the 200 record of line 2 says 15 minutes"),
        ("15min_200_30min_400", "400 records end at interval 48 of 96"),
        ("30min_200_15min_300", "holds 96 values, but the 200 record of line 2 says 30 minutes"),
        ("30min_200_15min_400", "holds 96 values, but the 200 record of line 2 says 30 minutes"),
    ],
)
def test_disagreeing_interval_lengths_are_refused(nem12_dir, name, reason):
    [refusal] = read(nem12_dir / "nem-reader-invalid" / f"Example_NEM12_{name}.csv")
    assert isinstance(refusal, Refusal)
    assert refusal.line == 3
    assert reason in refusal.reason


def test_an_incomplete_day_is_refused_and_the_next_is_read(nem12_dir):
    items = read(nem12_dir / "nem-reader-invalid" / "Example_NEM12_incomplete_interval.csv")
    assert items[0].line == 3
    assert "holds 0 values" in items[0].reason
    assert totals(items[1:]) == {("VABD000163", "import"): 53_328}


def test_a_file_without_channels_has_nothing(nem12_dir):
    assert read(nem12_dir / "nem-reader-invalid" / "Example_NEM12_empty.csv") == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nem-reader-invalid/Example_NEM12_missing_header", "line 2: a NEM12 file begins with"),
        ("nem-reader-invalid/Example_NEM12_powercor", "line 2: a NEM12 file begins with"),
        (
            "nem-reader-invalid/Example_NEM12_powercor_missing_fields",
            "line 2: a NEM12 file begins with",
        ),
        ("nem-reader/Example_NEM13_consumption_data", "NEM13 holds register reads"),
        ("nem-reader/Example_NEM13_forward_estimate", "NEM13 holds register reads"),
    ],
)
def test_files_that_are_not_nem12_are_refused_whole(nem12_dir, name, reason):
    with pytest.raises(InputError, match=reason):
        read(nem12_dir / f"{name}.csv")
