"""Octopus Energy's downloads, from docs/formats/octopus-csv.md. Every file here is made up."""

import io

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions, recognise
from meters.formats.octopus_csv import LINE_BYTES_MAX, read_octopus_csv
from meters.readings import Channel, Place, Quality, Reading, Refusal
from tests.meters.items import singly

HEADER = "Consumption (kwh), Start, End\n"
ROW = "0.412, 2026-06-15T13:30:00+01:00, 2026-06-15T14:00:00+01:00\n"
OPTIONS = ReadOptions(meter="1200012345678", channel=Channel.IMPORT)
READING = Reading("1200012345678", Channel.IMPORT, 989737, 412, Quality.ACTUAL)


def read(text, options=OPTIONS):
    return list(singly(read_octopus_csv(io.BytesIO(text.encode()), options)))


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROW,
        "\ufeff" + HEADER + "\r\n" + ROW + "\n",
        "consumption,start,end\n0.412,2026-06-15T12:30:00Z,2026-06-15T13:00:00Z",
        "consumption,interval_start,interval_end\n0.4120," + ROW.partition(", ")[2],
        "Start, End, Consumption (kWh)\n2026-06-15T12:30Z, 2026-06-15T13:00Z, 0.412",
        'Start, End, Consumption (kwh)\n"2026-06-15T12:30Z", "2026-06-15T13:00Z", "0.412"',
        (
            "Consumption (kwh), Estimated Cost Inc. Tax (p), Standing Charge Inc. Tax (p), Start,"
            " End\n0.412, 4.1, 0.78, 2026-06-15T12:30:00Z, 2026-06-15T13:00:00Z"
        ),
    ],
)
def test_one_reading_written_in_every_way(text):
    assert read(text) == [READING]
    assert recognise(text.encode()).name == "octopus-csv"


def test_the_autumn_night_is_told_apart_by_its_offsets():
    items = read(
        HEADER
        + "0.3, 2026-10-25T01:00:00+00:00, 2026-10-25T01:30:00+00:00\n"
        + "0.2, 2026-10-25T01:30:00+01:00, 2026-10-25T01:00:00+00:00\n"
        + "0.1, 2026-10-25T01:00:00+01:00, 2026-10-25T01:30:00+01:00\n"
    )
    assert [item.wh for item in items] == [100, 200, 300]


def test_a_block_stands_where_its_row_does():
    [block] = read_octopus_csv(io.BytesIO((HEADER + ROW).encode()), OPTIONS)
    assert block.place == Place(2, len(HEADER), len(ROW))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("0.4, 2026-06-15T13:30:00, 2026-06-15T14:00:00", "has no offset"),
        ("0.4, 2026-06-15T13:00Z, 2026-06-15T13:00Z", "is not after its start"),
        ("0.4, 2026-06-15T13:00Z, 2026-06-15T14:00Z", "with --split"),
        ("0.4, 2026-06-15T13:00Z", "has 2 cells where the header has 3"),
        (", 2026-06-15T13:00Z, 2026-06-15T13:30Z", "is not a plain decimal number"),
        ('"0.4, 2026-06-15T13:00Z, 2026-06-15T13:30Z', "the quotes do not match"),
    ],
)
def test_a_bad_row_refuses_itself_alone(row, reason):
    refusal, reading = read(f"{HEADER}{row}\n{ROW}")
    assert isinstance(refusal, Refusal)
    assert refusal.line == 2
    assert reason in refusal.reason
    assert reading == READING


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "the header is missing"),
        ("\n", "the header is missing"),
        ("Consumption (m³), Start, End", r"'consumption \(m³\)' is not a column"),
        ("Consumption (kwh), Start, End, Meter", "'meter' is not a column"),
        ("Consumption (kwh), Start", "the column end or interval_end is missing"),
        ("Consumption (kwh), Start, End, End", "end stands there more than once"),
        ("Consumption, Consumption (kwh), Start, End", "consumption is there more than once"),
        ("Consumption (kwh)" + " " * LINE_BYTES_MAX, "longer than"),
    ],
)
def test_another_header_refuses_the_file(header, reason):
    with pytest.raises(InputError, match=reason):
        read(header)


def test_the_meter_is_declared():
    with pytest.raises(InputError, match="does not name its meter or channel"):
        read(HEADER + ROW, ReadOptions())
