"""n3rgy's answers, from docs/formats/n3rgy.md. Every file here is made up."""

import io
import json

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions, recognise
from meters.formats.n3rgy import read_n3rgy
from meters.readings import Channel, Quality, Reading, Refusal
from tests.meters.items import singly

METER = "1200012345678"
LAST = 989759  # 2026-06-15T23:30Z


def v1(*values, resource=f"/{METER}/electricity/consumption/1", **members):
    head = {"resource": resource, "granularity": "halfhour"}
    rows = [{"value": value, "timestamp": time} for time, value in values]
    return json.dumps(head | {"values": rows, "unit": "kWh"} | members)


def v2(*values, kind="consumption", **members):
    head = {
        "resource": f"/mpxn/{METER}/utility/electricity/readingtype/{kind}?outputFormat=json",
        "granularity": "halfhour",
        "unit": "kWh",
    }
    rows = [{"primaryValue": value, "timestamp": time} for time, value in values]
    return json.dumps(head | members | {"devices": [{"deviceId": "01", "values": rows}]})


def read(text, options=ReadOptions()):  # noqa: B008 -- it never changes
    return list(singly(read_n3rgy(io.BytesIO(text.encode()), options)))


@pytest.mark.parametrize("text", [v1(("2026-06-16 00:00", 0.412)), v2(("2026-06-16 00:00", 0.412))])
def test_a_days_last_value_carries_the_next_days_date(text):
    assert read(text) == [Reading(METER, Channel.IMPORT, LAST, 412, Quality.ACTUAL)]
    assert recognise(text.encode()).name == "n3rgy"


def test_production_is_export():
    for text in (
        v1(("2026-06-16 00:00", 0), resource=f"/{METER}/electricity/production/1"),
        v2(("2026-06-16 00:00", 0), kind="production"),
        v2(("2026-06-16 00:00", 0), kind="export"),
    ):
        [item] = read(text, ReadOptions(channel=Channel.EXPORT))
        assert item.channel == Channel.EXPORT
        with pytest.raises(InputError, match="but import was declared"):
            read(text, ReadOptions(channel=Channel.IMPORT))


def test_clock_changes_do_not_matter():
    ends = ("2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30", "2026-10-25 02:00")
    items = read(v1(*((end, 0.1) for end in ends)))
    assert [item.period for item in items] == list(range(996048, 996052))


@pytest.mark.parametrize("version", [v1, v2])
@pytest.mark.parametrize(
    ("time", "value", "reason"),
    [
        ("2026-06-15 13:00", None, "so it is a gap"),
        ("2026-06-15 13:00", 16777.215, "where they have no data, so it is a gap"),
        ("2026-06-15 13:00", 4294967.295, "where they have no data, so it is a gap"),
        ("2026-06-15 13:00", -1, "is negative"),
        ("2026-06-15 13:00", "1", "is not a number"),
        ("2026-06-15 13:10", 1, "does not fit into half-hours"),
        ("1970-01-01 00:00", 1, "out of range"),
        ("15.06.2026", 1, "is not a time"),
        ("2026-06-15 23:30", 0.7, "another value than line 1"),
        (None, 1, "timestamp is not a text"),
    ],
)
def test_a_bad_value_refuses_itself_alone(version, time, value, reason):
    items = read(version(("2026-06-15 23:30", 0.5), (time, value), ("2026-06-16 00:00", 0.4)))
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert reason in refusal.reason
    assert [item.wh for item in items if isinstance(item, Reading)] == [500, 400]


def test_a_second_element_is_not_added():
    text = v2(("2026-06-16 00:00", 0.4))
    same, other = (text.replace("0.4,", f'0.4, "secondaryValue": {n},') for n in ("0.0", "0.1"))
    assert read(same) == read(text)
    assert "a second element, '0.1'" in read(other)[0].reason


def test_a_value_that_is_missing_is_a_gap():
    [refusal] = read(v2(("2026-06-16 00:00", 1)).replace("primaryValue", "value"))
    assert refusal.reason.startswith("row 1: the half-hour that ends at 2026-06-16 00:00 has no")


ROW = ("2026-06-16 00:00", 0.412)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (v1(ROW, unit="m3"), "the unit is 'm3'"),
        (v2(ROW, unit=None), "the unit is 'None'"),
        (v1(ROW).replace('"unit"', '"u"'), "the unit is not given"),
        (v1(ROW, granularity="day"), "the granularity is 'day'"),
        (v1(ROW, resource=f"/{METER}/gas/consumption/1"), "is not electricity consumption"),
        (v1(ROW, resource=f"/{METER}/electricity/tariff/1"), "is not electricity consumption"),
        (v1(ROW, resource=f"/{METER}/electricity/consumption/2"), "is not electricity"),
        (v1(ROW, resource="/electricity/consumption"), "is not electricity consumption"),
        (v1(ROW).replace("resource", "r"), "resource and granularity must stand before"),
        ('{"values": [1], "resource": "", "granularity": ""}', "must stand before the values"),
        ('{"responseTimestamp": "2026-06-16T11:17:01.055Z"}', "no array values"),
        (v1(resource="?"), "is not electricity consumption"),
    ],
)
def test_what_is_not_half_hours_of_electricity_is_refused_whole(text, reason):
    with pytest.raises(InputError, match=reason):
        read(text)
