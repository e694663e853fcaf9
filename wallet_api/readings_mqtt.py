"""Signed batches of readings over MQTT: taken from a broker, written, answered, acknowledged.

A message is acknowledged once what it holds is durable or refused for good, and the broker has
what became of it: a crash anywhere before that brings the message again, and the door takes each
batch once. One thread does it all, so that no word is ever given on another connection.

>>> Counts(logged=12, held=1).shown
'12 batches logged, 1 held, 0 refused'
>>> client_id("riverside.example/ledger/1")
'cwbeb2dee9c415533fd2d9'
"""

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from ledger.errors import CommonwattError, InputError
from ledger.primitives.counted import counted
from ledger.statements import Statement
from meters.mqtt import Broker, Topics
from meters.mqtt_connection import NOT_AUTHORISED, TURN_S, BrokerError, Connection
from meters.wire import REQUEST_BYTES_MAX, WireBatch, decode_request
from wallet_api.readings_door import GROUP_MAX, ReadingsDoor, Taken
from wallet_api.readings_http import results

UNACKNOWLEDGED_MAX = 20
"""Most messages that the broker sends ahead: with `PACKET_BYTES_MAX`, what they can fill."""

SESSION_S = 90 * 86_400
"""How long a broker keeps what comes while nobody listens: as long as a batch may wait."""

CONNECT_S = 10.0
"""Longest wait for a broker to let us in."""

PAUSE_S = (0.5, 30.0)
"""First and longest pause before a broker that is gone, or what is not ready, is tried again."""

SHORT_S, SHORT_MAX = 10.0, 5
"""So many connections in a row that are cut so soon are no accident."""

REPORT_S = 60.0
"""Shortest time between two lines about what came."""

GOODBYE_S = 3.0
"""How long answers may still take their way when we stop."""

NOT_READY = 500
"""From this status of HTTP on, it is not the batch's fault; so is `TOO_MANY`."""

TOO_MANY = 429


@dataclass(slots=True)
class Counts:
    """What became of batches; one that came again counts again."""

    logged: int = 0
    held: int = 0
    refused: int = 0

    @property
    def shown(self) -> str:
        """The counts as a sentence."""
        batches = counted(self.logged, "batch", "batches")
        return f"{batches} logged, {self.held:,} held, {self.refused:,} refused"

    def add(self, result: dict[str, Any]) -> None:
        """Count what became of a batch."""
        if "receipt" not in result:
            self.refused += 1
        elif "log_entry" in result:
            self.logged += 1
        else:
            self.held += 1


def client_id(origin: str) -> str:
    """Return a community's lasting name at a broker, of a form that every broker takes."""
    return "cw" + hashlib.sha256(origin.encode()).hexdigest()[:20]


@dataclass(slots=True)
class _Delivery:
    """A message on its way: its batches, and the answers that the broker has not yet."""

    message: MQTTMessage
    batches: list[WireBatch]
    answers: list[dict[str, Any]] = field(default_factory=list)
    unanswered: set[int] = field(default_factory=set)
    is_put_off: bool = False


