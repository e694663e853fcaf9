"""A loopback load: clients that keep their connection and wait for each answer; servers in processes."""

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

Request = tuple[str, str, bytes | None, dict[str, str]]
"""Method, path, body, headers."""


class Load(NamedTuple):
    """What came out: answers a second, the median and the 99th percentile in ms."""

    rate: float
    p50_ms: float
    p99_ms: float


def load(port: int, clients: Sequence[Sequence[Request]]) -> Load:
    """Send each client's requests, one after the other, all clients at once.

    Raises:
        ValueError: one was not answered with success.
    """
    times: list[float] = []
    wrong: list[str] = []
    threads = [
        threading.Thread(target=_client, args=(port, each, times, wrong)) for each in clients
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if wrong:
        raise ValueError(f"{len(wrong)} were refused, as: {wrong[0]}")
    times.sort()
    return Load(
        len(times) / seconds, times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3
    )


def _client(port: int, requests: Sequence[Request], times: list[float], wrong: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for method, path, body, headers in requests:
        start = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status in (200, 201):
            times.append(time.perf_counter() - start)
        else:
            wrong.append(f"{answer.status} {told[:300]!r}")
    connection.close()


@contextmanager
def server(port: int, module: str, *arguments: str) -> Iterator[None]:
    """Start ``python -m module arguments`` in a process of its own, and stop it.

    Raises:
        ValueError: it does not answer.
    """
    process = subprocess.Popen([sys.executable, "-m", module, *arguments])
    try:
        for _ in range(400):
            try:
                http.client.HTTPConnection("127.0.0.1", port).request("GET", "/")
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise ValueError(f"{module} does not answer")
        yield
    finally:
        process.terminate()
        process.wait()
