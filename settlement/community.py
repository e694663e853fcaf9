"""A community at work: its writer, what it agreed, and its readings, kept in step with the log.

>>> Community.__name__
'Community'
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ledger import log_store, people
from ledger.batches import Batch
from ledger.erasure import check_erasure
from ledger.errors import InputError, RefusedError, SetupError
from ledger.log.note import Verifier
from ledger.primitives.periods import SECONDS
from ledger.statements import Statement, check_statement
from ledger.writer import Draft, Writer
from meters.batches import (
    NOT_SIGNED,
    BatchContent,
    Chain,
    Link,
    chain_of,
    check_letters,
    check_link,
    content_of,
)
from meters.edits import check_replaced
from meters.files import FileStore
from meters.held import HeldStore
from meters.readings import Channel
from meters.register_store import RegisterStore
from meters.setting_store import SettingStore
from meters.store import NewBatch, Origin, ReadingStore
from settlement import ask_store
from settlement.causing import Posting, Rehearsal
from settlement.effects import effect_of
from settlement.openings import MOVING_KINDS
from settlement.state import AGREEMENT_KINDS, CommunityState


@dataclass(frozen=True, slots=True)
class Made:
    """Batches that this program made or checked itself.

    Attributes:
        contents: the readings, by the batch's ``tx_id``, as they were hashed and signed.
        file: number of the stored file that they are from.
        received_ms: when each came, by ``tx_id``; now where it is left out.
        signed: their signatures, links and consent were checked in this very transaction.
        new: none of them stands in the log, nor another of its id or number: looked up in this transaction.
    """

    contents: Mapping[str, BatchContent]
    file: int | None = None
    received_ms: Mapping[str, int] = field(default_factory=dict)
    signed: bool = False
    new: bool = False


NOTHING_MADE = Made({})


class Community:
    """One community, open for work."""

    def __init__(self, writer: Writer, name: str) -> None:
        self.writer, self.name = writer, name
        self.state = CommunityState()
        self.readings = ReadingStore(writer.community)
        self.files = FileStore(writer.community)
        self.held = HeldStore(writer.community)
        self.registers = RegisterStore(writer.community)
        self.settings = SettingStore(writer.community)
        self._position = self._folded = 0
        self._changed = False
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
        if size != self._position:
            self._changed = True
            for _, entry in log_store.facts(
                connection, self.writer.community, kinds=AGREEMENT_KINDS, first=self._position
            ):
                self.state.apply(Statement.decode(entry.envelope), entry.period)
        self._position = self._folded = size
        self._changed = False

    def accept(
        self, connection: Connection, drafts: Sequence[Draft], made: Made = NOTHING_MADE
    ) -> list[int]:
        """Log signed statements and do what they cause, within the transaction.

        Args:
            connection: an open transaction.
            drafts: statements with their details.
            made: what this program just made of readings, so that it need not be checked.

        Returns:
            Each statement's position in the log; a repeated one's is that of the first time.

        Raises:
            SignatureError, ConflictError, RefusedError, InputError: nothing is to be kept.
        """
        size, _, _ = log_store.head(connection, self.writer.community)
        positions = self.writer.record(connection, drafts, signed=made.signed, new=made.new)
        period = self.writer.logged_ms(connection) // (SECONDS * 1000)
        arrived, posting = (
            _Arrived(self, connection, made),
            Posting(self.writer, self.state, connection),
        )
        for draft, position in zip(drafts, positions, strict=True):
            if position >= size:
                statement = draft.decoded()
                check_statement(statement)
                self.state.apply(statement, period)
                self._changed |= statement.kind in AGREEMENT_KINDS
                if statement.kind == "reading_batch":
                    arrived.add(statement, draft.detail or b"", position)
                    continue
                arrived.store()
                self._cause(posting, statement, draft.detail, position, period)
        arrived.store()
        posting.flush()
        self._position = max(self._position, size, *(p + 1 for p in positions), 0)
        return positions

    def rehearsal(self, connection: Connection, period: int) -> Rehearsal:
        """Return what tells which of some statements would be taken, if they were logged now."""
        return Rehearsal(self.writer, self.state, connection, period)

    def _cause(
        self,
        posting: Posting,
        statement: Statement,
        detail: bytes | None,
        position: int,
        period: int,
    ) -> None:
        """Do in the ledger what a statement causes."""
        writer, connection = self.writer, posting.connection
        moving = MOVING_KINDS if statement.kind == "opening" else ()
        if moving and log_store.has_kind(connection, writer.community, moving):
            raise RefusedError(
                "Opening balances come before the first payment and the first settled day. "
                "Nothing was written."
            )
        if statement.kind == "reading_edit":
            self._edit(connection, statement, position)
        if statement.kind == "erasure":
            self._erase(connection, statement, position, period)
            return
        if statement.kind == "account_close":
            people.forget(connection, writer.community, statement.account)
        effect = effect_of(posting.case(statement, detail, period))
        if effect.accounts or effect.limit:
            posting.flush()
        if effect.accounts:
            writer.ledger.chart.open(connection, effect.accounts, posting.now_ms)
        if effect.limit:
            limit = (*effect.limit, None, posting.now_ms)
            writer.ledger.chart.set_limits(connection, *limit, position=position)
        if effect.answers:
            ask_store.answer_ask(connection, writer.community, effect.answers, position)
        if effect.transfers:
            posting.add(Batch(bytes.fromhex(statement.id), tuple(effect.transfers), position))

    def _edit(self, connection: Connection, edit: Statement, position: int) -> None:
        """Store what two operators say of some half-hours."""
        body = edit.body
        slot = body["meter"], Channel(body["channel"])
        span = range(body["first"], body["first"] + len(body["wh"]))
        known = self.readings.known(connection, span, meters=[slot[0]])
        for period in span:
            before = known.get((*slot, period))
            check_replaced(body, before.position if before else None, period)
        self.readings.edit(connection, slot, span.start, body["wh"], position)

    def _erase(
        self, connection: Connection, statement: Statement, position: int, period: int
    ) -> None:
        """Delete from the store what two operators erase."""
        community, body = self.writer.community, statement.body
        named = {item["entry"] for item in body["entries"]}
        before = [at for at in sorted(named) if at < position]
        entries = log_store.entries_at(connection, community, before)
        check_erasure(body, entries, period, log_store.erased(connection, community, position))
        log_store.erase(connection, community, body)
        self.readings.erase(connection, named)

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
        with self.reading():
            members = self.state.members
        found = [member for member in members if member.startswith(name)]
        if len(found) != 1 or not name:
            several = (
                "several members' ids begin"
                if found
                else "no member's name is it, nor does an id begin"
            )
            raise InputError(f"{name!r}: {several} with it. See 'commonwatt member list'.")
        return found[0]

    def _forget(self) -> None:
        """Go back to what is known to be in the log: a refused transaction changed no more."""
        self.readings.forget()
        if self._changed:
            self.state, self._folded = CommunityState(), 0
        self._position, self._changed = self._folded, False


class _Arrived:
    """Batches of readings that were logged in one go: checked one by one, stored together."""

    def __init__(self, community: Community, connection: Connection, made: Made) -> None:
        self._community, self._connection, self._made = community, connection, made
        self._ends: dict[Chain, Link] = {}
        self._new: list[NewBatch] = []

    def add(self, batch: Statement, detail: bytes, position: int) -> None:
        """Take the next batch.

        Raises:
            InputError, RefusedError: it does not follow, or its readings are not those it binds.
        """
        community, made, chain = self._community, self._made, chain_of(batch)
        before = self._ends.get(chain)
        if made.signed:
            link = batch.body["sequence"], batch.tx_id
        else:
            before = before or community.readings.chain_end(self._connection, chain)
            link = check_link(before, batch)
            community.state.check_readings(batch)
        content = made.contents.get(batch.tx_id)
        if content is None:
            content = content_of(batch, detail)
            if content.root().hex() != batch.body["root"]:
                raise RefusedError(NOT_SIGNED)
        check_letters(batch, content.quality, community.writer.key_book.role_key_ids("adapter"))
        received_ms = made.received_ms.get(batch.tx_id) or community.writer.clock.now_ms()
        self._ends[chain] = link
        self._new.append(NewBatch(chain, content, link, Origin(position, received_ms, made.file)))

    def store(self) -> None:
        """Store what was taken."""
        if self._new:
            self._community.readings.save(self._connection, self._new)
            self._new = []
