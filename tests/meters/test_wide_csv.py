"""Wide CSV, from docs/formats/wide-csv.md."""

import csv
import io
from collections import Counter

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.lines import METER_CHARACTERS_MAX
from meters.formats.wide_csv import COLUMNS_MAX, LINE_BYTES_MAX, read_wide_csv
from meters.readings import Channel, Reading, Refusal
from tests.meters.items import singly

HEADER = "period_start,h1_load_wh,h2_pv_wh,h1_pv_wh\n"
LONDON = ReadOptions(zone="Europe/London")
JUNE = 989737  # 2026-06-15T12:30Z


def read(text, options=LONDON):
    data = text if isinstance(text, bytes) else text.encode()
    return list(singly(read_wide_csv(io.BytesIO(data), options)))


def test_columns_become_meters_and_channels_by_row_then_column():
    items = read(HEADER + "2026-06-15T13:30,1,2,3\n2026-06-15 14:00:00,4,,006\r\n\n")
    assert [(item.period, item.meter, item.channel, item.wh) for item in items] == [
        (JUNE, "h1", Channel.IMPORT, 1),
        (JUNE, "h2", Channel.EXPORT, 2),
        (JUNE, "h1", Channel.EXPORT, 3),
        (JUNE + 1, "h1", Channel.IMPORT, 4),
        (JUNE + 1, "h1", Channel.EXPORT, 6),
    ]


