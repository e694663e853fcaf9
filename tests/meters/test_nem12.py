"""NEM12, from docs/formats/nem12.md. Every file here is made up."""

import io
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.nem12 import LINE_BYTES_MAX, read_nem12
from meters.readings import Channel, Quality, Reading, Refusal
from tests.meters.items import singly

HEADER = "100,NEM12,202606160102,MDP,RET"
FIRST = 989692  # 2026-06-14T14:00Z: midnight of 15 June at UTC+10
UPDATED = "20260616010203"


def stream(suffix="E1", minutes="30", unit="kWh", nmi="4001234567"):
    return f"200,{nmi},E1B1,1,{suffix},N1,SERIAL,{unit},{minutes},"


def day(values="0.25", quality="A", date="20260615", updated=UPDATED, count=48):
    texts = [values] * count if isinstance(values, str) else values
    return ",".join(["300", date, *texts, quality, "", "", updated, ""])


def read(*records, header=HEADER, end="900"):
    text = "\n".join(part for part in (header, *records, end) if part is not None) + "\n"
    return list(singly(read_nem12(io.BytesIO(text.encode()), ReadOptions())))


def readings(items):
    return [item for item in items if isinstance(item, Reading)]


def refusals(items):
    return [(item.line, item.reason) for item in items if isinstance(item, Refusal)]


def test_a_day_is_48_half_hours_from_midnight_at_utc_plus_ten():
    items = read(stream(), day())
    assert items == [
        Reading("4001234567", Channel.IMPORT, FIRST + n, 250, Quality.ACTUAL) for n in range(48)
    ]
    assert items[0].as_json()["start"] == "2026-06-14T14:00:00Z"


@pytest.mark.parametrize(
    ("suffix", "meter", "channel"),
    [
        ("E1", "4001234567", "import"),
        ("E2", "4001234567/E2", "import"),
        ("B1", "4001234567", "export"),
        ("B3", "4001234567/B3", "export"),
    ],
)
def test_suffixes_name_meter_and_channel(suffix, meter, channel):
    assert {(item.meter, item.channel) for item in read(stream(suffix), day())} == {
        (meter, channel)
    }


@pytest.mark.parametrize(
    ("suffix", "minutes", "unit", "value"),
    [
        ("Q1", "30", "kVArh", "1.5"),
        ("K1", "30", "kVArh", "1.5"),
        ("V1", "10", "", "239.13"),
        ("E1", "30", "KW", "-1"),
    ],
)
def test_channels_without_energy_are_checked_but_not_read(suffix, minutes, unit, value):
    count = 1440 // int(minutes)
    given = stream(suffix, minutes, unit)
    assert read(given, day(value, count=count)) == []
    assert [line for line, _ in refusals(read(given, day(value, count=count - 1)))] == [3]
    assert [line for line, _ in refusals(read(given, day("x", count=count)))] == [3]


