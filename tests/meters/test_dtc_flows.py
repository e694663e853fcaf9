"""D0036 and D0379, from docs/formats/d0036.md. Every file here is made up."""

import io

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions, find_format
from meters.readings import Block, Channel, Refusal

MPAN = "1012345678901"
KINDS = {"d0036": ("101", "102", "103"), "d0379": ("25B", "26B", "66L")}
COUNTS = {"20260615": 48, "20260329": 46, "20261025": 50}


def header(name, identifier="7"):
    return f"ZHV|{identifier}|{name.upper()}001|C|DCXX|X|SUPX|20261026090000||||OPER|"


def block(name, quantity="AI", meter=MPAN):
    return [f"{KINDS[name][0]}|{meter}|{quantity}|SUPX|"]


def day(name, date="20260615", value="1.5", flag="A", count=None):
    _, kind, each = KINDS[name]
    return [f"{kind}|{date}|", *[f"{each}|{flag}|{value}|"] * (count or COUNTS[date])]


def text(name, *parts, trailer=None):
    body = [line for part in parts for line in part]
    blocks = sum(line.startswith(KINDS[name][0] + "|") for line in body)
    end = f"ZPT|7|{len(body)}||{blocks}|20261026090001|" if trailer is None else trailer
    return "\n".join([header(name), *body, *([end] if end else [])]) + "\n"


def read(name, *parts, trailer=None):
    data = text(name, *parts, trailer=trailer).encode()
    return list(find_format(name).read(io.BytesIO(data), ReadOptions()))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("date", COUNTS)
def test_the_nth_value_is_the_nth_half_hour_of_the_london_day(name, date):
    [found] = read(name, block(name), day(name, date))
    assert len(found.wh) == COUNTS[date]
    start = next(found.readings()).as_json()["start"]
    assert (
        start
        == {
            "20260615": "2026-06-14T23:00:00Z",
            "20260329": "2026-03-29T00:00:00Z",
            "20261025": "2026-10-24T23:00:00Z",
        }[date]
    )


@pytest.mark.parametrize("name", KINDS)
def test_blocks_name_meter_and_quantity(name):
    other = "2000000000008"
    items = read(
        name,
        block(name),
        day(name),
        block(name, "AE"),
        day(name, value="0.5"),
        block(name, "RI"),
        day(name, value="-9.25"),
        block(name, "AI", other),
        day(name, flag="E"),
        day(name, "20260329", flag="C"),
    )
    assert [(item.meter, item.channel, item.wh[0], item.quality[0]) for item in items] == [
        (MPAN, Channel.IMPORT, 1500, "A"),
        (MPAN, Channel.EXPORT, 500, "A"),
        (other, Channel.IMPORT, 1500, "E"),
        (other, Channel.IMPORT, 1500, "E"),
    ]


def test_a_place_is_the_bytes_of_its_day():
    data = text("d0379", block("d0379"), day("d0379"))
    [found] = find_format("d0379").read(io.BytesIO(data.encode()), ReadOptions())
    _, offset, length = found.place
    assert data[offset : offset + length] == "\n".join(day("d0379")) + "\n"
    assert found.place.line == 3


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"count": 47}, "has 47 values, but 48 half-hours"),
        ({"count": 60}, "has 60 values, but 48 half-hours"),
        ({"value": "-1.5"}, "is negative"),
        ({"value": "1.0001"}, "is not a whole number of Wh"),
        ({"value": "1,5"}, "is not a plain decimal number"),
        ({"value": ""}, "is not a plain decimal number"),
        ({"flag": "X"}, "flag 'X' is not"),
    ],
)
def test_a_bad_day_is_refused_whole_and_the_next_stays_where_it_is(name, wrong, reason):
    refusal, found = read(name, block(name), day(name, **wrong), day(name, "20260329"))
    assert (refusal.line, reason in refusal.reason) == (3, True)
    assert next(found.readings()).as_json()["start"] == "2026-03-29T00:00:00Z"


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        ([["66L|A|1|"], block("d0379"), day("d0379")], [2]),
        ([day("d0379"), block("d0379"), day("d0379", "20260329")], [2]),
        ([block("d0379", "XX"), day("d0379"), day("d0379", "20260329")], [2, 3, 52]),
        ([block("d0379", meter="12"), day("d0379"), block("d0379"), day("d0379")], [2, 3]),
        ([block("d0379"), ["99Z|1|"], day("d0379"), block("d0379"), day("d0379")], [3, 4]),
        ([block("d0379"), ["26B|20260231|"], day("d0379")], [3]),
        ([block("d0379"), ["26B|19600101|"], day("d0379")], [3]),
        ([block("d0379"), day("d0379"), day("d0379", value="2")], [52]),
        ([block("d0379", "RI"), day("d0379", count=3)], [3]),
    ],
)
def test_refusals_name_their_line_and_keep_the_rest(records, lines):
    items = read("d0379", *records)
    assert [item.line for item in items if isinstance(item, Refusal)] == lines
    assert len([item for item in items if isinstance(item, Block)]) <= 1


def test_the_same_day_again_is_dropped():
    assert len(read("d0379", block("d0379"), day("d0379"), block("d0379"), day("d0379"))) == 1


@pytest.mark.parametrize(
    ("trailer", "reason"),
    [
        ("", "its ZPT trailer is missing"),
        ("ZPT|7|49||1|x|", "the trailer says '49' lines, but there are 50"),
        ("ZPT|7|50||2|x|", "the trailer says '2' blocks, but there are 1"),
        ("ZPT|8|50||1|x|", "the trailer is of file '8'"),
        ("ZPT", "the trailer is of file ''"),
        ("ZPT|7|50||1|x|\n66L|A|1|", "line 53 stands after the ZPT trailer"),
    ],
)
def test_a_file_whose_trailer_does_not_count_it_is_refused_whole(trailer, reason):
    with pytest.raises(InputError, match=reason.replace("|", r"\|")):
        read("d0379", block("d0379"), day("d0379"), trailer=trailer)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"25B|1|AI|\n", "begins with a record ZHV"),
        (b"ZHV|7|D0036001|C|X|X|X|X|\n", "flow 'D0036001' is not D0379001"),
        (b"ZHV|7|D0379002|C|X|X|X|X|\n", "flow 'D0379002' is not D0379001"),
    ],
)
def test_other_files_are_refused(data, reason):
    with pytest.raises(InputError, match=reason):
        list(find_format("d0379").read(io.BytesIO(data), ReadOptions()))
