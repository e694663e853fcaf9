"""Enedis's load curves, from docs/formats/enedis.md. Every file here is made up."""

import io
import json

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.enedis import read_enedis
from meters.readings import Channel, Quality, Reading, Refusal
from tests.meters.items import singly

METER = "24115050000000"
IMPORT = ReadOptions(channel=Channel.IMPORT)
SPLIT = ReadOptions(channel=Channel.IMPORT, split=True)
KIND = {"unit": "W", "measurement_kind": "power", "aggregate": "average"}
JUNE = 989737  # 2026-06-15T12:30Z


def row(date, value="824", length="PT30M", kind="B"):
    return {"value": value, "date": date, "interval_length": length, "measure_type": kind}


def answer(*rows, kind=KIND, **members):
    head = {"usage_point_id": METER, "reading_type": kind}
    return json.dumps({"meter_reading": head | {"interval_reading": rows} | members})


def read(text, options=IMPORT):
    return list(singly(read_enedis(io.BytesIO(text.encode()), options)))


def test_a_date_is_the_end_and_a_value_is_average_power():
    reading = Reading(METER, Channel.IMPORT, JUNE, 412, Quality.ACTUAL)
    assert read(answer(row("2026-06-15 15:00:00"))) == [reading]
    assert read(answer(row("2026-06-15 15:00:00", 824))) == [reading]
    assert read(answer(row("2026-06-15T13:00:00Z", "824.000"))) == [reading]


def test_the_length_may_change_within_a_day():
    items = read(
        answer(
            row("2026-06-15 15:00:00", "1000"),
            row("2026-06-15 15:10:00", "1", "PT10M"),
            row("2026-06-15 15:20:00", "1", "PT10M"),
            row("2026-06-15 15:30:00", "1", "PT10M"),
            row("2026-06-15 15:45:00", "2000", "PT15M", "C"),
            row("2026-06-15 16:00:00", "4000", "PT15M"),
        )
    )
    # 1 W over half an hour is half a Wh, rounded to even.
    assert [(item.period - JUNE, item.wh) for item in items] == [(0, 500), (1, 0), (2, 1500)]
    assert [item.quality.letter for item in items] == ["A", "A", "E"]


def test_an_hour_is_split_if_that_was_asked_for():
    text = answer(row("2026-06-15 15:00:00", "825", "PT60M"))
    [refusal] = read(text)
    assert "with --split" in refusal.reason
    assert [(item.wh, item.quality) for item in read(text, SPLIT)] == [
        (413, Quality.INTERPOLATED),
        (412, Quality.INTERPOLATED),
    ]


@pytest.mark.parametrize(
    ("labels", "length"),
    [
        (["01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"], "PT30M"),
        (
            [
                *("02:00", "02:10", "02:20", "02:30", "02:40", "02:50"),
                *("02:00", "02:10", "02:20", "02:30", "02:40", "02:50", "03:00"),
            ],
            "PT10M",
        ),
        (["01:00", "02:00", "02:00", "03:00", "04:00"], "PT60M"),
    ],
)
def test_the_repeated_hour_is_told_apart_by_order(labels, length):
    rows = [row(f"2026-10-25 {label}:00", "1200", length) for label in labels]
    items = read(answer(*rows), SPLIT)
    readings = [item for item in items if isinstance(item, Reading)]
    periods = [item.period for item in readings]
    assert periods == list(range(periods[0], periods[0] + len(periods)))
    assert {item.wh for item in readings} == {600}
    minutes = int(length[2:-1]) * len(labels)
    assert len(periods) == minutes // 30
    # A lone ten minutes before the repeated hour fills no half-hour.
    assert len(items) - len(readings) == (1 if minutes % 30 else 0)


def test_a_repeated_hour_that_is_there_once_is_refused():
    labels = ("01:30", "02:00", "02:30", "03:00")
    items = read(answer(*(row(f"2026-10-25 {label}:00") for label in labels)))
    assert [item.reason[:20] for item in items if isinstance(item, Refusal)] == [
        "the clock showed 202"
    ] * 2
    assert len([item for item in items if isinstance(item, Reading)]) == 2


def test_spring_has_a_day_of_46():
    labels = [f"{n // 2:02}:{n % 2 * 30:02}" for n in range(1, 48) if n not in (4, 5)]
    rows = [row(f"2026-03-29 {label}:00") for label in labels] + [row("2026-03-30 00:00:00")]
    periods = [item.period for item in read(answer(*rows))]
    assert periods == list(range(periods[0], periods[0] + 46))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("2026-03-29 02:30:00"), "the clock skipped it"),
        (row("noon"), "is not a time"),
        (row("2026-06-15 15:00:00", "-1"), "not a number of W"),
        (row("2026-06-15 15:00:00", None), "so it is a gap"),
        (row("2026-06-15 15:00:00", "1e3"), "not a number of W"),
        (row("2026-06-15 15:00:00", "9" * 12), "beyond"),
        (row("2026-06-15 15:00:00", length="P1D"), "interval_length 'P1D' is none of PT5M"),
        (row("2026-06-15 15:00:00", kind="X"), "measure_type 'X' is neither B"),
        (row("2026-06-15 15:07:00"), "does not fit into half-hours"),
        ({"value": "1", "date": "2026-06-15 15:00:00"}, "no member interval_length"),
        (row("2026-06-15 15:00:00", length="PT10M"), "has 10 of its 30 minutes"),
        (row("2026-06-15 15:30:00", "1"), "another value than line 1"),
    ],
)
def test_a_bad_interval_refuses_itself_alone(bad, reason):
    items = read(answer(row("2026-06-15 15:30:00"), bad))
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert reason in refusal.reason
    assert [item.period for item in items if isinstance(item, Reading)] == [JUNE + 1]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (answer(row("")), ReadOptions(), "declare it, as in --channel import"),
        (answer(row(""), kind=KIND | {"unit": "Wh"}), IMPORT, "has unit 'Wh', not W"),
        (answer(row(""), kind=KIND | {"aggregate": "maximum"}), IMPORT, "not average"),
        (answer(row(""), kind=None), IMPORT, "must stand before interval_reading"),
        (answer(row(""), usage_point_id=" 1"), IMPORT, "begins or ends with a space"),
        (
            '{"meter_reading": {"interval_reading": [1], "usage_point_id": ""}}',
            IMPORT,
            "must stand before interval_reading",
        ),
        ('{"error": "ADAM-DC-0008"}', IMPORT, "no array interval_reading"),
    ],
)
def test_what_is_not_a_load_curve_is_refused_whole(text, options, reason):
    with pytest.raises(InputError, match=reason):
        read(text, options)