@pytest.mark.parametrize(
    ("minutes", "unit", "value", "wh"),
    [
        ("30", "kWh", "1", 1000),
        ("30", "KWH", ".048", 48),
        ("30", "Wh", "7", 7),
        ("30", "MWh", "0.000125", 125),
        ("15", "kWh", "0.1", 200),
        ("5", "kWh", "0.1", 600),
        ("5", "wh", "0.5", 3),
    ],
)
def test_units_and_interval_lengths(minutes, unit, value, wh):
    items = read(stream(minutes=minutes, unit=unit), day(value, count=1440 // int(minutes)))
    assert [item.wh for item in items] == [wh] * 48


def test_interval_length_may_change_within_a_file():
    items = read(stream(), day(), stream(minutes="5"), day("0.01", date="20260616", count=288))
    assert [item.period for item in items] == list(range(FIRST, FIRST + 96))
    assert {item.wh for item in items[48:]} == {60}


@given(
    minutes=st.sampled_from([5, 15, 30]),
    unit=st.sampled_from([("Wh", 1), ("kWh", 1000), ("MWh", 1_000_000)]),
    data=st.data(),
)
def test_the_days_total_is_right_to_the_wh(minutes, unit, data):
    name, factor = unit
    count = 1440 // minutes
    texts = st.decimals(0, 5, places=data.draw(st.integers(0, 9))).map(lambda d: f"{d:f}")
    values = data.draw(st.lists(texts, min_size=count, max_size=count))
    items = read(stream(minutes=str(minutes), unit=name), day(values))
    parts = count // 48
    exact = [
        sum((Decimal(text) for text in values[n * parts : (n + 1) * parts]), Decimal()) * factor
        for n in range(48)
    ]
    total = sum(exact, Decimal()).quantize(Decimal(1), ROUND_HALF_UP)
    assert sum(item.wh for item in items) == total
    assert all(abs(item.wh - wh) <= 1 for item, wh in zip(items, exact, strict=True))


@pytest.mark.parametrize(
    ("quality", "expected"),
    [("A", "actual"), ("E52", "estimated"), ("F14", "estimated"), ("S14", "estimated")],
)
def test_qualities(quality, expected):
    assert {item.quality for item in read(stream(), day(quality=quality))} == {expected}


def test_a_day_without_data_is_a_gap():
    items = read(stream(), day("", quality="N"), day(date="20260616"))
    [(line, reason)] = refusals(items)
    assert line == 3
    assert "no data (quality N) for intervals 1 to 48 of 20260615" in reason
    assert [item.period for item in readings(items)] == list(range(FIRST + 48, FIRST + 96))


def test_each_half_hour_has_its_worst_quality():
    values = ["0.1"] * 95 + [""]
    items = read(
        stream(minutes="15"),
        day(values, quality="V"),
        "400,1,3,A,,",
        "400,4,94,F14,76,",
        "400,95,95,A,,",
        "400,96,96,N,,",
    )
    found = readings(items)
    assert [item.quality.letter for item in found] == ["A"] + ["E"] * 46
    assert {item.wh for item in found} == {200}
    [(line, reason)] = refusals(items)
    assert line == 7
    assert "intervals 96 to 96" in reason


def test_energy_beside_missing_data_is_not_carried():
    items = read(
        stream(minutes="15", unit="Wh"),
        day(["0.4"] * 96, quality="V"),
        "400,1,94,A",
        "400,95,95,N",
        "400,96,96,A",
    )
    assert sum(item.wh for item in readings(items)) == round(Decimal("0.4") * 94)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "quality V needs 400 records"),
        (["400,1,47,A"], "end at interval 47 of 48"),
        (["400,1,47,A", "400,49,49,A"], "line 5 says intervals 49 to 49"),
        (["400,1,24,A", "400,24,48,A"], "line 5 says intervals 24 to 48"),
        (["400,2,48,A"], "line 4 says intervals 2 to 48"),
        (["400,1,96,A"], "line 4 says intervals 1 to 96"),
        (["400,1,0,A", "400,1,48,A"], "line 4 says intervals 1 to 0"),
        (["400,1,48,V"], "line 4 says quality V"),
        (["400,1,48,F"], "line 4 is not 400,first,last,quality"),
        (["400,1,48"], "line 4 is not 400,first,last,quality"),
        (["400,a,48,A"], "line 4 does not number intervals"),
        (["400,1,48,A"] * 300, "line 5 says intervals 1 to 48"),
    ],
)
def test_400_records_must_cover_the_day(parts, reason):
    items = read(stream(), day(quality="V"), *parts, day(date="20260616"))
    [(line, said)] = refusals(items)
    assert line == 3
    assert reason in said
    assert [item.period for item in readings(items)] == list(range(FIRST + 48, FIRST + 96))


