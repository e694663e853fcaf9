"""DSMR P1 telegrams, from docs/formats/dsmr-p1.md. Every telegram here is made up."""

import io

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions
from meters.formats.dsmr_p1 import LINE_BYTES_MAX, TELEGRAM_BYTES_MAX, crc16, read_dsmr_p1
from meters.readings import Block, Refusal, RegisterRead

OBJECTS = {
    "1-3:0.2.8": "50",
    "0-0:1.0.0": "260615143000S",
    "0-0:96.1.1": "4B384547",
    "1-0:1.8.1": "001581.123*kWh",
    "1-0:1.8.2": "001435.706*kWh",
    "1-0:2.8.1": "000002.000*kWh",
    "1-0:2.8.2": "000000.500*kWh",
    "1-0:1.7.0": "00.244*kW",
}
OLD = {"1-3:0.2.8": None, "0-0:1.0.0": None}
"""What a telegram before version 4 does not have."""


def telegram(crc=True, **changes):  # noqa: FBT002
    objects = OBJECTS | changes.pop("objects", {})
    lines = [f"{code}({value})" for code, value in objects.items() if value is not None]
    body = "\r\n".join(["/ISk5\\2MT382-1000", "", *lines, *changes.get("more", ()), "!"]).encode()
    return body + (f"{crc16(body):04X}".encode() if crc is True else crc or b"") + b"\r\n"


def timed(clock, total, **objects):
    """Return a telegram at a local summer time of 15 June 2026 with an import total in Wh."""
    values = {
        "0-0:1.0.0": f"260615{clock}S",
        "1-0:1.8.1": f"{total // 1000:06}.{total % 1000:03}*kWh",
        "1-0:1.8.2": "0*kWh",
        "1-0:2.8.1": None,
        "1-0:2.8.2": None,
    }
    return telegram(objects=values | objects)


def read(*parts, **options):
    return list(read_dsmr_p1(io.BytesIO(b"".join(parts)), ReadOptions(**options)))


def refusals(items):
    return [(item.line, item.reason) for item in items if isinstance(item, Refusal)]


def test_a_telegram_is_a_read_of_each_direction():
    items = read(telegram())
    assert [item.as_json() for item in items] == [
        {
            "meter": "K8EG",
            "channel": channel,
            "at": "2026-06-15T12:30:00Z",
            "register_wh": wh,
        }
        for channel, wh in (("import", 3_016_829), ("export", 2_500))
    ]
    assert items[0].place == (1, 0, len(telegram()))


def test_telegrams_become_half_hours():
    items = read(
        timed("142955", 1000),
        timed("143005", 1020),
        b"\r\n",
        timed("150000", 1500),
        timed("153000", 1500),
    )
    blocks = [(item.first, item.wh) for item in items if isinstance(item, Block)]
    assert blocks == [(989737, (490,)), (989738, (0,))]
    assert [item.wh for item in items if isinstance(item, RegisterRead)] == [1000, 1500]


@pytest.mark.parametrize(
    ("objects", "meter"),
    [
        ({"0-0:96.1.1": "4131"}, "A1"),
        ({"0-0:96.1.1": "39602219"}, "39602219"),
        ({"0-0:96.1.1": "00000000"}, "00000000"),
        ({"0-0:96.1.1": ""}, "h7"),
        ({"0-0:96.1.1": None}, "h7"),
    ],
)
def test_meters(objects, meter):
    assert {item.meter for item in read(telegram(objects=objects), meter="h7")} == {meter}


def test_a_meter_without_tariffs():
    objects = {code: None for code in OBJECTS if code.startswith(("1-0:1.8", "1-0:2.8"))}
    items = read(telegram(objects=objects | {"1-0:1.8.0": "12.5*kWh", "1-0:2.8.0": "7*Wh"}))
    assert [item.wh for item in items] == [12_500, 7]
    only = read(telegram(objects=objects | {"1-0:1.8.0": "12.5*kWh"}))
    assert [(item.channel.value, item.wh) for item in only] == [("import", 12_500)]


@pytest.mark.parametrize(
    ("clock", "zone", "at"),
    [
        ("261025023000S", None, "2026-10-25T00:30:00Z"),
        ("261025023000W", None, "2026-10-25T01:30:00Z"),
        ("260115120000W", None, "2026-01-15T11:00:00Z"),
        ("260615143000S", "Europe/Helsinki", "2026-06-15T11:30:00Z"),
    ],
)
def test_the_season_tells_the_autumn_hours_apart(clock, zone, at):
    items = read(telegram(objects={"0-0:1.0.0": clock}), zone=zone)
    assert items[0].as_json()["at"] == at


