"""Whatever bytes come in, a reader raises only InputError and names lines that exist."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.primitives.energy import WH_MAX
from ledger.primitives.periods import PERIOD_MAX
from meters.formats import FORMATS, ReadOptions, recognise
from meters.readings import Block, Channel, Refusal

DAY = ",".join(["300,20260615", *(f"0.{n:03}" for n in range(48)), "V,,,20260616010203,"])
FIXTURES = {
    "csv": (
        "meter,channel,time,wh,quality\n"
        "h1,import,2026-06-15T12:30Z,412,actual\n"
        'h1,"export",2026-06-15 13:30,0,\n'
        "h1,import,2026-10-25T01:00,7,zero\n"
        "h1,import,2026-10-25T01:30,8,\n"
        "h1,import,2026-10-25T01:00,9,\n"
        "h1,import,2026-10-25T02:00:00+01:00,9,estimated\n"
    ),
    "wide-csv": (
        "period_start,h1_load_wh,h1_pv_wh,h2_load_wh\n"
        "2026-10-25T00:30,1,2,3\n"
        "2026-10-25T01:00,1,,3\n"
        "2026-10-25T01:30,,,\n"
        "2026-10-25T01:00,10,20,30\n"
        "2026-10-25T01:30,1000,2,3\n"
        "2026-10-25T02:00Z,1,2,3\n"
    ),
    "nem12": (
        "100,NEM12,202606160102,MDP,RET\n"
        "200,4001234567,E1B1,1,E1,N1,SERIAL,kWh,30,\n"
        f"{DAY}\n400,1,20,A,,\n400,21,47,F14,76,\n400,48,48,N,,\n"
        "500,O,S,20260616000000,1\n"
        "200,4001234567,E1B1,2,Q1,,SERIAL,kVArh,30,20260701\n"
        f"{DAY.replace('V', 'A')}\n"
        "900\n"
    ),
    "octopus-json": (
        '{"count": 3, "next": null, "previous": null, "results": [\n'
        '{"consumption": 0.412, "interval_start": "2026-06-15T13:30:00+01:00",\n'
        ' "interval_end": "2026-06-15T14:00:00+01:00"},\n'
        '{"consumption": 1.5, "interval_start": "2026-06-15T11:30:00Z",\n'
        ' "interval_end": "2026-06-15T12:30:00Z"},\n'
        '{"consumption": 9, "interval_start": "2026-06-13T23:00:00Z",\n'
        ' "interval_end": "2026-06-14T23:00:00Z"}]}\n'
    ),
    "octopus-csv": (
        "Consumption (kwh), Estimated Cost Inc. Tax (p), Start, End\n"
        "0.412, 4.1, 2026-06-15T13:30:00+01:00, 2026-06-15T14:00:00+01:00\n"
        '0.1, , "2026-06-15T13:00:00Z", 2026-06-15T13:30:00Z\n'
        "2, 9, 2026-06-15T13:30:00Z, 2026-06-15T14:30:00Z\n"
    ),
    "n3rgy": (
        '{"resource": "/1200012345678/electricity/consumption/1",\n'
        '"start": "202606150030", "granularity": "halfhour", "values": [\n'
        '{"value": 0.412, "timestamp": "2026-06-15 00:30"},\n'
        '{"value": 16777.215, "timestamp": "2026-06-15 01:00"},\n'
        '{"value": null, "timestamp": "2026-06-16 00:00"}],\n'
        '"devices": [{"values": [{"primaryValue": 1, "timestamp": "2026-06-15 01:30"}]}],\n'
        '"unit": "kWh"}\n'
    ),
    "enedis": (
        '{"meter_reading": {"usage_point_id": "24115050000000", "reading_type":\n'
        '{"unit": "W", "measurement_kind": "power", "aggregate": "average"},\n'
        '"interval_reading": [\n'
        '{"value":"824","date":"2026-10-25 02:00:00","interval_length":"PT30M","measure_type":"B"},\n'
        '{"value":"9","date":"2026-10-25 02:15:00","interval_length":"PT15M","measure_type":"B"},\n'
        '{"value":"9","date":"2026-10-25 02:30:00","interval_length":"PT15M","measure_type":"C"},\n'
        '{"value":"7","date":"2026-10-25 02:00:00","interval_length":"PT30M","measure_type":"B"},\n'
        '{"value":"7","date":"2026-10-25 02:30:00","interval_length":"PT30M","measure_type":"B"},\n'
        '{"value":"7","date":"2026-10-25 04:00:00","interval_length":"PT60M","measure_type":"B"}\n'
        "]}}\n"
    ),
    "datadis": (
        "CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion;Energia_vertida_kWh\n"
        "ES0031;2026/10/25;02:00;0,412;Real;0,1\n"
        "ES0031;2026/10/25;03:00;0,8;Real;\n"
        "ES0031;2026/10/25;24:00;1;Estimada;2\n"
        "ES0031;2026/10/26;00:15;1,5;Real;\n"
        "ES0031;2026/10/26;00:30;1,5;Real;\n"
    ),
    "energinet": (
        '{"result": [{"MyEnergyData_MarketDocument": {"TimeSeries": [\n'
        '{"businessType": "A04", "measurement_Unit.name": "KWH",\n'
        '"MarketEvaluationPoint": {"mRID": {"name": "571313"}}, "Period": [\n'
        '{"resolution": "PT1H", "timeInterval": {"start": "2026-06-14T22:00:00Z",\n'
        '"end": "2026-06-15T22:00:00Z"}, "Point": [\n'
        '{"position":"1","out_Quantity.quantity":"0.13","out_Quantity.quality":"A04"},\n'
        '{"position":"2","out_Quantity.quantity":"0","out_Quantity.quality":"A02"}]},\n'
        '{"resolution": "PT15M", "timeInterval": {"start": "2026-06-15T22:00Z",\n'
        '"end": "2026-06-16T22:00Z"}, "Point": [\n'
        '{"position":"1","out_Quantity.quantity":"0.1","out_Quantity.quality":"A04"},\n'
        '{"position":"2","out_Quantity.quantity":"0.3","out_Quantity.quality":"A03"}]}]}]},\n'
        '"success": true}, {"success": false, "errorCode": 20008}]}\n'
    ),
}
OPTIONS = st.builds(
    ReadOptions,
    zone=st.sampled_from(["Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", None]),
    label=st.sampled_from(["start", "end", None]),
    meter=st.sampled_from(["1200012345678", None]),
    channel=st.sampled_from([*Channel, None]),
    split=st.booleans(),
)
CHUNKS = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        [
            b"\n",
            b"\r",
            b",",
            b'"',
            b"\x00",
            b"-",
            b".",
            b"9" * 30,
            b"N",
            b"V",
            b"300,",
            b"{",
            b"]",
            b"null",
        ]
    ),
)


@st.composite
def mutated(draw, data):
    """Replace, insert, delete or repeat a few pieces of the file."""
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.sampled_from([0, 0, 1, 2, 8, 60])))
        again = data[begin:end] * draw(st.integers(0, 2))
        data = data[:begin] + draw(CHUNKS) + again + data[end:]
    return data


def check(name, data, options):
    try:
        items = list(FORMATS[name].read(io.BytesIO(data), options))
    except InputError:
        return
    lines = len(data.split(b"\n"))
    keys = set()
    for item in items:
        if isinstance(item, Refusal):
            assert 1 <= item.line <= lines
            assert item.reason
            continue
        assert 1 <= item.place.line <= lines
        assert 0 <= item.place.offset < item.place.offset + item.place.length <= len(data)
        if not isinstance(item, Block):
            assert item.wh >= 0
            assert item.as_json()
            continue
        assert len(item.wh) == len(item.quality) > 0
        for reading in item.readings():
            assert 0 <= reading.wh <= WH_MAX
            assert 0 <= reading.period <= PERIOD_MAX
            key = (reading.meter, reading.channel, reading.period)
            assert key not in keys
            keys.add(key)


@pytest.mark.parametrize("name", FIXTURES)
@given(data=st.data())
def test_mutated_files(name, data):
    check(name, data.draw(mutated(FIXTURES[name].encode())), data.draw(OPTIONS))


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.binary(max_size=200), options=OPTIONS)
def test_any_bytes(name, data, options):
    check(name, data, options)


@pytest.mark.parametrize("name", FIXTURES)
@given(data=st.binary(max_size=100), options=OPTIONS)
def test_any_bytes_below_the_header(name, data, options):
    header = FIXTURES[name].encode().splitlines(keepends=True)[0]
    check(name, header + data, options)


@pytest.mark.parametrize("name", FORMATS)
def test_the_fixtures_themselves_are_read_and_recognised(name):
    options = ReadOptions("Europe/London", "start", "1200012345678", Channel.IMPORT, split=True)
    data = FIXTURES[name].encode()
    items = list(FORMATS[name].read(io.BytesIO(data), options))
    assert any(not isinstance(item, Refusal) for item in items)
    assert recognise(data).name == name


@pytest.mark.parametrize(("name", "count"), [("csv", 3), ("wide-csv", 5)])
def test_the_example_of_each_page_is_read(name, count):
    page = Path(__file__).resolve().parents[2] / FORMATS[name].page
    example = page.read_text().split("```csv\n")[1].split("```")[0]
    options = ReadOptions(zone="Europe/London")
    items = list(FORMATS[name].read(io.BytesIO(example.encode()), options))
    assert [isinstance(item, Block) for item in items] == [True] * count
