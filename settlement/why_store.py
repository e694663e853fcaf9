"""What explanations read beside what runs read: cited entries, lines of every run, versions.

>>> Lines.__name__
'Lines'
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from ledger import log_store
from ledger.log_store import Entry
from ledger.records import MOVES
from ledger.statements import Statement
from ledger.store import LedgerStore
from ledger.tables import BatchRow, FactRow, StatementRow, TransferRow
from meters.store import CHANNELS, OWN_LETTERS
from meters.tables import MeterRow, ReadingDayRow
from settlement.postings import Line
from settlement.store import WH_AND_UNITS
from settlement.tables import LineRow
from settlement.why_version_model import Cited

_lines, _days = LineRow.__table__, ReadingDayRow.__table__  # type: ignore[attr-defined]
_meters = MeterRow.__table__  # type: ignore[attr-defined]
_batches, _transfers = BatchRow.__table__, TransferRow.__table__  # type: ignore[attr-defined]
_statements, _facts = StatementRow.__table__, FactRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Found:
    """A statement of the log, with its detail if that was not erased."""

    cited: Cited
    entry: Entry
    statement: Statement

    @property
    def body(self) -> Mapping[str, Any]:
        """What the statement says."""
        return self.statement.body


def at(connection: Connection, community: int, position: int) -> Found:
    """Return the statement at a position of the log.

    Raises:
        LogError: its fact was erased.
    """
    entry = log_store.fact_at(connection, community, position)
    statement = Statement.decode(entry.envelope)
    return Found(Cited(position, entry.kind, statement.tx_id, entry.period), entry, statement)


def kind_at(connection: Connection, community: int, position: int) -> str | None:
    """Return the kind of the statement at a position of the log, or None."""
    found = log_store.entries_at(connection, community, [position])
    return found[position][0] if position in found else None


def with_id(connection: Connection, community: int, statement_id: str) -> Found | None:
    """Return the statement with an id, or None."""
    position = log_store.has_statement(connection, community, statement_id)
    return None if position is None else at(connection, community, position)


def deeds_of(
    connection: Connection, community: int, member: str, kind: str
) -> Iterator[tuple[int, Cited]]:
    """Yield (half-hour of logging, entry) of what was said of a kind for a member, in the log's order.

    What a helper said for them is among it. Most envelopes are only looked into, not decoded.
    """
    rows = connection.execute(
        select(_statements.c.position, _statements.c.kind, _statements.c.period, _facts.c.envelope)
        .join(
            _facts,
            (_facts.c.community == _statements.c.community)
            & (_facts.c.position == _statements.c.position),
        )
        .where(_statements.c.community == community, _statements.c.kind.in_([kind, "act_for"]))
        .order_by(_statements.c.position)
    )
    for row in rows:
        payload = base64.b64decode(json.loads(row.envelope)["payload"])
        if member.encode() not in payload:
            continue
        statement = Statement.decode(row.envelope)
        if statement.account == member and statement.deed[0] == kind:
            yield row.period, Cited(row.position, row.kind, statement.tx_id, row.period)


@dataclass(frozen=True, slots=True)
class Lines:
    """Every run's lines of some half-hours, as rows of (log position of the settlement, code, line)."""

    rows: Mapping[int, Sequence[tuple[int, str, Line]]]

    def before(self, period: int, position: int) -> dict[str, Line]:
        """Return the members' lines as the runs up to a settlement's log position left them."""
        found: dict[str, Line] = {}
        for logged, _, line in self.rows.get(period, ()):
            if logged <= position:
                found[line.member] = line
        return dict(sorted(found.items()))


def lines_of_periods(
    connection: Connection, ledger: LedgerStore, periods: range, member: str | None = None
) -> Lines:
    """Return the lines of some half-hours that every run worked out, in the log's order.

    Args:
        connection: an open transaction.
        ledger: of the community.
        periods: the half-hours.
        member: only theirs.
    """
    ledger.chart.load(connection)
    wallets = {
        number: name.split("/")[1]
        for number, name in ledger.chart.names.items()
        if "/wallet " in name and (member is None or name.startswith(f"member/{member}/"))
    }
    rows = connection.execute(
        select(_lines)
        .where(_lines.c.community == ledger.community, _lines.c.member.in_([*wallets]))
        .where(_lines.c.period >= periods.start, _lines.c.period < periods.stop)
        .order_by(_lines.c.position)
    )
    found: dict[int, list[tuple[int, str, Line]]] = {}
    for row in rows:
        line = Line(wallets[row.member], row.period, *(getattr(row, name) for name in WH_AND_UNITS))
        found.setdefault(row.period, []).append((row.position, row.code, line))
    return Lines(found)


def moved_by(connection: Connection, ledger: LedgerStore, batch: bytes, account: str) -> int:
    """Return what a batch of transfers moved in an account: positive when it came in."""
    row = connection.execute(
        select(_batches.c.first, _batches.c.count.label("length")).where(
            _batches.c.community == ledger.community, _batches.c.id == batch
        )
    ).one_or_none()
    ledger.chart.load(connection)
    number = ledger.chart.numbers.get(account)
    if row is None or number is None:
        return 0
    rows = connection.execute(
        select(_transfers.c.debit, _transfers.c.amount)
        .where(_transfers.c.community == ledger.community)
        .where(_transfers.c.number >= row.first, _transfers.c.number < row.first + row.length)
        .where(or_(_transfers.c.debit == number, _transfers.c.credit == number))
        .where(_transfers.c.kind.in_([int(kind) for kind in MOVES]))
    )
    return sum(-each.amount if each.debit == number else each.amount for each in rows)


def own_estimates(connection: Connection, community: int) -> dict[int, tuple[str, str]]:
    """Return (meter, channel) of every batch of our own estimates, by log position."""
    ours = or_(*(_days.c.quality.contains(letter) for letter in OWN_LETTERS))
    rows = connection.execute(
        select(_days.c.position, _days.c.channel, _meters.c.id)
        .join(
            _meters,
            (_meters.c.community == _days.c.community) & (_meters.c.number == _days.c.meter),
        )
        .where(_days.c.community == community, ours)
        .distinct()
    )
    return {row.position: (row.id, CHANNELS[row.channel].value) for row in rows}
