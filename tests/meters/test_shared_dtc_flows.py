"""Sample files of D0036 and D0379, against totals counted from their lines."""

import io

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions, find_format, recognise
from meters.readings import Channel

pytestmark = pytest.mark.shared


@pytest.fixture
def made_dir(shared_dir):
    return shared_dir / "data" / "meters" / "made"


def read(path, name):
    data = path.read_bytes()
    assert recognise(data).name == name
    return list(find_format(name).read(io.BytesIO(data), ReadOptions()))


def test_an_import_and_an_export_of_one_day(made_dir):
    one, other = read(made_dir / "d0036_48_ai_ae.usr", "d0036")
    assert (one.channel, sum(one.wh)) == (Channel.IMPORT, 245_500)
    assert (other.channel, sum(other.wh)) == (Channel.EXPORT, 117_400)
    assert one.quality == "A" * 16 + "EE" + "A" * 30
    assert one.first == other.first
    assert next(one.readings()).as_json()["start"] == "2024-06-14T23:00:00Z"


def test_two_days_of_which_one_is_long(made_dir):
    one, other = read(made_dir / "d0379_two_days.usr", "d0379")
    assert (len(one.wh), len(other.wh)) == (48, 50)
    assert sum(one.wh) + sum(other.wh) == 40_994
    assert other.first == one.first + 48


def test_a_trailer_that_counts_wrongly(made_dir):
    with pytest.raises(InputError, match="the trailer says '49' lines, but there are 50"):
        read(made_dir / "bad_d0379_trailer_count.usr", "d0379")