class Listener:
    """Takes deliveries from a broker.

    Args:
        broker: the broker.
        origin: of the community's log.
        door: where batches are written.
        say: tells the operator a sentence.

    Attributes:
        counts: what became of batches since the start.

    Raises:
        SetupError: certificates are missing or not of their form, or no topic has this origin.
    """

    def __init__(
        self, broker: Broker, origin: str, door: ReadingsDoor, say: Callable[[str], None]
    ) -> None:
        self.counts = Counts()
        self._topics, self._door, self._say = Topics.of(origin), door, say
        self._connection = Connection(
            broker,
            client_id(origin),
            session_s=SESSION_S,
            unacknowledged_max=UNACKNOWLEDGED_MAX,
        )
        self._waiting: deque[_Delivery] = deque()
        self._later: list[_Delivery] = []
        self._sent: dict[int, _Delivery] = {}
        self._order: deque[_Delivery] = deque()
        self._opened_at, self._short = 0.0, 0
        self._pause_s, self._again_at = PAUSE_S[0], 0.0
        self._reported, self._report_at = Counts().shown, 0.0

    def open(self) -> None:
        """Connect to the broker.

        Raises:
            BrokerError: it is not there or refuses us; says what to do.
        """
        # What came before comes again: the broker repeats what was not acknowledged.
        for kept in (self._waiting, self._later, self._sent, self._order):
            kept.clear()
        deadline = time.monotonic() + CONNECT_S
        self._connection.open(deadline)
        self._connection.subscribe(self._topics.readings, deadline)
        self._opened_at = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Take deliveries until told to stop; a broker that is gone is waited for.

        Raises:
            BrokerError: it refuses us, or somebody else listens.
        """
        while not stop.is_set():
            try:
                if not self._connection.is_open:
                    self._return(stop)
                    continue
                self.turn()
            except BrokerError as error:
                if error.final:
                    raise
                self._check_cut()
                self._say(f"{error}; waiting for it.")
        self._finish()

    def turn(self) -> None:
        """Do what there is to do, after waiting for it a moment.

        Raises:
            BrokerError: the connection is lost.
        """
        messages = self._connection.messages
        is_time = self._later and time.monotonic() >= self._again_at
        self._connection.turn(0.0 if messages or self._waiting or is_time else TURN_S)
        # What came together is written together; but nobody's flood keeps anything from being written.
        for _ in range(UNACKNOWLEDGED_MAX):
            if not messages:
                break
            self._receive(messages.popleft())
            if not messages:
                self._connection.turn(0.0)
        if self._later and time.monotonic() >= self._again_at:
            self._waiting.extend(self._later)
            self._later.clear()
        if self._waiting:
            self._write(list(self._group()))
        self._acknowledge()
        self._report()

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._connection.close()

    def _check_cut(self) -> None:
        """Give up where connections are cut again and again.

        Two programs of one name throw each other out, and not every broker says that it is so.
        """
        is_short = time.monotonic() - self._opened_at < SHORT_S
        self._short = self._short + 1 if is_short else 0
        if self._short >= SHORT_MAX:
            raise BrokerError(
                f"The broker cut {SHORT_MAX} connections in a row soon after they were made: perhaps"
                " another program listens for this community, and only one may. Stop one of them.",
                final=True,
            )

    def _return(self, stop: threading.Event) -> None:
        """Come back to a broker that went away, with growing pauses."""
        pause_s = PAUSE_S[0]
        while not stop.wait(pause_s):
            try:
                self.open()
            except BrokerError as error:
                if error.final:
                    raise
                pause_s = min(2 * pause_s, PAUSE_S[1])
            else:
                self._say("The broker is back.")
                return

    def _finish(self) -> None:
        """Wait a moment for the broker's word on the last answers, and go."""
        deadline = time.monotonic() + GOODBYE_S
        try:
            while self._sent and self._connection.is_open and time.monotonic() < deadline:
                self._connection.turn()
                self._acknowledge()
        except BrokerError:
            return  # what was not acknowledged comes again
        self.close()

    def _receive(self, message: MQTTMessage) -> None:
        """Take a message apart, or refuse it as a whole."""
        data = bytes(message.payload)
        try:
            delivery = _Delivery(message, decode_request(data))
            self._order.append(delivery)
            self._waiting.append(delivery)
        except InputError as error:
            status, slug = (
                (413, "too-long") if len(data) > REQUEST_BYTES_MAX else (400, "malformed")
            )
            answer = {
                "status": status,
                "slug": slug,
                "detail": str(error),
                "payload_sha256": hashlib.sha256(data).hexdigest(),
            }
            delivery = _Delivery(message, [], [answer])
            self._order.append(delivery)
            self._answer(delivery)

    def _group(self) -> Iterator[_Delivery]:
        """Take the deliveries that are written together: one at least."""
        count = 0
        while self._waiting and (not count or count + len(self._waiting[0].batches) <= GROUP_MAX):
            delivery = self._waiting.popleft()
            count += len(delivery.batches)
            yield delivery

    def _write(self, group: Sequence[_Delivery]) -> None:
        """Write deliveries together, and each alone where that cannot be done."""
        try:
            answers = iter(self._door.deliver([b for each in group for b in each.batches]))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be acknowledged
            if len(group) > 1:
                for delivery in group:
                    self._write([delivery])
            else:
                self._put_off(group[0], f"{type(error).__name__}: {error}")
            return
        for delivery in group:
            mine = [next(answers) for _ in delivery.batches]
            delivery.answers = [
                _named(result, batch, taken)
                for result, batch, taken in zip(
                    results(mine)["results"], delivery.batches, mine, strict=True
                )
            ]
            busy = [each for each in delivery.answers if _is_not_ready(each["status"])]
            if busy:
                self._put_off(delivery, busy[0]["detail"])
            else:
                self._pause_s = PAUSE_S[0]
                self._answer(delivery)

    def _put_off(self, delivery: _Delivery, why: str) -> None:
        """Keep a delivery that could not be decided, for another try."""
        if not self._later:
            self._say(f"Not ready to write ({why}); trying again in {self._pause_s:.1f} s.")
            self._again_at = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, PAUSE_S[1])
        delivery.is_put_off = True
        self._later.append(delivery)

    def _answer(self, delivery: _Delivery) -> None:
        """Publish what became of a delivery; it is acknowledged when the broker has that."""
        delivery.is_put_off = False
        for result in delivery.answers:
            self.counts.add(result)
            tx_id = result.get("tx_id")
            topic = self._topics.refused if tx_id is None else self._topics.receipt(tx_id)
            number = self._connection.publish(topic, json.dumps(result).encode())
            delivery.unanswered.add(number)
            self._sent[number] = delivery

    def _acknowledge(self) -> None:
        """Acknowledge the deliveries of which the broker has every answer."""
        answered, self._connection.answered = self._connection.answered, {}
        for number, reason in answered.items():
            delivery = self._sent.pop(number, None)
            if delivery is not None:
                delivery.unanswered.discard(number)
                self._check_taken(reason)
        # In the order in which they came, as MQTT wants it; but one that cannot be decided must not
        # keep the others back for ever.
        for delivery in list(self._order):
            if delivery.answers and not delivery.unanswered and not delivery.is_put_off:
                self._connection.acknowledge(delivery.message)
                self._order.remove(delivery)
            elif not delivery.is_put_off:
                break

    def _check_taken(self, reason: ReasonCode) -> None:
        """Go on only where the broker takes our answers: without them an adapter never ends."""
        if reason.value in NOT_AUTHORISED:
            raise BrokerError(
                f"The broker does not let us publish receipts ({reason}): see its ACL.", final=True
            )
        if reason.is_failure:
            self._say(f"The broker did not take an answer ({reason}).")

    def _report(self) -> None:
        """Tell what came, a line a minute at most, and none where nothing came."""
        shown = self.counts.shown
        if shown != self._reported and time.monotonic() >= self._report_at:
            self._say(shown)
            self._reported, self._report_at = shown, time.monotonic() + REPORT_S


def _named(
    result: dict[str, Any], batch: WireBatch, taken: Taken | CommonwattError
) -> dict[str, Any]:
    """Return what became of a batch with the batch's tx id, where it has one."""
    if isinstance(taken, Taken):
        return result
    try:
        return {**result, "tx_id": Statement.decode(batch.envelope).tx_id}
    except CommonwattError:
        return {**result, "line": batch.place.line}


def _is_not_ready(status: int) -> bool:
    return status >= NOT_READY or status == TOO_MANY
