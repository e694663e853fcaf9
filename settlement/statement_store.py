"""What a household statement reads beside its half-hours: movements, payments, holds and seals.

Everything about a wallet follows from the ledger's transfers, so a statement closes because the
ledger does.

>>> Movements(before_units=5, energy_units=-2, payments=()).after_units
3
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, select

from ledger import bulk, history, log_store
from ledger.accounts import receivable
from ledger.primitives.words import shown
from ledger.records import Kind
from ledger.statements import Statement
from ledger.store import LedgerStore
from ledger.tables import FINAL_KINDS, AccountRow, BatchRow, FactRow, StatementRow, TransferRow
from settlement.effects import PAYMENT_KINDS
from settlement.statement_model import Payment, Seal
from settlement.tables import RunRow

_transfers, _batches = TransferRow.__table__, BatchRow.__table__  # type: ignore[attr-defined]
_statements, _facts = StatementRow.__table__, FactRow.__table__  # type: ignore[attr-defined]
_accounts, _runs = AccountRow.__table__, RunRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Movements:
    """What moved in a wallet: before some half-hours, and in them."""

    before_units: int
    energy_units: int
    payments: tuple[Payment, ...]

    @property
    def after_units(self) -> int:
        """The balance after the half-hours."""
        return self.before_units + self.energy_units + sum(p.units for p in self.payments)


def wallet_movements(
    connection: Connection, ledger: LedgerStore, account: str, periods: range
) -> Movements:
    """Return what moved in a wallet, by the half-hour that it is about.

    The ledger's history finds the wallet's own transfers; nobody else's are read.
    """
    community, number = ledger.community, ledger.chart.number_of(connection, account)
    entries = list(history.entries(connection, community, number, periods=periods))
    causes = _payments_at(connection, community, {entry.position for entry in entries})
    names = ledger.chart.names
    payments = [
        Payment(
            entry.effective,
            names[entry.other],
            causes[entry.position][0],
            entry.amount,
            entry.position,
            *causes[entry.position][1:],
        )
        for entry in sorted(entries, key=lambda entry: (entry.effective, entry.number))
        if entry.position in causes
    ]
    return Movements(
        history.balance_at(connection, community, number, periods.start),
        sum(entry.amount for entry in entries if entry.position not in causes),
        tuple(payments),
    )


def _payments_at(
    connection: Connection, community: int, positions: set[int]
) -> dict[int, tuple[str | None, str, str]]:
    """Return (reference, hash, kind) of the statements of those log positions that are payments."""
    rows = bulk.select_in(
        connection,
        f"SELECT position, tx_id, kind FROM statement WHERE kind IN {PAYMENT_KINDS}",  # noqa: S608 - our own words
        "position",
        community,
        sorted(positions),
    )
    found = {position: (bytes(tx_id).hex(), kind) for position, tx_id, kind in rows}
    references = words_at(connection, community, found)
    return {position: (references.get(position), *about) for position, about in found.items()}


def words_at(
    connection: Connection, community: int, positions: Iterable[int]
) -> dict[int, str | None]:
    """Return what was written with the statements of some log positions; of erased ones nothing."""
    envelopes = bulk.select_in(
        connection, "SELECT position, envelope FROM fact", "position", community, sorted(positions)
    )
    return {
        position: _words_of(connection, community, Statement.decode(bytes(envelope)).body)
        for position, envelope in envelopes
    }


def _words_of(connection: Connection, community: int, body: Mapping[str, Any]) -> str | None:
    """Return what the payer or the operators wrote; of a standing payment, what its order says."""
    if body["kind"] == "standing_payment":
        position = log_store.has_statement(connection, community, body["order"])
        if position is None:
            return None
        body = Statement.decode(log_store.fact_at(connection, community, position).envelope).body
    found = (body[name] for name in ("reference", "note", "reason") if name in body)
    return next(map(shown, found), None)


def set_aside_units(connection: Connection, ledger: LedgerStore, account: str, before: int) -> int:
    """Return what holds of half-hours before one keep aside in a wallet now."""
    number = ledger.chart.number_of(connection, account)
    if not ledger.chart.balances(connection, [number])[account].pending_out:
        return 0  # as nearly always: holds of days that were settled need not be looked through
    resolution = _transfers.alias()
    # Kinds are written out: only so the index of what ends a hold is used, and no hold costs a scan.
    kinds: BindParameter[Any] = bindparam(
        "kinds", [*FINAL_KINDS], expanding=True, literal_execute=True
    )
    resolved = select(resolution.c.number).where(
        resolution.c.community == ledger.community,
        resolution.c.original == _transfers.c.id,
        resolution.c.kind.in_(kinds),
    )
    total = connection.scalar(
        select(func.sum(_transfers.c.amount))
        .where(_transfers.c.community == ledger.community, _transfers.c.debit == number)
        .where(_transfers.c.kind == int(Kind.HOLD), _transfers.c.effective < before)
        .where(~resolved.exists())
    )
    return int(total or 0)


def claim_units(
    connection: Connection, ledger: LedgerStore, member: str, asset: str, before: int
) -> int:
    """Return what was owed to a member before a half-hour; below zero, by them."""
    ledger.chart.load(connection)
    number = ledger.chart.numbers.get(receivable(member, asset))
    return history.balance_at(connection, ledger.community, number, before) if number else 0


def seals(connection: Connection, community: int, first: str, last: str) -> list[Seal]:
    """Return the runs of the days from one to another, in order, each with its seal."""
    return _seals(connection, community, (_runs.c.day >= first) & (_runs.c.day <= last))


def seals_of(connection: Connection, community: int, days: Iterable[str]) -> list[Seal]:
    """Return the runs of some local days, by day and in their order, each with its seal."""
    return _seals(connection, community, _runs.c.day.in_(sorted(set(days))))


def _seals(connection: Connection, community: int, which: ColumnElement[bool]) -> list[Seal]:
    rows = connection.execute(
        select(
            *(_runs.c.day, _runs.c.code, _runs.c.missing, _runs.c.position),
            *(_statements.c.tx_id, _runs.c.known),
        )
        .join(
            _statements,
            (_statements.c.community == _runs.c.community)
            & (_statements.c.position == _runs.c.position),
        )
        .where(_runs.c.community == community, which)
        .order_by(_runs.c.day, _runs.c.position)
    )
    return [Seal(r.day, r.code, r.missing, r.position, r.tx_id.hex(), r.known) for r in rows]
