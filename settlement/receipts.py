"""Making receipts: one line of one member, with its way up to a signed checkpoint. Reads only.

The proof leads to the published checkpoint where it covers what is proved, with its
cosignatures; else to the database's own signed head. Every receipt is checked before it is
returned.

>>> line_receipt.__name__, net_receipt.__name__
('line_receipt', 'net_receipt')
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from ledger import log_store
from ledger.accounts import wallet
from ledger.errors import InputError
from ledger.keys import OPERATOR_KINDS
from ledger.kinds import a_kind
from ledger.log.tree import inclusion_proof, inclusion_ranges
from ledger.primitives.periods import load_zone, local_date, of_local_day, start_text
from ledger.records import Transfer, record, salt_of, salted_leaves
from ledger.tables import BatchRow
from meters.batches import BatchContent
from meters.readings import Channel
from settlement import store
from settlement.audit.receipt import FIELDS, Receipt
from settlement.community import Community
from settlement.postings import Line, line_record, lines_seed, run_id
from settlement.receipt_source import Source, detail_of
from settlement.sealed_balances import sealed_balances
from settlement.statement_store import seals

_batches = BatchRow.__table__  # type: ignore[attr-defined]

PAYMENT_KINDS = tuple(
    kind
    for kind in FIELDS
    if kind in ("transfer", "donation") or kind in OPERATOR_KINDS - {"reading_edit"}
)
"""Kinds of which a payment's receipt can be made."""


