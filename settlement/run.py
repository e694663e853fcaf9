"""A settlement run of a local day: hold, clear, post, seal.

Every step is one database transaction that logs a signed statement together with what it
causes, under ids that follow from the community, day and run. A run that was killed anywhere is
started again and ends with the same bytes; a run that is complete posts nothing.

>>> GROUP_TRANSFERS_MAX
10000
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from ledger import log_store
from ledger.batches import Batch
from ledger.invariants import check_balances, check_pools_empty
from ledger.kinds import COMMUNITY
from ledger.primitives.canonical import decode, encode, encode_trusted
from ledger.primitives.periods import load_zone, local_date, of_local_day, start_text, start_utc
from ledger.records import Transfer, record, salted_root
from ledger.statements import Statement
from ledger.writer import Draft
from market.check import check_market
from market.clearing import clear
from market.errors import MarketInputError
from market.result_wire import result_bytes
from market.wire import market_to_json
from settlement import store
from settlement.community import Community
from settlement.errors import RunRefusedError
from settlement.orders import (
    PeriodInputs,
    PeriodOrders,
    fund_orders,
    orders_from_detail,
    orders_to_detail,
)
from settlement.postings import (
    Line,
    balance_records,
    hold_transfers,
    lines_of,
    market_of,
    run_id,
    settlement_transfers,
    totals_of,
)
from settlement.run_inputs import inputs_of
from settlement.state import CommunityRules
from settlement.store import RunSummary
from settlement.timetable import (
    DETAIL_BYTES_MAX,
    DUE_AFTER_DAYS,
    NO_SEAL,
    NOT_AFTER_MS,
    RUN,
    due_at_ms,
)

GROUP_TRANSFERS_MAX = 10_000
"""Most transfers in one transaction: a street's whole day, or a town's single half-hour."""


@dataclass(frozen=True, slots=True)
class _Day:
    """What all steps of a run share."""

    day: str
    periods: range
    rules: CommunityRules
    known_at_ms: int
    hold_batch: bytes
    inputs: list[PeriodInputs]
    orders: list[PeriodOrders]


def settle_day(
    community: Community,
    day: date,
    after_step: Callable[[str], None] = lambda _step: None,
) -> RunSummary:
    """Make the first posting run of a local day, or finish it.

    Args:
        community: open for work.
        day: the local day.
        after_step: called after each committed step; tests stop here.

    Returns:
        The run, new or as it was made before.

    Raises:
        RunRefusedError: too early, or there is nothing to settle.
    """
    with community.reading() as connection:
        done = store.find_run(connection, community.writer.community, day.isoformat(), RUN)
    if done is not None:
        return done
    prepared = _hold(community, day)
    after_step("hold")
    for group in _groups(prepared):
        _settle_group(community, prepared, group)
        after_step(f"settle {group[0]}")
    summary = _seal(community, prepared)
    after_step("seal")
    return summary


def _hold(community: Community, day: date) -> _Day:
    """Set aside what each order may owe, or find what was set aside before the run stopped."""
    writer = community.writer
    with community.transaction() as connection:
        periods = of_local_day(day, load_zone(community.state.rules_now.zone))
        rules = community.state.rules_of(periods.start)
        if rules is None:
            raise RunRefusedError(_not_bound(community, day))
        statement_id = run_id("hold", writer.origin, RUN, day.isoformat())
        position = log_store.has_statement(connection, writer.community, statement_id)
        if position is None:
            return _new_hold(community, connection, day, periods, rules, statement_id)
        entry = log_store.fact_at(connection, writer.community, position)
        known_at_ms = Statement.decode(entry.envelope).body["known_at"]
        inputs = inputs_of(community, connection, periods, position)
        orders = orders_from_detail(decode(entry.detail or b"", DETAIL_BYTES_MAX), rules.feeder)
        return _Day(
            day.isoformat(),
            periods,
            rules,
            known_at_ms,
            bytes.fromhex(statement_id),
            inputs,
            orders,
        )


def _not_bound(community: Community, day: date) -> str:
    """Say from which day on there is something to settle."""
    logged, rules = community.state.rules_history[0]
    zone = load_zone(rules.zone)
    first = local_date(of_local_day(local_date(logged, zone), zone).stop, zone)
    return (
        f"No rules bound all of {day}: rules bind the half-hours that begin after they were logged. "
        f"The first day to be settled is {first}, {DUE_AFTER_DAYS} days after its end."
    )


def _new_hold(
    community: Community,
    connection: Connection,
    day: date,
    periods: range,
    rules: CommunityRules,
    statement_id: str,
) -> _Day:
    writer = community.writer
    known_at_ms = writer.clock.now_ms() // 1000 * 1000
    due_ms = due_at_ms(day, rules.zone)
    if known_at_ms < due_ms:
        when = start_utc(due_ms // 1_800_000).strftime("%Y-%m-%d %H:%M UTC")
        raise RunRefusedError(f"The run {RUN} of {day} is due on {when}; nothing was posted.")
    size, _, _ = log_store.head(connection, writer.community)
    inputs = inputs_of(community, connection, periods, size)
    if all(not item.readings or len(item.missing) == len(item.readings) for item in inputs):
        raise RunRefusedError(
            f"There is not one reading of {day} by a meter whose member consented before that "
            "day. Either no file with that day was imported yet (commonwatt meters import), or the "
            "members and meters were added later: consent counts from the next half-hour on."
        )
    balances = writer.ledger.balances(connection)
    orders = fund_orders(community.state, inputs, balances)
    for item in orders:
        # What cannot be cleared is said before anything is set aside: the hold fixes the orders.
        try:
            check_market(market_of(item, rules))
        except MarketInputError as error:
            raise RunRefusedError(
                f"The half-hour {start_text(item.period)} of {day} cannot be cleared: {error}. Is a reading "
                "far too large? Correct it, then settle again; nothing was posted."
            ) from error
    batch_id = bytes.fromhex(statement_id)
    transfers = hold_transfers(batch_id, orders, rules)
    seed = writer.entropy(f"seed/{statement_id}", 32)
    envelope = writer.sign_new(
        connection,
        "hold",
        COMMUNITY,
        statement_id,
        {
            "day": day.isoformat(),
            "run": RUN,
            "known_at": known_at_ms,
            "count": len(transfers),
            "root": _root(seed, transfers),
        },
        [writer.keyring.load("settlement")],
        not_after_ms=known_at_ms + NOT_AFTER_MS,
    )
    detail = encode({"seed": seed.hex(), "orders": orders_to_detail(orders)})
    if len(detail) > DETAIL_BYTES_MAX:
        raise RunRefusedError(
            f"The orders of {day} take {len(detail):,} bytes, and a run at most "
            f"{DETAIL_BYTES_MAX:,}: split the community. Nothing was posted."
        )
    [position] = community.accept(connection, [Draft(envelope, detail)])
    writer.ledger.post(
        connection, [Batch(batch_id, tuple(transfers), position)], writer.logged_ms(connection)
    )
    return _Day(day.isoformat(), periods, rules, known_at_ms, batch_id, inputs, orders)


def _groups(prepared: _Day) -> list[range]:
    """Split a day into groups of half-hours that fit one transaction each."""
    per_period = max(2 * len(item.readings) + 2 for item in prepared.inputs)
    size = max(1, GROUP_TRANSFERS_MAX // per_period)
    count = len(prepared.periods)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _settle_group(community: Community, prepared: _Day, group: range) -> None:
    """Clear and post some half-hours, those that are not posted yet, in one transaction."""
    writer = community.writer
    with community.transaction() as connection:
        drafts: list[Draft] = []
        settled: list[tuple[str, list[Line], list[Transfer]]] = []
        for index in group:
            orders = prepared.orders[index]
            statement_id = run_id("settlement", writer.origin, RUN, orders.period)
            if log_store.has_statement(connection, writer.community, statement_id) is not None:
                continue
            made, lines, transfers = _settle_period(
                community, connection, prepared, index, statement_id, ahead=len(drafts)
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
            prepared.rules.asset,
            RUN,
            [
                (line, position)
                for (_, lines, _), position in zip(settled, positions, strict=True)
                for line in lines
            ],
        )


def _settle_period(
    community: Community,
    connection: Connection,
    prepared: _Day,
    index: int,
    statement_id: str,
    *,
    ahead: int,
) -> tuple[list[Draft], list[Line], list[Transfer]]:
    """Clear one half-hour and draft its two statements and transfers."""
    writer, rules = community.writer, prepared.rules
    inputs, orders = prepared.inputs[index], prepared.orders[index]
    market = market_of(orders, rules)
    result = clear(market)
    lines = lines_of(inputs, result, rules)
    transfers = settlement_transfers(
        bytes.fromhex(statement_id), prepared.hold_batch, inputs, orders, lines, rules
    )
    result_data = result_bytes(result)
    seed = writer.entropy(f"seed/{statement_id}", 32)
    common = {"period": orders.period, "run": RUN, "known_at": prepared.known_at_ms}
    key = [writer.keyring.load("settlement")]
    not_after_ms = prepared.known_at_ms + NOT_AFTER_MS
    clearing = writer.sign_new(
        connection,
        "clearing",
        COMMUNITY,
        run_id("clearing", writer.origin, RUN, orders.period),
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
            "clearing": Statement.decode(clearing).tx_id,
            "count": len(transfers),
            "root": _root(seed, transfers),
        },
        key,
        not_after_ms=not_after_ms,
        ahead=ahead + 1,
    )
    drafts = [Draft(clearing, result_data), Draft(settlement, encode({"seed": seed.hex()}))]
    return drafts, lines, transfers


def _seal(community: Community, prepared: _Day) -> RunSummary:
    """Seal the day: totals, every balance, and the seal before."""
    writer = community.writer
    with community.transaction() as connection:
        statement_id = run_id("seal", writer.origin, RUN, prepared.day)
        done = store.find_run(connection, writer.community, prepared.day, RUN)
        if done is not None:
            return done
        lines = _stored_lines(community, connection, prepared)
        totals = totals_of(lines)
        totals_data = encode({"totals": totals})
        seed = writer.entropy(f"seed/{statement_id}", 32)
        balances = writer.ledger.balances(connection)
        check_balances(balances)
        check_pools_empty(balances, balances)
        envelope = writer.sign_new(
            connection,
            "seal",
            COMMUNITY,
            statement_id,
            {
                "day": prepared.day,
                "run": RUN,
                "periods": len(prepared.periods),
                "totals": hashlib.sha256(totals_data).hexdigest(),
                "balances": salted_root(seed, balance_records(balances)).hex(),
                "previous": _last_seal(community, connection),
            },
            [writer.keyring.load("settlement")],
            not_after_ms=prepared.known_at_ms + NOT_AFTER_MS,
        )
        detail = encode({"seed": seed.hex(), "totals": totals})
        [position] = community.accept(connection, [Draft(envelope, detail)])
        summary = RunSummary(
            prepared.day,
            RUN,
            len(prepared.periods),
            sum(total["matched_wh"] for total in totals),
            sum(len(item.missing) for item in prepared.inputs),
        )
        store.save_run(
            connection,
            writer.community,
            summary,
            known_at_ms=prepared.known_at_ms,
            position=position,
            now_ms=writer.clock.now_ms(),
        )
        return summary


def _stored_lines(
    community: Community, connection: Connection, prepared: _Day
) -> dict[int, list[Line]]:
    lines: dict[int, list[Line]] = {period: [] for period in prepared.periods}
    for member in sorted(community.state.members):
        for line in store.member_lines(
            connection, community.writer.ledger, member, prepared.rules.asset, prepared.periods
        ):
            lines[line.period].append(line)
    return lines


def _last_seal(community: Community, connection: Connection) -> str:
    entry = log_store.last_fact(connection, community.writer.community, "seal")
    return NO_SEAL if entry is None else Statement.decode(entry.envelope).tx_id


def _root(seed: bytes, transfers: list[Transfer]) -> str:
    return salted_root(seed, [record(transfer) for transfer in transfers]).hex()
