"""One connection to an MQTT broker, driven by the thread that calls it.

Nothing happens but in `Connection.turn` and what waits by it: no second thread can acknowledge a
message on a connection that it did not come on. MQTT 5, as brokers of 3.1.1 cannot be told how many
messages may be under way, and do not say why they refuse.

>>> Connection(Broker("127.0.0.1", 1883), "doctest").is_open
False
"""

import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ledger.errors import PeerError
from meters.mqtt import Broker
from meters.wire import REQUEST_BYTES_MAX

KEEPALIVE_S = 30
"""A connection that is silent for half as long again is given up by the broker."""

SENT_AT_ONCE_MAX = 20
"""Most messages of ours that wait for the broker's word: what Mosquitto allows unless told."""

PACKET_BYTES_MAX = 4 * REQUEST_BYTES_MAX
"""Longest packet that a broker may send here: it keeps longer ones to itself. Well above a delivery,
so that whoever sends one too long is told so, and well below what fills a small machine."""

REACH_S = 5.0
"""Longest wait for a connection to an address, before anything is said over it."""

TURN_S = 0.2
"""Longest wait of one turn, so that whoever wants to stop is seen."""

NOT_AUTHORISED = frozenset({0x86, 0x87, 0x8A, 0x8C})
"""Wrong name or password, not authorised, banned, wrong way of showing who we are."""

UNSPECIFIED = 0x80
"""What the library says where the broker said nothing."""

TAKEN_OVER = 0x8E
"""Another client with the same name came."""


