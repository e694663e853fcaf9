"""Green Button, from docs/formats/greenbutton.md. Every file here is made up."""

import io

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.greenbutton import read_greenbutton
from meters.readings import Advance, Block, Channel, Quality, Refusal

START = 1781524800  # 2026-06-15T12:00:00Z
TYPE = {"uom": 72, "flowDirection": 1, "powerOfTenMultiplier": 0}


def entry(content, name="x", **links):
    lines = "".join(
        f'<link rel="{relation}" href="{href}"/>\n'
        for relation, hrefs in links.items()
        for href in hrefs.split()
    )
    return f"<entry><id>{name}</id>{lines}<content>{content}</content></entry>\n"


def reading(begin=START, seconds=1800, value=412, quality=None):
    said = (
        "" if quality is None else f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>"
    )
    return (
        f"<IntervalReading>{said}<timePeriod><duration>{seconds}</duration><start>{begin}</start>"
        f"</timePeriod><value>{value}</value></IntervalReading>\n"
    )


def block(*readings, begin=None, seconds=0):
    interval = f"<interval><duration>{seconds}</duration><start>{begin}</start></interval>"
    return f"<IntervalBlock>{'' if begin is None else interval}{''.join(readings)}</IntervalBlock>"


def kind(**fields):
    each = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<ReadingType>{each}</ReadingType>"


POINT = entry("<UsagePoint/>", "urn:uuid:0f8a", self="U", related="U/M")
METER_READING = entry("<MeterReading/>", self="U/M/1", up="U/M", related="U/M/1/B T/1")
GAS = "<UsagePoint><ServiceCategory><kind>1</kind></ServiceCategory></UsagePoint>"
READING_TYPE = entry(kind(**TYPE), self="T/1")


def feed(*entries):
    return f'<feed xmlns="http://www.w3.org/2005/Atom">\n{"".join(entries)}</feed>'


def read(text, **options):
    return list(read_greenbutton(io.BytesIO(text.encode()), ReadOptions(**options)))


def read_block(*readings, reading_type=None, options=None, **interval):
    types = READING_TYPE if reading_type is None else entry(reading_type, self="T/1")
    content = block(*readings, **interval)
    found = entry(content, self="U/M/1/B/7", up="U/M/1/B")
    return read(feed(POINT, found, METER_READING, types), **(options or {}))


def test_entries_are_joined_by_their_links_whatever_their_order():
    found = entry(block(reading()), self="U/M/1/B/7", up="U/M/1/B")
    expected = ("0f8a", Channel.IMPORT, 989736, (412,), "A")
    for order in (
        (POINT, METER_READING, READING_TYPE, found),
        (found, READING_TYPE, METER_READING, POINT),
    ):
        text = feed(*order)
        [item] = read(text)
        assert item[:5] == expected
        _, offset, length = item.place
        assert text[offset : offset + length] + "\n" == reading()


def test_blocks_may_be_pointed_at_one_by_one():
    point = entry("<UsagePoint/>", "h1", related="M/1")
    meter_reading = entry("<MeterReading/>", self="M/1", related="B/1 B/2 T/1")
    one = entry(block(reading()), self="B/1")
    two = entry(block(reading(START + 1800)) + block(reading(START + 3600)), self="B/2")
    items = read(feed(point, meter_reading, one, two, READING_TYPE))
    assert [item.first - 989736 for item in items] == [0, 1, 2]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"flowDirection": 19}, ("export", 412)),
        ({"powerOfTenMultiplier": 3}, ("import", 412_000)),
        ({"powerOfTenMultiplier": -2}, ("import", 4)),
        ({"accumulationBehaviour": 4, "commodity": 1, "kind": 12}, ("import", 412)),
    ],
)
def test_types(fields, expected):
    [item] = read_block(reading(), reading_type=kind(**TYPE | fields))
    assert (item.channel.value, item.wh[0]) == expected


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"uom": 169}, "uom is therms of gas, not 72"),
        ({"uom": 5}, "uom is 5, not 72"),
        ({"flowDirection": 4}, "flowDirection is 4, neither 1"),
        ({"commodity": 7}, "commodity is 7, which is not electricity"),
        ({"accumulationBehaviour": 3}, "accumulationBehaviour is 3"),
        ({"kind": 8}, "kind is 8, which is not energy"),
        ({"powerOfTenMultiplier": 99}, "powerOfTenMultiplier 99 is out of range"),
        ({"uom": "Wh"}, "uom 'Wh' is not a whole number"),
    ],
)
def test_types_that_are_refused(fields, reason):
    [item] = read_block(reading(), reading_type=kind(**TYPE | fields))
    assert isinstance(item, Refusal)
    assert reason in item.reason
    assert "none of the block was read" in item.reason


