"""EDA's consumption records, from docs/formats/eda.md. Every file here is made up."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.eda import read_eda
from meters.readings import Advance, Block, Channel, Quality, Refusal

DRAWN, FED_IN = "1-1:1.9.0 G.01", "1-1:2.9.0 G.01"
START = datetime(2026, 6, 15, 12, tzinfo=UTC)


def clock(instant):
    return (instant + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")


def position(number=0, method="L1", energy="0.206", minutes=15, **times):
    begin = START + timedelta(minutes=15 * number)
    first = times.get("begin", clock(begin))
    last = times.get("end", clock(begin + timedelta(minutes=minutes)))
    return f"<EP><DTF>{first}</DTF><DTT>{last}</DTT><MM>{method}</MM><BQ>{energy}</BQ></EP>\n"


def series(*positions, code=DRAWN, unit="KWH"):
    return f'<EnergyData MeterCode="{code}" UOM="{unit}">\n{"".join(positions)}</EnergyData>\n'


def record(*found, mode="PROD", sector="01", meter="AT001", said=""):
    return (
        f'<c:ConsumptionRecord xmlns:c="http://www.ebutilities.at/schemata/x">\n'
        f'<MarketParticipantDirectory DocumentMode="{mode}"><Sector>{sector}</Sector>'
        f"</MarketParticipantDirectory>\n<ProcessDirectory><MeteringPoint>{meter}</MeteringPoint>\n"
        f"<Energy>{said}\n{''.join(found)}</Energy></ProcessDirectory></c:ConsumptionRecord>"
    )


def read(*found, **fields):
    return read_text(record(*found, **fields))


def read_text(text, **options):
    return list(read_eda(io.BytesIO(text.encode()), ReadOptions(**options)))


def pairs(count=4, **fields):
    return [position(number, **fields) for number in range(count)]


@pytest.mark.parametrize(
    ("code", "channel"),
    [
        ("1-1:1.9.0 G.01", "import"),
        ("1-1:1.9.0 P.01", "import"),
        ("1-1:2.9.0 G.01", "export"),
        ("1-1:2.9.0  P.01", "export"),
    ],
)
def test_quarter_hours_become_half_hours(code, channel):
    items = read(series(*pairs(), code=code))
    assert [(item.meter, item.channel.value, item.first, item.wh) for item in items] == [
        ("AT001", channel, 989736, (412,)),
        ("AT001", channel, 989737, (412,)),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "1-1:1.9.0 G.01T",
        "1-1:1.9.0 G.02",
        "1-1:2.9.0 G.02",
        "1-1:2.9.0 G.03",
        "1-1:2.9.0 G.03R",
        "1-1:2.9.0 P.01T",
        "1-1:1.8.0",
        "",
    ],
)
def test_what_is_not_metered_is_refused_with_its_meaning(code):
    refusal, item = read(series(*pairs(), code=code), series(*pairs(2)))
    assert refusal.line == 5
    assert "computed and not metered" in refusal.reason or "not known" in refusal.reason
    assert isinstance(item, Block)


@pytest.mark.parametrize("turn", [1, -1])
def test_what_a_community_left_over_is_refused_beside_the_whole(turn):
    both = [series(*pairs(2), code=FED_IN), series(*pairs(2), code="1-1:2.9.0 P.01")]
    items = read(*both[::turn])
    assert [item.channel for item in items if isinstance(item, Block)] == [Channel.EXPORT]
    assert "what the community left over" in items[0].reason


def test_methods():
    [item] = read(series(position(0), position(1, "L2")))
    assert item.quality == "E"
    items = read(series(position(0), position(1, "L3"), position(2), position(3)))
    assert [type(item) for item in items] == [Refusal, Refusal, Block]
    assert "method L3, a substitute" in items[0].reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (position(0, "M"), "method 'M'"),
        (position(0, energy="-0.1"), "is negative"),
        (position(0, energy="1,5"), "is not a plain decimal number"),
        (position(0, begin="2026-06-15T14:00:00"), "is not a time with an offset"),
        (position(0, begin="2026-02-31T14:00:00Z"), "is not a time: day"),
        (position(0, begin="1926-01-01T14:00:00Z"), "is out of range"),
        (position(0, minutes=0), "is not before its end"),
        (position(0, minutes=7), "does not fit into half-hours"),
        ("<EP><DTF>2026-06-15T14:00:00Z</DTF></EP>", "has no element 'DTT'"),
    ],
)
def test_a_bad_value_is_refused_alone(bad, reason):
    items = read(series(bad, position(2), position(3)))
    assert reason in items[0].reason
    assert [item.first for item in items if isinstance(item, Block)] == [989737]


def test_clock_changes_are_in_the_offsets():
    night = series(
        position(begin="2026-10-25T02:30:00+02:00", end="2026-10-25T02:00:00+01:00"),
        position(begin="2026-10-25T02:30:00+01:00", end="2026-10-25T03:00:00+01:00"),
    )
    items = read(night, series(position(begin="2026-03-28T00:00:00Z", end="2026-03-29T00:00:00Z")))
    assert [(item.first, item.wh) for item in items if isinstance(item, Block)] == [
        (996049, (206,)),
        (996051, (206,)),
    ]
    [advance] = [item for item in items if isinstance(item, Advance)]
    assert (advance.end - advance.begin, advance.wh) == (86_400, 206)
    assert advance.quality is Quality.ACTUAL


def said(begin="2026-06-15T14:00:00+02:00", end="2026-06-15T15:00:00+02:00", count=4):
    return (
        f"<MeteringPeriodStart>{begin}</MeteringPeriodStart>"
        f"<MeteringPeriodEnd>{end}</MeteringPeriodEnd>"
        f"<NumberOfMeteringIntervall>{count}</NumberOfMeteringIntervall>"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"end": "2026-06-15T15:30:00+02:00"}, "1,800 s are missing"),
        ({"begin": "2026-06-15T14:15:00+02:00"}, "1 readings stand outside"),
        ({"count": 96}, "96 were announced"),
        ({"count": "x"}, "its number of intervals 'x' is not a number"),
        ({"begin": ""}, "'MeteringPeriodStart' is empty"),
    ],
)
def test_a_series_says_how_long_it_is(fields, reason):
    items = read(series(*pairs()), said=said(**fields))
    reasons = [item.reason for item in items if isinstance(item, Refusal)]
    assert reasons == [] if reason is None else reason in reasons[0]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mode": "SIMU"}, "'SIMU', not PROD"),
        ({"sector": "02"}, "sector '02', not electricity"),
    ],
)
def test_other_documents_are_refused(fields, reason):
    with pytest.raises(InputError, match=reason):
        read(series(*pairs()), **fields)
    for text in ("", "<a/>", record(), record(series(*pairs()))[:-5]):
        with pytest.raises(InputError):
            read_text(text)


def test_a_value_outside_of_a_series():
    [refusal, _, _] = read(series(*pairs()), said=position())
    assert "stands in no series" in refusal.reason
