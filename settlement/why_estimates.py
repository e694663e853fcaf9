"""Which estimates were made from a reading, and what a batch of readings caused. Reads only.

>>> names_it({"what": "readings", "meter": "h1", "channel": "import", "first": 7, "count": 2,
...     "entry": 5}, ("h1", "import"), range(8, 9), {5})
True
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from ledger import people
from ledger.bulk import select_in
from ledger.errors import InputError
from ledger.kinds import a_kind
from ledger.primitives.periods import load_zone, local_date, of_local_day
from meters.readings import Channel, Quality, Slot
from settlement import why_store
from settlement.community import Community
from settlement.why_checks import nets_told
from settlement.why_reading_model import BatchDay, BatchRun, EstimateMade, WhyBatch
from settlement.why_scene import Scene


def names_it(
    each: Mapping[str, Any], slot: tuple[str, str], span: range, entries: Collection[int]
) -> bool:
    """Return whether an input of an estimate names readings of some log entries.

    Args:
        each: the input.
        slot: meter and channel.
        span: half-hours of the readings.
        entries: log positions that brought them. An input that names none is taken at its
            half-hours alone, and one that names no meter is of all.
    """
    if each["what"] != "readings" or each["channel"] != slot[1]:
        return False
    if each.get("meter", slot[0]) != slot[0] or each.get("entry", None) not in {None, *entries}:
        return False
    return bool(each["first"] < span.stop and span.start < each["first"] + each["count"])


def estimates_from(
    scene: Scene, slot: Slot, period: int, entries: Collection[int]
) -> list[EstimateMade]:
    """Return the estimates that were made from some versions of a reading."""
    span = range(period, period + 1)
    return _estimates(scene.connection, scene.number, slot, span, entries)


def _estimates(
    connection: Connection, community: int, slot: Slot, span: range, entries: Collection[int]
) -> list[EstimateMade]:
    """Return the batches of estimates whose inputs name readings, in the log's order."""
    mine, found = (slot[0], slot[1].value), []
    earliest = min(entries, default=0)
    ours = why_store.own_estimates(connection, community)
    wanted = sorted(position for position in ours if position > earliest)
    details = select_in(
        connection, "SELECT position, detail FROM fact", "position", community, wanted
    )
    for position, detail in sorted(details):
        value = {} if detail is None else json.loads(bytes(detail))
        named = [each for each in value.get("inputs", ()) if names_it(each, mine, span, entries)]
        if not named:
            continue
        said = why_store.at(connection, community, position)
        meter, channel = ours[position]
        letters = "".join(sorted(set(value["quality"])))
        found.append(
            EstimateMade(
                said.cited,
                meter,
                channel,
                said.body["first"],
                said.body["count"],
                Quality.from_letter(letters[0]).value,
                exact=any("entry" in each for each in named),
            )
        )
    return found


def why_batch(community: Community, connection: Connection, position: int) -> WhyBatch:
    """Tell what a batch or an edit of readings caused, day by day.

    Raises:
        InputError: the log entry is no batch and no edit of readings.
    """
    number = community.writer.community
    known = why_store.kind_at(connection, number, position)
    if known not in ("reading_batch", "reading_edit"):
        what = "is not there" if known is None else f"is {a_kind(known)}"
        raise InputError(f"Log entry {position} {what}, and no batch of readings.")
    found = why_store.at(connection, number, position)
    body = found.body
    slot = body["meter"], Channel(body["channel"])
    count = body["count"] if known == "reading_batch" else len(body["wh"])
    span = range(body["first"], body["first"] + count)
    member = found.statement.account
    names = people.names(connection, number)
    return WhyBatch(
        community.state.rules_now.zone,
        found.cited,
        slot,
        span.start,
        count,
        member,
        names.get(member),
        tuple(_days(community, connection, slot, span, member, position)),
        tuple(_estimates(connection, number, slot, span, {position})),
    )


def _days(
    community: Community,
    connection: Connection,
    slot: Slot,
    span: range,
    member: str,
    position: int,
) -> Iterable[BatchDay]:
    """Yield the local days of a batch, and how it counted in their runs."""
    zone = load_zone(community.state.rules_now.zone)
    day, last = local_date(span.start, zone), local_date(span[-1], zone)
    while day <= last:
        periods = of_local_day(day, zone)
        mine = range(max(span.start, periods.start), min(span.stop, periods.stop))
        runs: list[BatchRun] = []
        if community.state.rules_of(periods.start) is not None:
            scene = Scene.of(community, connection, periods.start)
            nets = {net.code: (net, found.cited) for net, found in nets_told(scene, member)}
            for run in scene.runs:
                counted = _counted(scene, slot, mine, run.known, position)
                runs.append(BatchRun(run.code, counted, *nets.get(run.code, (None, None))))
        yield BatchDay(day.isoformat(), len(mine), tuple(runs))
        day += timedelta(days=1)


def _counted(scene: Scene, slot: Slot, mine: range, known: int, position: int) -> int:
    """Return for how many half-hours a run took the version of a log entry."""
    found = scene.community.readings.known(scene.connection, mine, meters=[slot[0]], before=known)
    return sum(
        stored.position == position
        for (meter, channel, _), stored in found.items()
        if (meter, channel) == slot
    )
