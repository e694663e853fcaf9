"""NEM13, from docs/formats/nem13.md. Every file here is made up."""

import io

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.nem13 import read_nem13
from meters.readings import Advance, Channel, Quality, Refusal

HEADER = "100,NEM13,202607020102,MDP,RET"
FIELDS = {
    "nmi": "4001234567",
    "suffix": "11",
    "direction": "E",
    "previous": "100",
    "begin": "20260401093000",
    "before": "A",
    "current": "512",
    "end": "20260701093000",
    "quality": "A",
    "quantity": "412.0",
    "unit": "kWh",
    "updated": "20260702010203",
}
RECORD = (
    "250,{nmi},1141,1,{suffix},{suffix},METER,{direction},{previous},{begin},{before},,,"
    "{current},{end},{quality},,,{quantity},{unit},20261001, {updated},"
)


def record(**changes):
    return RECORD.format(**FIELDS | changes)


def read(*records, header=HEADER, end="900"):
    text = "\n".join(part for part in (header, *records, end) if part is not None) + "\n"
    return list(read_nem13(io.BytesIO(text.encode()), ReadOptions()))


def test_a_record_is_an_advance_in_utc_plus_ten():
    [item] = read(record(), "550,N,,A,")
    assert item.as_json() == {
        "meter": "4001234567",
        "channel": "import",
        "begin": "2026-03-31T23:30:00Z",
        "end": "2026-06-30T23:30:00Z",
        "advance_wh": 412_000,
        "quality": "actual",
    }
    assert item.place == (2, len(HEADER) + 1, len(record()) + 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"suffix": "41"}, ("4001234567/41", Channel.IMPORT, 412_000, Quality.ACTUAL)),
        ({"direction": "I"}, ("4001234567", Channel.EXPORT, 412_000, Quality.ACTUAL)),
        (
            {"suffix": "B1", "direction": "I"},
            ("4001234567", Channel.EXPORT, 412_000, Quality.ACTUAL),
        ),
        ({"quality": "E64"}, ("4001234567", Channel.IMPORT, 412_000, Quality.ESTIMATED)),
        ({"before": "S14"}, ("4001234567", Channel.IMPORT, 412_000, Quality.ACTUAL)),
        ({"unit": "WH"}, ("4001234567", Channel.IMPORT, 412, Quality.ACTUAL)),
        ({"quantity": "0.0005"}, ("4001234567", Channel.IMPORT, 1, Quality.ACTUAL)),
    ],
)
def test_fields(changes, expected):
    [item] = read(record(**changes))
    assert (item.meter, item.channel, item.wh, item.quality) == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"direction": "B"}, "direction 'B' is not"),
        ({"suffix": "B1"}, "say the opposite"),
        ({"suffix": "1"}, "NMI suffix '1'"),
        ({"nmi": "40012345678"}, "NMI '40012345678'"),
        ({"quality": "N"}, "a read is missing"),
        ({"before": "E"}, "quality 'E'"),
        ({"quantity": "-1"}, "is negative"),
        ({"quantity": ""}, "is not a plain decimal number"),
        ({"unit": "therm"}, "unit 'therm'"),
        ({"previous": "x"}, "register read 'x'"),
        ({"end": "20260401093000"}, "not in the order of time"),
        ({"end": "20290401093000"}, "at most 400 days"),
        ({"end": "20260231093000"}, "read time '20260231093000'"),
        ({"updated": "soon"}, "update or load time"),
    ],
)
def test_a_bad_record_is_refused_alone(changes, reason):
    refusal, item = read(record(**changes), record(suffix="21"))
    assert (refusal.line, reason in refusal.reason) == (2, True)
    assert isinstance(item, Advance)


def test_reactive_registers_are_checked_and_not_read():
    assert read(record(unit="kVArh")) == []
    assert [item.line for item in read(record(unit="kVArh", end="never"))] == [2]


def test_reads_that_follow_each_other_and_reads_that_overlap():
    following = record(begin="20260701093000", end="20261001093000")
    inside = record(begin="20260501093000", end="20260601093000")
    items = read(following, record(), record(), inside, record(quantity="413"))
    assert [type(item) for item in items] == [Advance, Advance, Refusal, Refusal]
    assert "overlaps the advance of line 3" in items[2].reason


@pytest.mark.parametrize(
    ("records", "end", "lines"),
    [
        ([record()], None, [2]),
        ([record()], "900\n250", [4]),
        ([record(), "300,x"], "900", [3]),
        (["250,4001234567"], "900", [2]),
        ([record() + ",,x"], "900", [2]),
    ],
)
def test_structure(records, end, lines):
    items = read(*records, end=end)
    assert [item.line for item in items if isinstance(item, Refusal)] == lines


@pytest.mark.parametrize("header", ["", "100,NEM12,202607020102,MDP,RET", "100,NEM13,x,MDP,RET"])
def test_other_files_are_refused(header):
    with pytest.raises(InputError, match=r"header|empty"):
        read(header=header, end="")