def test_offsets_need_no_zone():
    items = read(HEADER + "2026-06-15T12:30Z,1,2,3\n2026-06-15T15:00+02:00,4,5,6", ReadOptions())
    assert [item.period for item in items] == [JUNE] * 3 + [JUNE + 1] * 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-06-15T13:30,1,-2,3", "cell 3 is '-2'"),
        ("2026-06-15T13:30,1.5,2,3", "cell 2 is '1.5'"),
        ("2026-06-15T13:30,1,2,1e3", "cell 4 is '1e3'"),
        ("2026-06-15T13:30,1,2,nan", "cell 4 is 'nan'"),
        ("2026-06-15T13:30,1,2, 3", "digits only"),
        ('2026-06-15T13:30,1,"2",3', "digits only"),
        ("2026-06-15T13:30,1\x000,2,3", "digits only"),
        ("2026-06-15T13:30,1\r0,2,3", "digits only"),
        ("2026-06-15T13:30,1,٢,3", "digits only"),
        ("2026-06-15T13:30,1,2", "has 3 cells where the header has 4"),
        ("2026-06-15T13:30,1,2,3,", "has 5 cells where the header has 4"),
        ("2026-06-15T13:30,1,2,1000000001", "beyond"),
        ("2026-06-15T13:40,1,2,3", "not on the half-hour"),
        ("2026-03-29T01:30,1,2,3", "the clock skipped it"),
        (",1,2,3", "not a time"),
    ],
)
def test_a_bad_row_refuses_itself_alone(row, reason):
    before, after = "2026-06-15T13:00,1,1,1\n", "2026-06-15T14:00,2,2,2\n2026-06-15T14:30,3,3,3\n"
    items = read(HEADER + before + row + "\n" + after)
    assert [item.wh for item in items if isinstance(item, Reading)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert refusal.line == 3
    assert reason in refusal.reason


def test_a_time_without_offset_needs_a_zone():
    [refusal] = read(HEADER + "2026-06-15T13:30,1,2,3\n", ReadOptions())
    assert refusal.line == 2
    assert "declare the file's zone" in refusal.reason


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", LONDON, "must begin with period_start"),
        ("time,h1_load_wh\n", LONDON, "must begin with period_start"),
        ("period_start\n", LONDON, "must begin with period_start"),
        ("period_start,h1\n", LONDON, "'h1' is not like h1_load_wh"),
        ("period_start,_load_wh\n", LONDON, "is not like h1_load_wh"),
        ("period_start,h1_load_wh,h1_load_wh\n", LONDON, "more than once"),
        ("period_start, h1_load_wh\n", LONDON, "begins or ends with a space"),
        (f"period_start,{'h' * (METER_CHARACTERS_MAX + 1)}_pv_wh\n", LONDON, "65 characters"),
        ("period_start" + ",a_pv_wh" * (COLUMNS_MAX + 1), LONDON, "more than 4,096 registers"),
        (HEADER, ReadOptions(label="end"), "move the times"),
        (HEADER.encode("utf-16"), LONDON, "line 1 is not UTF-8"),
        (HEADER + "1" * (LINE_BYTES_MAX + 1), LONDON, "line 2 is longer than"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(text, options, reason):
    with pytest.raises(InputError, match=reason):
        read(text, options)


def test_an_hourly_file_is_refused_and_a_gap_is_not():
    hourly = "".join(f"2026-06-15T{hour:02}:00,1,2,3\n" for hour in range(5))
    with pytest.raises(InputError, match="line 2: period_start steps by 60 minutes"):
        read(HEADER + hourly)
    assert len(read(HEADER + hourly + "2026-06-15T04:30,1,2,3\n")) == 18


def test_a_file_that_turns_hourly_is_refused(monkeypatch):
    monkeypatch.setattr("meters.formats.wide_csv.BLOCK_CELLS", 1)
    half_hours = [f"2026-06-15T{n // 2:02}:{n % 2 * 3}0" for n in range(48)]
    hours = [f"2026-06-{16 + n // 24}T{n % 24:02}:00" for n in range(48)]
    text = HEADER + "".join(f"{start},1,2,3\n" for start in half_hours + hours)
    with pytest.raises(InputError, match="line 50: period_start steps by 60 minutes"):
        read(text)


def test_both_autumn_hours_keep_the_order_of_rows():
    clocks = ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")
    items = read("period_start,h1_load_wh\n" + "".join(f"2026-10-25 {c},7\n" for c in clocks))
    assert [item.period for item in items] == list(range(996047, 996053))


def test_an_autumn_hour_that_is_there_once_is_refused():
    clocks = ("00:30", "01:00", "01:30", "02:00", "02:30")
    items = read("period_start,h1_load_wh\n" + "".join(f"2026-10-25 {c},7\n" for c in clocks))
    assert [item.line for item in items if isinstance(item, Refusal)] == [3, 4]
    assert len(items) == 5


def test_repeated_rows_are_dropped_and_contradictions_name_the_first_line():
    rows = ("2026-06-15T13:30,1,2,3", "2026-06-15T14:00,1,,3", "2026-06-15T12:30Z,1,2,03")
    items = read(HEADER + "\n".join((*rows, "2026-06-15T14:00,1,0,3")))
    assert len(items) == 6
    assert items[-1].line == 5
    assert "has other values than line 3" in items[-1].reason


@pytest.mark.shared
def test_a_year_of_seventeen_homes_against_the_standard_library(shared_dir):
    path = shared_dir / "data" / "households" / "fontana17_halfhourly_wh_derived.csv"
    with path.open(newline="") as text:
        rows = list(csv.DictReader(text))
    suffixes = {"load": "import", "pv": "export"}
    expected: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for name, cell in row.items():
            if name != "period_start":
                meter, kind, _ = name.split("_")
                expected[meter, suffixes[kind]] += int(cell)
    found: Counter[tuple[str, str]] = Counter()
    count, previous = 0, 0
    with path.open("rb") as stream:
        for item in singly(read_wide_csv(stream, ReadOptions(zone="Etc/GMT+8"))):
            assert isinstance(item, Reading)
            assert item.period >= previous
            previous = item.period
            count += 1
            found[item.meter, item.channel] += item.wh
    assert count == len(rows) * 34
    assert found == expected


@pytest.mark.shared
def test_the_hourly_year_is_refused(shared_dir):
    path = shared_dir / "data" / "households" / "fontana17_hourly_wh.csv"
    with path.open("rb") as stream, pytest.raises(InputError, match="steps by 60 minutes"):
        list(singly(read_wide_csv(stream, ReadOptions(zone="Etc/GMT+8"))))
