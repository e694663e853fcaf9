"""A member's readings for whoever supports them, as far as the member allows it.

>>> Shown("m-ada", Channel.IMPORT, "day", 12_000, None).wh
12000
"""

from typing import NamedTuple

from sqlalchemy import Connection

from ledger.primitives.periods import load_zone, of_local_day, parse_date
from meters.readings import Channel, Quality
from settlement.community import Community
from settlement.consents import HALF_HOUR, may_use

SUPPORT = "support"
DAY = "day"
QUALITIES = tuple(Quality)
"""By rank."""


class Shown(NamedTuple):
    """What may be seen of a channel's day.

    Attributes:
        meter: its id.
        channel: what it counts.
        granularity: ``half-hour`` or ``day``.
        wh: all that was read, in Wh.
        readings: (half-hour, Wh, quality), or None where the day's sum alone may be seen.
    """

    meter: str
    channel: Channel
    granularity: str
    wh: int
    readings: list[tuple[int, int, str]] | None


def support_day(
    community: Community, connection: Connection, member: str, day: str
) -> tuple[list[Shown], list[str]]:
    """Return what a member allows to be seen of a local day, and the meters of which nothing may be.

    A half-hour counts as its member allowed it when it began; of a day that was allowed in part, no sum
    is told, as it would tell of the other part.

    Args:
        community: with what was agreed folded in.
        connection: a read transaction.
        member: id of one who is there.
        day: as ``2026-06-15``.

    Raises:
        InputError: not a day.
    """
    state = community.state
    span = of_local_day(parse_date(day), load_zone(state.rules_now.zone))
    mine = sorted(
        meter
        for meter, uses in state.meters.items()
        if any(use.member == member for _, use in uses)
    )
    found: list[Shown] = []
    hidden: list[str] = []
    for meter in mine:
        before = len(found)
        for channel in Channel:
            bound = [p for p in span if state.reader_of(meter, channel, p) == member]
            allowed = {p: may_use(state, meter, SUPPORT, p, channel) for p in bound}
            fine = [p for p in bound if allowed[p] == HALF_HOUR]
            whole = bool(bound) and all(allowed[p] in (HALF_HOUR, DAY) for p in bound)
            if not fine and not whole:
                continue
            shown = bound if whole else fine
            stored = community.readings.known(connection, span, meters=[meter])
            read = [(p, stored[meter, channel, p]) for p in shown if (meter, channel, p) in stored]
            sums = sum(each.wh for _, each in read)
            by_half_hour = [
                (p, each.wh, QUALITIES[each.quality].value) for p, each in read if p in set(fine)
            ]
            finest = HALF_HOUR if fine == shown else DAY
            found.append(
                Shown(meter, channel, finest, sums, by_half_hour if finest == HALF_HOUR else None)
            )
        if len(found) == before:
            hidden.append(meter)
    return found, hidden
