"""Whose a reading of a common generator is: the holders' parts of it, for explanations.

>>> ShareTold(300_000, 120, None, owned=False).wh
120
"""

from collections.abc import Sequence
from dataclasses import replace

from ledger.primitives.energy import WH_MAX
from meters.readings import Channel, Slot
from settlement import why_store
from settlement.binding import Binding
from settlement.orders import holders_of, parts_of
from settlement.state import channels_of
from settlement.why_scene import Scene
from settlement.why_version_model import Cited, ShareTold, UsedReading


def slots_of(scene: Scene, member: str, period: int) -> list[Slot]:
    """Return meters and channels that count for a member: their own, and those they have a part of."""
    bound = channels_of(Binding(scene.community.state.meters).at(period))
    own = {(meter, channel) for meter, channel, whose in bound if whose == member}
    held = {
        (meter, Channel.EXPORT)
        for meter, holders in _holders(scene, period).items()
        if member in holders
    }
    return sorted(own | held)


def holders_at(scene: Scene, slot: Slot, period: int) -> list[tuple[str, int]]:
    """Return (member, millionths) of those who have a part of a reading."""
    if slot[1] is not Channel.EXPORT:
        return []
    return [*_holders(scene, period).get(slot[0], {}).items()]


def with_shares(
    scene: Scene, member: str, period: int, readings: Sequence[UsedReading]
) -> list[UsedReading]:
    """Return a member's readings, each with the parts that its holders have of it."""
    every = _holders(scene, period)
    return [
        replace(each, share=_told(scene, member, period, each, every[each.meter]))
        if each.channel is Channel.EXPORT and each.meter in every
        else each
        for each in readings
    ]


def _holders(scene: Scene, period: int) -> dict[str, dict[str, int]]:
    state = scene.community.state
    return holders_of(Binding(state.meters).at(period), Binding(state.shares).at(period))


def _told(
    scene: Scene, member: str, period: int, reading: UsedReading, holders: dict[str, int]
) -> ShareTold:
    parts = parts_of(min(reading.wh, WH_MAX), holders)
    entry = _said(scene, reading.meter, period)
    if member in holders:
        return ShareTold(holders[member], parts[member], entry, owned=False)
    return ShareTold(sum(holders.values()), sum(parts.values()), entry, owned=True)


def _said(scene: Scene, meter: str, period: int) -> Cited | None:
    """Return the statement that shares a meter in a half-hour."""
    owner = Binding(scene.community.state.meters).at(period)[meter].member
    for logged, cited in reversed(
        [*why_store.deeds_of(scene.connection, scene.number, owner, "share")]
    ):
        found = why_store.at(scene.connection, scene.number, cited.position)
        if logged < period and found.statement.deed[1]["meter"] == meter:
            return cited
    return None
