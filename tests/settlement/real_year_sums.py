"""A lived community compared with `tests.settlement.real_year_oracle`: every line, every sum.

>>> Compared().lines
0
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache

from sqlalchemy import text

from ledger import log_store
from ledger.accounts import carried, fees, fund, grid, meter_account, network, receivable, wallet
from ledger.primitives.periods import load_zone, of_local_day
from ledger.records import MOVES
from ledger.statements import Statement
from meters.readings import Channel
from meters.versions import OWN_ESTIMATE
from settlement import store
from settlement.store import RunSummary
from tests.settlement.real_year_lived import Lived
from tests.settlement.real_year_oracle import (
    DayWorked,
    RunKnown,
    Said,
    gift_units,
    work_out,
)


@dataclass
class Compared:
    """What the comparison found; money in units, energy in Wh.

    Attributes:
        lines: members' half-hours that were compared, over all runs.
        different: those that are not the same, the first few in words.
        capped: bids of last runs that a member's money cut, and the Wh by which.
        days_capped: days with such a bid.
        lost_wh: how much less was traded in the end than if all had had money enough.
        unexplained: half-hours that are not as one run with the final readings and money enough would
            have them, though no bid was cut there.
        estimated: half-hours of a slot for which our estimates stand in the end.
        silent: those of a slot that was silent for too long.
        metered: Wh by slot in the end.
        flows: sums over all lines in the end.
        due: units that each member is to have of its lines, gifts taken off.
        given: units given to the fund.
        charges_moved: units of charges that bridged a debt; repaid, they are the fund's.
    """

    lines: int = 0
    different: list[str] = field(default_factory=list)
    capped: list[int] = field(default_factory=lambda: [0, 0])
    days_capped: int = 0
    lost_wh: int = 0
    unexplained: list[int] = field(default_factory=list)
    estimated: int = 0
    silent: int = 0
    metered: Counter[tuple[str, Channel]] = field(default_factory=Counter)
    flows: Counter[str] = field(default_factory=Counter)
    due: Counter[str] = field(default_factory=Counter)
    given: int = 0
    charges_moved: int = 0


MONEY_ENOUGH = 10**15
"""A hundred million pounds."""

FLOWS = ("own_use", "bought", "sold", "from_grid", "to_grid", "bought_units", "sold_units")


def runs_by_day(lived: Lived) -> dict[date, list[RunSummary]]:
    """Return every posting run that was made, by local day, in order."""
    found: dict[date, list[RunSummary]] = defaultdict(list)
    with lived.community.reading() as connection:
        for run in store.runs(connection, lived.community.writer.community):
            found[date.fromisoformat(run.day)].append(run)
    return found


@cache
def compare(lived: Lived) -> Compared:
    """Compare every line of every run with what a simpler computation says."""
    said, found = Said.of(lived.plan.deliveries), Compared()
    funds, times, gifts = _funds(lived), _times(lived), _gifts(lived)
    for day, runs in sorted(runs_by_day(lived).items()):
        worked, held = DayWorked(), None
        for run in runs:
            known = _known(lived, day, run, funds[str(day)], times[run.day, run.code])
            worked = work_out(said, known, lived.members, held)
            held = worked.held if held is None else held
            _compare_lines(lived, run, known, worked, found)
        _compare_with_one_run(said, known, lived.members, worked, found)
        _add_up(worked, found)
        for member, wh_month in gifts.items():
            units = gift_units(wh_month, day, (of[member] for of in worked.lines.values()))
            found.given += units
            found.due[member] -= units
    return found


def _compare_with_one_run(
    said: Said, known: RunKnown, members: Mapping[str, str], worked: DayWorked, found: Compared
) -> None:
    """Work the day out at once, with the last readings and money enough for everybody."""
    rich = replace(known, funds=dict.fromkeys(members.values(), MONEY_ENOUGH))
    once = work_out(said, rich, members)
    cut = {period for period, _ in worked.capped}
    for period, lines in once.lines.items():
        if lines != worked.lines[period]:
            found.lost_wh += sum(line[1] for line in lines.values())
            found.lost_wh -= sum(line[1] for line in worked.lines[period].values())
            found.unexplained += [period] if period not in cut else []


def _add_up(worked: DayWorked, found: Compared) -> None:
    found.capped[0] += len(worked.capped)
    found.capped[1] += sum(wh for _, wh in worked.capped)
    found.days_capped += bool(worked.capped)
    found.estimated += worked.estimated
    found.silent += worked.silent
    found.metered.update(worked.metered)
    for lines in worked.lines.values():
        for member, line in lines.items():
            found.flows.update(dict(zip(FLOWS, line, strict=True)))
            found.due[member] += line[6] - line[5]


def _compare_lines(
    lived: Lived, run: RunSummary, known: RunKnown, worked: DayWorked, found: Compared
) -> None:
    """Compare a day as a run left it, line by line."""
    with lived.community.reading() as connection:
        ledger = lived.community.writer.ledger
        ours = store.lines_by_period(connection, ledger, known.periods, run.position)
    for period, lines in worked.lines.items():
        for member, line in lines.items():
            found.lines += 1
            posted = ours[period].get(member)
            if posted is None or tuple(posted[2:]) != line:
                found.different.append(f"{run.day} {run.code} {period} {member}: {posted} {line}")


def _known(
    lived: Lived, day: date, run: RunSummary, funds: dict[str, int], made_ms: int
) -> RunKnown:
    community = lived.community
    periods = of_local_day(day, load_zone(lived.zone))
    with community.reading() as connection:
        known = community.readings.known(connection, periods, before=run.known)
    estimates = {key: each.wh for key, each in known.items() if each.quality >= OWN_ESTIMATE}
    final = run.code not in ("SF", "R1")
    return RunKnown(day, periods, made_ms // 1_800_000, final, funds, estimates)


def _funds(lived: Lived) -> dict[str, dict[str, int]]:
    """Return what money each day had, as it was signed."""
    return {
        statement.body["day"]: {each["id"]: each["units"] for each in detail["funds"]["units"]}
        for _, statement, detail in holds(lived)
    }


def holds(lived: Lived) -> Iterator[tuple[int, Statement, dict[str, dict[str, list[dict]]]]]:
    """Yield every hold: its place in the log, itself, its detail."""
    community = lived.community
    with community.reading() as connection:
        for position, entry in log_store.facts(
            connection, community.writer.community, kinds=["hold"], first=0
        ):
            yield position, Statement.decode(entry.envelope), json.loads(entry.detail or b"{}")


def _times(lived: Lived) -> dict[tuple[str, str], int]:
    """Return when each run knew its readings, in Unix milliseconds."""
    with lived.community.reading() as connection:
        rows = connection.execute(text("SELECT day, code, known_at FROM run"))
        return {(row.day, row.code): row.known_at for row in rows}


def _gifts(lived: Lived) -> dict[str, int]:
    purses = lived.script.purses.items()
    return {lived.members[meter]: purse.gives_wh for meter, purse in purses if purse.gives_wh}


def differing_sums(lived: Lived, found: Compared) -> list[str]:
    """Return, in words, each sum of postings that is not what the year comes to."""
    asset, flows = lived.asset, found.flows
    with lived.community.reading() as connection:
        books = lived.community.writer.ledger.balances(connection)
    posted = Counter({name: balance.posted for name, balance in books.items()})
    claims = {member: posted[receivable(member, asset)] for member in lived.members.values()}
    paid, charge = lived.diary.paid, flows["bought_units"] - flows["sold_units"]
    wanted = {
        grid("import"): (posted[grid("import")], -flows["from_grid"]),
        grid("export"): (posted[grid("export")], flows["to_grid"]),
        "sold": (flows["sold"], flows["bought"]),
        "claims": (sum(claims.values()) + posted[carried(asset)], 0),
        # Where charges waited for a debtor, the fund has what they lack: it has what is repaid.
        "community": (
            sum(posted[account(asset)] for account in (fees, network, fund, carried)),
            charge + found.given - sum(paid.values()),
        ),
    }
    found.charges_moved = charge - posted[fees(asset)] - posted[network(asset)]
    for meter, member in lived.members.items():
        for channel, sign in ((Channel.IMPORT, 1), (Channel.EXPORT, -1)):
            account = meter_account(meter, channel)
            wanted[account] = posted[account], sign * found.metered[meter, channel]
        has = posted[wallet(member, asset)] + claims[member]
        wanted[f"{meter}'s money"] = has, found.due[member] + paid[member]
    return [f"{name}: {one} != {other}" for name, (one, other) in wanted.items() if one != other]


@dataclass
class Books:
    """What a reading of all transfers in their order found.

    Attributes:
        below: wallets that were below their limit, in words; there are to be none.
        wrong_funds: days whose signed funds are not what wallets had, in words.
        debts: of every member who owed: (log position from which, until which or None, most units).
        claims: the same of every member who was owed.
        fund_lowest: the least that the fund had.
        transfers: how many.
    """

    below: list[str] = field(default_factory=list)
    wrong_funds: list[str] = field(default_factory=list)
    debts: list[tuple[str, int, int | None, int]] = field(default_factory=list)
    claims: list[tuple[str, int, int | None, int]] = field(default_factory=list)
    fund_lowest: int = 0
    transfers: int = 0


@cache
def read_books(lived: Lived) -> Books:
    """Add all transfers up in their order, by hand, and look at wallets, claims and the fund."""
    community, asset, books = lived.community, lived.asset, Books()
    floors = {
        wallet(m, asset): community.state.members[m].floor_units for m in lived.members.values()
    }
    funds = {position: (statement, detail) for position, statement, detail in holds(lived)}
    now: Counter[str] = Counter()
    history: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with community.reading() as connection:
        for transfer, position in community.writer.ledger.transfers(connection):
            books.transfers += 1
            if position in funds:
                _check_funds(lived, now, *funds.pop(position), books)
            if transfer.kind not in MOVES:
                continue
            for account, sign in ((transfer.debit, -1), (transfer.credit, 1)):
                now[account] += sign * transfer.amount
                if account in floors and now[account] < floors[account]:
                    books.below.append(f"{account} has {now[account]} at entry {position}")
                if "/receivable" in account and "community" not in account:
                    history[account].append((position, now[account]))
            books.fund_lowest = min(books.fund_lowest, now[fund(asset)])
    for account, moved in history.items():
        member = account.split("/")[1]
        books.debts += _spans(member, moved, -1)
        books.claims += _spans(member, moved, 1)
    return books


def _check_funds(
    lived: Lived, now: Counter[str], hold: Statement, detail: dict, books: Books
) -> None:
    """Compare a day's funds, as they were signed, with what wallets had just before."""
    said = {each["id"]: each["units"] for each in detail["funds"]["units"]}
    for member, units in said.items():
        floor = lived.community.state.members[member].floor_units
        owed = min(0, now[receivable(member, lived.asset)])
        has = max(0, now[wallet(member, lived.asset)] - floor + owed)
        if has != units:
            books.wrong_funds.append(f"{hold.body['day']} {member}: {units}, and had {has}")


def _spans(
    member: str, moved: list[tuple[int, int]], side: int
) -> Iterator[tuple[str, int, int | None, int]]:
    """Yield each time in which a claim was on one side of zero: since, until, most."""
    since, most = None, 0
    for position, units in moved:
        if units * side > 0:
            since = position if since is None else since
            most = max(most, units * side)
        elif since is not None:
            yield member, since, position, most
            since, most = None, 0
    if since is not None:
        yield member, since, None, most
