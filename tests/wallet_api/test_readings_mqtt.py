"""Readings over a real broker: delivered, repeated, cut off at every end, and refused."""

import hashlib
import json
import socket
import threading
import time
from array import array

import pytest

from ledger.db import Database
from meters.mqtt import Broker
from meters.mqtt_connection import PACKET_BYTES_MAX, BrokerError, Connection
from meters.mqtt_post import MqttPost
from meters.pages import Run
from meters.wire import REQUEST_BYTES_MAX
from tests.brokers import Mosquitto
from tests.prepared import reopen
from tests.settlement.batches import SLOT, bind, made, outbox
from tests.wallet_api.listeners import (
    ORIGIN,
    SECONDS_MAX,
    TOPICS,
    Client,
    PowerCutError,
    assert_stored_once,
    batches,
    listening,
    runs,
    tx_id,
    wait_until,
)
from wallet_api import readings_mqtt
from wallet_api.cli.context import Settings, open_here
from wallet_api.readings_door import BusyError, ReadingsDoor


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(readings_mqtt, "PAUSE_S", (0.02, 0.1))
    monkeypatch.setattr("meters.mqtt_post.RECONNECT_PAUSE_S", 0.02)


@pytest.fixture
def street(copy):
    url, keys = copy()
    community = reopen(url, keys)
    bind(community)
    community.settings = Settings(url, keys)
    yield community
    community.writer.database.close()


