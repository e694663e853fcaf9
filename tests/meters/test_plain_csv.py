"""Plain CSV, from docs/formats/csv.md."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from meters.formats import FORMATS, ReadOptions, find_format, recognise
from meters.formats.plain_csv import LINE_BYTES_MAX, read_plain_csv
from meters.readings import Channel, Quality, Reading, Refusal
from tests.meters.items import singly

HEADER = "meter,channel,start,wh\n"
LONDON = ReadOptions(zone="Europe/London")
JUNE = 989737  # 2026-06-15T12:30Z


def read(text, options=LONDON):
    data = text if isinstance(text, bytes) else text.encode()
    return list(singly(read_plain_csv(io.BytesIO(data), options)))


def starts(items):
    return [item.as_json()["start"] for item in items]


def refusals(items):
    return [(item.line, item.reason) for item in items if isinstance(item, Refusal)]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (HEADER + "h1,import,2026-06-15T12:30:00Z,412", ReadOptions()),
        (HEADER + "h1,import,2026-06-15 12:30Z,412", ReadOptions()),
        (HEADER + "h1,import,2026-06-15T14:30+02:00,412", ReadOptions()),
        (HEADER + "h1,import,2026-06-15T07:30-0500,412", ReadOptions()),
        (HEADER + "h1,import,2026-06-15 13:30,412", LONDON),
        (HEADER + "h1,import,2026-06-15T13:30:00,412", LONDON),
        (HEADER + " h1 , Import ,2026-06-15T13:30, 412.0 \r\n\r\n", LONDON),
        ("\ufeffwh,start,channel,meter\n412,2026-06-15T13:30,import,h1", LONDON),
        ("Meter,Channel,Start,kWh\nh1,import,2026-06-15T13:30,0.412", LONDON),
        (HEADER + '"h1","import","2026-06-15T13:30","412"', LONDON),
        ("meter,channel,end,wh\nh1,import,2026-06-15T14:00,412", LONDON),
        (
            "meter,channel,time,wh\nh1,import,2026-06-15T14:00,412",
            ReadOptions("Europe/London", "end"),
        ),
        (
            "meter,channel,time,wh\nh1,import,2026-06-15T13:30,412",
            ReadOptions("Europe/London", "start"),
        ),
        ("meter,channel,start,wh,quality\nh1,import,2026-06-15T13:30,412,", LONDON),
        ("meter,channel,start,wh,quality\nh1,import,2026-06-15T13:30,412,Actual", LONDON),
    ],
)
def test_one_reading_written_in_every_way(text, options):
    assert read(text, options) == [Reading("h1", Channel.IMPORT, JUNE, 412, Quality.ACTUAL)]


def test_quality_is_read():
    items = read("meter,channel,start,wh,quality\nh1,export,2026-06-15T13:30,1,like-day\n")
    assert [(item.channel, item.quality) for item in items] == [("export", "like-day")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("h1,import,2026-06-15T13:45,412", "not on the half-hour"),
        ("h1,import,2026-06-15T13:30:01,412", "not on the half-hour"),
        ("h1,import,noon,412", "write it as"),
        ("h1,import,2026-02-30T13:30,412", "not a time"),
        ("h1,import,2026-06-15T13:30+99:00,412", "not a time"),
        ("h1,import,0001-01-01T00:00+14:00,412", "out of range"),
        ("h1,import,1969-12-31T23:30Z,412", "out of range"),
        ("h1,import,9999-12-31T23:30-12:00,412", "out of range"),
        ("h1,import,9999-12-31T23:30,412", "out of range"),
        ("h1,import,2026-03-29T01:30,412", "the clock skipped it"),
        ("h1,import,2026-06-15T13:30,-1", "channel export"),
        ("h1,import,2026-06-15T13:30,0.5", "whole number of Wh"),
        ("h1,import,2026-06-15T13:30,1e3", "plain decimal number"),
        ("h1,import,2026-06-15T13:30,nan", "plain decimal number"),
        ("h1,import,2026-06-15T13:30,", "plain decimal number"),
        ("h1,import,2026-06-15T13:30,1000000001", "beyond"),
        ("h1,both,2026-06-15T13:30,412", "write import"),
        (",import,2026-06-15T13:30,412", "0 characters"),
        ("h\x00,import,2026-06-15T13:30,412", "cannot be shown"),
        (f"{'h' * 65},import,2026-06-15T13:30,412", "65 characters"),
        ("h1,import,2026-06-15T13:30", "has 3 cells where the header has 4"),
        ("h1,import,2026-06-15T13:30,412,9", "has 5 cells where the header has 4"),
        ('"h1,import,2026-06-15T13:30,412', "quotes do not match"),
    ],
)
def test_a_bad_row_refuses_itself_alone(row, reason):
    before, after = "h1,import,2026-06-15T13:00,1\n", "h1,import,2026-06-15T14:00,2\n"
    items = read(HEADER + before + row + "\n" + after)
    assert [item.wh for item in items if isinstance(item, Reading)] == [1, 2]
    [(line, said)] = refusals(items)
    assert line == 3
    assert reason in said


def test_unknown_quality_is_refused():
    items = read("meter,channel,start,wh,quality\nh1,import,2026-06-15T13:30,1,good\n")
    assert "one of: actual, estimated" in items[0].reason


def test_a_time_without_offset_needs_a_zone():
    items = read(
        HEADER + "h1,import,2026-06-15T13:30,1\nh1,import,2026-06-15T13:30Z,2\n", ReadOptions()
    )
    assert "declare the file's zone" in items[0].reason
    assert items[1].wh == 2


def test_an_end_before_the_first_period_is_refused():
    items = read("meter,channel,end,wh\nh1,import,1970-01-01T00:00Z,1\n")
    assert "out of range" in items[0].reason


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", LONDON, "header is missing"),
        ("\n" + HEADER, LONDON, "header is missing"),
        ("meter,channel,start\n", LONDON, "wh or kwh is missing"),
        ("meter,channel,wh\n", LONDON, "start or end or time is missing"),
        ("channel,start,wh\n", LONDON, "meter is missing"),
        ("meter,channel,start,wh,kwh\n", LONDON, "leave one"),
        ("meter,channel,start,end,wh\n", LONDON, "leave one"),
        ("meter,channel,start,wh,wh\n", LONDON, "more than once"),
        ("meter,channel,start,wh,note\n", LONDON, "'note' is not a column"),
        ("meter,channel,time,wh\n", LONDON, "declare the label"),
        (HEADER, ReadOptions(label="end"), "rename the column to time"),
        ("meter,channel,end,wh\n", ReadOptions(label="start"), "rename the column to time"),
        (HEADER, ReadOptions(zone="Mars/Olympus"), "is not a time zone"),
        (HEADER.encode("utf-16"), LONDON, "line 1 is not UTF-8"),
        (HEADER.encode() + b"h\xff,import,2026-06-15T13:30,1", LONDON, "line 2 is not UTF-8"),
        (HEADER + "h" * LINE_BYTES_MAX + "\n", LONDON, "line 2 is longer than"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(text, options, reason):
    with pytest.raises(InputError, match=reason):
        read(text, options)


def autumn(*clock, meter="h1"):
    return "".join(f"{meter},import,2026-10-25T{time},{n}\n" for n, time in enumerate(clock, 1))


def test_both_autumn_hours_are_told_apart_by_order():
    night = ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")
    items = read(HEADER + autumn(*night) + autumn(*night, meter="h2"))
    expected = [
        f"2026-10-2{text}:00Z" for text in ["4T23:30", "5T00:00", "5T00:30", "5T01:00", "5T01:30"]
    ]
    expected.append("2026-10-25T02:00:00Z")
    assert starts(items) == expected * 2
    assert [item.wh for item in items] == [1, 2, 3, 4, 5, 6] * 2


def test_autumn_hours_of_interleaved_meters_and_at_the_end_of_a_file():
    rows = [
        line
        for pair in zip(
            autumn("01:00", "01:30", "01:00", "01:30").splitlines(),
            autumn("01:00", "01:30", "01:00", "01:30", meter="h2").splitlines(),
            strict=True,
        )
        for line in pair
    ]
    items = read(HEADER + "\n".join(rows))
    assert sorted((item.meter, item.period, item.wh) for item in items) == [
        (meter, 996048 + n, n + 1) for meter in ("h1", "h2") for n in range(4)
    ]


@pytest.mark.parametrize(
    ("clock", "taken", "refused"),
    [
        (("00:30", "01:00", "02:00"), [1, 3], {3: "one row has it"}),
        (("01:00",), [], {2: "one row has it"}),
        (("01:00", "01:00", "01:00"), [], dict.fromkeys((2, 3, 4), "more than two")),
        (("02:00", "01:30", "01:30", "00:30"), [1, 4], dict.fromkeys((3, 4), "not in the order")),
        (("01:30", "01:00", "01:30", "01:00"), [], dict.fromkeys((2, 3, 4, 5), "not in the order")),
        (("01:00", "01:00", "00:30"), [3], dict.fromkeys((2, 3), "not in the order")),
    ],
)
def test_autumn_hours_that_cannot_be_told_apart(clock, taken, refused):
    items = read(HEADER + autumn(*clock))
    assert [item.wh for item in items if isinstance(item, Reading)] == taken
    found = dict(refusals(items))
    assert found.keys() == refused.keys()
    assert all(refused[line] in reason for line, reason in found.items())


def test_a_flood_of_one_autumn_time_is_refused_without_being_held():
    items = read(HEADER + autumn(*["01:00"] * 200))
    assert len(refusals(items)) == len(items) == 200


def test_autumn_hours_of_two_years():
    rows = "".join(
        f"h1,import,{day}T{clock},1\n"
        for day in ("2025-10-26", "2026-10-25")
        for clock in ("01:00", "01:30", "01:00", "01:30")
    )
    items = read(HEADER + rows)
    assert len(items) == 8
    assert not refusals(items)


def test_lord_howe_repeats_half_an_hour():
    rows = "".join(f"h1,import,2026-04-05T{clock},1\n" for clock in ("01:00", "01:30", "01:30"))
    items = read(HEADER + rows, ReadOptions(zone="Australia/Lord_Howe"))
    assert starts(items) == [
        "2026-04-04T14:00:00Z",
        "2026-04-04T14:30:00Z",
        "2026-04-04T15:00:00Z",
    ]


def test_repeats_are_dropped_and_contradictions_name_the_first_line():
    same = "h1,import,2026-06-15T13:30,412\n"
    items = read(HEADER + same + same + "h1,export,2026-06-15T13:30,0\n" + same.replace("412", "9"))
    assert [item.wh for item in items if isinstance(item, Reading)] == [412, 0]
    [(line, reason)] = refusals(items)
    assert line == 5
    assert "says 9 Wh (actual), but line 2 said 412 Wh (actual)" in reason


def test_the_largest_reading_survives_the_packing():
    row = "h1,import,2026-06-15T13:30,1000000000,zero\n"
    items = read("meter,channel,start,wh,quality\n" + row + row + row.replace("zero", "profile"))
    assert items[0].wh == 10**9
    assert "line 2 said 1000000000 Wh (zero)" in items[1].reason
    assert len(items) == 2


ROW = "h1,import,2026-06-15T{:02}:{},{}".format


@given(
    bad=st.integers(0, 47),
    garbage=st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=40),
)
def test_a_garbled_line_never_shifts_the_others(bad, garbage):
    rows = [ROW(n // 2, "30" if n % 2 else "00", n) for n in range(48)]
    whole = read(HEADER + "\n".join(rows))
    rows[bad] = garbage
    items = read(HEADER + "\n".join(rows))
    assert [item for item in items if isinstance(item, Reading)] == whole[:bad] + whole[bad + 1 :]
    assert all(line == bad + 2 for line, _ in refusals(items))


def _rows(times):
    rows = [
        f"h1,import,2026-06-{t // 48 + 1:02}T{t % 48 // 2:02}:{t % 2 * 30:02}Z,5" for t in times
    ]
    return "\n".join(["meter,channel,start,wh", *rows, ""]).encode()


def test_hours_are_not_taken_for_half_hours():
    with pytest.raises(InputError, match="all 24 times of h1 import are on the hour"):
        list(read_plain_csv(io.BytesIO(_rows(range(0, 48, 2))), ReadOptions()))
    # A few on the hour, and any number with one on the half, are half-hours.
    for times in (range(0, 46, 2), [*range(0, 96, 2), 97], [1, *range(2, 96, 2)]):
        read = list(read_plain_csv(io.BytesIO(_rows(times)), ReadOptions()))
        assert len(read) == len(times)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PK\x03\x04....[Content_Types].xml", "save the sheet as CSV"),
        (b"\xff\xfem\x00e\x00", "UTF-16"),
        (b"meter;when;amount\n", "first line is no heading"),
        (b"hello\n", "begins with 'hello'"),
    ],
)
def test_a_file_that_is_no_meter_file_says_what_it_is(head, words):
    with pytest.raises(InputError, match=words):
        recognise(head)


def test_formats_are_found_by_name():
    assert {name: find_format(name).name for name in FORMATS} == {name: name for name in FORMATS}
    with pytest.raises(InputError, match="use one of: " + ", ".join(sorted(FORMATS))):
        find_format("xlsx")
