"""What a member's first screen needs, in one answer; and one day of theirs, half-hour by half-hour.

>>> Yesterday("2026-06-30", "SF", 0, 0, 0).sold_wh
0
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from ledger import history, log_store, people
from ledger.accounts import receivable, wallet
from ledger.primitives.periods import SECONDS, load_zone, local_date, of_local_day
from ledger.store import LedgerStore
from settlement import shown_store, store
from settlement.community import Community
from settlement.postings import Line
from settlement.showing import shown_day
from settlement.statement_store import words_at

LOOK_BACK_DAYS = 45
"""How far back the first screen looks for the last lines."""

READ_BACK_DAYS = 14
"""How far back it looks for the last reading; of an older one it says nothing."""

LAST_LINES = 3
SPAN = history.CHUNK_TRANSFERS
"""Of how many transfers the last lines are looked for first."""

WIDER = 4
"""How much further back is looked, where there was too little."""

SHOWN_DAYS_MAX = 64
"""Days that are shown and whose sums are kept."""


@dataclass(frozen=True, slots=True)
class Yesterday:
    """What the last worked-out day came to.

    Attributes:
        day: the local day.
        code: of the run that worked it out last.
        bought_wh, sold_wh: from and to neighbours.
        units: got for what was sold less paid for what was bought.
    """

    day: str
    code: str
    bought_wh: int
    sold_wh: int
    units: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A line of what moved in a wallet.

    Attributes:
        period: the half-hour in which it counts.
        entry: position in the log of what caused it.
        kind: ``energy``, or the statement's kind.
        units: above zero where it came in.
        other: the other member's id, where there is one.
        words: what was written with it, or the local day of energy.
    """

    period: int
    entry: int
    kind: str
    units: int
    other: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """A member's first screen.

    Attributes:
        available_units: what can be paid now.
        posted_units: what is in the wallet, set aside or not.
        held_units: set aside for a day that is being settled.
        owed_units: owed to the member by later runs; below zero, by them.
        coming_units: of days that are shown and not yet posted: not final.
        yesterday: the last day that was worked out, or None.
        last: the last few lines, the latest first.
        names: of the members in them.
        read_through: the half-hour after the last reading, or None.
        final_through: the last local day that was posted, or None.
    """

    available_units: int
    posted_units: int
    held_units: int
    owed_units: int
    coming_units: int
    yesterday: Yesterday | None
    last: list[Moved]
    names: dict[str, str]
    read_through: int | None
    final_through: str | None


class ShownSums:
    """What days that are shown and not posted came to, by member: added up once a look, for everybody."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, int], dict[str, Yesterday]] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, community: Community, connection: Connection, member: str, after: str
    ) -> list[Yesterday]:
        """Return what days after one would come to for a member, the latest first."""
        runs = shown_store.shown_runs(connection, community.writer.community)
        found: list[Yesterday] = []
        with self._lock:
            for (day, code), known in sorted(runs.items(), reverse=True):
                key = (day, code, known)
                if day <= after:
                    break
                if key not in self._known:
                    self._known[key] = _sums(community, connection, date.fromisoformat(day))
                    while len(self._known) > SHOWN_DAYS_MAX:
                        self._known.popitem(last=False)
                mine = self._known[key].get(member)
                if mine is not None and not any(each.day == day for each in found):
                    found.append(mine)
        return found


def _sums(community: Community, connection: Connection, day: date) -> dict[str, Yesterday]:
    shown = shown_day(community, connection, day)
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in shown.lines if shown else ():
        lines[line.member].append(line)
    code = shown.shown.code if shown else ""
    return {member: _sum(day, code, of) for member, of in lines.items()}


def home_of(community: Community, connection: Connection, member: str, sums: ShownSums) -> Home:
    """Gather what a member's first screen needs."""
    rules, ledger = community.state.rules_now, community.writer.ledger
    now = community.writer.now_period()
    today = local_date(now, load_zone(rules.zone))
    account, owed = wallet(member, rules.asset), receivable(member, rules.asset)
    ledger.chart.load(connection)
    numbers = [
        ledger.chart.numbers[name] for name in (account, owed) if name in ledger.chart.numbers
    ]
    balances = ledger.chart.balances(connection, numbers)
    balance = balances[account]
    posted, shown = _days_of(community, connection, member, sums)
    begins = _start(today - timedelta(days=LOOK_BACK_DAYS), rules.zone)
    last = latest(community, connection, member, begins)
    others = [line.other for line in last if line.other is not None]
    return Home(
        available_units=max(0, balance.available or 0),
        posted_units=balance.posted,
        held_units=balance.pending_out,
        owed_units=balances[owed].posted if owed in balances else 0,
        coming_units=sum(each.units for each in shown),
        yesterday=next(iter(shown), posted),
        last=last,
        names=people.names_of(connection, community.writer.community, others),
        read_through=_read_through(community, connection, member, now),
        final_through=posted.day if posted else None,
    )


