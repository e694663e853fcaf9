"""A street after its first run, and what comes later: readings, clocks, runs and their checks."""

import shutil
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import event

from ledger import history, log_store
from ledger.check import check_ledger
from ledger.invariants import check_balances, check_pools_empty
from ledger.log.tree import Frontier
from ledger.primitives.periods import load_zone, of_local_day
from ledger.statements import Statement
from meters.readings import Channel, Quality, Reading
from settlement import deeds, store
from settlement.audit.verify import audit
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.signers import operator_keys
from settlement.timetable import GB, due_at_ms
from tests.prepared import CHARTER, DAY, found, reopen

PERIODS = of_local_day(DAY, load_zone(CHARTER.zone))
NOON = 26
"""Place in the day of a half-hour in which neighbours trade."""

BEN = ("m-ben", Channel.IMPORT)
CLEO = ("m-cleo", Channel.IMPORT)
SCHOOL = ("m-school-pv", Channel.EXPORT)


class KilledError(Exception):
    """Stands for the process being killed."""


def killing(number, before=""):
    """Return an after_step that kills at a step, counted from one; or after one that begins so."""
    seen = []

    def kill(step):
        if step.startswith(before):
            seen.append(step)
        if len(seen) == number:
            raise KilledError

    return kill


def without(*gone):
    """Return what takes (slot, places) out of the readings that are there before the first run."""

    def hold_back(readings):
        missing = {(*slot, PERIODS[place]) for slot, places in gone for place in places}
        readings[:] = [r for r in readings if (r.meter, r.channel, r.period) not in missing]

    return hold_back


def begin(folder, hold_back=None, url=None):
    """Return a street whose readings are in, but for some."""
    url = url or f"sqlite:///{folder}/later.sqlite"
    found(url, folder / "keys", shuffle=hold_back).writer.database.close()
    return reopen(url, folder / "keys")


def at(community, code, day=DAY, *, early_ms=0):
    """Move the clock to when a run of a day is due, if that is later than now."""
    clock = community.writer.clock
    due_ms = due_at_ms(GB.run(code), day, CHARTER.zone) - early_ms
    if due_ms > clock.now_ms():
        clock.set_ms(due_ms)


def run(community, code, day=DAY, after_step=lambda _step: None):
    """Make a run at its time; a dispute's is led by one that is raised and upheld first."""
    at(community, code, day)
    if GB.is_dispute(code):
        uphold(community, code, day)
    return settle_day(community, day, after_step, code=code)


def uphold(community, code, day):
    """Raise a dispute about the last run of a day, and uphold it, unless its run was made."""
    with community.reading() as connection:
        made = store.runs_of(connection, community.writer.community, str(day))
    if code in [each.code for each in made]:
        return
    periods = of_local_day(day, load_zone(CHARTER.zone))
    about = {"day": str(day), "run": made[-1].code, "first": periods.start, "periods": 1}
    fields = {**about, "units": 5_000_000, "claim": "It was more."}
    dispute = deeds.dispute(community, owner(community, SCHOOL), fields)
    deeds.rule_on(community, dispute.id, "It was.", upheld=True)


def say(community, slot, values, quality=Quality.ACTUAL, periods=PERIODS):
    """Deliver readings of a slot: Wh by place in the day."""
    readings = [Reading(*slot, periods[place], wh, quality) for place, wh in values.items()]
    return import_readings(community, readings)


def edit(community, slot, place, wh):
    """Have two operators say what a half-hour of a slot was."""
    with community.reading() as connection:
        known = community.readings.known(connection, PERIODS, meters=[slot[0]])
    body = {"meter": slot[0], "channel": slot[1].value, "first": PERIODS[place], "wh": [wh]}
    body |= {"reason": "A fuse.", "replaces": known[*slot, PERIODS[place]].position}
    deeds.say(community, "reading_edit", owner(community, slot), body, operator_keys)


def readings_of(community, slot):
    """Return the Wh that count of a slot, by place in the day."""
    with community.reading() as connection:
        known = community.readings.known(connection, PERIODS, meters=[slot[0]])
    return [known[*slot, period].wh for period in PERIODS]


