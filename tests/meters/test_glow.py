"""Glow's payloads, from docs/formats/glow.md. Every payload here is made up."""

import io
import json

import pytest

from ledger.errors import InputError
from meters.formats import ReadOptions, glow
from meters.formats.glow import looks_like_glow, read_glow
from meters.readings import Block, Refusal, RegisterRead

TOPIC = "glow/A1234BC5DE67/SENSOR/electricitymeter"


def payload(time="2026-06-15T12:30:00Z", imported="12000.123", exported="125.987", mpan='"1234"'):
    imports = f'"cumulative":{imported},"day":5.9,"units":"kWh","mpan":{mpan}'
    export = "" if exported is None else f'"export":{{"cumulative":{exported},"units":"kWh"}},'
    return (
        f'{{"electricitymeter":{{"timestamp":"{time}","energy":{{{export}"import":{{{imports}}}}},'
        '"power":{"value":-0.678,"units":"kW"}}}'
    )


def gas(time="2026-06-15T12:30:00Z", mprn="0123456789"):
    return (
        f'{{"gasmeter":{{"timestamp":"{time}","energy":{{"import":{{"cumulative":null,'
        f'"mprn":"{mprn}"}}}}}}}}'
    )


def read(*lines, **options):
    return list(read_glow(io.BytesIO("\n".join(lines).encode()), ReadOptions(**options)))


def reasons(items):
    return [(item.line, item.reason) for item in items if isinstance(item, Refusal)]


@pytest.mark.parametrize(
    "line",
    [
        payload(),
        f"  {payload()} ",
        f"{TOPIC} {payload()}",
        json.dumps({"topic": TOPIC, "payload": 0}).replace(": 0", f": {payload()}"),
        f'{{"payloads": [{{"topic": "{TOPIC}", "payload": {payload()}}}]}}',
        f'\ufeff{{\n"payloads":[ {{"payload": {payload()}}}\n]\n}}\n',
    ],
)
def test_shapes(line):
    items = read(line)
    assert [(item.meter, item.channel.value, item.wh) for item in items] == [
        ("1234", "import", 12_000_123),
        ("1234", "export", 125_987),
    ]
    data = line.encode()
    offset, length = items[0].place.offset, items[0].place.length
    assert payload().encode() in data[offset : offset + length]
    assert items[0].place.line == 1 + data[:offset].count(b"\n")


def test_cumulative_totals_become_half_hours():
    items = read(
        payload("2026-06-15T12:29:55Z", "7.000", "1.000"),
        f"{TOPIC} {payload('2026-06-15T12:30:05Z', '7.020', '1.000')}",
        gas(),
        'glow/A1/STATE {"software":"v1.8.12"}',
        payload("2026-06-15T13:00:00Z", "7.410", "1.250"),
    )
    assert [(item.channel.value, item.first, item.wh) for item in items if type(item) is Block] == [
        ("import", 989737, (400,)),
        ("export", 989737, (250,)),
    ]
    assert not reasons(items)


def test_export_may_be_left_out_and_the_meter_declared():
    items = read(payload(exported=None, mpan="null"), meter="h7")
    assert [(item.meter, item.channel.value) for item in items] == [("h7", "import")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (payload(imported="null"), "import has no cumulative total"),
        (payload(imported='"12"'), "import has no cumulative total"),
        (payload(exported="null"), "export has no cumulative total"),
        (payload(imported="-1"), "is negative"),
        (payload(imported="0.0005"), "is not a whole number of Wh"),
        (payload(imported="1e3"), "is not a plain decimal number"),
        (payload(imported="NaN"), "NaN is not a number"),
        (payload(imported='1,"cumulative":2'), "'cumulative' stands twice"),
        (payload(mpan="null"), "declare the meter with --meter"),
        (payload(mpan='"read pending"'), "'read pending'"),
        (payload(mpan="12"), "mpan is not text"),
        (payload(time="1970-01-01T00:00:00Z"), "had no read or clock yet"),
        (payload(time="2026-06-15 12:30"), "is not like 2026-06-15T12:30:00Z"),
        (payload(time="2026-02-31T12:30:00Z"), "is not a time"),
        (payload(time="9026-02-01T12:30:00Z"), "is out of range"),
        (payload().replace('"kWh"', '"Wh"'), "'Wh', not kWh"),
        (gas(time="1970-01-01T00:00:00Z"), "had no read or clock yet"),
        (gas(mprn="read pending"), "'read pending'"),
        (f"glow/A1/SENSOR/gasmeter {payload()}", "as its topic says"),
        (payload()[:-1], "this is not JSON"),
        (payload() + "x", "something follows the payload"),
        ("[" * 60_000, "nested too deeply"),
        ("12", "is not an object"),
        ('{"electricitymeter": 7}', "has no object electricitymeter"),
    ],
)
def test_a_bad_payload_is_refused_alone(line, reason):
    items = read(line, payload())
    [(number, said)] = reasons(items)
    assert (number, reason in said) == (1, True)
    assert len([item for item in items if isinstance(item, RegisterRead)]) == 2


def test_the_same_read_again_and_another_at_the_same_time():
    items = read(payload(), payload(), payload(exported="0.000"))
    [(line, said)] = reasons(items)
    assert line == 3
    assert "says 0 Wh, but line 1 said 125,987 Wh at the same time" in said


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ('{"payloads": [7]}', "is not an object with a payload"),
        ('{"payloads": [{"payload": 7}, 8]}', "neither goes on nor ends"),
        ('{"payloads": [{"payload": 7}', "neither goes on nor ends"),
        ('{"payloads": [{"payload": 7}],\n"more": 1}', "line 1"),
        ('{"payloads": [{"payload": 7}]} x', "goes on after its list"),
        ('{"payloads": [{"payload": }]}', "line 1: this is not JSON"),
    ],
)
def test_documents_that_cannot_be_read(document, reason):
    with pytest.raises(InputError, match=reason):
        read(document)


def test_a_document_is_only_so_long(monkeypatch):
    monkeypatch.setattr(glow, "DOCUMENT_BYTES_MAX", 100)
    with pytest.raises(InputError, match="longer than 100 bytes"):
        read(f'{{"payloads": [{payload()}]}}')


def test_heads():
    assert looks_like_glow(f"{TOPIC} {payload()}".encode())
    assert not looks_like_glow(b'{"readings": []}')
    assert not looks_like_glow(f"x {payload()}".encode())