def moved_in(
    community: Community,
    connection: Connection,
    member: str,
    periods: range,
    before: tuple[int, int] | None = None,
    count: int = LAST_LINES,
) -> list[Moved]:
    """Return what moved in a member's wallet in some half-hours, the latest first.

    Args:
        community: open for reading.
        connection: a read transaction.
        member: whose wallet.
        periods: the half-hours in which it counts.
        before: (half-hour, log entry) of the last line that was seen.
        count: most lines.
    """
    ledger, number, since = _wallet_since(community, connection, member, periods.start)
    entries = history.entries(connection, ledger.community, number, after=since, periods=periods)
    moved, others = _added_up(entries)
    places = sorted(place for place in moved if before is None or place < before)
    return _told(community, connection, member, places[-count:][::-1], moved, others)


def latest(
    community: Community,
    connection: Connection,
    member: str,
    begins: int,
    count: int = LAST_LINES,
) -> list[Moved]:
    """Return what was last posted in a member's wallet, the latest first.

    However much somebody pays in tiny parts: no more is read than a chunk of the ledger that has enough.

    Args:
        community: open for reading.
        connection: a read transaction.
        member: whose wallet.
        begins: nothing that was posted before this half-hour.
        count: most lines.
    """
    ledger, number, since = _wallet_since(community, connection, member, begins)
    last = history.last_number(connection, ledger.community)
    span, after = SPAN, last
    moved: dict[tuple[int, int], int] = {}
    others: dict[int, int] = {}
    while after > since and len(moved) <= count:  # one more, as the first may have begun before
        after = max(since, last - span)
        moved, others = _added_up(
            history.entries(connection, ledger.community, number, after=after)
        )
        span *= WIDER
    places = sorted(moved, key=lambda place: place[1])
    return _told(community, connection, member, places[-count:][::-1], moved, others)


def _wallet_since(
    community: Community, connection: Connection, member: str, begins: int
) -> tuple[LedgerStore, int, int]:
    """Return the ledger, the number of a member's wallet, and of the last transfer before a half-hour."""
    asset, ledger = community.state.rules_now.asset, community.writer.ledger
    number = ledger.chart.number_of(connection, wallet(member, asset))
    # What counts from then on was recorded then or later.
    since = history.last_number(connection, ledger.community, begins * SECONDS * 1000 - 1)
    return ledger, number, since


def _added_up(
    entries: Iterable[history.Entry],
) -> tuple[dict[tuple[int, int], int], dict[int, int]]:
    """Return sums by (half-hour, log entry), as a day's money may come in parts, and the other accounts."""
    moved: dict[tuple[int, int], int] = defaultdict(int)
    others: dict[int, int] = {}
    for entry in entries:
        moved[entry.effective, entry.position] += entry.amount
        others[entry.position] = entry.other
    return moved, others


def _told(
    community: Community,
    connection: Connection,
    member: str,
    shown: Sequence[tuple[int, int]],
    moved: Mapping[tuple[int, int], int],
    others: Mapping[int, int],
) -> list[Moved]:
    """Return lines with what caused them and was written with them."""
    if not shown:
        return []
    asset, ledger = community.state.rules_now.asset, community.writer.ledger
    periods = range(min(shown)[0], max(shown)[0] + 1)
    nets = store.member_nets(connection, ledger, member, asset, periods)
    days = {net.position: net.day for net in nets}
    paid = {position for _, position in shown} - set(days)
    kinds = log_store.entries_at(connection, ledger.community, sorted(paid))
    words = words_at(connection, ledger.community, paid)
    return [
        Moved(period, position, "energy", moved[period, position], words=days[position])
        if position in days
        else Moved(
            period,
            position,
            kinds[position][0],
            moved[period, position],
            _member_of(ledger.chart.names[others[position]]),
            words.get(position),
        )
        for period, position in shown
    ]


def _member_of(account: str) -> str | None:
    """Return whose account it is, or None for the community's own."""
    parts = account.split("/")
    return parts[1] if parts[0] == "member" else None


def _days_of(
    community: Community, connection: Connection, member: str, sums: ShownSums
) -> tuple[Yesterday | None, list[Yesterday]]:
    """Return the latest day that is posted, and those after it that are shown only, the latest first."""
    ledger, rules = community.writer.ledger, community.state.rules_now
    run = store.last_run(connection, ledger.community)
    if run is None:
        return None, sums.of(community, connection, member, "")
    day = date.fromisoformat(run.day)
    periods = of_local_day(day, load_zone(rules.zone))
    lines = store.member_lines(connection, ledger, member, rules.asset, periods)
    return _sum(day, run.code, lines), sums.of(community, connection, member, run.day)


def _sum(day: date, code: str, lines: Iterable[Line]) -> Yesterday:
    bought, sold, units = 0, 0, 0
    for line in lines:
        bought += line.bought_wh
        sold += line.sold_wh
        units += line.sold_units - line.bought_units
    return Yesterday(day.isoformat(), code, bought, sold, units)


def _read_through(
    community: Community, connection: Connection, member: str, now: int
) -> int | None:
    """Return the half-hour after the last reading of a member's meters."""
    mine = community.state.meters_of(member)
    if not mine:
        return None
    span = range(now - READ_BACK_DAYS * 48, now)
    series = community.readings.series(connection, span, meters=mine)
    ends = [max(of) + 1 for of in series.values() if of]
    return max(ends, default=None)


def _start(day: date, zone: str) -> int:
    return of_local_day(day, load_zone(zone)).start