@pytest.mark.parametrize(
    ("clock", "reason"),
    [
        ("260115120000S", "is summer time, which Europe/Amsterdam does not have then"),
        ("260615120000W", "is winter time"),
        ("260329023000S", "is summer time"),
        ("260231120000W", "is not a time"),
        ("260615120000", "is not YYMMDDhhmmss and S or W"),
    ],
)
def test_times_that_cannot_be(clock, reason):
    [(line, said)] = refusals(read(telegram(objects={"0-0:1.0.0": clock})))
    assert line == 1
    assert reason in said


def test_old_telegrams_need_the_time_at_which_they_came():
    old = telegram(crc=None, objects=OLD)
    assert "it has no time, as before version 4" in refusals(read(old))[0][1]
    items = read(b"@2026-06-15T12:30:00Z\r\n", old, old)
    assert {item.at for item in items if isinstance(item, RegisterRead)} == {1781526600}
    assert [line for line, _ in refusals(items)] == [11]  # the line counts for one telegram
    for wrong in (
        b"@2026-06-31T12:30:00Z\n",
        b"@2026-06-15T12:30:00\n",
        b"@9999-01-01T00:00:00Z\n",
    ):
        assert [line for line, _ in refusals(read(wrong, old))] == [1, 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (telegram().replace(b"1435", b"1436"), "its CRC is"),
        (telegram(crc=b"0000"), "but it says 0000"),
        (telegram(crc=b"XYZ"), "is no CRC"),
        (telegram(crc=None), "its CRC is missing"),
        (telegram(crc=None, objects={"1-3:0.2.8": None}), "its CRC is missing"),
        (telegram(objects={"1-0:1.8.2": None}), "and not the other tariff's register"),
        (telegram(objects={"1-0:1.8.1": "12"}), "is '12', not like 001581.123*kWh"),
        (telegram(objects={"1-0:1.8.1": "1*m3"}), "not like 001581.123*kWh"),
        (telegram(objects={"1-0:1.8.1": None, "1-0:1.8.2": None}), "no register of imported"),
        (telegram(objects={"0-0:96.1.1": None}), "declare it with --meter"),
        (telegram(objects={"0-0:96.1.1": "K8"}), "is not hexadecimal"),
        (telegram(more=["1-0:1.8.1(1.000*kWh)"]), "twice, with two values"),
        (telegram(more=["0-0:96.13.0(" + "30" * 3000 + ")"] * 6), "longer than 32,768 bytes"),
        (telegram()[:-8], "the file ends within it"),
    ],
)
def test_a_bad_telegram_is_refused_alone(data, reason):
    before, after = timed("142955", 1000), timed("150000", 1500)
    items = read(before, data, after) if data.endswith(b"\n") else read(before, data)
    [(line, said)] = refusals(items)
    assert line == before.count(b"\n") + 1
    assert reason in said
    assert isinstance(items[0], RegisterRead)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 200, 201])
def test_the_crc_is_that_of_its_polynomial_bit_by_bit(length):
    data = bytes(n * n % 251 for n in range(length))
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    assert crc16(data) == crc


def test_crcs_without_leading_zeros_and_other_line_ends():
    body = next(
        whole[:-6]
        for n in range(1000)
        if (whole := telegram(objects={"1-0:1.7.0": f"00.{n:03}*kW"}))[-6:-5] == b"0"
    )
    short = f"{crc16(body):x}\n".encode()
    assert len(short) < 5
    assert not refusals(read(body + short))
    assert not refusals(read(telegram().replace(b"\r\n", b"\n")))
    assert refusals(read(telegram().replace(b"\r\n", b"\n").replace(b"1435", b"1436")))


def test_cut_telegrams_and_stray_lines():
    cut = telegram()[:60]
    cut = cut[: cut.rindex(b"\n") + 1]
    items = read(b"rubbish\r\nmore\r\n", cut, telegram(), b"rubbish\r\n", cut)
    lines = [line for line, _ in refusals(items)]
    assert lines == [1, 3, 3 + cut.count(b"\n") + telegram().count(b"\n"), lines[2] + 1]
    old = b"@2026-06-15T12:30:00Z\r\n" + telegram(crc=None, objects=OLD)
    items = read(cut, old)
    assert [line for line, _ in refusals(items)] == [1]
    assert items[-1].at == 1781526600


def test_resets_and_clocks_that_go_back_are_refused():
    items = read(
        timed("143000", 9000),
        timed("150000", 9400),
        timed("145900", 9500),
        timed("153000", 5),
        timed("160000", 10),
        timed("163000", 30),
    )
    length = timed("143000", 9000).count(b"\n")
    assert [line for line, _ in refusals(items)] == [1 + 2 * length, 1 + 3 * length]
    assert [item.wh for item in items if isinstance(item, Block)] == [(400,), (20,)]


def test_a_line_is_only_so_long():
    with pytest.raises(InputError, match="line 1 is longer"):
        read(b"/" + b"x" * LINE_BYTES_MAX)
    assert TELEGRAM_BYTES_MAX > LINE_BYTES_MAX
