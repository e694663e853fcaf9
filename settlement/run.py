"""Runs of a local day: set aside, clear, post what differs, net the money, seal.

Every step is one database transaction that logs a signed statement together with what it
causes, under ids that follow from the community, day and run. A run that was killed anywhere is
started again and ends with the same bytes; a run that is complete posts nothing. A later run clears
the day anew with what is known by then, and posts the difference; where there is none, it seals.

>>> GROUP_TRANSFERS_MAX
10000
"""

import hashlib
from collections.abc import Callable
from datetime import date

from sqlalchemy import Connection

from ledger import log_store
from ledger.batches import Batch
from ledger.kinds import COMMUNITY
from ledger.primitives.canonical import encode, encode_trusted
from ledger.records import Transfer, record, salted_root
from ledger.statements import Statement
from ledger.writer import Draft
from market.clearing import clear
from market.model import Market, Result
from market.result_wire import result_bytes
from market.wire import market_to_json
from settlement import store
from settlement.community import Community
from settlement.day_run import DayRun, changed_lines
from settlement.errors import ClockTurnedError
from settlement.postings import (
    Line,
    energy_moves,
    energy_of,
    line_record,
    lines_of,
    lines_seed,
    market_of,
    run_id,
    transfers_of,
)
from settlement.run_begin import begin
from settlement.run_close import close
from settlement.store import RunSummary
from settlement.timetable import NOT_AFTER_MS

GROUP_TRANSFERS_MAX = 10_000
"""Most transfers in one transaction: a street's whole day, or a town's single half-hour."""


def settle_day(
    community: Community,
    day: date,
    after_step: Callable[[str], None] = lambda _step: None,
    *,
    code: str | None = None,
) -> RunSummary:
    """Make a run of a local day that posts, or finish it.

    Args:
        community: open for work.
        day: the local day.
        after_step: called after each committed step; tests stop here.
        code: of the run; the first that posts if left out.

    Returns:
        The run, new or as it was made before.

    Raises:
        RunRefusedError: too early, out of order, or there is nothing to settle.
    """
    try:
        return _settle_day(community, day, after_step, code)
    except ClockTurnedError:
        return _settle_day(community, day, after_step, code)


def _settle_day(
    community: Community, day: date, after_step: Callable[[str], None], code: str | None
) -> RunSummary:
    """Make a run, or go on with it where it stopped."""
    with community.reading() as connection:
        code = code or _first_code(community, day)
        done = store.find_run(connection, community.writer.community, day.isoformat(), code)
    if done is not None:
        return done
    with community.transaction() as connection:
        done = store.find_run(connection, community.writer.community, day.isoformat(), code)
        if done is not None:
            return done  # another process was faster
        run = begin(community, connection, day, code)
        groups = _groups(run)
        if not run.hold_batch and len(groups) <= 1:
            # Most later runs change little or nothing: one transaction, and one wait for the disk.
            for group in groups:
                _settle_group(community, connection, run, _cleared(run, group))
            return close(community, connection, run)
    after_step("hold")
    for group in groups:
        # Cleared before the transaction begins: nobody waits for that.
        cleared = _cleared(run, group)
        with community.transaction() as connection:
            _settle_group(community, connection, run, cleared)
        after_step(f"settle {group[0]}")
    with community.transaction() as connection:
        summary = close(community, connection, run)
    after_step("seal")
    return summary


def settle_within(community: Community, connection: Connection, day: date, code: str) -> RunSummary:
    """Make a run that was not made yet within a transaction of the caller's.

    Raises:
        RunRefusedError: too early, out of order, or there is nothing to settle.
    """
    run = begin(community, connection, day, code)
    for group in _groups(run):
        _settle_group(community, connection, run, _cleared(run, group))
    return close(community, connection, run)


def _first_code(community: Community, day: date) -> str:
    """Return the first run that posts, by the rules that bind the day."""
    return community.state.timetable_of(day).first