def payment_receipt(
    community: Community,
    connection: Connection,
    member: str,
    payment: int | str,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of a payment that a member made or got.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        payment: the statement's log position, or its id.
        folder: of the published log; the database's own head is used without one.

    Raises:
        InputError: there is no such payment, or it is none of the member's.
        LogError: it was erased.
    """
    source = Source(community, connection, folder)
    position = payment
    if isinstance(position, str):
        found = log_store.has_statement(connection, source.number, position)
        if found is None:
            raise InputError(f"There is no statement {position}.")
        position = found
    entry, statement = source.entry(position)
    if entry.kind not in PAYMENT_KINDS:
        raise InputError(f"Log entry {position} is {a_kind(entry.kind)} and no payment.")
    if entry.kind in ("reversal", "correction"):
        original = community.writer.ledger.find(
            connection, bytes.fromhex(statement.body["original"])
        )
        sides = (original[0].debit, original[0].credit) if original else ()
        if not any(side.startswith(f"member/{member}/") for side in sides):
            raise InputError(f"Log entry {position} is about no payment of this member.")
        # The statement names the payment and not its members: the receipt of that one does.
        return source.finish(position, entry, {}, None)
    if member not in (statement.account, statement.body.get("to")):
        raise InputError(f"Log entry {position} is a payment of other members.")
    return source.finish(position, entry, {}, member)


def line_receipt(
    community: Community,
    connection: Connection,
    member: str,
    period: int,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of what a member's half-hour came to, as the last run of it worked it out.

    Raises:
        InputError: the half-hour is not settled, or the member had no meter then.
        LogError: its detail was erased.
    """
    source = Source(community, connection, folder)
    zone = load_zone(community.state.rules_now.zone)
    made = _codes_of(source, local_date(period, zone))
    ids = (run_id("settlement", community.writer.origin, code, period) for code in reversed(made))
    found = (log_store.has_statement(connection, source.number, each) for each in ids)
    position = next((each for each in found if each is not None), None)
    if position is None:
        raise InputError(f"The half-hour from {start_text(period)} is not settled yet.")
    entry, _ = source.entry(position)
    seed = lines_seed(source.seed_of(position, entry))
    everybodys = store.lines_by_period(
        connection, community.writer.ledger, range(period, period + 1)
    )[period]
    lines = [line for _, line in sorted(everybodys.items())]
    if member not in everybodys:
        raise InputError(
            f"In the half-hour from {start_text(period)} this member had no meter that is traded."
        )
    index = [line.member for line in lines].index(member)
    path = inclusion_proof(salted_leaves(seed, [*map(line_record, lines)]), index)
    shown = {
        "index": index,
        "member": member,
        **dict(zip(Line._fields[2:], lines[index][2:], strict=True)),
        "salt": salt_of(seed, index).hex(),
        "path": [value.hex() for value in path],
    }
    return source.finish(position, entry, {"line": shown}, member)


def net_receipt(
    community: Community,
    connection: Connection,
    member: str,
    day: date,
    code: str | None = None,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of the money that a run of a day moved for a member, and of nobody else's.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        day: the local day.
        code: of the run; the last that moved money of theirs if left out.
        folder: of the published log; the database's own head is used without one.

    Raises:
        InputError: no such run, or it moved nothing of this member's.
        LogError: its detail was erased.
    """
    source = Source(community, connection, folder)
    asset, mine = community.state.rules_now.asset, f"member/{member}/"
    for run in [code] if code else reversed(_codes_of(source, day)):
        statement_id = run_id("netting", community.writer.origin, run, day.isoformat())
        position = log_store.has_statement(connection, source.number, statement_id)
        if position is None:
            continue
        entry, _ = source.entry(position)
        transfers = _transfers_of(source, statement_id)
        seed = source.seed_of(position, entry)
        leaves = salted_leaves(seed, [record(transfer) for transfer in transfers])
        lines = [
            _line(transfer, index, salt_of(seed, index), inclusion_proof(leaves, index))
            for index, transfer in enumerate(transfers)
            if transfer.debit.startswith(mine) or transfer.credit.startswith(mine)
        ]
        if lines:
            return source.finish(position, entry, {"lines": lines}, member)
    which = f"the run {code}" if code else "no run"
    raise InputError(
        f"Of {day}, {which} moved {'no ' if code else ''}money of this member in {asset}."
    )


def _codes_of(source: Source, day: date) -> list[str]:
    """Return the runs that a day may have had, in order: one under way has no seal yet."""
    found = store.runs_of(source.connection, source.number, day.isoformat())
    made = [run.code for run in found]
    state = source.community.state
    rules = state.rules_of(of_local_day(day, load_zone(state.rules_now.zone)).start)
    posting = (rules or state.rules_now).timetable.posting
    return [*made, *(code for code in posting if code not in made)]


def reading_receipt(
    community: Community,
    connection: Connection,
    member: str,
    reading: tuple[str, Channel, int],
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of the reading that counts now: (meter, channel, half-hour).

    Raises:
        InputError: the meter is not the member's, or there is no such reading.
        LogError: its batch's detail was erased.
    """
    source, (meter, channel, period) = Source(community, connection, folder), reading
    if community.state.member_of(meter, period) != member:
        raise InputError(f"The meter {meter} was not this member's at {start_text(period)}.")
    known = community.readings.known(connection, range(period, period + 1), meters=[meter])
    stored = known.get((meter, channel, period))
    if stored is None:
        _check_not_erased(source, reading)
        raise InputError(
            f"There is no {channel.value} reading of {meter} at {start_text(period)}. A reading "
            "that is missing counts as zero, and no meter signed it."
        )
    entry, statement = source.entry(stored.position)
    if statement.kind == "reading_edit":
        return source.finish(stored.position, entry, {}, member)
    first = statement.body["first"]
    content = BatchContent.decode(first, detail_of(stored.position, entry))
    index = period - first
    path = inclusion_proof(salted_leaves(content.seed, content.records()), index)
    shown = {
        "period": period,
        "wh": content.wh[index],
        "quality": content.quality[index],
        "salt": salt_of(content.seed, index).hex(),
        "path": [value.hex() for value in path],
    }
    return source.finish(stored.position, entry, {"reading": shown}, member)


def balance_receipt(
    community: Community,
    connection: Connection,
    member: str,
    day: date,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of a member's balance when a local day was sealed.

    Raises:
        InputError: the day is not sealed, or the member was not there yet.
        LogError: the balances cannot be computed again: the database is damaged.
    """
    source = Source(community, connection, folder)
    found = seals(connection, source.number, day.isoformat(), day.isoformat())
    if not found:
        raise InputError(f"The day {day} is not settled and sealed yet.")
    position = found[-1].position
    entry, statement = source.entry(position)
    seed, account = source.seed_of(position, entry), wallet(member, community.state.rules_now.asset)
    balances, leaves = sealed_balances(
        connection, community.writer.ledger, position, seed, statement.body["balances"]
    )
    if account not in balances:
        raise InputError(f"This member had no account yet when {day} was sealed.")
    index = list(balances).index(account)
    sides = ["l" if end <= index else "r" for _, end in inclusion_ranges(index, len(leaves))]
    path = inclusion_proof(leaves, index)
    shown = {
        "account": account,
        "posted": balances[account].posted,
        "set_aside": balances[account].pending_out,
        "salt": salt_of(seed, index).hex(),
        "path": [side + value.hex() for side, value in zip(sides, path, strict=True)],
    }
    return source.finish(position, entry, {"balance": shown}, member)


def _check_not_erased(source: Source, reading: tuple[str, Channel, int]) -> None:
    """Check that no batch with this reading had its detail erased.

    Raises:
        LogError: one had.
    """
    meter, channel, period = reading
    erased = log_store.erased(source.connection, source.number)
    for position, what in sorted(erased):
        if what != "detail" or (position, "fact") in erased:
            continue
        entry, statement = source.entry(position)
        body = statement.body
        if (
            statement.kind == "reading_batch"
            and (body["meter"], body["channel"]) == (meter, channel.value)
            and body["first"] <= period < body["first"] + body["count"]
        ):
            detail_of(position, entry)


def _transfers_of(source: Source, statement_id: str) -> list[Transfer]:
    """Return what a statement posted, in order."""
    row = source.connection.execute(
        select(_batches.c.first, _batches.c.count.label("length")).where(
            _batches.c.community == source.number, _batches.c.id == bytes.fromhex(statement_id)
        )
    ).one_or_none()
    if row is None or not row.length:
        return []
    ledger, first = source.community.writer.ledger, row.first
    stored = ledger.transfers(source.connection, first, first + row.length - 1)
    return [transfer for transfer, _ in stored]


def _line(transfer: Transfer, index: int, salt: bytes, path: Sequence[bytes]) -> dict[str, Any]:
    line = {
        "index": index,
        "kind": int(transfer.kind),
        "debit": transfer.debit,
        "credit": transfer.credit,
        "amount": transfer.amount,
        "salt": salt.hex(),
        "path": [value.hex() for value in path],
    }
    if transfer.original is not None:
        line["original"] = transfer.original.hex()
    return line
