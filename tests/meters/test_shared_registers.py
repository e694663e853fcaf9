"""Public P1 telegrams and Glow payloads, against the registers that their notes name."""

import io
import json

import pytest

from meters.formats import ReadOptions, recognise
from meters.formats.dsmr_p1 import read_dsmr_p1
from meters.formats.glow import read_glow
from meters.readings import Refusal, RegisterRead

pytestmark = pytest.mark.shared


@pytest.fixture
def meters_dir(shared_dir):
    return shared_dir / "data" / "meters"


@pytest.mark.parametrize(
    ("name", "meter", "at", "registers"),
    [
        ("v4_2", "3960221976967177082151037881335713", "2016-11-13T19:57:57Z", (3_016_829, 0)),
        ("v5", "K8EG004046395507", "2017-01-02T18:20:02Z", (6_825, 2_444)),
    ],
)
def test_telegrams_with_a_time(meters_dir, name, meter, at, registers):
    data = (meters_dir / "dsmr_p1" / "dsmr_parser" / f"telegram_{name}.txt").read_bytes()
    assert recognise(data).name == "dsmr-p1"
    items = [item.as_json() for item in read_dsmr_p1(io.BytesIO(data), ReadOptions())]
    assert [item["register_wh"] for item in items] == list(registers)
    assert {(item["meter"], item["at"]) for item in items} == {(meter, at)}
    spoilt = data.replace(b"(0002)", b"(0001)")
    assert isinstance(next(read_dsmr_p1(io.BytesIO(spoilt), ReadOptions())), Refusal)


@pytest.mark.parametrize(
    ("name", "registers"),
    [
        ("dsmr_parser/telegram_v2_2", (2_002, 2_002)),
        ("dsmr_parser/telegram_v3", (24_691_356, 24_691_356)),
        ("lvzon/p1-example-3.0", (24_691_356, 24_691_356)),
    ],
)
def test_telegrams_without_a_time(meters_dir, name, registers):
    data = (meters_dir / "dsmr_p1" / f"{name}.txt").read_bytes()
    assert recognise(data).name == "dsmr-p1"
    [refusal] = read_dsmr_p1(io.BytesIO(data), ReadOptions())
    assert "it has no time" in refusal.reason
    caught = b"@2016-11-13T19:57:57Z\r\n" + data
    items = list(read_dsmr_p1(io.BytesIO(caught), ReadOptions()))
    assert [item.wh for item in items] == list(registers)


def test_glow_payloads(meters_dir):
    data = (meters_dir / "glow_mqtt" / "local_json_payloads.json").read_bytes()
    assert recognise(data).name == "glow"
    items = list(read_glow(io.BytesIO(data), ReadOptions()))
    reads = [item for item in items if isinstance(item, RegisterRead)]
    assert [(item.channel.value, item.wh, item.at) for item in reads] == [
        ("import", 12_000_123, 1_672_531_200),
        ("export", 125_987, 1_672_531_200),
    ]
    # All payloads have one time, so the two with another export contradict the first.
    reasons = [item.reason for item in items if isinstance(item, Refusal)]
    assert ["no cumulative" in reasons[0], "had no read" in reasons[3]] == [True, True]
    assert ["at the same time" in reason for reason in reasons] == [False, True, True, False]


def test_glow_payloads_one_by_one(meters_dir):
    path = meters_dir / "glow_mqtt" / "local_json_payloads.json"
    found = {}
    for each in json.loads(path.read_text())["payloads"]:
        line = f"{each['topic']} {json.dumps(each['payload'])}\n".encode()
        items = list(read_glow(io.BytesIO(line), ReadOptions()))
        found[each["name"]] = [getattr(item, "wh", "refused") for item in items]
    assert found == {
        "electric_normal": [12_000_123, 125_987],
        "electric_invalid": ["refused"],
        "electric_negative_power": [12_000_123, 0],
        "electric_zero_power": [12_000_123, 0],
        "gas_normal": [],
        "gas_zero_volume": [],
        "gas_null": ["refused"],
    }
