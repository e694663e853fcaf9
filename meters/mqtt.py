"""Where an MQTT broker is, who we are to it, and which topics deliveries have.

Nothing secret is ever part of an address, as addresses stand on command lines and in files.

>>> broker = Broker.from_url("mqtts://broker.riverside.example", username="gateway-7")
>>> broker.port, broker.tls
(8883, True)
>>> Topics.of("riverside.example/ledger/1").receipt("ab12")
'commonwatt/riverside.example/ledger/1/receipts/ab12'
"""

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ledger.errors import InputError, SetupError

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Scheme of an address to the port that it means; ``mqtts`` is MQTT over TLS."""

SECRET_BYTES_MAX = 1_000
"""Longest password file: longer is another file."""

_NO_TOPIC = re.compile(r"[+#\x00-\x20\x7f-\x9f]")
"""What a topic that is published to cannot hold, and what nobody could type."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker and how we show who we are.

    Attributes:
        host: its name or address.
        port: its port.
        tls: whether it is spoken to over TLS.
        username: who we are; None if a certificate says so, or nothing.
        password: what proves it.
        ca: certificates that the broker's own must come from; None for the system's.
        cert: our certificate.
        key_file: its private key.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    cert: Path | None = None
    key_file: Path | None = None

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
        cert: Path | None = None,
        key_file: Path | None = None,
    ) -> Self:
        """Return the broker at an address.

        Raises:
            InputError: no such address, or options that do not go together; says which.
        """
        host, port, tls = _address(url)
        if not tls and (ca or cert or key_file):
            raise InputError(f"Certificates need TLS: say mqtts://{host}, not mqtt://.")
        if (cert is None) != (key_file is None):
            raise InputError("A certificate goes with its key: give both --cert and --key-file.")
        if password is not None and username is None:
            raise InputError("A password goes with a name: give --username as well.")
        return cls(host, port, tls, username, password, ca, cert, key_file)

    @property
    def shown(self) -> str:
        """The address as people are told of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    @property
    def tells_password(self) -> bool:
        """Whether the password goes over a network that anybody on it can read.

        >>> Broker("192.0.2.7", 1883, username="a", password="b").tells_password
        True
        """
        if self.password is None or self.tls or self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True

    def tls_context(self) -> ssl.SSLContext:
        """Return what TLS needs: the broker's certificate and name are always checked.

        Raises:
            SetupError: a file is missing or is not what it should be; says which.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise SetupError(
                f"{self.ca} holds no certificates to trust ({_why(error)})."
            ) from error
        context.sslsocket_class = _ClosedOnFailure
        if self.cert is not None:
            try:
                context.load_cert_chain(self.cert, self.key_file, password=_no_password)
            except OSError as error:
                raise SetupError(
                    f"{self.cert} and {self.key_file} are no certificate with its key"
                    f" ({_why(error)})."
                ) from error
        return context


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one community.

    Attributes:
        readings: where deliveries are published.
        refused: what became of a delivery of which no batch can be named.
    """

    readings: str
    refused: str
    _receipts: str

    @classmethod
    def of(cls, origin: str) -> Self:
        """Return the topics of the community whose log has this origin.

        Raises:
            SetupError: the origin cannot be part of a topic.
        """
        if _NO_TOPIC.search(origin):
            raise SetupError(
                f"The origin {origin!r} holds a character that no topic of MQTT can; readings come"
                " over HTTP or as files here."
            )
        base = f"commonwatt/{origin}"
        return cls(f"{base}/readings", f"{base}/refused", f"{base}/receipts")

    def receipt(self, tx_id: str) -> str:
        """Return the topic of what became of a batch."""
        return f"{self._receipts}/{tx_id}"


class _ClosedOnFailure(ssl.SSLSocket):
    """A socket that does not stay open where the other side is not whom it should be."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as it is overridden
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def read_password(file: Path) -> str:
    """Return the password that is a file's only line.

    Raises:
        SetupError: it is not one line of text.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        data = stream.read(SECRET_BYTES_MAX + 1)
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or "\n" in text or len(data) > SECRET_BYTES_MAX:
        raise SetupError(f"{file} is no password file: it holds one line, the password.")
    return text


def _address(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError as error:
        raise InputError(f"{url!r} is no address ({error})") from error
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "An address holds no name or password, as others can see it: give --username, and the"
            " password in a file or in COMMONWATT_MQTT_PASSWORD."
        )
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if scheme not in PORTS or not host or rest or port == 0:
        raise InputError(f"{url!r} is no address like mqtt://HOST:1883 or mqtts://HOST:8883")
    return host, port or PORTS[scheme], scheme == "mqtts"


def _no_password() -> str:
    raise SetupError("The certificate's key is locked by a password: give a key without one.")


def _why(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