def test_400_records_of_an_actual_day_may_only_explain():
    assert len(readings(read(stream(), day(), "400,1,48,A,79,"))) == 48
    items = read(stream(), day(), "400,1,48,F14,76,")
    assert "does not go with A" in refusals(items)[0][1]
    assert not readings(items)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (day(count=47), "holds 47 values, but the 200 record of line 2 says 30 minutes"),
        (day(count=96), "holds 96 values"),
        ("300,20260615,V,,,20260616010203,", "holds 0 values"),
        ("300", "date ''"),
        ("300,20260615", "the record may be cut off"),
        (day(quality=""), "no quality"),
        (day(quality="F"), "no quality"),
        (day(quality="A14"), "no quality"),
        (day(date="20260230"), "is not YYYYMMDD"),
        (day(date="2026-6-5"), "is not YYYYMMDD"),
        (day(date="19691231"), "out of range"),
        (day(date="99991231"), "out of range"),
        (day(updated="2026061"), "update time"),
        (day() + ",,9", "more than a 300 record of 48 values"),
        (day(["0.25"] * 47 + ["-1"]), "value '-1' is not a number from 0"),
        (day(["0.25"] * 47 + [""]), "value '' is not a number"),
        (day(["0.25"] * 47 + ["."]), "value '.' is not a number"),
        (day(["0.25"] * 47 + ["1e3"]), "value '1e3' is not a number"),
        (day(["0.25"] * 47 + ["0.1234567891"]), "up to nine digits"),
        (day(["0.25"] * 47 + ["1000000.001"]), "beyond"),
    ],
)
def test_a_bad_day_refuses_itself_alone(record, reason):
    items = read(stream(), record, day(date="20260616"))
    [(line, said)] = refusals(items)
    assert line == 3
    assert reason in said
    assert [item.period for item in readings(items)] == list(range(FIRST + 48, FIRST + 96))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (stream(minutes="10"), "interval length '10' of 4001234567 E1 is not 5, 15 or 30"),
        (stream(minutes=""), "interval length ''"),
        (stream(minutes="7", suffix="Q1"), "does not divide the day"),
        (stream(unit=""), "unit ''"),
        (stream(unit="therm"), "unit 'therm'"),
        (stream(suffix="e1"), "NMI suffix 'e1'"),
        (stream(suffix=""), "NMI suffix ''"),
        (stream(nmi=""), "NMI ''"),
        (stream(nmi="40012345678"), "NMI '40012345678'"),
        ("200,4001234567", "nine fields"),
        (stream() + ",9", "nine fields"),
    ],
)
def test_a_bad_channel_refuses_its_days_and_no_others(record, reason):
    items = read(
        stream("B1"),
        day(),
        record,
        day(),
        "400,1,48,A",
        "500,O,S,20260616000000,1",
        stream(),
        day(),
    )
    (line, said), below = refusals(items)
    assert line == 4
    assert reason in said
    assert below[0] == 5
    assert "below the 200 record of line 4, which was refused" in below[1]
    assert [item.channel for item in readings(items)] == ["export"] * 48 + ["import"] * 48


def test_records_out_of_place():
    items = read(
        day(), "400,1,48,A", stream(), "400,1,48,A", day(), "2o0,x", day(), stream(), day()
    )
    assert [line for line, _ in refusals(items)] == [2, 5, 7, 8]
    reasons = [reason for _, reason in refusals(items)]
    assert "before any 200 record" in reasons[0]
    assert "follows no 300 record" in reasons[1]
    assert "is not a NEM12 record" in reasons[2]
    assert "after line 7, which could not be read" in reasons[3]
    assert len(readings(items)) == 48


@pytest.mark.parametrize("turn", [1, -1])
def test_the_later_update_stands_whatever_the_order(turn):
    days = [day("0.1", updated="20260616010203"), day("0.2", updated="20260617010203")]
    items = read(stream(), *days[::turn], stream("B1"), day(), stream(), day("0.3", updated=""))
    assert not refusals(items)
    assert {(item.channel, item.wh) for item in items} == {("import", 200), ("export", 250)}
    assert len(items) == 96


