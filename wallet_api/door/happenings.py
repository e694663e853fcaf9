"""What log entries mean to somebody: money that moved, requests, days worked out, keys that changed.

The log is the one source: whoever looks at the same entries is told the same, in whichever process, now or
after a night without a line. The cost is that of the entries, however many people listen.

>>> Happening(41, "0f" * 16, What.BALANCE, {"units": 5}).till is None
True
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from ledger import people
from ledger.accounts import wallet
from ledger.key_life import delay_of
from ledger.kinds import COMMUNITY
from ledger.primitives.periods import parse_date
from ledger.primitives.words import shown
from ledger.records import MOVES
from ledger.statements import Statement
from ledger.tables import BatchRow, FactRow, StatementRow, TransferRow
from settlement import ask_store
from settlement.asks import Ask, ask_of_body
from settlement.community import Community
from settlement.effects import PAYMENT_KINDS
from settlement.tables import NetRow

_statements, _facts = StatementRow.__table__, FactRow.__table__  # type: ignore[attr-defined]
_batches, _transfers = BatchRow.__table__, TransferRow.__table__  # type: ignore[attr-defined]
_nets = NetRow.__table__  # type: ignore[attr-defined]

KEY_EVENTS = ("key_change", "key_objection", "freeze", "till_key", "roster")
"""Kinds by which somebody's keys change."""

TOLD = (*PAYMENT_KINDS, "ask", "ask_end", "netting", "seal", *KEY_EVENTS)
"""Kinds that mean something to somebody; all others are passed over by the index."""

ONE_QUERY = 500
"""Most values that one query looks up: SQLite takes a limited number of them."""


class What(StrEnum):
    """What happened."""

    BALANCE = "balance"
    ASK = "ask"
    PRICES = "prices"
    KEYS = "keys"


class Fate(StrEnum):
    """What became of a request to be paid."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    TAKEN_BACK = "taken_back"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Happening:
    """What a log entry means to one account.

    Attributes:
        entry: position in the log; -1 where it is only the time that passed.
        account: the member's id, or ``community`` for operators.
        what: happened.
        told: to the account's own keys.
        till: what its tills may know of it; None: nothing.
    """

    entry: int
    account: str
    what: What
    told: Mapping[str, Any]
    till: Mapping[str, Any] | None = None


def happenings(
    community: Community, connection: Connection, entries: range, wanted: Collection[str]
) -> list[Happening]:
    """Return what some entries mean to some accounts, in the log's order.

    Args:
        community: open for reading, with all that was agreed folded in.
        connection: a read transaction.
        entries: positions in the log.
        wanted: accounts, and ``community`` for operators.
    """
    if not wanted or not entries:
        return []
    look = _Look(community, connection, wanted)
    found = look.over(entries)
    return look.with_balances(found)


def expired(
    community: Community, connection: Connection, periods: range, wanted: Collection[str]
) -> list[Happening]:
    """Return the requests that ended unanswered because their time was over.

    Args:
        community: open for reading.
        connection: a read transaction.
        periods: the half-hours that ended: requests that stood in one of them for the last time.
        wanted: accounts.
    """
    if not wanted or not periods:
        return []
    listed = ask_store.open_asks(connection, community.writer.community, periods.start)
    return [
        each
        for one in listed
        if one.ask.last in periods
        for each in _asked(one.ask, one.reference, -1, Fate.EXPIRED)
        if each.account in wanted
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A log entry: where it stands, what it is, and its statement if anybody needs it."""

    position: int
    kind: str
    id: str
    period: int


