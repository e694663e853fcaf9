"""Why a member's day came to its net lines: every half-hour, and what each run changed.

Reads only. The half-hours are added up to each run's net line, and that is compared with what
moved in the wallet and in what is owed.

>>> why_day.__name__
'why_day'
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection

from ledger import people
from ledger.errors import InputError
from ledger.primitives.periods import load_zone, local_date, of_local_day
from meters.readings import Slot
from meters.versions import payable
from settlement import shown_store, why_store
from settlement.community import Community
from settlement.postings import Line
from settlement.why_checks import NO_LINE, check_nets, nets_told
from settlement.why_day_model import DayChange, DayRun, WhyDay
from settlement.why_runs import check_made, next_run
from settlement.why_scene import Scene
from settlement.why_shown import shown_day
from settlement.why_store import Lines


def why_day(
    community: Community,
    connection: Connection,
    member: str,
    day: date,
    code: str | None = None,
) -> WhyDay:
    """Explain a member's local day.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        day: the local day.
        code: of the run whose half-hours are shown; the last one if left out.

    Raises:
        InputError: no such member or run, or nothing is worked out yet; says when it will be.
    """
    if member not in community.state.members:
        raise InputError(f"{member!r} is not a member's id. See 'commonwatt member list'.")
    zone = load_zone(community.state.rules_now.zone)
    scene = Scene.of(community, connection, of_local_day(day, zone).start)
    shown = shown_store.find_shown(connection, scene.number, day.isoformat())
    code = check_made(scene, shown, code)
    lines = why_store.lines_of_periods(connection, community.writer.ledger, scene.periods, member)
    posts = shown is None or code != shown.code
    mine = (
        _left_by(scene, lines, member, scene.run(code).position)
        if posts
        else shown_day(shown, member)
    )
    if not mine:
        raise InputError(f"On {day} this member had no meter that is traded.")
    nets = nets_told(scene, member)
    names = people.names(connection, community.writer.community)
    return WhyDay(
        community.name,
        member,
        names.get(member),
        scene.rules.zone,
        day.isoformat(),
        code,
        posts,
        tuple(mine.values()),
        tuple(_runs(scene, member, lines)),
        tuple(check_nets(scene, member, lines, nets)),
        next_run(scene),
    )


def _left_by(scene: Scene, lines: Lines, member: str, position: int) -> dict[int, Line]:
    """Return the member's half-hours as the runs before a log position left them."""
    found = {period: lines.before(period, position).get(member) for period in scene.periods}
    return {period: line for period, line in found.items() if line is not None}


def _runs(scene: Scene, member: str, lines: Lines) -> list[DayRun]:
    """Return what each run that posts changed of the member's day."""
    zone = load_zone(scene.rules.zone)
    nets = {net.code: (net, found) for net, found in nets_told(scene, member)}
    told, before = list[DayRun](), dict[int, Line]()
    readings: dict[tuple[Slot, int], int] = {}
    for run in scene.runs:
        after = _left_by(scene, lines, member, run.position)
        changed = [period for period in after if after[period] != before.get(period)]
        known = _readings(scene, member, run.code) if told or len(scene.runs) > 1 else {}
        changes = []
        if told:
            changes = [
                DayChange(
                    before.get(period, NO_LINE), after[period], _others(period, readings, known)
                )
                for period in changed
            ]
        net, netting = nets.get(run.code, (None, None))
        seal = scene.said("seal", run.code, scene.day.isoformat())
        told.append(
            DayRun(
                run.code,
                None if net is None else f"{local_date(net.period, zone):%Y-%m}",
                net,
                None if netting is None else netting.cited,
                None if seal is None else seal.cited,
                tuple(changes),
            )
        )
        before, readings = after, known
    return told


def _readings(scene: Scene, member: str, code: str) -> dict[tuple[Slot, int], int]:
    """Return the Wh of the member's readings of the day as they count in a run."""
    state, final = scene.community.state, scene.rules.timetable.is_final(code)
    meters = [m for m, uses in state.meters.items() if any(u.member == member for _, u in uses)]
    known = scene.community.readings.known(
        scene.connection, scene.periods, meters=meters, before=scene.run(code).known
    )
    return {
        ((meter, channel), period): payable(channel, stored.quality, stored.wh, final=final)
        for (meter, channel, period), stored in known.items()
        if state.member_of(meter, period) == member
    }


def _others(
    period: int,
    before: Mapping[tuple[Slot, int], int],
    after: Mapping[tuple[Slot, int], int],
) -> tuple[tuple[str, str, int, int], ...]:
    """Return (meter, channel, Wh before, Wh after) of the readings of a half-hour that are other ones."""
    slots = sorted({slot for slot, at in {*before, *after} if at == period})
    pairs = ((slot, before.get((slot, period), 0), after.get((slot, period), 0)) for slot in slots)
    return tuple((*slot, one, other) for slot, one, other in pairs if one != other)
