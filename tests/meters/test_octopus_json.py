"""Octopus Energy's pages, from docs/formats/octopus-json.md. Every page here is made up."""

import io
import itertools
import json

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.octopus_json import read_octopus_json
from meters.readings import Advance, Channel, Quality, Reading, Refusal
from tests.meters.items import singly

OPTIONS = ReadOptions(meter="1200012345678", channel=Channel.IMPORT)
JUNE = 989737  # 2026-06-15T12:30Z


def row(start, end, consumption=0.412):
    return {"consumption": consumption, "interval_start": start, "interval_end": end}


def page(*rows, **members):
    return json.dumps({"count": 1, "next": None, "previous": None, "results": rows} | members)


def read(text, options=OPTIONS):
    return list(singly(read_octopus_json(io.BytesIO(text.encode()), options)))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z"),
        ("2026-06-15T13:30:00+01:00", "2026-06-15T14:00:00+01:00"),
        ("2026-06-15T12:30:00Z", "2026-06-15T14:00:00+01:00"),
    ],
)
def test_one_half_hour_written_in_every_way(start, end):
    reading = Reading("1200012345678", Channel.IMPORT, JUNE, 412, Quality.ACTUAL)
    assert read(page(row(start, end))) == [reading]


def test_the_meter_and_the_direction_are_declared():
    for options in (ReadOptions(), ReadOptions(meter="h1"), ReadOptions(channel=Channel.EXPORT)):
        with pytest.raises(InputError, match="does not name its meter or channel"):
            read(page(), options)
    export = ReadOptions(meter="h1", channel=Channel.EXPORT)
    [item] = read(page(row("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z")), export)
    assert (item.meter, item.channel) == ("h1", Channel.EXPORT)


def test_newest_first_comes_out_in_order():
    times = [f"2026-06-15T{hour:02}:{minute:02}:00Z" for hour in range(4) for minute in (0, 30)]
    rows = [row(*pair, 0.1) for pair in itertools.pairwise(times)]
    items = read(page(*reversed(rows), next="https://api.octopus.energy/v1/?page=2"))
    assert [item.as_json()["start"] for item in items] == times[:-1]


def test_an_interval_that_two_windows_share():
    shared = row("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z")
    assert len(read(page(shared, shared))) == 1
    items = read(page(shared, {**shared, "consumption": 0.5}))
    assert [item.wh for item in items if isinstance(item, Reading)] == [412]
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert "another value than line 1" in refusal.reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("2026-06-15T13:00:00Z", "2026-06-15T12:30:00Z"), "which is not after its start"),
        (row("2026-06-15T13:00:00Z", "2026-06-15T13:00:00Z"), "which is not after its start"),
        (row("2026-06-15T12:30:00", "2026-06-15T13:00:00Z"), "has no offset"),
        (row("2026-06-15T12:30:00Z", "noon"), "'noon' is not a time"),
        (row("1969-06-15T12:30:00Z", "2026-06-15T12:30:00Z"), "out of range"),
        (row("2026-06-15T12:10:00Z", "2026-06-15T12:40:00Z"), "does not fit into half-hours"),
        (row("2026-06-15T12:00:00Z", "2026-06-15T13:00:00Z"), "with --split"),
        (row("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z", None), "consumption is null"),
        (row("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z", "0.4"), "is not a number"),
        (row("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z", -0.4), "is negative"),
        (row("2026-06-15T12:30:00Z", "2026-06-15T13:00:00Z", 10**7), "beyond"),
        (row("2026-06-15T12:30:00Z", 7), "interval_end is not a text"),
        ({"consumption": 1}, "it has no member interval_start"),
        ("row", "it is not an object"),
    ],
)
def test_a_bad_row_refuses_itself_alone(bad, reason):
    good = row("2026-06-15T13:30:00Z", "2026-06-15T14:00:00Z")
    refusal, reading = read(page(bad, good))
    assert reason in refusal.reason
    assert reading.period == JUNE + 2


def test_an_hour_is_split_if_that_was_asked_for():
    hour = page(row("2026-06-15T12:00:00Z", "2026-06-15T13:00:00Z", 0.413))
    options = ReadOptions(meter="h1", channel=Channel.IMPORT, split=True)
    items = read(hour, options)
    assert [(item.wh, item.quality) for item in items] == [
        (207, Quality.INTERPOLATED),
        (206, Quality.INTERPOLATED),
    ]


def test_a_days_total_is_an_advance():
    [item] = read(page(row("2026-06-14T23:00:00Z", "2026-06-15T23:00:00Z", 8.456)))
    assert isinstance(item, Advance)
    assert (item.end - item.begin, item.wh) == (86_400, 8456)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"detail": "Invalid API key."}', "no array results"),
        ('{"results": null}', "no array results"),
        (page() + page(), "save each page"),
        (f"[{page()}]", "an array stands where an object is expected"),
    ],
)
def test_what_is_not_one_page_is_refused_whole(text, reason):
    with pytest.raises(InputError, match=reason):
        read(text)


def test_an_empty_page_has_nothing():
    assert read(page()) == []
