"""How many requests are taken from one place: token buckets in memory, one set a process.

>>> now = 0.0
>>> buckets = Buckets(Rate(1, 2), clock=lambda: now)
>>> [buckets.wait_s("10.0.0.1") for _ in range(3)]
[0.0, 0.0, 1.0]
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

PLACES_MAX = 50_000
"""Places that are remembered; of more, those that were quiet longest are forgotten, and full again."""


NETWORK_BITS = 64
"""Of an IPv6 address, how much says whose it is: one home is given all the addresses behind it."""


def place_of(address: str | None) -> str:
    """Return where a caller is, so that whoever has many addresses counts once.

    >>> place_of("2001:db8:1:2:3::4"), place_of("::ffff:192.0.2.1"), place_of("192.0.2.1"), place_of(None)
    ('2001:db8:1:2::', '192.0.2.1', '192.0.2.1', '')

    Args:
        address: as the server tells it; what is none, as a socket's name, stands for itself.
    """
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    hidden = 128 - NETWORK_BITS
    return str(ipaddress.IPv6Address(int(found) >> hidden << hidden))


class Rate(NamedTuple):
    """How much is taken: so many a second in the long run, and so many at once."""

    per_second: float
    at_once: float


class Buckets:
    """One bucket for each place: an address, a key.

    Args:
        rate: what each is given.
        clock: monotonic seconds.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, place: str, *, look: bool = False) -> float:
        """Take one from a place's bucket; return 0, or how many seconds to wait for it.

        Args:
            place: whose bucket.
            look: take nothing.
        """
        now = self._clock()
        with self._lock:
            left, seen = self._left.pop(place, (self._rate.at_once, now))
            left = min(self._rate.at_once, left + (now - seen) * self._rate.per_second)
            wait = max(0.0, (1 - left) / self._rate.per_second)
            self._left[place] = (left if wait or look else left - 1, now)
            if len(self._left) > PLACES_MAX:
                self._left.popitem(last=False)
        return wait