@pytest.fixture
def mosquitto(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture
def client(mosquitto):
    somebody = Client(mosquitto.broker)
    somebody.read(TOPICS.receipt("+"), TOPICS.refused)
    yield somebody
    somebody.close()


# Delivered, and answered.


def test_a_queue_is_delivered_over_a_broker_and_its_receipts_kept(street, mosquitto, tmp_path):
    box = outbox(street, tmp_path / "q")
    for first, wh in runs(street, 3):
        box.add(SLOT, Run(first, array("i", wh), "A" * len(wh)), street.writer.clock.now_ms())
    with listening(street, mosquitto.broker) as running:
        with MqttPost(mosquitto.broker, ORIGIN, "gateway", SECONDS_MAX) as post:
            sent = box.send(post)
        assert (sent.delivered, sent.waiting, sent.problem) == (3, 0, None)
        assert (running.counts.logged, running.counts.refused) == (3, 0)
        assert "1 batch logged, 0 held, 0 refused" in running.said
    receipts = dict(box.receipts())
    assert all(receipt.tx_id == name for name, receipt in receipts.items())
    assert None not in [receipt.entry for receipt in receipts.values()]
    box.close()
    assert_stored_once(street, 3)


def test_what_comes_out_of_order_is_held_and_told_so(street, mosquitto, client, tmp_path):
    first, second = batches(street, tmp_path, 2)
    with listening(street, mosquitto.broker) as running:
        client.publish(second.encode())
        [(name, late)] = client.receive()
        assert (name, late["status"], late["waits_for"]) == (tx_id(second), 202, 1)
        client.publish(first.encode() + second.encode())
        answers = dict(client.receive(2))
        assert {name: each["status"] for name, each in answers.items()} == {
            tx_id(first): 200,
            tx_id(second): 200,
        }
        assert (running.counts.logged, running.counts.held) == (2, 1)
    assert_stored_once(street, 2)


def test_repeats_and_messages_sent_again_are_written_once(street, mosquitto, client, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    other = Client(mosquitto.broker, "another")
    with listening(street, mosquitto.broker):
        for _ in range(15):
            client.connection.publish(TOPICS.readings, batch.encode())
            other.connection.publish(TOPICS.readings, batch.encode())
            other.connection.turn(0)
        # Cut off before the broker's word: what is under way goes out again, marked DUP.
        other.connection.drop()
        other.open()
        answers = client.receive(30)
        other.close()
    assert {name for name, _ in answers} == {tx_id(batch)}
    assert len({json.dumps(answer) for _, answer in answers}) == 1
    assert_stored_once(street, 1)


def test_a_delivery_of_a_hundred_batches_has_a_hundred_answers(street, mosquitto, client, tmp_path):
    sent = made(street, tmp_path / "made", runs(street, 100, values=1))
    with listening(street, mosquitto.broker) as running:
        client.publish(b"".join(batch.encode() for batch in sent))
        answers = client.receive(100)
        wait_until(lambda: not running.listener._order)
    assert [name for name, _ in answers] == [tx_id(batch) for batch in sent]
    assert {answer["status"] for _, answer in answers} == {200}


# Cut off, at each end.


@pytest.mark.parametrize("cut", ["_write", "_answer", "_acknowledge"])
def test_a_listener_that_dies_before_it_acknowledged_gets_it_again(
    street, mosquitto, client, tmp_path, cut
):
    sent = batches(street, tmp_path, 3)
    with listening(street, mosquitto.broker) as running:
        before = getattr(running.listener, cut)

        def die(*given):
            if cut == "_acknowledge" and not running.listener._sent:
                return before(*given)
            running.listener._connection.drop()
            raise PowerCutError

        setattr(running.listener, cut, die)
        for batch in sent:
            client.publish(batch.encode())
        wait_until(lambda: running.error)
    with listening(street, mosquitto.broker) as running:
        names = set()
        while names != {tx_id(batch) for batch in sent}:
            [(name, answer)] = client.receive()
            assert answer["status"] == 200
            names.add(name)
        wait_until(lambda: not running.listener._order)
    # Nothing is left with the broker.
    with listening(street, mosquitto.broker) as running:
        client.publish(sent[0].encode())
        wait_until(lambda: running.counts.logged)
        assert running.counts.logged == 1
    assert_stored_once(street, 3)


def test_what_waits_at_a_broker_outlives_its_power_cut(street, mosquitto, client, tmp_path):
    sent = batches(street, tmp_path, 5)
    with listening(street, mosquitto.broker):
        pass
    for batch in sent:
        client.publish(batch.encode())
    saved = mosquitto.folder / "mosquitto.db"
    data = [batch.envelope for batch in sent]
    wait_until(lambda: saved.exists() and all(each in saved.read_bytes() for each in data))
    mosquitto.kill()
    mosquitto.start()
    with listening(street, mosquitto.broker) as running:
        wait_until(lambda: running.counts.logged == len(sent))
    assert_stored_once(street, 5)


def test_a_broker_that_is_killed_again_and_again_loses_nothing(street, mosquitto, tmp_path):
    count = 12
    box = outbox(street, tmp_path / "q")
    for first, wh in runs(street, count):
        box.add(SLOT, Run(first, array("i", wh), "A" * len(wh)), street.writer.clock.now_ms())
    with listening(street, mosquitto.broker) as running:
        killed = 0
        with MqttPost(mosquitto.broker, ORIGIN, "gateway", SECONDS_MAX) as post:

            def send(url, body):
                nonlocal killed
                if (count - box.waiting()) // 4 > killed:
                    killed += 1
                    mosquitto.kill()
                    threading.Timer(0.05, mosquitto.start).start()
                return post(url, body)

            sent = box.send(send, attempts=3)
        assert (sent.delivered, sent.waiting, sent.problem) == (count, 0, None)
        assert killed == 2
        assert running.said.count("The broker is back.") == killed
    box.close()
    assert_stored_once(street, count)


def test_what_cannot_be_written_now_is_tried_again(street, mosquitto, client, tmp_path):
    sent = batches(street, tmp_path, 2)
    settings = street.settings

    class Busy(ReadingsDoor):
        busy = 5

        def deliver(self, given):
            if self.busy:
                self.busy -= 1
                raise BusyError("Too many wait.") if self.busy % 2 else OSError("the disk is full")
            return super().deliver(given)

    door = Busy(lambda: open_here(settings, Database(settings.database_url)))
    with listening(street, mosquitto.broker, door) as running:
        client.publish(sent[0].encode())
        client.publish(sent[1].encode())
        answers = dict(client.receive(2))
        assert {answer["status"] for answer in answers.values()} <= {200, 202}
        assert any("the disk is full" in each for each in running.said)
        assert running.counts.refused == 0
    assert door.busy == 0


def test_a_database_that_is_not_there_refuses_nothing(street, mosquitto, client, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    missing = Settings(f"sqlite:///{tmp_path}/none.sqlite", street.settings.keys)
    door = ReadingsDoor(lambda: open_here(missing))
    with listening(street, mosquitto.broker, door) as running:
        client.publish(batch.encode())
        wait_until(lambda: len(running.said) > 1)
        assert "trying again" in running.said[-1]
        assert running.counts.refused == 0
    with listening(street, mosquitto.broker) as running:
        assert client.receive()[0][1]["status"] == 200


# Refused.


def test_nonsense_is_refused_and_the_next_is_taken(street, mosquitto, client, tmp_path):
    first, second = batches(street, tmp_path, 2)
    too_long = b"x" * (REQUEST_BYTES_MAX + 1)
    nonsense = [
        (b"", 400, "empty"),
        (b"\x00\xff" * 50, 400, "line 2 is missing"),
        (b"{}\n{}\n", 400, "envelope"),
        (b"[" * 100_000, 400, "line 2 is missing"),
        (too_long, 413, "at most 1,048,576 bytes"),
        (first.encode() * 101, 400, "at most 100 batches"),
    ]
    with listening(street, mosquitto.broker) as running:
        for payload, status, words in nonsense:
            client.publish(payload)
            [(topic, answer)] = client.receive()
            assert (topic, answer["status"]) == ("refused", status)
            assert words in answer["detail"]
            if payload != b"{}\n{}\n":
                assert answer["payload_sha256"] == hashlib.sha256(payload).hexdigest()
        # What is far too long stays with the broker, which does not stand still for it.
        client.publish(b"x" * (PACKET_BYTES_MAX + 1))
        client.publish(first.encode())
        assert client.receive()[0][1]["status"] == 200
        # A delivery is refused batch by batch; one whose readings are another's has a name.
        forged = second.envelope + b"\n" + first.readings + b"\n"
        client.publish(forged + b"{}\n{}\n" + second.encode())
        found = client.receive(3)
        assert [(topic, each["status"]) for topic, each in found] == [
            (tx_id(second), 422),
            ("refused", 400),
            (tx_id(second), 200),
        ]
        assert found[1][1]["line"] == 3
        assert (running.counts.logged, running.counts.refused) == (2, len(nonsense) + 2)
        wait_until(lambda: not running.listener._order)
    assert_stored_once(street, 2)


def test_a_flood_without_acknowledgements_keeps_nothing_back(street, mosquitto, client, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    flood = Client(mosquitto.broker, "flood")
    with listening(street, mosquitto.broker) as running:
        for number in range(500):
            flood.connection._client.publish(TOPICS.readings, b"x" * number, qos=0)
        flood.publish(batch.encode())
        wait_until(lambda: running.counts.logged)
        wait_until(lambda: not running.listener._order)
        assert running.counts.refused == 500
    flood.close()
    assert_stored_once(street, 1)


def test_a_refusal_stops_the_queue_and_says_why(street, mosquitto, tmp_path):
    bind(street, revoked=True)
    box = outbox(street, tmp_path / "q")
    [(first, wh)] = runs(street, 1)
    box.add(SLOT, Run(first, array("i", wh), "A" * len(wh)), street.writer.clock.now_ms())
    with (
        listening(street, mosquitto.broker),
        MqttPost(mosquitto.broker, ORIGIN, "gateway", SECONDS_MAX) as post,
    ):
        sent = box.send(post, attempts=3)
    assert sent.waiting == 1
    assert "refused (403)" in sent.problem
    box.close()


def test_without_a_listener_the_queue_waits(street, mosquitto, tmp_path):
    box = outbox(street, tmp_path / "q")
    [(first, wh)] = runs(street, 1)
    box.add(SLOT, Run(first, array("i", wh), "A" * len(wh)), street.writer.clock.now_ms())
    with MqttPost(mosquitto.broker, ORIGIN, "gateway", 0.3) as post:
        assert box.send(post).problem == "it did not answer in time"
        with listening(street, mosquitto.broker):
            post._seconds_max = SECONDS_MAX
            assert box.send(post).delivered == 1
    box.close()


def test_of_two_listeners_one_ends_and_says_why(street, mosquitto):
    with (
        listening(street, mosquitto.broker) as first,
        listening(street, mosquitto.broker) as second,
    ):
        wait_until(lambda: first.error or second.error)
        ended = first if first.error else second
        assert "another program listens" in str(ended.error).lower()
        assert ended.error.final


def turn_often(connection):
    for _ in range(10):
        connection.turn()


@pytest.mark.parametrize("code", [0x8E, 0x98])
def test_a_broker_that_says_why_it_hangs_up_is_heard(code):
    """What brokers later than Debian 12's say, played by hand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = Broker("127.0.0.1", server.getsockname()[1])
        connection = Connection(broker, "listener")

        def play():
            peer, _ = server.accept()
            with peer:
                peer.recv(1_000)
                peer.sendall(bytes([0x20, 3, 0, 0, 0]) + bytes([0xE0, 2, code, 0]))

        thread = threading.Thread(target=play)
        thread.start()
        connection.open(time.monotonic() + SECONDS_MAX)
        thread.join()
        with pytest.raises(BrokerError) as caught:
            turn_often(connection)
    assert caught.value.final == (code == 0x8E)
    assert ("only one may listen" if code == 0x8E else "Administrative") in str(caught.value)
