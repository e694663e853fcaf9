"""Deliveries over MQTT: a way for an adapter's queue to send, where there is a broker.

A batch is published, and delivered once its receipt came on a topic of its own. Whatever is lost on
the way is published again by the queue, and whoever takes it takes it once.

>>> post = MqttPost(Broker("127.0.0.1", 1883), "riverside.example/ledger/1", "gateway-7")
>>> post.close()
"""

import json
import time
from types import TracebackType
from typing import Any, Self

from ledger.errors import PeerError
from ledger.peer import Reply
from ledger.statements import Statement
from meters.mqtt import Broker, Topics
from meters.mqtt_connection import TURN_S, BrokerError, Connection
from meters.outbox_replies import DELIVERY_SECONDS_MAX, REPLY_BYTES_MAX
from meters.wire import decode_request

RECONNECT_PAUSE_S = 0.5
"""Pause before a broker that went away in the middle of a delivery is asked again."""


class MqttPost:
    """Sends deliveries to a broker and waits for their receipts; for `Outbox.send`.

    The connection is kept for the next delivery; close it in the end. One thread at a time.

    Args:
        broker: the broker.
        origin: of the community's log.
        client_id: the adapter's own name among all clients of the broker.
        seconds_max: longest wait for one answer.

    Raises:
        SetupError: certificates are missing or not of their form, or no topic has this origin.
    """

    def __init__(
        self,
        broker: Broker,
        origin: str,
        client_id: str,
        seconds_max: float = DELIVERY_SECONDS_MAX,
    ) -> None:
        self._topics, self._seconds_max = Topics.of(origin), seconds_max
        self._connection = Connection(broker, client_id)

    def __call__(self, _url: str, body: bytes) -> Reply:
        """Publish a delivery, and return the answer as HTTP would have it.

        Raises:
            PeerError: no answer in time, or the broker refuses us.
            InputError: the delivery is not of its form.
        """
        wanted = [Statement.decode(batch.envelope).tx_id for batch in decode_request(body)]
        deadline = time.monotonic() + self._seconds_max
        while True:
            try:
                results = self._deliver(body, wanted, deadline)
                return _reply([results[tx_id] for tx_id in wanted])
            except BrokerError as error:
                if error.final or time.monotonic() + RECONNECT_PAUSE_S >= deadline:
                    raise
                time.sleep(RECONNECT_PAUSE_S)

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _deliver(self, body: bytes, wanted: list[str], deadline: float) -> dict[str, Any]:
        """Publish a delivery, and return its results by tx id."""
        connection = self._connection
        if not connection.is_open:
            connection.open(deadline)
        topics = [self._topics.receipt(tx_id) for tx_id in wanted]
        for topic in topics:
            connection.subscribe(topic, deadline)
        number = connection.publish(self._topics.readings, body)
        results: dict[str, Any] = {}
        while not results.keys() >= set(wanted):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise PeerError("it did not answer in time")
            connection.turn(min(TURN_S, left_s))
            self._check_sent(number)
            self._take_results(results)
        connection.unsubscribe(topics)
        return results

    def _check_sent(self, number: int) -> None:
        reason = self._connection.answered.pop(number, None)
        if reason is not None and reason.is_failure:
            raise BrokerError(
                f"the broker does not take what is published to {self._topics.readings} ({reason}):"
                " see its ACL and its limits",
                final=True,
            )

    def _take_results(self, results: dict[str, Any]) -> None:
        """Take what came; the queue checks the receipts' signatures."""
        while self._connection.messages:
            message = self._connection.messages.popleft()
            self._connection.acknowledge(message)
            if len(message.payload) > REPLY_BYTES_MAX:
                raise PeerError(f"its answer is longer than {REPLY_BYTES_MAX:,} bytes")
            try:
                value = json.loads(message.payload)
                int(value["status"])
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise PeerError("its answer is not what an answer is like") from error
            results[message.topic.rpartition("/")[2]] = value


def _reply(results: list[Any]) -> Reply:
    """Return results as the answer to a request: one batch's status is the answer's."""
    if len(results) > 1:
        return Reply(200, "application/json", json.dumps({"results": results}).encode())
    [only] = results
    content = {"results": results} if "receipt" in only else only
    return Reply(int(only["status"]), "application/json", json.dumps(content).encode())
