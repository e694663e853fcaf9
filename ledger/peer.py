"""One HTTP question to another machine that nobody here trusts.

The whole exchange ends at a deadline, however slowly the other side sends; a body longer than
agreed is an error; redirects, proxies and cookies are not followed, used or kept.

>>> exchange("ftp://witness.example", None, deadline=time.monotonic() + 1, bytes_max=10)
Traceback (most recent call last):
ledger.errors.PeerError: 'ftp://witness.example' is no address that begins with https:// or http://
"""

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ledger.errors import PeerError

NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Reply:
    """A status, the content type without parameters, and the body."""

    status: int
    content_type: str
    body: bytes


def exchange(url: str, body: bytes | None, *, deadline: float, bytes_max: int) -> Reply:
    """Send a body by POST, or ask by GET where there is none, and return the reply.

    Args:
        url: https or http.
        body: what to send, or None.
        deadline: when the exchange ends at the latest, on `time.monotonic`'s clock.
        bytes_max: longest body of a reply.

    Raises:
        PeerError: no such address, no connection, no answer in time, or too long a one.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise PeerError("it did not answer in time")
    parts, connection = _connection(url, seconds)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return ask_over(connection, path, body, deadline=deadline, bytes_max=bytes_max)


def ask_over(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes | None,
    *,
    deadline: float,
    bytes_max: int,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Reply:
    """Do one exchange over a connection that is not made yet, and close it.

    Args:
        connection: says how it connects.
        path: with its query.
        body: what to send by POST, or None.
        deadline: when the exchange ends at the latest, on `time.monotonic`'s clock.
        bytes_max: longest body of a reply.
        headers: more of them.

    Raises:
        PeerError: no connection, no answer in time, or too long a one.
    """
    try:
        connection.connect()
        return _ask(connection, path, body, headers, deadline, bytes_max)
    except TimeoutError as error:
        raise PeerError("it did not answer in time") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:
            raise PeerError("it did not answer in time") from error
        reason = str(error) or type(error).__name__
        raise PeerError(f"no answer ({reason[:200]})") from error
    finally:
        connection.close()


def check_address(url: str) -> None:
    """Refuse what is no address of https or http.

    Raises:
        PeerError: says so.
    """
    _connection(url, 1.0)


def _connection(url: str, seconds: float) -> tuple[SplitResult, http.client.HTTPConnection]:
    """Return an address in parts and a connection to it that is not made yet."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return parts, http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds)
        if parts.scheme == "http" and parts.hostname:
            return parts, http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    except (ValueError, http.client.InvalidURL) as error:
        raise PeerError(f"{url!r} is no address ({error})") from error
    raise PeerError(f"{url!r} is no address that begins with https:// or http://")


def _ask(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    deadline: float,
    bytes_max: int,
) -> Reply:
    # A timeout of the socket begins anew with each byte; this one ends the whole exchange.
    cut = threading.Timer(max(0.0, deadline - time.monotonic()), _shut, [connection.sock])
    cut.daemon = True
    cut.start()
    try:
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {"Connection": "close", **headers})
        response = connection.getresponse()
        data = response.read(bytes_max + 1)
    finally:
        cut.cancel()
    if time.monotonic() >= deadline:
        raise TimeoutError  # what was read may be cut, and look like a whole answer
    if len(data) > bytes_max:
        raise PeerError(f"its answer is longer than {bytes_max:,} bytes")
    content_type = response.getheader("Content-Type", "").partition(";")[0].strip().lower()
    return Reply(response.status, content_type, data)


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