def owner(community, slot):
    return community.state.meters[slot[0]][-1][1].member


def wallet_of(community, slot):
    return f"member/{owner(community, slot)}/wallet LWD/7"


def balances(community):
    """Return every balance, having checked the invariants."""
    with community.reading() as connection:
        found_balances = community.writer.ledger.balances(connection)
    check_balances(found_balances)
    check_pools_empty(found_balances, found_balances)
    return {name: balance.posted for name, balance in found_balances.items()}


def without_empty(amounts):
    return {name: amount for name, amount in amounts.items() if amount}


def head(community):
    """Return (size, root) of the log, and every balance."""
    with community.reading() as connection:
        size, frontier, _ = log_store.head(connection, community.writer.community)
    return size, Frontier.from_bytes(frontier).root(), balances(community)


def lines(community, periods=PERIODS):
    """Return every line as the last run left it, by half-hour and member."""
    with community.reading() as connection:
        return store.lines_by_period(connection, community.writer.ledger, periods)


def statements(community, kind, first=0):
    """Return (position, statement) of a kind, from a position on."""
    with community.reading() as connection:
        entries = log_store.facts(connection, community.writer.community, kinds=[kind], first=first)
        return [(position, Statement.decode(entry.envelope)) for position, entry in entries]


def transfers(community, first=0):
    """Return the transfers that entries from a position on caused."""
    with community.reading() as connection:
        every = community.writer.ledger.transfers(connection)
        return [transfer for transfer, position in every if position >= first]


def wallet_entries(community, slot, position):
    """Return what an entry of the log moved in the wallet of a slot's member."""
    with community.reading() as connection:
        ledger = community.writer.ledger
        number = ledger.chart.number_of(connection, wallet_of(community, slot))
        moved = history.entries(connection, ledger.community, number)
        return [entry.amount for entry in moved if entry.position == position]


def size_of(community):
    with community.reading() as connection:
        return log_store.head(connection, community.writer.community)[0]


def checked(community, folder, memory=None):
    """Check that ledger and audit are sound, the audit remembering another too; return its report."""
    bundle = folder / f"bundle-{size_of(community)}"
    if not bundle.exists():
        export_bundle(community, bundle)
    report = audit(bundle, memory=memory)
    assert report.verdict == "sound", report.failure
    with community.reading() as connection:
        assert check_ledger(connection, community.writer.community).failure is None
    return report


def count_writes(community, stop_at=None):
    """Count writing statements and commits; raise before the one numbered ``stop_at``."""
    seen = [0]

    def count(*_args):
        seen[0] += 1
        if seen[0] == stop_at:
            raise KilledError

    def statement(_connection, _cursor, sql, *_rest):
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            count()

    engine = community.writer.database.engine
    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", count)
    return seen


@dataclass(frozen=True)
class Prepared:
    """A street after its first run, with late readings in, to be copied."""

    folder: object

    def copy(self, target):
        """Return the street in a folder, at the time when the second run is due."""
        shutil.copytree(self.folder, target)
        community = reopen(f"sqlite:///{target}/later.sqlite", target / "keys")
        at(community, "R1")
        return community


LATE = {NOON: 900, NOON + 1: 450}
"""What Ben's meter says late, of two half-hours."""


@pytest.fixture(scope="session")
def late(tmp_path_factory):
    """A street after its first run, in which Ben's readings of two half-hours came late."""
    folder = tmp_path_factory.mktemp("late")
    community = begin(folder, without((BEN, LATE)))
    run(community, "SF")
    say(community, BEN, LATE)
    community.writer.database.close()
    return Prepared(folder)


def knowing(folder, slot, values):
    """Return what all balances come to where a slot's readings were these from the start."""

    def know(readings):
        at_start = {(*slot, PERIODS[place]): wh for place, wh in values.items()}
        readings[:] = [
            replace(r, wh=at_start.get((r.meter, r.channel, r.period), r.wh)) for r in readings
        ]

    folder.mkdir()
    community = begin(folder, know)
    run(community, "SF")
    after = balances(community)
    community.writer.database.close()
    return after