def test_the_same_day_again_is_dropped_and_a_contradiction_is_refused():
    items = read(stream(), day(), day(), day(updated="20260620000000"), day("0.3"), day("0.4"))
    assert len(items) == 48
    items = read(stream(), day(), day("0.3"))
    [(line, reason)] = refusals(items)
    assert line == 4
    assert "than line 3, which has the same day and update time" in reason
    assert {item.wh for item in readings(items)} == {250}


def test_a_revision_of_no_data_replaces_the_gap():
    items = read(stream(), day("0", "N"), day(updated="20260620000000"))
    assert not refusals(items)
    assert len(items) == 48


def test_a_revision_after_another_meter_is_refused_and_a_repeat_dropped():
    other = (stream(nmi="4007654321"), day())
    revised = day("0.3", updated="20260620000000")
    items = read(stream(), day(), *other, stream(), day(), day(updated="20260619000000"), revised)
    [(line, reason)] = refusals(items)
    assert line == 9
    assert "revises line 3" in reason
    assert len(readings(items)) == 96


def test_too_many_days_of_one_meter(monkeypatch):
    monkeypatch.setattr("meters.formats.nem12_revisions.DAYS_PER_METER_MAX", 1)
    with pytest.raises(InputError, match="line 4: meter 4001234567 has more than 1 days"):
        read(stream(), day(), day(date="20260616"))


def test_a_file_cut_off_says_so():
    items = read(stream(), day(), "300,20260616,0.25,0.2", end=None)
    assert [line for line, _ in refusals(items)] == [4, 4]
    assert "cut off: its 900 end record is missing" in refusals(items)[1][1]
    assert len(readings(items)) == 48


def test_what_follows_the_end_is_refused():
    items = read(stream(), day(), "900", "", HEADER, stream(), day(date="20260616"))
    [(line, reason)] = refusals(items)
    assert line == 6
    assert "stands after the 900 end record of line 4" in reason
    assert len(readings(items)) == 48
    assert [line for line, _ in refusals(read(end="900,1"))] == [2]


def test_padding_of_spreadsheets_and_an_update_time_without_seconds_are_taken():
    items = read(
        stream() + ",,,",
        day(updated="202606160102") + ",,,,",
        "",
        header=HEADER + ",,,",
        end="900,,,",
    )
    assert len(readings(items)) == len(items) == 48


def test_an_empty_file_of_good_form_has_nothing():
    assert read() == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"\n200,4001234567,E1\n", "line 2: a NEM12 file begins with a record 100,NEM12"),
        (b"100,NEM13,202606160102,MDP,RET\n", "ask for NEM12"),
        (b"100\n", "is not NEM12"),
        (b"100,NEM12,2026,MDP,RET\n", "the header must be"),
        (b"100,NEM12,202606160102\n", "the header must be"),
        (HEADER.encode("utf-16"), "line 1 is not UTF-8"),
        (HEADER.encode() + b"\n" + b"3" * (LINE_BYTES_MAX + 1), "line 2 is longer than"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(data, reason):
    with pytest.raises(InputError, match=reason):
        list(singly(read_nem12(io.BytesIO(data), ReadOptions())))


@given(
    bad=st.integers(0, 4),
    garbage=st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=60),
)
def test_a_garbled_day_never_shifts_the_others(bad, garbage):
    days = [day(f"0.{n}", date=f"2026061{n}") for n in range(5)]
    whole = {(item.period, item.wh) for item in read(stream(), *days)}
    days[bad] = "300," + garbage
    items = read(stream(), *days)
    expected = {(period, wh) for period, wh in whole if wh != 100 * bad}
    assert {(item.period, item.wh) for item in readings(items)} == expected
    assert [line for line, _ in refusals(items)] == [3 + bad]
