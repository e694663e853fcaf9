"""Energinet's answers, from docs/formats/energinet.md. Every file here is made up."""

import io
import json

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.energinet import read_energinet
from meters.readings import Channel, Quality, Reading, Refusal
from tests.meters.items import singly

METER = "571313179100000001"
SPLIT = ReadOptions(split=True)
JUNE = 989737  # 2026-06-15T12:30Z


def point(position, quantity="0.206", quality="A04"):
    return {
        "position": str(position),
        "out_Quantity.quantity": quantity,
        "out_Quantity.quality": quality,
    }


def period(*points, resolution="PT15M", start="2026-06-15T12:30:00Z", end="2026-06-16T12:30:00Z"):
    bounds = {"start": start, "end": end}
    return {"resolution": resolution, "timeInterval": bounds, "Point": points}


def series(*periods, **members):
    return {
        "mRID": METER,
        "businessType": "A04",
        "measurement_Unit.name": "KWH",
        "MarketEvaluationPoint": {"mRID": {"codingScheme": "A10", "name": METER}},
        **members,
        "Period": periods,
    }


def answer(*all_series, **members):
    found = {"MyEnergyData_MarketDocument": {"TimeSeries": all_series}, "success": True}
    return json.dumps({"result": [found | members]})


def read(text, options=ReadOptions()):  # noqa: B008 -- it never changes
    return list(singly(read_energinet(io.BytesIO(text.encode()), options)))


def readings(items):
    return [item for item in items if isinstance(item, Reading)]


def test_positions_count_from_the_start_of_the_period():
    items = read(answer(series(period(point(2), point(1), point(4), point(3, "1")))))
    assert items == [
        Reading(METER, Channel.IMPORT, JUNE, 412, Quality.ACTUAL),
        Reading(METER, Channel.IMPORT, JUNE + 1, 1206, Quality.ACTUAL),
    ]


def test_numbers_may_be_without_quotes():
    text = answer(series(period(point(1), point(2)))).replace('"0.206"', "0.206")
    assert [item.wh for item in read(text.replace('"2"', "2"))] == [412]


def test_hours_are_refused_unless_they_may_be_split():
    text = answer(series(period(point(1, "0.413"), resolution="PT1H")))
    [refusal] = read(text)
    assert "with --split" in refusal.reason
    assert [(item.wh, item.quality) for item in read(text, SPLIT)] == [
        (207, Quality.INTERPOLATED),
        (206, Quality.INTERPOLATED),
    ]


def test_production_is_export():
    text = answer(series(period(point(1), point(2)), businessType="A01"))
    assert [item.channel for item in read(text)] == [Channel.EXPORT]
    assert read(text, ReadOptions(channel=Channel.EXPORT)) == read(text)
    [refusal] = read(text, ReadOptions(channel=Channel.IMPORT))
    assert "is channel export, but import was declared" in refusal.reason


def test_autumn_has_a_period_of_25_hours():
    hours = [point(n, "1") for n in range(1, 26)]
    bounds = {"start": "2026-10-24T22:00:00Z", "end": "2026-10-25T23:00:00Z"}
    items = read(answer(series(period(*hours, resolution="PT1H", **bounds))), SPLIT)
    first = items[0].period
    assert [item.period for item in items] == list(range(first, first + 50))


@pytest.mark.parametrize(
    ("quality", "expected"),
    [("A04", "actual"), ("A03", "estimated"), ("A01", "estimated"), ("A06", "estimated")],
)
def test_qualities(quality, expected):
    items = read(answer(series(period(point(1), point(2, quality=quality)))))
    assert [item.quality for item in items] == [expected]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (point(3, quality="A02"), "position 3 is not available (A02), so it is a gap"),
        (point(3, quality="A05"), "position 3 is incomplete (A05), so it is a gap"),
        (point(3, quality="A09"), "quality 'A09' is not one of A01 to A06"),
        (point(3, quality=None), "quality is not a text"),
        (point(0), "position '0' is not a number from 1"),
        (point("x"), "position 'x' is not a number from 1"),
        (point(97), "beyond the end of its period"),
        (point(3, "-1"), "is negative"),
        (point(3, ""), "not a plain decimal"),
        (point(3, None), "quantity is not a text"),
        (point(3), "has 15 of its 30 minutes"),
        (point(2, "1"), "another value than line 1"),
        ({}, "no member out_Quantity.quality"),
        ([], "it is not an object"),
    ],
)
def test_a_bad_point_refuses_itself_alone(bad, reason):
    items = read(answer(series(period(point(1), point(2), bad))))
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert reason in refusal.reason
    assert [item.period for item in readings(items)] == [JUNE]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (period(point(1), point(2), resolution="P1D"), "resolution 'P1D', not one of PT15M"),
        (period(point(1), point(2), resolution=None), "resolution not given"),
        (period(point(1), point(2), start="2026-06-15"), "is not placed in time"),
        (period(point(1), point(2), end=None), "is not placed in time"),
        (period(point(1), point(2), start="2026-06-15T12:30:00"), "has no offset"),
    ],
)
def test_a_bad_period_is_refused_once(bad, reason):
    good = period(point(3), point(4))
    items = read(answer(series(bad, good), series(bad)))
    refusals = [item for item in items if isinstance(item, Refusal)]
    assert len(refusals) == 2
    assert reason in refusals[0].reason
    assert [item.period for item in readings(items)] == [JUNE + 1]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"businessType": "A64"}, "businessType 'A64', which is neither A04"),
        ({"measurement_Unit.name": "K3"}, "the unit 'K3', not KWH"),
        ({"MarketEvaluationPoint": {"mRID": None}}, "does not name its MarketEvaluationPoint"),
        ({"MarketEvaluationPoint": {"mRID": {"name": " "}}}, "begins or ends with a space"),
    ],
)
def test_a_bad_time_series_is_refused_once(members, reason):
    bad = series(period(point(1), point(2)), period(point(3), point(4)), **members)
    items = read(answer(bad, series(period(point(5), point(6)))))
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert reason in refusal.reason
    assert [item.period for item in readings(items)] == [JUNE + 2]


def test_what_the_hub_could_not_answer_is_told():
    failed = {
        "MyEnergyData_MarketDocument": None,
        "success": False,
        "errorCode": 20008,
        "errorText": "NoCprConsent",
        "id": "571313",
    }
    reason = "the hub did not answer for '571313': error '20008' 'NoCprConsent'; ask again"
    good = json.loads(answer(series(period(point(1), point(2)))))["result"]
    refusal, reading = read(json.dumps({"result": [failed, *good]}))
    assert refusal.reason == reason
    assert reading.wh == 412
    with pytest.raises(InputError, match=reason):
        read(json.dumps({"result": [failed]}))
    with pytest.raises(InputError, match="no points in result"):
        read('{"result": []}')
