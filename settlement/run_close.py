"""How a run ends: its money is netted, and the day is sealed; one transaction.

>>> close.__name__
'close'
"""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection

from ledger import log_store
from ledger.batches import Batch
from ledger.invariants import check_balances, check_pools_empty
from ledger.kinds import COMMUNITY
from ledger.primitives.canonical import encode
from ledger.primitives.periods import SECONDS
from ledger.records import record, salted_root
from ledger.statements import Statement
from ledger.writer import Draft
from settlement import store
from settlement.community import Community
from settlement.day_run import DayRun
from settlement.errors import ClockTurnedError
from settlement.gifts import gifts_of, sold_of
from settlement.netting import nets_of, netting_moves, opened_by, purses_of, settle_up
from settlement.postings import (
    Line,
    balance_records,
    held_units,
    run_id,
    totals_of,
    transfers_of,
)
from settlement.store import Net, RunSummary
from settlement.timetable import NO_SEAL, NOT_AFTER_MS


def close(community: Community, connection: Connection, run: DayRun) -> RunSummary:
    """Net a run's money and seal the day, unless that was done before it was stopped."""
    writer = community.writer
    done = store.find_run(connection, writer.community, run.name, run.code)
    if done is not None:
        return done
    totals = [*run.posted.totals]
    if run.changed:
        lines = store.lines_by_period(connection, writer.ledger, run.periods)
        _net(community, connection, run, lines)
        totals = totals_of({period: [*found.values()] for period, found in lines.items()})
    position = _seal(community, connection, run, totals)
    summary = RunSummary(
        run.name,
        run.code,
        len(run.periods),
        sum(total["matched_wh"] for total in totals),
        run.missing,
        run.known,
        position,
        len(run.changed),
    )
    store.save_run(
        connection,
        writer.community,
        summary,
        known_at_ms=run.known_at_ms,
        now_ms=writer.clock.now_ms(),
    )
    return summary


def _net(
    community: Community,
    connection: Connection,
    run: DayRun,
    lines: dict[int, dict[str, Line]],
) -> None:
    """Move the money of a run: once a member."""
    writer, rules = community.writer, run.rules
    period = run.money_period(writer.now_period())
    in_force = community.state.rules_of(period) or rules
    statement_id = run_id("netting", writer.origin, run.code, run.name)
    batch_id = bytes.fromhex(statement_id)
    now = nets_of(_all_of(lines), rules, run.quotas)
    due = now.less(run.posted.nets)
    held = held_units(run.orders) if run.hold_batch else {}
    balances = writer.ledger.balances(connection)
    purses = purses_of(balances, held, rules if run.hold_batch else in_force)
    shares = settle_up(due.members, purses.claims, purses.can_pay, purses.coffers, due.community)
    moves = netting_moves(shares, held, run.hold_batch, rules)
    writer.ledger.chart.open(
        connection, [(name, None) for name in opened_by(moves)], writer.clock.now_ms()
    )
    transfers = transfers_of(batch_id, moves, period)
    seed = writer.entropy(f"seed/{statement_id}", 32)
    envelope = writer.sign_new(
        connection,
        "netting",
        COMMUNITY,
        statement_id,
        {
            "day": run.name,
            "run": run.code,
            "period": period,
            "first": run.periods.start,
            "periods": len(run.periods),
            "known_at": run.known_at_ms,
            "count": len(transfers),
            "root": salted_root(seed, [record(transfer) for transfer in transfers]).hex(),
        },
        [writer.keyring.load("settlement")],
        not_after_ms=run.known_at_ms + NOT_AFTER_MS,
    )
    detail = encode({"seed": seed.hex()})
    [position] = community.accept(connection, [Draft(envelope, detail)])
    logged_ms = writer.logged_ms(connection)
    _check_same_half_hour(run, period, logged_ms)
    batch = Batch(batch_id, tuple(transfers), position)
    writer.ledger.post(connection, [batch], logged_ms)
    changes, gifts = _changes(run, lines, period), _gifts(run, lines)
    nothing = Line("", 0, *([0] * 7))
    store.save_nets(
        connection,
        writer.ledger,
        rules.asset,
        [
            Net(
                *(member, run.name, run.code, period, position),
                changes.get(member, nothing),
                shares.cash.get(member, 0),
                shares.claims.get(member, 0),
                *gifts.get(member, (0, 0)),
            )
            for member in sorted({*changes, *shares.cash, *shares.claims})
        ],
    )


def _check_same_half_hour(run: DayRun, period: int, logged_ms: int) -> None:
    """Refuse money of a later run that is logged in another half-hour than it counts in.

    Raises:
        ClockTurnedError: it is taken back, and may be moved again at once.
    """
    if not run.hold_batch and logged_ms // (SECONDS * 1000) != period:
        raise ClockTurnedError(
            f"A half-hour ended while the money of {run.code} of {run.name} was moved: settle again."
        )


def _all_of(lines: Mapping[int, Mapping[str, Line]]) -> list[Line]:
    return [line for found in lines.values() for line in found.values()]


def _gifts(run: DayRun, lines: Mapping[int, Mapping[str, Line]]) -> dict[str, tuple[int, int]]:
    """Return (Wh, units) by which a run changed what each member gives."""
    now = gifts_of(sold_of(_all_of(lines)), run.quotas)
    before = gifts_of(sold_of(_all_of(run.posted.lines)), run.quotas)
    none = (0, 0)
    return {
        member: (
            now.get(member, none)[0] - before.get(member, none)[0],
            now.get(member, none)[1] - before.get(member, none)[1],
        )
        for member in {*now, *before}
    }


def _changes(run: DayRun, lines: dict[int, dict[str, Line]], money_period: int) -> dict[str, Line]:
    """Return what a run changed of each member's day, all half-hours together."""
    changes: dict[str, list[int]] = {}
    for sign, all_lines in ((1, lines), (-1, run.posted.lines)):
        for found in all_lines.values():
            for member, line in found.items():
                sums = changes.setdefault(member, [0] * (len(line) - 2))
                for at, value in enumerate(line[2:]):
                    sums[at] += sign * value
    return {
        member: Line(member, money_period, *sums) for member, sums in changes.items() if any(sums)
    }


def _seal(
    community: Community, connection: Connection, run: DayRun, totals: list[dict[str, int]]
) -> int:
    """Seal the day: totals, every balance, and the seal before; return its place in the log."""
    writer = community.writer
    statement_id = run_id("seal", writer.origin, run.code, run.name)
    seed = writer.entropy(f"seed/{statement_id}", 32)
    detail = encode({"seed": seed.hex(), "totals": totals})
    balances = writer.ledger.balances(connection)
    check_balances(balances)
    check_pools_empty(balances, balances)
    envelope = writer.sign_new(
        connection,
        "seal",
        COMMUNITY,
        statement_id,
        {
            "day": run.name,
            "run": run.code,
            **run.cites,
            "known_at": run.known_at_ms,
            "periods": len(run.periods),
            "settled": len(run.changed),
            "totals": hashlib.sha256(detail).hexdigest(),
            "balances": salted_root(seed, balance_records(balances)).hex(),
            "previous": _last_seal(community, connection),
        },
        [writer.keyring.load("settlement")],
        not_after_ms=run.known_at_ms + NOT_AFTER_MS,
    )
    [position] = community.accept(connection, [Draft(envelope, detail)])
    return position


def _last_seal(community: Community, connection: Connection) -> str:
    entry = log_store.last_fact(connection, community.writer.community, "seal")
    return NO_SEAL if entry is None else Statement.decode(entry.envelope).tx_id