class BrokerError(PeerError):
    """The broker is not there, went away, or refuses us.

    Attributes:
        final: whether trying again is of no use before somebody changes something.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Connection:
    """A client of a broker.

    Args:
        broker: the broker.
        client_id: our name; the session is kept under it.
        session_s: how long the broker keeps the session after we went; 0 for a new one each time.
        unacknowledged_max: most messages that the broker sends before it waits for our word.

    Raises:
        SetupError: certificates are missing or not of their form.

    Attributes:
        messages: what came and was not taken yet; each is to be acknowledged.
        answered: our messages that the broker answered since they were last looked at.
    """

    def __init__(
        self, broker: Broker, client_id: str, *, session_s: int = 0, unacknowledged_max: int = 20
    ) -> None:
        self._broker, self._session_s = broker, session_s
        self._unacknowledged_max = unacknowledged_max
        self.messages: deque[MQTTMessage] = deque()
        self.answered: dict[int, ReasonCode] = {}
        self.is_open = False
        self._welcome: tuple[ConnectFlags, ReasonCode] | None = None
        self._granted: dict[int, list[ReasonCode]] = {}
        self._lost: ReasonCode | None = None
        self._client = self._make_client(client_id)

    def open(self, deadline: float) -> bool:
        """Connect, and return whether the broker had kept our session.

        Args:
            deadline: when to give up, on `time.monotonic`'s clock.

        Raises:
            BrokerError: it is not there or refuses us; says what to do.
        """
        self.messages.clear()
        self.answered.clear()
        self._granted.clear()
        self._welcome = self._lost = None
        self.is_open = False
        try:
            self._client.connect(
                self._broker.host,
                self._broker.port,
                KEEPALIVE_S,
                clean_start=self._session_s == 0,
                properties=self._wanted(),
            )
        except OSError as error:
            raise BrokerError(_unreachable(self._broker, error)) from error
        self.is_open = True
        flags, reason = self._welcomed(deadline)
        if reason.is_failure:
            self.drop()
            raise BrokerError(_refused(self._broker, reason), final=_is_final(reason))
        return flags.session_present

    def subscribe(self, topic: str, deadline: float) -> None:
        """Ask for the messages of a topic, and wait until that is granted.

        Raises:
            BrokerError: it is not.
        """
        # What a broker keeps of a topic is old; what is new comes all the same.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        _, number = self._client.subscribe(topic, options=options)
        while number not in self._granted:
            self._wait(deadline, f"to a subscription of {topic}")
        for reason in self._granted.pop(number or 0):
            if reason.is_failure:
                raise BrokerError(
                    f"{self._broker.shown} does not let us read {topic} ({reason}): see its ACL.",
                    final=True,
                )

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for no more messages of some topics."""
        if self.is_open and topics:
            self._client.unsubscribe(list(topics))

    def publish(self, topic: str, payload: bytes) -> int:
        """Send a message at least once, and return its number; `answered` tells when it is there."""
        return self._client.publish(topic, payload, qos=1).mid

    def acknowledge(self, message: MQTTMessage) -> None:
        """Tell the broker that it need not send a message again."""
        self._client.ack(message.mid, message.qos)

    def turn(self, wait_s: float = TURN_S) -> None:
        """Send and receive what there is, after waiting for it at most so long.

        Raises:
            BrokerError: the connection is lost.
        """
        if self._lost is None:
            code = self._client.loop(wait_s)
            if code is MQTTErrorCode.MQTT_ERR_SUCCESS and self._lost is None:
                return
        self.is_open = False
        reason = self._lost
        if reason is not None and reason.value == TAKEN_OVER:
            raise BrokerError(
                "Another program of the same name took the connection over: only one may listen for"
                " a community. Stop one of them.",
                final=True,
            )
        told = reason is not None and reason.is_failure and reason.value != UNSPECIFIED
        why = f" ({reason})" if told else ""
        raise BrokerError(
            f"the connection to {self._broker.shown} was lost{why}",
            final=reason is not None and _is_final(reason),
        )

    def close(self) -> None:
        """Say goodbye; the broker keeps the session as long as was agreed."""
        if self.is_open:
            self._client.disconnect()
        self.drop()

    def drop(self) -> None:
        """Be gone without a word, as after a power cut."""
        self.is_open = False
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _welcomed(self, deadline: float) -> tuple[ConnectFlags, ReasonCode]:
        while self._welcome is None:
            try:
                self._wait(deadline, "to our greeting")
            except BrokerError as error:
                # A refusal and the end of the connection come in one turn.
                if self._welcome is None:
                    raise BrokerError(_no_welcome(self._broker, str(error))) from error
        return self._welcome

    def _wait(self, deadline: float, for_what: str) -> None:
        if time.monotonic() >= deadline:
            self.drop()
            raise BrokerError(f"{self._broker.shown} did not answer {for_what} in time")
        self.turn(min(TURN_S, max(0.0, deadline - time.monotonic())))

    def _wanted(self) -> Properties:
        wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wanted.ReceiveMaximum = self._unacknowledged_max
        wanted.MaximumPacketSize = PACKET_BYTES_MAX
        if self._session_s:
            wanted.SessionExpiryInterval = self._session_s
        return wanted

    def _make_client(self, client_id: str) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = REACH_S
        client.max_inflight_messages_set(SENT_AT_ONCE_MAX)
        if self._broker.tls:
            client.tls_set_context(self._broker.tls_context())
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, *_more: Any
    ) -> None:
        self._welcome = flags, reason

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, *_more: Any
    ) -> None:
        self._lost = reason

    def _on_subscribe(
        self, _client: Client, _data: Any, number: int, reasons: list[ReasonCode], *_more: Any
    ) -> None:
        self._granted[number] = reasons

    def _on_publish(
        self, _client: Client, _data: Any, number: int, reason: ReasonCode, *_more: Any
    ) -> None:
        self.answered[number] = reason

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.messages.append(message)


def _is_final(reason: ReasonCode) -> bool:
    return reason.value in NOT_AUTHORISED or reason.value == TAKEN_OVER


def _unreachable(broker: Broker, error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {broker.shown} is not one to trust ({error.verify_message}): --ca is"
            " the file of whoever signed it, and the address must be the name that it says."
        )
    if isinstance(error, ssl.SSLError):
        return f"{broker.shown} does not speak TLS as we do ({error.reason}): is the port right?"
    reason = error.strerror or str(error) or type(error).__name__
    return f"No broker answers at {broker.shown} ({reason}): is it started, and the address right?"


def _no_welcome(broker: Broker, why: str) -> str:
    if broker.tls and broker.cert is None:
        return f"{why} before it let us in: does it want a certificate (--cert and --key-file)?"
    if broker.tls:
        return f"{why} before it let us in: does it trust who signed {broker.cert}?"
    return f"{why} before it let us in: does it want TLS (mqtts://)?"


def _refused(broker: Broker, reason: ReasonCode) -> str:
    if reason.value in NOT_AUTHORISED:
        who = f"as {broker.username}" if broker.username is not None else "without a name"
        return (
            f"{broker.shown} does not let us in {who} ({reason}): see --username, --password-file"
            " and --cert, and the broker's own list."
        )
    return f"{broker.shown} does not let us in ({reason})."
