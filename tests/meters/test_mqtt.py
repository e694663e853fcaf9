"""Addresses, names and passwords of brokers, and answers that are none; no broker is needed."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.errors import InputError, PeerError, SetupError
from meters.mqtt import Broker, Topics, read_password
from meters.mqtt_post import MqttPost


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mqtt://broker.example", "mqtt://broker.example:1883"),
        ("mqtts://broker.example/", "mqtts://broker.example:8883"),
        ("MQTT://Broker.example:99", "mqtt://broker.example:99"),
        ("mqtt://[::1]:2", "mqtt://[::1]:2"),
    ],
)
def test_addresses(url, shown):
    assert Broker.from_url(url).shown == shown


@pytest.mark.parametrize(
    "url",
    [
        *("", "broker.example", "mqtt://", "mqtt:broker", "tcp://broker", "mqtt://b:0"),
        *("mqtt://b:x", "mqtt://b:70000", "mqtt://b/topic", "mqtt://b?x", "mqtt://[::1"),
        *("mqtt://ada@b", "mqtt://ada:secret@b", "mqtt://:secret@b"),
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(InputError) as caught:
        Broker.from_url(url)
    assert "secret" not in str(caught.value)


def test_options_that_do_not_go_together():
    file = Path("x.pem")
    for more in ({"ca": file}, {"cert": file, "key_file": file}):
        with pytest.raises(InputError, match="mqtts"):
            Broker.from_url("mqtt://b", **more)
    for more in ({"cert": file}, {"key_file": file}):
        with pytest.raises(InputError, match="both"):
            Broker.from_url("mqtts://b", **more)
    with pytest.raises(InputError, match="--username"):
        Broker.from_url("mqtt://b", password="secret")
    assert "secret" not in repr(Broker.from_url("mqtt://b", username="a", password="secret"))


@pytest.mark.parametrize("origin", ["a#b", "a+b", "a b", "a\x00b", "a\nb"])
def test_an_origin_that_no_topic_can_hold(origin):
    with pytest.raises(SetupError, match="no topic"):
        Topics.of(origin)


def test_passwords_are_one_line(tmp_path):
    file = tmp_path / "password"
    for data in (b"tide 7", b"tide 7\n", b"tide 7\r\n"):
        file.write_bytes(data)
        assert read_password(file) == "tide 7"
    for data in (b"", b"\n", b"a\nb\n", b"\xff", b"a" * 1_001):
        file.write_bytes(data)
        with pytest.raises(SetupError, match="no password file"):
            read_password(file)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b"{}", b'{"status":"x"}', b"[" * 10_000, b"\xff", b"1" * 20_000],
)
def test_an_answer_that_is_none_is_refused(payload):
    post = MqttPost(Broker("127.0.0.1", 1), "a.example/log", "gateway")
    message = SimpleNamespace(payload=payload, topic="commonwatt/a/receipts/ab", mid=1, qos=0)
    post._connection.messages.append(message)
    with pytest.raises(PeerError, match="its answer"):
        post._take_results({})


def test_a_deliverys_answers_are_like_https():
    post = MqttPost(Broker("127.0.0.1", 1), "a.example/log", "gateway")
    results = {}
    for name, value in (("ab", {"status": 200}), ("cd", {"status": 422})):
        message = SimpleNamespace(payload=json.dumps(value), topic=f"x/{name}", mid=1, qos=0)
        post._connection.messages.append(message)
    post._take_results(results)
    assert results == {"ab": {"status": 200}, "cd": {"status": 422}}