def test_a_channel_is_declared_where_the_type_says_none():
    silent = kind(uom=72)
    assert "--channel import" in read_block(reading(), reading_type=silent)[0].reason
    [item] = read_block(
        reading(), reading_type=silent, options={"channel": Channel.EXPORT, "meter": "h7"}
    )
    assert item[:2] == ("h7", Channel.EXPORT)
    other = entry("<UsagePoint/>", "h2", related="X")
    with pytest.raises(InputError, match="2 usage points"):
        read(feed(POINT, other), meter="h7")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((POINT, READING_TYPE), "no MeterReading of the file points at this block"),
        ((METER_READING, READING_TYPE), "no UsagePoint of the file points at its MeterReading"),
        ((POINT, METER_READING), "points at 0 ReadingTypes"),
        ((POINT, METER_READING, METER_READING, READING_TYPE), "2 MeterReadings of the file"),
        (
            (POINT.replace("<UsagePoint/>", GAS), METER_READING, READING_TYPE),
            "service 1, which is not electricity",
        ),
    ],
)
def test_blocks_whose_links_do_not_lead_anywhere(entries, reason):
    found = entry(block(reading(), reading()), self="U/M/1/B/7", up="U/M/1/B")
    [item] = read(feed(found, *entries))
    assert reason in item.reason
    assert item.line == 4


@pytest.mark.parametrize(
    ("code", "quality"), [(0, "A"), (14, "A"), (17, "A"), (19, "A"), (8, "E"), (10, "E"), (13, "E")]
)
def test_qualities(code, quality):
    assert read_block(reading(quality=code))[0].quality == quality


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (reading(quality=12), "quality 12 is not of a measured"),
        (reading(value=-4), "is negative"),
        (reading(value="1.5"), "value '1.5' is not a whole number"),
        (reading(value=""), "the element 'value' is empty"),
        (reading(seconds=0), "is out of range"),
        (reading(seconds=700), "does not fit into half-hours"),
        (reading(begin=-9), "is out of range"),
        (reading(seconds=3600), "with --split"),
    ],
)
def test_a_bad_reading_is_refused_alone(given, reason):
    items = read_block(reading(START + 7200), given)
    assert any(isinstance(item, Block) for item in items)
    assert any(reason in item.reason for item in items if isinstance(item, Refusal))


def test_hours_may_be_split_and_days_are_advances():
    hour = read_block(reading(seconds=3600, value=801), options={"split": True})
    assert [(item.wh, item.quality) for item in hour] == [((401,), "I"), ((400,), "I")]
    days = [reading(1774688400, 82_800, 5), reading(1774771200, 86_400, 6, 8)]
    items = read_block(*days, days[0])
    assert [(type(item), item.wh, item.quality) for item in items[:2]] == [
        (Advance, 5, Quality.ACTUAL),
        (Advance, 6, Quality.ESTIMATED),
    ]
    assert "82,800 s are there more than once" in items[2].reason
    overlapping = read_block(days[0], reading(1774688400 + 3600, 86_400, 7))
    assert "overlaps the advance of line" in overlapping[1].reason


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        ((START, 3600), None),
        ((START, 7200), "3,600 s are missing"),
        ((START + 1800, 3600), "1,800 s are missing, 1 readings stand outside"),
        ((-5, 3600), "its interval cannot be read"),
        (("soon", 3600), "start 'soon' is not a whole number"),
    ],
)
def test_a_block_says_how_long_it_is(interval, reason):
    begin, seconds = interval
    items = read_block(reading(), reading(START + 1800), begin=begin, seconds=seconds)
    reasons = [item.reason for item in items if isinstance(item, Refusal)]
    assert reasons == [] if reason is None else reason in reasons[0]


def test_gaps_overlaps_and_empty_blocks_are_reported():
    assert "1,800 s are missing" in read_block(reading(), reading(START + 3600))[0].reason
    again = read_block(reading(), reading(START, 900, 5))
    assert "has another value than line" in again[0].reason
    assert "900 s are there more than once" in again[1].reason
    assert again[2].wh == (412,)
    assert "0 readings: 3,600 s are missing" in read_block(begin=START, seconds=3600)[0].reason


def test_other_files_are_refused():
    for text in ("", "<feed/>", "meter,channel", f"{feed(POINT)}<a/>", feed(POINT)[:-9]):
        with pytest.raises(InputError):
            read(text)
    stray = feed(POINT, reading())
    assert "stands in no block" in read(stray)[0].reason