def _groups(run: DayRun) -> list[list[int]]:
    """Split the half-hours to be settled into groups that fit one transaction each."""
    per_period = max((len(item.readings) + 2 for item in run.inputs), default=1)
    size = max(1, GROUP_TRANSFERS_MAX // per_period)
    return [run.changed[start : start + size] for start in range(0, len(run.changed), size)]


def _cleared(run: DayRun, group: list[int]) -> list[tuple[int, Market, Result]]:
    """Clear some half-hours: (index, market, result) of each."""
    markets = [(index, market_of(run.orders[index], run.rules)) for index in group]
    return [(index, market, clear(market)) for index, market in markets]


def _settle_group(
    community: Community,
    connection: Connection,
    run: DayRun,
    cleared: list[tuple[int, Market, Result]],
) -> None:
    """Post some half-hours that were cleared, those that are not posted yet."""
    writer = community.writer
    drafts: list[Draft] = []
    settled: list[tuple[str, list[Line], list[Transfer]]] = []
    for index, market, result in cleared:
        statement_id = run_id("settlement", writer.origin, run.code, market.period)
        if log_store.has_statement(connection, writer.community, statement_id) is not None:
            continue
        made, lines, transfers = _settle_period(
            community, connection, run, index, market, result, ahead=len(drafts)
        )
        drafts += made
        settled.append((statement_id, lines, transfers))
    if not settled:
        return
    positions = community.accept(connection, drafts)[1::2]
    writer.ledger.post(
        connection,
        [
            Batch(bytes.fromhex(statement_id), tuple(transfers), position)
            for (statement_id, _, transfers), position in zip(settled, positions, strict=True)
        ],
        writer.logged_ms(connection),
    )
    store.save_lines(
        connection,
        writer.ledger,
        run.rules.asset,
        run.code,
        [
            (line, position)
            for (_, lines, _), position in zip(settled, positions, strict=True)
            for line in lines
        ],
    )


def _settle_period(
    community: Community,
    connection: Connection,
    run: DayRun,
    index: int,
    market: Market,
    result: Result,
    *,
    ahead: int,
) -> tuple[list[Draft], list[Line], list[Transfer]]:
    """Draft a half-hour's two statements; return them, the lines that changed, and the transfers."""
    writer, rules, inputs, period = community.writer, run.rules, run.inputs[index], market.period
    statement_id = run_id("settlement", writer.origin, run.code, period)
    lines = lines_of(inputs, result, rules)
    before, after = run.posted.energy_of(period), energy_of(inputs, lines)
    transfers = transfers_of(
        bytes.fromhex(statement_id), energy_moves(before, after, rules), period
    )
    result_data = result_bytes(result)
    seed = writer.entropy(f"seed/{statement_id}", 32)
    common = {"period": period, "run": run.code, "known_at": run.known_at_ms}
    key = [writer.role_key("settlement")]
    not_after_ms = run.known_at_ms + NOT_AFTER_MS
    clearing = writer.sign_new(
        connection,
        "clearing",
        COMMUNITY,
        run_id("clearing", writer.origin, run.code, period),
        {
            **common,
            "market": hashlib.sha256(encode_trusted(market_to_json(market))).hexdigest(),
            "result": hashlib.sha256(result_data).hexdigest(),
        },
        key,
        not_after_ms=not_after_ms,
        ahead=ahead,
    )
    settlement = writer.sign_new(
        connection,
        "settlement",
        COMMUNITY,
        statement_id,
        {
            **common,
            **_replaced(community, connection, run, period),
            "clearing": Statement.decode(clearing).tx_id,
            "count": len(transfers),
            "root": salted_root(seed, [record(transfer) for transfer in transfers]).hex(),
            "lines": len(lines),
            "lines_root": salted_root(lines_seed(seed), [*map(line_record, lines)]).hex(),
        },
        key,
        not_after_ms=not_after_ms,
        ahead=ahead + 1,
    )
    drafts = [Draft(clearing, result_data), Draft(settlement, encode({"seed": seed.hex()}))]
    return drafts, changed_lines(lines, run.posted.lines.get(period, {})), transfers


def _replaced(
    community: Community, connection: Connection, run: DayRun, period: int
) -> dict[str, str]:
    """Return the field that names the settlement that this one takes the place of, if there is one."""
    writer = community.writer
    for code in reversed(run.posted.codes):
        earlier = run_id("settlement", writer.origin, code, period)
        position = log_store.has_statement(connection, writer.community, earlier)
        if position is not None:
            entry = log_store.fact_at(connection, writer.community, position)
            return {"replaces": Statement.decode(entry.envelope).tx_id}
    return {}
