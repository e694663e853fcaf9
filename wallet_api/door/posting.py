"""One POST to an address that a member named, which nobody here trusts: to the public internet alone.

A member's address must not let them reach what stands beside the server. So each name is looked up once, every
address that it has must be a public one, and the connection goes to that very address: a name that says
something else the next moment changes nothing. Redirects are not followed, and time and answer are bounded.

>>> [is_public(each) for each in ("93.184.215.14", "10.0.0.1", "::ffff:127.0.0.1", "fe80::1")]
[True, False, False, False]
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from urllib.parse import urlsplit

from ledger.errors import InputError, PeerError
from ledger.peer import Reply, ask_over

SECONDS_MAX = 10.0
"""How long one delivery may take, from the first packet to the last."""

ANSWER_BYTES_MAX = 64_000
"""Longest answer that is read: only its status counts."""

URL_CHARACTERS_MAX = 500
"""Longest address."""

NAME_SECONDS_MAX = 4.0
"""How long a look-up of a name may take. The system's own has no deadline."""

NAMES_AT_ONCE = 16
"""Most look-ups that are under way: each that hangs keeps a thread until the system gives it up."""

_looking = threading.BoundedSemaphore(NAMES_AT_ONCE)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is given out of IPv6 for the public internet: what is elsewhere is old, local, or leads inside."""


def check_url(url: str, *, private: bool = False) -> None:
    """Refuse what is no address of https, or has a name and a password in it.

    Args:
        url: to check.
        private: whether http is taken, too: for tests.

    Raises:
        InputError: says what is wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"This is no address ({error}).") from error
    if parts.scheme not in (("https", "http") if private else ("https",)) or not parts.hostname:
        raise InputError("Give an address that begins with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InputError("An address has no name, password or fragment in it.")
    if not url.isascii() or not url.isprintable() or " " in url or port == 0:
        raise InputError("This is no address: write it as a browser shows it, in plain letters.")


def is_public(address: str) -> bool:
    """Return whether an address is on the public internet, whatever it is wrapped in."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if found not in _UNICAST:
            return False
    return found.is_global and not found.is_multicast


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False) -> Reply:
    """Send a body, and return what came back, whatever its status.

    Args:
        url: https; http, too, where private is true.
        body: to send.
        headers: of the request.
        private: whether addresses that are not public are allowed: for tests.

    Raises:
        PeerError: no connection, no public address, no answer in time, or too long a one.
    """
    deadline = time.monotonic() + SECONDS_MAX
    parts = urlsplit(url)
    host = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    place = _place(host, port, private=private)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = _Secure(host, port, place)
    else:
        connection = _Plain(host, port, place)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    more = {"User-Agent": "commonwatt", **headers}
    return ask_over(
        connection, path, body, deadline=deadline, bytes_max=ANSWER_BYTES_MAX, headers=more
    )


Place = tuple[socket.AddressFamily, tuple[str, int]]
"""A family of addresses, and an address with its port."""


def _place(host: str, port: int, *, private: bool) -> Place:
    """Return the address to connect to.

    Raises:
        PeerError: none, or one of them is not public.
    """
    places = _found(host, port)
    if not places or not (private or all(is_public(at[0]) for _, at in places)):
        raise PeerError("the address is not on the public internet")
    return places[0]


def _found(host: str, port: int) -> list[Place]:
    """Look a name up, and wait for the answer so long and no longer.

    Raises:
        PeerError: no such name, no answer in time, or too many others are waited for.
    """
    if not _looking.acquire(blocking=False):
        raise PeerError("too many names are looked up: later")
    answer: Future[list[Place]] = Future()

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.set_result([(family, (str(at[0]), int(at[1]))) for family, *_, at in found])
        except (OSError, ValueError) as error:
            answer.set_exception(error)
        finally:
            _looking.release()

    # A daemon: a server that ends does not wait for a name's server.
    threading.Thread(target=look, name="look-up", daemon=True).start()
    try:
        return answer.result(NAME_SECONDS_MAX)
    except TimeoutError as error:
        raise PeerError("its name was not found in time") from error
    except (OSError, ValueError) as error:
        raise PeerError("no such name") from error


def _dial(place: Place) -> socket.socket:
    family, at = place
    dialled = socket.socket(family, socket.SOCK_STREAM)
    dialled.settimeout(SECONDS_MAX)
    try:
        dialled.connect(at)
    except BaseException:
        dialled.close()
        raise
    return dialled


class _Plain(http.client.HTTPConnection):
    """A connection to an address that was looked up and checked before."""

    def __init__(self, host: str, port: int, place: Place) -> None:
        super().__init__(host, port, timeout=SECONDS_MAX)
        self._place = place

    def connect(self) -> None:
        """Connect to that very address."""
        self.sock = _dial(self._place)


class _Secure(_Plain):
    """The same with TLS, for the name that was looked up."""

    default_port = 443

    def connect(self) -> None:
        """Connect, and check the certificate."""
        dialled = _dial(self._place)
        try:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(dialled, server_hostname=self.host)
        except BaseException:
            dialled.close()
            raise
