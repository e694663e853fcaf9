"""Which runs of a day there are to explain, when the next is due, and what changed between two.

>>> next_run.__name__
'next_run'
"""

from ledger.errors import InputError
from ledger.primitives.periods import SECONDS, load_zone, start_utc
from meters.readings import Slot
from meters.silence import since_day
from meters.versions import OWN_ESTIMATE, payable
from settlement.binding import Binding
from settlement.shown_store import Shown
from settlement.state import channels_of
from settlement.timetable import due_at_ms
from settlement.why_scene import Scene
from settlement.why_versions import KnownRun


def check_made(scene: Scene, shown: Shown | None, code: str | None) -> str:
    """Return the code of the run to be told: the one that is asked for, or the last.

    Raises:
        InputError: it was not made; says when it may be.
    """
    made = [*([shown.code] if shown else []), *(run.code for run in scene.runs)]
    if code in made:
        return str(code)
    if code is not None:
        plan = scene.rules.timetable.run(code)
        words = f"There is no run {code} of {scene.day}"
        words += f": made were {', '.join(made)}." if made else " yet."
        raise InputError(f"{words} {_due(scene, plan.code)}")
    if made:
        return made[-1]
    first = scene.rules.timetable.first
    if scene.said("hold", first, scene.day.isoformat()) is not None:
        raise InputError(
            f"{scene.day} is being worked out: money was set aside, and the rest was not finished. "
            f"Finish it: commonwatt settle --day {scene.day}"
        )
    raise InputError(f"{scene.day} is not worked out yet. {_due(scene, first)}")


def _due(scene: Scene, code: str) -> str:
    """Say when a run may be made."""
    table = scene.rules.timetable
    if table.is_dispute(code):
        return "It is made only for a dispute that was upheld."
    due_ms = due_at_ms(table.run(code), scene.day, scene.rules.zone)
    zone = load_zone(scene.rules.zone)
    local = start_utc(due_ms // (SECONDS * 1000)).astimezone(zone)
    posts = "" if table.run(code).posts else ", to be shown as on its way"
    if scene.community.writer.clock.now_ms() < due_ms:
        return f"The run {code} is due on {local:%Y-%m-%d} at {local:%H:%M}{posts}."
    return (
        f"The run {code} was due on {local:%Y-%m-%d} at {local:%H:%M}{posts}. Make it: commonwatt "
        f"settle --day {scene.day} --run {code}"
    )


def next_run(scene: Scene) -> tuple[str, int] | None:
    """Return (code, due in Unix milliseconds) of the next run that posts; None once the day is closed."""
    table, made = scene.rules.timetable, [run.code for run in scene.runs]
    if table.closing in made:
        return None
    latest = max((table.posting.index(code) for code in made if code in table.posting), default=-1)
    code = table.posting[latest + 1]
    return code, due_at_ms(table.run(code), scene.day, scene.rules.zone)


def counts_at(scene: Scene, period: int, run: KnownRun) -> dict[Slot, int | None]:
    """Return the Wh of everybody's readings of a half-hour as they count in a run; None is missing."""
    readings, span = scene.community.readings, range(period, period + 1)
    known = readings.known(scene.connection, span, before=run.known)
    said: set[Slot] | None = None
    found: dict[Slot, int | None] = {}
    for meter, channel, _ in channels_of(Binding(scene.community.state.meters).at(period)):
        stored = known.get((meter, channel, period))
        if stored is not None and stored.quality >= OWN_ESTIMATE:
            if said is None:
                said = readings.said_since(scene.connection, since_day(scene.periods), run.known)
            stored = stored if (meter, channel) in said else None
        found[meter, channel] = (
            None if stored is None else payable(channel, stored.quality, stored.wh, final=run.final)
        )
    return found


def changes_between(
    scene: Scene, period: int, before: KnownRun, after: KnownRun
) -> dict[Slot, tuple[int, int]]:
    """Return (Wh before, Wh after) of the readings that count as another value in a later run."""
    one, other = counts_at(scene, period, before), counts_at(scene, period, after)
    return {
        slot: (one.get(slot) or 0, wh or 0)
        for slot, wh in other.items()
        if (one.get(slot) or 0) != (wh or 0)
    }
