"""What a household statement reads beside its half-hours: movements, payments, holds and seals.

Everything about a wallet follows from the ledger's transfers, so a statement closes because the
ledger does.

>>> Movements(before_units=5, energy_units=-2, payments=()).after_units
3
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from ledger.records import MOVES, Kind
from ledger.statements import Statement
from ledger.store import LedgerStore
from ledger.tables import AccountRow, BatchRow, FactRow, StatementRow, TransferRow
from settlement.tables import RunRow

_transfers, _batches = TransferRow.__table__, BatchRow.__table__  # type: ignore[attr-defined]
_statements, _facts = StatementRow.__table__, FactRow.__table__  # type: ignore[attr-defined]
_accounts, _runs = AccountRow.__table__, RunRow.__table__  # type: ignore[attr-defined]

PAYMENT = "transfer"
"""The kind of statement that pays from one member to another."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment with another member.

    Attributes:
        period: the half-hour in which it was made.
        other: account of the other member.
        reference: what the payer wrote; None once it was erased.
        units: positive when received.
        position: of its statement in the log.
        tx_id: hash of its statement.
    """

    period: int
    other: str
    reference: str | None
    units: int
    position: int
    tx_id: str


@dataclass(frozen=True, slots=True)
class Seal:
    """A day's run and the statement that seals it.

    Attributes:
        day: the local day, ``YYYY-MM-DD``.
        code: the run's code.
        missing: readings of the whole community that were counted as zero.
        position: of the seal in the log.
        tx_id: hash of the seal.
    """

    day: str
    code: str
    missing: int
    position: int
    tx_id: str


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
    """Return what moved in a wallet, by the half-hour that it is about."""
    number = ledger.chart.number_of(connection, account)
    units, now = _signed(number), _transfers.c.effective >= periods.start
    paid = _statements.c.kind == PAYMENT
    sums = connection.execute(
        _of_wallet(
            select(
                func.sum(case((now, 0), else_=units)).label("before"),
                func.sum(case((now & ~paid, units), else_=0)).label("energy"),
                func.sum(case((now & paid, 1), else_=0)).label("payments"),
            ),
            ledger,
            number,
        ).where(_transfers.c.effective < periods.stop)
    ).one()
    return Movements(
        int(sums.before or 0),
        int(sums.energy or 0),
        tuple(_payments(connection, ledger, number, periods)) if sums.payments else (),
    )


def set_aside_units(connection: Connection, ledger: LedgerStore, account: str, before: int) -> int:
    """Return what holds of half-hours before one keep aside in a wallet now."""
    number = ledger.chart.number_of(connection, account)
    resolution = _transfers.alias()
    resolved = select(resolution.c.number).where(
        resolution.c.community == ledger.community, resolution.c.original == _transfers.c.id
    )
    total = connection.scalar(
        select(func.sum(_transfers.c.amount))
        .where(_transfers.c.community == ledger.community, _transfers.c.debit == number)
        .where(_transfers.c.kind == int(Kind.HOLD), _transfers.c.effective < before)
        .where(~resolved.exists())
    )
    return int(total or 0)


def seals(connection: Connection, community: int, first: str, last: str) -> list[Seal]:
    """Return the runs of the days from one to another, in order, each with its seal."""
    rows = connection.execute(
        select(_runs.c.day, _runs.c.code, _runs.c.missing, _runs.c.position, _statements.c.tx_id)
        .join(
            _statements,
            (_statements.c.community == _runs.c.community)
            & (_statements.c.position == _runs.c.position),
        )
        .where(_runs.c.community == community, _runs.c.day >= first, _runs.c.day <= last)
        .order_by(_runs.c.day, _runs.c.position)
    )
    return [Seal(r.day, r.code, r.missing, r.position, r.tx_id.hex()) for r in rows]


def _payments(
    connection: Connection, ledger: LedgerStore, number: int, periods: range
) -> Iterator[Payment]:
    query = _of_wallet(
        select(
            _transfers.c.effective,
            _accounts.c.name,
            _facts.c.envelope,
            _signed(number).label("units"),
            _statements.c.position,
            _statements.c.tx_id,
        ),
        ledger,
        number,
    )
    other = case((_transfers.c.debit == number, _transfers.c.credit), else_=_transfers.c.debit)
    rows = connection.execute(
        query.join(
            _accounts,
            (_accounts.c.community == _transfers.c.community) & (_accounts.c.number == other),
        )
        .outerjoin(
            _facts,
            (_facts.c.community == _statements.c.community)
            & (_facts.c.position == _statements.c.position),
        )
        .where(_statements.c.kind == PAYMENT)
        .where(_transfers.c.effective >= periods.start, _transfers.c.effective < periods.stop)
        .order_by(_transfers.c.effective, _transfers.c.number)
    )
    for row in rows:
        reference = row.envelope and Statement.decode(row.envelope).body["reference"]
        yield Payment(row.effective, row.name, reference, row.units, row.position, row.tx_id.hex())


def _signed(number: int) -> Any:
    """Return the amount as an account sees it: positive when it came in."""
    return case((_transfers.c.debit == number, -_transfers.c.amount), else_=_transfers.c.amount)


def _of_wallet(query: Select[Any], ledger: LedgerStore, number: int) -> Select[Any]:
    """Narrow a query to what moved an account, with the statement that caused it."""
    return (
        query.select_from(_transfers)
        .join(
            _batches,
            (_batches.c.community == _transfers.c.community)
            & (_batches.c.number == _transfers.c.batch),
        )
        .join(
            _statements,
            (_statements.c.community == _batches.c.community)
            & (_statements.c.position == _batches.c.position),
        )
        .where(_transfers.c.community == ledger.community, _transfers.c.kind.in_(map(int, MOVES)))
        .where((_transfers.c.debit == number) | (_transfers.c.credit == number))
    )
