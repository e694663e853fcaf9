"""The figures of a lived community that its page tells: counted from its database, none typed.

>>> quantile([1, 2, 3, 4, 100], 0.5)
3
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import bindparam, text

from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel
from settlement import store
from tests.settlement.real_year_lived import Lived
from tests.settlement.real_year_oracle import BUYS_AT, LIMIT, SELLS_AT, RunKnown, Said, work_out
from tests.settlement.real_year_sums import MONEY_ENOUGH, Books, Compared, runs_by_day

GRID_PAYS = 410
"""Ticks that suppliers pay for what is sold to the grid."""

LATER = ("R1", "RF", "DF")


@dataclass
class RunFigures:
    """What the runs of one code came to.

    Attributes:
        made: runs that were made.
        days: of these, those that changed anything.
        half_hours: half-hours that they worked out anew.
        wh: by how much they changed what was bought, up and down added up.
        units: by how much they changed what members are due, ups and downs added up, halved.
    """

    made: int = 0
    days: int = 0
    half_hours: int = 0
    wh: int = 0
    units: int = 0


@dataclass
class TrueYear:
    """What the year would have been with every reading in time and money enough.

    Attributes:
        flows: Wh by name of flow.
        used, made: metered Wh of imports and exports.
        alone: units that each home pays with the grid alone.
        together: the same with neighbours.
    """

    flows: Counter[str] = field(default_factory=Counter)
    used: int = 0
    made: int = 0
    alone: Counter[str] = field(default_factory=Counter)
    together: Counter[str] = field(default_factory=Counter)


@dataclass
class Figures:
    """All of them.

    Attributes:
        true: the year without faults.
        runs: by code.
        moved: units that later runs moved of each day, by code and day.
        months: of each member and month that was traded in: (units changed after SF, units traded).
        debts, waits: (home, since, until or None, most units).
        compared: what the oracle found.
        books: what reading all transfers found.
        statements: log entries.
    """

    true: TrueYear
    runs: dict[str, RunFigures]
    moved: dict[str, Counter[date]]
    months: list[tuple[int, int]]
    debts: list[tuple[str, date, date | None, int]]
    waits: list[tuple[str, date, date | None, int]]
    compared: Compared
    books: Books
    entries: int


def figures_of(lived: Lived, compared: Compared, books: Books) -> Figures:
    """Count everything."""
    runs, moved, months = _runs(lived)
    with lived.community.reading() as connection:
        entries = connection.execute(text("SELECT count(*) FROM statement")).scalar_one()
    return Figures(
        true_year(lived),
        runs,
        moved,
        months,
        _dated(lived, books.debts),
        _dated(lived, books.claims),
        compared,
        books,
        entries,
    )


def true_year(lived: Lived) -> TrueYear:
    """Work the year out from the true readings, with money enough for everybody."""
    said, year = Said.of({0: [lived.script.readings]}), TrueYear()
    rich = dict.fromkeys(lived.members.values(), MONEY_ENOUGH)
    for day in lived.days:
        periods = of_local_day(day, load_zone(lived.zone))
        worked = work_out(said, RunKnown(day, periods, 10**9, True, rich, {}), lived.members)
        for (_, channel), wh in worked.metered.items():
            if channel is Channel.IMPORT:
                year.used += wh
            else:
                year.made += wh
        for lines in worked.lines.values():
            for member, (own, bought, sold, from_grid, to_grid, _, _) in lines.items():
                year.flows.update(own=own, matched=sold, from_grid=from_grid, to_grid=to_grid)
                grid = from_grid * LIMIT - to_grid * GRID_PAYS
                year.alone[member] += grid + bought * LIMIT - sold * GRID_PAYS
                year.together[member] += grid + bought * BUYS_AT - sold * SELLS_AT
    return year


def _runs(
    lived: Lived,
) -> tuple[dict[str, RunFigures], dict[str, Counter[date]], list[tuple[int, int]]]:
    """Return figures by run's code, what moved by code and day, and how months changed."""
    found: dict[str, RunFigures] = defaultdict(RunFigures)
    moved: dict[str, Counter[date]] = {code: Counter() for code in LATER}
    changed: Counter[tuple[str, str]] = Counter()
    traded: Counter[tuple[str, str]] = Counter()
    with lived.community.reading() as connection:
        ledger = lived.community.writer.ledger
        for day, runs in runs_by_day(lived).items():
            for run in runs:
                nets = store.nets_of_run(connection, ledger, str(day), run.code)
                one = found[run.code]
                one.made += 1
                one.days += bool(run.settled)
                one.half_hours += run.settled
                one.wh += sum(abs(net.change.bought_wh) for net in nets)
                units = 0
                for net in nets:
                    due = net.change.sold_units - net.change.bought_units - net.given_units
                    units += abs(due)
                    key = net.member, str(day)[:7]
                    if run.code == "SF":
                        traded[key] += net.change.sold_units + net.change.bought_units
                    else:
                        changed[key] += due
                one.units += units // 2
                if run.code in moved:
                    moved[run.code][day] += units // 2
    return dict(found), moved, [(changed[key], units) for key, units in sorted(traded.items())]


def _dated(
    lived: Lived, spans: Sequence[tuple[str, int, int | None, int]]
) -> list[tuple[str, date, date | None, int]]:
    """Name homes and days instead of members and log entries."""
    homes = {member: meter for meter, member in lived.members.items()}
    wanted = sorted({at for _, since, until, _ in spans for at in (since, until) if at is not None})
    query = text("SELECT position, recorded_at FROM statement WHERE position IN :wanted")
    with lived.community.reading() as connection:
        rows = connection.execute(
            query.bindparams(bindparam("wanted", expanding=True)), {"wanted": wanted}
        )
        days = {
            row.position: datetime.fromtimestamp(row.recorded_at // 1000, UTC).date()
            for row in rows
        }
    named = [
        (homes[member], days[since], None if until is None else days[until], most)
        for member, since, until, most in spans
    ]
    return sorted(named, key=lambda span: (span[1], span[0]))


def quantile(values: Sequence[int], part: float) -> int:
    """Return a value of a sorted list that so great a part is not above."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