class _Look:
    """One look at some entries."""

    def __init__(
        self, community: Community, connection: Connection, wanted: Collection[str]
    ) -> None:
        self._community, self._connection, self._wanted = community, connection, wanted
        self._number = community.writer.community
        ledger, asset = community.writer.ledger, community.state.rules_now.asset
        ledger.chart.load(connection)
        self._asset, self._chart = asset, ledger.chart
        self._means: Mapping[str, Callable[[_Row, Statement], Iterator[Happening]]] = {
            "ask": self._ask,
            "ask_end": self._ask_end,
            "netting": self._netting,
            "seal": self._seal,
            **dict.fromkeys(KEY_EVENTS, self._keys),
        }

    def over(self, entries: range) -> list[Happening]:
        rows = self._rows(entries)
        moved = self._moved([row for row in rows if row.kind in PAYMENT_KINDS])
        needed = [row for row in rows if row.kind in self._means or row.position in moved]
        statements = self._statements([row.position for row in needed])
        found: list[Happening] = []
        for row in needed:
            found += moved.get(row.position, ())
            statement = statements.get(row.position)
            if statement is None:
                continue  # erased: its money is told, its words are nobody's any more
            if row.kind == "transfer":
                found += self._paid(row, statement)
            elif row.kind in self._means:
                found += self._means[row.kind](row, statement)
        return [each for each in found if each.account in self._wanted]

    def with_balances(self, found: Sequence[Happening]) -> list[Happening]:
        """Add what can be paid now, and whom it was with."""
        moved = {each.account for each in found if each.what is What.BALANCE}
        numbers = self._numbers(moved)
        balances = self._chart.balances(self._connection, sorted(numbers)) if numbers else {}
        free = {
            account: max(0, balances[self._chart.names[number]].available or 0)
            for number, account in numbers.items()
        }
        others = {each.told["other"] for each in found if "other" in each.told}
        names = people.names_of(self._connection, self._number, sorted(others)) if others else {}
        return [
            replace(each, told=_whole(each.told, free[each.account], names))
            if each.what is What.BALANCE
            else each
            for each in found
        ]

    def _rows(self, entries: range) -> list[_Row]:
        columns = (_statements.c[name] for name in ("position", "kind", "id", "period"))
        query = select(*columns).where(
            _statements.c.community == self._number,
            _statements.c.position >= entries.start,
            _statements.c.position < entries.stop,
            _statements.c.kind.in_(TOLD),
        )
        return [_Row(*row) for row in self._connection.execute(query.order_by("position"))]

    def _statements(self, positions: Sequence[int]) -> dict[int, Statement]:
        found: dict[int, Statement] = {}
        for some in _some(positions):
            query = select(_facts.c.position, _facts.c.envelope).where(
                _facts.c.community == self._number, _facts.c.position.in_(some)
            )
            for position, envelope in self._connection.execute(query):
                found[position] = Statement.decode(bytes(envelope))
        return found

    def _moved(self, rows: Sequence[_Row]) -> dict[int, list[Happening]]:
        """Return what moved in wanted wallets, by the position of what caused it."""
        known = {bytes.fromhex(row.id): row for row in rows}
        wallets = self._numbers(self._wanted)
        told: dict[tuple[int, str], dict[str, Any]] = {}
        for some in _some(list(known)):
            for row in self._connection.execute(self._transfers_of(some)):
                cause = known[bytes(row.id)]
                ends = (row.credit, row.debit, row.amount), (row.debit, row.credit, -row.amount)
                for mine, other, units in ends:
                    if mine in wallets:
                        line = told.setdefault(
                            (cause.position, wallets[mine]), {"kind": cause.kind, "units": 0}
                        )
                        member = self._member_of(other)
                        line |= {} if member is None else {"other": member}
                        line["units"] += units
        found: dict[int, list[Happening]] = {}
        for (position, account), line in told.items():
            event = Happening(position, account, What.BALANCE, line)
            found.setdefault(position, []).append(event)
        return found

    def _transfers_of(self, batches: Sequence[bytes]) -> Any:
        first = _batches.c.first
        return (
            select(_batches.c.id, _transfers.c.debit, _transfers.c.credit, _transfers.c.amount)
            .join(
                _transfers,
                (_transfers.c.community == _batches.c.community)
                & (_transfers.c.number >= first)
                & (_transfers.c.number < first + _batches.c.count),
            )
            .where(_batches.c.community == self._number, _batches.c.id.in_(batches))
            .where(_transfers.c.kind.in_(sorted(int(kind) for kind in MOVES)))
            .order_by(_transfers.c.number)
        )

    def _numbers(self, accounts: Collection[str]) -> dict[int, str]:
        """Return the accounts of wallets' numbers; operators have none."""
        known = self._chart.numbers
        named = ((wallet(account, self._asset), account) for account in accounts)
        return {known[name]: account for name, account in named if name in known}

    def _member_of(self, number: int) -> str | None:
        parts = self._chart.names[number].split("/")
        return parts[1] if parts[0] == "member" else None

    def _paid(self, row: _Row, statement: Statement) -> Iterator[Happening]:
        if "ask" in statement.body:
            known = self._asked_before(statement.body["ask"])
            if known is not None:
                yield from _asked(*known, row.position, Fate.PAID)

    def _ask(self, row: _Row, statement: Statement) -> Iterator[Happening]:
        ask = ask_of_body(statement.body, row.position)
        for each in _asked(ask, shown(statement.body["reference"]), row.position, Fate.OPEN):
            if each.account != ask.member:
                yield each

    def _ask_end(self, row: _Row, statement: Statement) -> Iterator[Happening]:
        known = self._asked_before(statement.body["ask"])
        if known is not None:
            mine = statement.account == known[0].member
            fate = Fate.TAKEN_BACK if mine else Fate.DECLINED
            yield from _asked(*known, row.position, fate)

    def _asked_before(self, ask_id: str) -> tuple[Ask, str] | None:
        """Return a request that was answered and what for, or None where it was erased."""
        row = self._connection.execute(
            select(_statements.c.position, _facts.c.envelope)
            .join(
                _facts,
                (_facts.c.community == _statements.c.community)
                & (_facts.c.position == _statements.c.position),
            )
            .where(_statements.c.community == self._number, _statements.c.id == ask_id)
        ).one_or_none()
        if row is None:
            return None
        body = Statement.decode(bytes(row.envelope)).body
        return ask_of_body(body, row.position), shown(body["reference"])

    def _netting(self, row: _Row, statement: Statement) -> Iterator[Happening]:
        for account, net in self._nets(statement.body):
            if net.cash_units:
                told = {"kind": "energy", "units": net.cash_units, "day": net.day}
                yield Happening(row.position, account, What.BALANCE, told)

    def _seal(self, row: _Row, statement: Statement) -> Iterator[Happening]:
        body, state = statement.body, self._community.state
        day = {
            "day": body["day"],
            "run": body["run"],
            "half_hours": body["periods"],
            "is_final": state.timetable_of(parse_date(body["day"])).closing == body["run"],
        }
        if COMMUNITY in self._wanted:
            yield Happening(row.position, COMMUNITY, What.PRICES, day)
        changed = dict(self._nets(body))
        for account in sorted(self._wanted):
            if account not in state.members:
                continue
            net = changed.get(account)
            mine = {
                "bought_wh": net.bought_wh if net else 0,
                "sold_wh": net.sold_wh if net else 0,
                "units": net.sold_units - net.bought_units if net else 0,
            }
            yield Happening(row.position, account, What.PRICES, {**day, **mine})

    def _nets(self, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield what a run changed for wanted members."""
        wallets = self._numbers(self._wanted)
        for some in _some(sorted(wallets)):
            query = select(_nets).where(
                _nets.c.community == self._number,
                _nets.c.member.in_(some),
                _nets.c.day == body["day"],
                _nets.c.code == body["run"],
            )
            for row in self._connection.execute(query):
                yield wallets[row.member], row

    def _keys(self, row: _Row, statement: Statement) -> Iterator[Happening]:
        body, kind = statement.body, row.kind
        told: dict[str, Any] = {"change": kind, "waits": False}
        if kind == "key_change":
            delay = delay_of(body)
            told |= {"by": body["by"], "waits": delay > 0, "counts_from": row.period + delay}
        if kind == "freeze":
            told |= {"frozen": body["frozen"]}
        if kind == "till_key":
            told |= {"revoked": "revoked" in body}
        yield Happening(row.position, statement.account, What.KEYS, told)


def _asked(ask: Ask, reference: str, entry: int, fate: Fate) -> Iterator[Happening]:
    """Yield what is told of a request, to who asked and to who is asked."""
    told = {"ask": ask.id, "standing": fate.value, "units": ask.units, "reference": reference}
    yield Happening(entry, ask.member, What.ASK, {**told, "is_mine": True}, till=told)
    if ask.of is not None:
        asked = {**told, "is_mine": False, "member": ask.member, "last": ask.last}
        yield Happening(entry, ask.of, What.ASK, asked)


def _whole(told: Mapping[str, Any], free: int, names: Mapping[str, str]) -> dict[str, Any]:
    name = names.get(told.get("other", ""))
    return {
        **told,
        **({} if name is None else {"other_name": name}),
        "available_units": free,
    }


def _some(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), ONE_QUERY):
        yield values[start : start + ONE_QUERY]
