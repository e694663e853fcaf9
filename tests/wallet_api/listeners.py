"""Listeners in threads, and clients of a broker who do as they like."""

import json
import threading
import time
from contextlib import contextmanager

from ledger.db import Database
from ledger.statements import Statement
from meters.mqtt import Topics
from meters.mqtt_connection import BrokerError, Connection
from tests.prepared import CHARTER
from tests.settlement.batches import METER, SLOT, made
from wallet_api.cli.context import open_here
from wallet_api.readings_door import ReadingsDoor
from wallet_api.readings_mqtt import Listener

ORIGIN = CHARTER.origin
TOPICS = Topics.of(ORIGIN)
SECONDS_MAX = 10.0
"""Longest wait of a test for anything."""


def wait_until(is_so):
    deadline = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.005)


class PowerCutError(BaseException):
    pass


class Running:
    """A listener in a thread of its own, with what it said and how it ended."""

    def __init__(self, street, broker, door=None):
        self.said, self.error, self.stop = [], None, threading.Event()
        settings = street.settings
        self.door = door or ReadingsDoor(
            lambda: open_here(settings, Database(settings.database_url))
        )
        self.listener = Listener(broker, ORIGIN, self.door, self.said.append)
        self.listener.open()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    @property
    def counts(self):
        return self.listener.counts

    def _run(self):
        try:
            self.listener.run(self.stop)
        except (BrokerError, PowerCutError) as error:
            self.error = error

    def end(self):
        self.stop.set()
        self.thread.join(SECONDS_MAX)
        assert not self.thread.is_alive()
        self.listener.close()
        self.door.close()
        self.door._community and self.door._community.writer.database.close()


@contextmanager
def listening(street, broker, door=None):
    running = Running(street, broker, door)
    try:
        yield running
    finally:
        running.end()


class Client:
    """Somebody at the broker, who publishes and reads as they like."""

    def __init__(self, broker, name="somebody"):
        self.connection = Connection(broker, name)
        self.open()

    def open(self):
        return self.connection.open(time.monotonic() + SECONDS_MAX)

    def read(self, *topics):
        for topic in topics:
            self.connection.subscribe(topic, time.monotonic() + SECONDS_MAX)

    def publish(self, payload, topic=TOPICS.readings):
        """Publish, and return what the broker says of it."""
        number = self.connection.publish(topic, payload)
        self.until(lambda: number in self.connection.answered)
        return self.connection.answered.pop(number)

    def receive(self, count=1):
        """Return so many messages: the end of the topic, and what it holds."""
        messages, taken = self.connection.messages, []
        while len(taken) < count:
            self.until(lambda: messages)
            taken.append(messages.popleft())
            self.connection.acknowledge(taken[-1])
        return [(each.topic.rpartition("/")[2], json.loads(each.payload)) for each in taken]

    def until(self, is_so):
        deadline = time.monotonic() + SECONDS_MAX
        while not is_so():
            assert time.monotonic() < deadline, "it did not come in time"
            self.connection.turn(0.05)

    def close(self):
        self.connection.close()


def runs(street, count, values=4):
    first = street.writer.now_period() - count * values
    return [(first + n * values, [100 * n + i for i in range(values)]) for n in range(count)]


def batches(street, path, count):
    return made(street, path / "made", runs(street, count))


def tx_id(batch):
    return Statement.decode(batch.envelope).tx_id


def assert_stored_once(street, count):
    with street.reading() as connection:
        known = street.readings.known(connection, range(4_000_000), meters=[METER])
        assert street.held.counts(connection) == {}
    for first, wh in runs(street, count):
        assert [known[(*SLOT, first + n)].wh for n in range(len(wh))] == wh
        assert {known[(*SLOT, first + n)].version for n in range(len(wh))} == {1}
