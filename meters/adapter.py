"""What an adapter is told once, when two operators bind its key to a meter.

>>> told = Adapter("s.example/1", bytes(32), "0f" * 16, "roof-7", (Channel.IMPORT,), "http://x/")
>>> Adapter.from_json(told.encode()) == told
True
"""

import json
from dataclasses import dataclass
from typing import Self

from ledger.errors import InputError
from ledger.primitives.periods import PERIOD_MAX
from meters.readings import Channel


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter is told once, when its key is bound.

    Attributes:
        origin: of the community's log.
        log_key: the log's public key, 32 bytes.
        member: id of the member whose meter it is.
        meter: the meter.
        channels: those that its key may sign.
        url: where batches are delivered.
        first: first half-hour of which its key may sign a reading.
        last: the last one.
    """

    origin: str
    log_key: bytes
    member: str
    meter: str
    channels: tuple[Channel, ...]
    url: str
    first: int = 0
    last: int = PERIOD_MAX

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``commonwatt meters bind-key`` wrote.

        Raises:
            InputError: not of its form.
        """
        try:
            value = json.loads(data)
            channels = tuple(map(Channel, value["channels"]))
            key = bytes.fromhex(value["log_key"])
            texts = [value[name] for name in ("origin", "member", "meter", "url")]
            dates = [value[name] for name in ("first", "last")]
            if not all(type(text) is str for text in texts) or not all(
                type(period) is int for period in dates
            ):
                raise TypeError("a field of another type")
            origin, member, meter, url = texts
            return cls(origin, key, member, meter, channels, url, *dates)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                "This is no adapter's file: 'commonwatt meters bind-key' writes one."
            ) from error

    def encode(self) -> bytes:
        """Return the file's bytes."""
        value = {
            "origin": self.origin,
            "log_key": self.log_key.hex(),
            "member": self.member,
            "meter": self.meter,
            "channels": list(self.channels),
            "url": self.url,
            "first": self.first,
            "last": self.last,
        }
        return json.dumps(value, indent=2).encode() + b"\n"
