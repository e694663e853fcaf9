"""A community at work: its writer, what it agreed, and its readings, kept in step with the log.

>>> Community.__name__
'Community'
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from ledger import log_store
from ledger.accounts import fees, fund, grid, meter_account, pool, wallet
from ledger.batches import Batch
from ledger.errors import InputError, RefusedError, SetupError
from ledger.log.note import Verifier
from ledger.primitives.canonical import decode
from ledger.primitives.periods import SECONDS
from ledger.records import record, salted_root
from ledger.statements import Statement
from ledger.writer import Draft, Writer
from meters.readings import Channel
from meters.store import ReadingStore
from settlement.openings import MOVING_KINDS, opening_transfers, openings_from_detail
from settlement.postings import payment_transfer
from settlement.state import AGREEMENT_KINDS, CommunityState
from settlement.timetable import DETAIL_BYTES_MAX


class Community:
    """One community, open for work."""

    def __init__(self, writer: Writer, name: str) -> None:
        self.writer, self.name = writer, name
        self.state = CommunityState()
        self.readings = ReadingStore(writer.community)
        self._position = 0
        writer.on_rollback.append(self._forget)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a write transaction with keys and agreements up to date."""
        with self.writer.transaction() as connection:
            self.refresh(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction with agreements up to date."""
        with self.writer.database.read() as connection:
            self.refresh(connection)
            yield connection

    def refresh(self, connection: Connection) -> None:
        """Fold in what was agreed since the last look."""
        size, _, _ = log_store.head(connection, self.writer.community)
        if size == self._position:
            return
        for _, entry in log_store.facts(
            connection, self.writer.community, kinds=AGREEMENT_KINDS, first=self._position
        ):
            self.state.apply(Statement.decode(entry.envelope), entry.period)
        self._position = size

    def accept(self, connection: Connection, drafts: Sequence[Draft]) -> list[int]:
        """Log signed statements and do what they cause, within the transaction.

        Returns:
            Each statement's position in the log; a repeated one's is that of the first time.

        Raises:
            SignatureError, ConflictError, RefusedError, InputError: nothing is to be kept.
        """
        size, _, _ = log_store.head(connection, self.writer.community)
        positions = self.writer.record(connection, drafts)
        period = self.writer.logged_ms(connection) // (SECONDS * 1000)
        for draft, position in zip(drafts, positions, strict=True):
            if position >= size:
                statement = Statement.decode(draft.envelope)
                self.state.apply(statement, period)
                self._cause(connection, statement, draft.detail, position, period)
        self._position = max(self._position, size, *(p + 1 for p in positions), 0)
        return positions

    def _cause(
        self,
        connection: Connection,
        statement: Statement,
        detail: bytes | None,
        position: int,
        period: int,
    ) -> None:
        writer, kind = self.writer, statement.kind
        if kind == "rules":
            rules = self.state.rules_now
            accounts = [
                (fees(rules.asset), None),
                (pool(rules.feeder, rules.asset), 0),
                (pool(rules.feeder, "WH/0"), 0),
                (grid("import"), None),
                (grid("export"), None),
            ]
        elif kind == "account_open":
            member = self.state.members[statement.account]
            accounts = [(wallet(member.id, self.state.rules_now.asset), member.floor_units)]
        elif kind == "consent":
            meter = statement.body["meter"]
            accounts = [(meter_account(meter, channel), None) for channel in Channel]
        elif kind == "transfer":
            self._pay(connection, statement, position, period)
            return
        elif kind == "opening":
            self._open_balances(connection, statement, detail or b"", position, period)
            return
        else:
            return
        writer.ledger.chart.open(connection, accounts, writer.clock.now_ms())

    def _pay(
        self, connection: Connection, statement: Statement, position: int, period: int
    ) -> None:
        """Post a payment between two members."""
        batch_id = bytes.fromhex(statement.id)
        transfer = payment_transfer(statement, self.state, period)
        self.writer.ledger.post(
            connection, [Batch(batch_id, (transfer,), position)], self.writer.logged_ms(connection)
        )

    def _open_balances(
        self,
        connection: Connection,
        statement: Statement,
        detail: bytes,
        position: int,
        period: int,
    ) -> None:
        """Post the balances that members bring from an earlier system."""
        writer = self.writer
        if log_store.has_kind(connection, writer.community, MOVING_KINDS):
            raise RefusedError(
                "Opening balances come before the first payment and the first settled day. "
                "Nothing was written."
            )
        value = decode(detail, DETAIL_BYTES_MAX)
        balances = openings_from_detail(value.get("balances"), self.state)
        batch_id = bytes.fromhex(statement.id)
        transfers = opening_transfers(batch_id, balances, period)
        root = salted_root(bytes.fromhex(value["seed"]), [record(t) for t in transfers]).hex()
        if root != statement.body["root"]:
            raise RefusedError("The balances are not those that were signed for this half-hour.")
        now_ms = writer.logged_ms(connection)
        writer.ledger.chart.open(connection, [(fund(self.state.rules_now.asset), None)], now_ms)
        writer.ledger.post(connection, [Batch(batch_id, tuple(transfers), position)], now_ms)

    def log_verifier(self, connection: Connection) -> Verifier:
        """Return the log's public key, from the latest roster.

        Raises:
            SetupError: there is no roster: founding was interrupted.
        """
        entry = log_store.last_fact(connection, self.writer.community, "roster")
        if entry is None:
            raise SetupError("This community has no roster: found it again in a new database.")
        key = bytes.fromhex(Statement.decode(entry.envelope).body["log_key"])
        return Verifier(self.writer.origin, key)

    def find_member(self, name: str) -> str:
        """Return the member id that begins with a text, if it is the only one.

        Raises:
            InputError: none, or several.
        """
        found = [member for member in self.state.members if member.startswith(name)]
        if len(found) != 1 or not name:
            several = (
                "several members' ids begin"
                if found
                else "no member's name is it, nor does an id begin"
            )
            raise InputError(f"{name!r}: {several} with it. See 'commonwatt member list'.")
        return found[0]

    def _forget(self) -> None:
        self.state = CommunityState()
        self.readings.forget()
        self._position = 0
