"""Whatever bytes come in, a reader raises only InputError and names lines that exist."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.primitives.energy import WH_MAX
from ledger.primitives.periods import PERIOD_MAX
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement, make_body, sign
from meters.batches import BatchContent, batch_fields, batch_id
from meters.formats import FORMATS, ReadOptions, recognise
from meters.formats.dsmr_p1 import crc16
from meters.readings import Advance, Block, Channel, Refusal, RegisterRead


def signed_batches():
    """Two signed batches of a day, as an adapter delivers them."""
    key = SigningKey.from_seed(bytes(32))
    lines, before = [], (0, "0" * 64)
    for first in (989_737, 989_785):
        content = BatchContent(first, tuple(range(48)), "A" * 48, bytes(32))
        chain = ("h1", "import", key.key_id)
        fields = batch_fields(chain, before, content, 0, backfill=True)
        made = batch_id("street.example/1", chain, before[0] + 1)
        body = make_body("reading_batch", "street.example/1", "0f" * 16, made, 1, 1, fields)
        envelope = sign(body, [key])
        before = before[0] + 1, Statement.decode(envelope).tx_id
        lines += [envelope.decode(), content.encode().decode()]
    return "\n".join(lines) + "\n"


DAY = ",".join(["300,20260615", *(f"0.{n:03}" for n in range(48)), "V,,,20260616010203,"])
DTC_DAYS = "{block}|1012345678901|{quantity}|SUPX|\n{day}|20261025|\n" + "{value}|E|1.5|\n" * 50
DTC_FILE = (
    "ZHV|7|{name}001|C|DCXX|X|SUPX|20261026090000||||OPER|\n"
    + DTC_DAYS.replace("{quantity}", "AI")
    + DTC_DAYS.replace("{quantity}", "RE")
    + "ZPT|7|104||2|20261026090001|\n"
)
GREEN_READING = (
    "<IntervalReading><timePeriod><duration>{}</duration><start>{}</start></timePeriod>"
    "<value>{}</value></IntervalReading>"
)
GREEN_BUTTON = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">\n'
    '<entry><id>urn:uuid:1</id><link rel="related" href="M"/><content><e:UsagePoint/></content>'
    "</entry>\n"
    '<entry><link rel="self" href="B/1"/><link rel="up" href="B"/><content><IntervalBlock>'
    "<interval><duration>7200</duration><start>1781524800</start></interval>\n"
    + GREEN_READING.format(1800, 1781524800, 412)
    + GREEN_READING.format(900, 1781526600, 100)
    + GREEN_READING.format(900, 1781527500, 101)
    + GREEN_READING.format(3600, 1781528400, 800)
    + GREEN_READING.format(86400, 1781532000, 9000)
    + "\n</IntervalBlock></content></entry>\n"
    '<entry><link rel="self" href="M"/><link rel="related" href="B"/>'
    '<link rel="related" href="T"/><content><e:MeterReading/></content></entry>\n'
    '<entry><link rel="self" href="T"/><content><ReadingType><flowDirection>1</flowDirection>'
    "<powerOfTenMultiplier>-1</powerOfTenMultiplier><uom>72</uom></ReadingType></content></entry>\n"
    "</feed>\n"
)
EDA_POSITION = (
    "<n:EP><n:DTF>2026-06-15T14:{}:00+02:00</n:DTF><n:DTT>2026-06-15T{}:00+02:00</n:DTT>"
    "<n:MM>{}</n:MM><n:BQ>0.206</n:BQ></n:EP>\n"
)
EDA = (
    '<n:ConsumptionRecord xmlns:n="http://www.ebutilities.at/schemata/x/01p41">\n'
    '<n:MarketParticipantDirectory DocumentMode="PROD"><Sector>01</Sector>'
    "</n:MarketParticipantDirectory>\n"
    "<n:ProcessDirectory><MeteringPoint>AT001</MeteringPoint><n:Energy>"
    "<n:MeteringPeriodStart>2026-06-15T14:00:00+02:00</n:MeteringPeriodStart>"
    "<n:MeteringPeriodEnd>2026-06-15T15:00:00+02:00</n:MeteringPeriodEnd>\n"
    '<n:EnergyData MeterCode="1-1:1.9.0 G.01" UOM="KWH">\n'
    + EDA_POSITION.format("00", "14:15", "L1")
    + EDA_POSITION.format("15", "14:30", "L2")
    + EDA_POSITION.format("30", "14:45", "L1")
    + EDA_POSITION.format("45", "15:00", "L3")
    + '</n:EnergyData>\n<n:EnergyData MeterCode="1-1:2.9.0 G.03" UOM="KWH">\n'
    + EDA_POSITION.format("00", "14:15", "L1")
    + "</n:EnergyData>\n</n:Energy></n:ProcessDirectory></n:ConsumptionRecord>\n"
)
P1_TELEGRAM = (
    "@2026-06-15T12:{}:00Z\r\n/ISk5X\r\n\r\n0-0:96.1.1(4131)\r\n1-0:1.8.1({}.5*kWh)\r\n"
    "1-0:1.8.2(2.25*kWh)\r\n1-0:2.8.1(0.1*kWh)\r\n1-0:2.8.2(0.2*kWh)\r\n!\r\n"
)
P1_TIMED = (
    b"/ISk5X\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(260615150000S)\r\n0-0:96.1.1(4131)\r\n"
    b"1-0:1.8.1(3.5*kWh)\r\n1-0:1.8.2(2.25*kWh)\r\n!"
)
GLOW = (
    '{"electricitymeter":{"timestamp":"2026-06-15T12:%s:00Z","energy":{"import":'
    '{"cumulative":%s,"units":"kWh","mpan":"1234567890987"},"export":{"cumulative":0.5,'
    '"units":"kWh"}},"power":{"value":-0.5,"units":"kW"}}}\n'
)
FIXTURES = {
    "batch": signed_batches(),
    "dsmr-p1": P1_TELEGRAM.format("00", 1)
    + P1_TELEGRAM.format("30", 2)
    + f"{P1_TIMED.decode()}{crc16(P1_TIMED):04X}\r\n",
    "glow": GLOW % ("00", "12000.123")
    + f"glow/A1/SENSOR/electricitymeter {GLOW % ('30', '12000.5')}"
    + f'{{"topic":"glow/A1/SENSOR/electricitymeter","payload":{(GLOW % ("45", "12001")).strip()}}}\n',
    "eda": EDA,
    "greenbutton": GREEN_BUTTON,
    "d0036": DTC_FILE.format(name="D0036", block="101", day="102", value="103"),
    "d0379": DTC_FILE.format(name="D0379", block="25B", day="26B", value="66L"),
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
    "nem13": (
        "100,NEM13,202607020102,MDP,RET\n"
        "250,4001234567,11,1,11,11,M1,E,100,20260401093000,A,,,512,20260701093000,A,,,412,kWh,"
        "20261001,20260702010203,20260702020304\n"
        "550,N,,A,\n"
        "250,4001234567,11,2,21,21,M1,I,5,20260401093000,A,,,9.5,20260701093000,E64,,,4.5,kWh,,,\n"
        "900\n"
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


def first_example(name):
    """Return the first piece of code of a format's page."""
    page = Path(__file__).resolve().parents[2] / FORMATS[name].page
    return page.read_text().split("```")[1].split("\n", 1)[1]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("nem13", [Advance]),
        ("dsmr-p1", [RegisterRead] * 2),
        ("glow", [RegisterRead] * 2),
    ],
)
def test_the_example_of_a_page_of_registers_is_read(name, kinds):
    data = first_example(name).encode()
    items = list(FORMATS[name].read(io.BytesIO(data), ReadOptions()))
    assert [type(item) for item in items] == kinds
    assert recognise(data).name == name


@pytest.mark.parametrize(("name", "count"), [("csv", 3), ("wide-csv", 5)])
def test_the_example_of_each_page_is_read(name, count):
    example = first_example(name)
    options = ReadOptions(zone="Europe/London")
    items = list(FORMATS[name].read(io.BytesIO(example.encode()), options))
    assert [isinstance(item, Block) for item in items] == [True] * count
