"""Keys of single meters: an adapter's own key, bound to a meter and to dates. Pure.

>>> key = MeterKey(bytes(32), ("import",), 100, 200)
>>> key.covers("import", range(150, 201)), key.covers("import", range(150, 202))
(True, False)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.errors import SignatureError

KEYS_PER_METER_MAX = 16
"""Most keys that a meter has had: an adapter a year."""

CHANNELS = {"import": ("import",), "export": ("export",), "both": ("import", "export")}
"""What ``channels`` of a statement stands for."""


@dataclass(frozen=True, slots=True)
class MeterKey:
    """A key that may sign a meter's readings.

    Attributes:
        key: 32 bytes.
        channels: those that it may sign.
        first: first half-hour of which it may sign a reading.
        last: the last one.
        revoked: it signs nothing more, of whatever half-hour.
    """

    key: bytes
    channels: tuple[str, ...]
    first: int
    last: int
    revoked: bool = False

    def covers(self, channel: str, periods: range) -> bool:
        """Return whether the key may sign readings of a channel in some half-hours."""
        inside = self.first <= periods.start and periods.stop - 1 <= self.last
        return inside and channel in self.channels and not self.revoked


MeterKeys = Mapping[str, Sequence[MeterKey]]
"""The keys of each meter, each one's latest binding."""


def bound(keys: MeterKeys, body: Mapping[str, Any]) -> tuple[MeterKey, ...]:
    """Return the keys of a meter after a checked ``meter_key``.

    Raises:
        SignatureError: the meter had too many.
    """
    new = MeterKey(
        bytes.fromhex(body["key"]),
        CHANNELS[body["channels"]],
        body["first"],
        body["last"],
        body.get("revoked", False),
    )
    others = tuple(each for each in keys.get(body["meter"], ()) if each.key != new.key)
    if len(others) >= KEYS_PER_METER_MAX:
        raise SignatureError(f"the meter {body['meter']} has had {KEYS_PER_METER_MAX} keys already")
    return (*others, new)


def may_sign(keys: MeterKeys, body: Mapping[str, Any]) -> list[bytes]:
    """Return the keys that are bound to the meter, channel and half-hours of a batch."""
    periods = range(body["first"], body["first"] + body["count"])
    return [
        each.key for each in keys.get(body["meter"], ()) if each.covers(body["channel"], periods)
    ]
