"""The door for signed batches of readings: each taken once, whatever comes twice or out of order.

A batch that follows its chain is logged and stored; one whose predecessor is missing is held; the
same batch again gets the same answer; another one in its place is refused and alerts the operators.
Everything is checked before anything is written.

>>> Logged("ab" * 32, 1_760_000_000_000, 331).entry
331
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ledger import log_known
from ledger.errors import CommonwattError, ConflictError, InputError, RefusedError
from ledger.statements import Statement
from ledger.writer import Draft
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
from meters.checks.delivery import check_delivery
from meters.delivery_receipt import DeliveryReceipt
from meters.held import Held
from meters.pages import Run
from meters.readings import NO_PLACE, Channel
from meters.wire import WireBatch
from settlement.checking import settings_of
from settlement.community import Community, Made
from settlement.errors import ImpossibleValueError, SigningTimeError

SKEW_MS_MAX = 15 * 60_000
"""How far an adapter's clock may be ahead. One that is behind looks like a delivery that is late."""

HELD_MAX = 32
"""Most batches held of one chain: a month of days without the one before them."""

AHEAD_MAX = 1_000
"""How far a sequence may lie ahead of its chain: beyond that it is a mistake."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A batch that is in the log."""

    tx_id: str
    received_at_ms: int
    entry: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch that is held: one before it is missing."""

    tx_id: str
    received_at_ms: int
    missing: int  # sequence of the first batch that is not there
    entry: None = None


Answer = Logged | Waiting | CommonwattError
"""What becomes of a batch; an error is an answer, and the others are taken all the same."""


def receipt_of(community: Community, answer: Logged | Waiting) -> str:
    """Return the signed receipt of an answer."""
    origin, key = community.writer.origin, community.writer.keyring.load("log")
    receipt = DeliveryReceipt(origin, answer.tx_id, answer.entry, answer.received_at_ms)
    return receipt.sign(key)


def deliver(community: Community, batches: Sequence[WireBatch]) -> list[Answer]:
    """Take batches in one transaction, and return what became of each.

    Where one of them cannot be written after all, each is taken by itself.

    Raises:
        CommonwattError: the community cannot take anything now.
    """
    try:
        return _deliver(community, batches)
    except CommonwattError as error:
        if len(batches) == 1:
            return [error]
    return [answer for batch in batches for answer in deliver(community, [batch])]


def _deliver(community: Community, batches: Sequence[WireBatch]) -> list[Answer]:
    with community.transaction() as connection:
        door = _Door(community, connection)
        statements = [_decoded(batch) for batch in batches]
        door.look([each for each in statements if isinstance(each, Statement)])
        slots = [door.check(*each) for each in zip(batches, statements, strict=True)]
        door.write()
        return [slot() for slot in slots]


@dataclass(frozen=True, slots=True)
class _Checked:
    """A batch of which everything holds but its link."""

    wire: WireBatch
    statement: Statement
    content: BatchContent
    received_at_ms: int

    @property
    def chain(self) -> Chain:
        return chain_of(self.statement)

    @property
    def sequence(self) -> int:
        return int(self.statement.body["sequence"])


def _decoded(batch: WireBatch) -> Statement | CommonwattError:
    try:
        return Statement.decode(batch.envelope)
    except CommonwattError as error:
        return error


class _Door:
    """One transaction's batches: decided one by one, written together."""

    def __init__(self, community: Community, connection: Connection) -> None:
        self._community, self._connection = community, connection
        self._now_ms = community.writer.clock.now_ms()
        self._ends: dict[Chain, Link] = {}
        self._drafts: list[Draft] = []
        self._contents: dict[str, BatchContent] = {}
        self._received: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._released: dict[Chain, list[int]] = {}
        self._held: dict[tuple[Chain, int], Held] = {}
        self._answers: dict[str, Answer] = {}
        self._holding: set[Chain] = set()
        self._settings = settings_of(community, connection)

    def look(self, statements: Sequence[Statement]) -> None:
        """Look up at once where the chains of some batches end, and which have batches held."""
        community, connection = self._community, self._connection
        chains = {chain_of(each) for each in statements if each.kind == "reading_batch"}
        self._ends = community.readings.chain_ends(connection, chains)
        self._holding = set(community.held.counts(connection))

    def check(
        self, wire: WireBatch, statement: Statement | CommonwattError
    ) -> Callable[[], Answer]:
        """Decide about a batch; return what gives its answer once all is written."""
        if isinstance(statement, CommonwattError):
            return lambda: statement
        try:
            return self._decide(wire, statement)
        except CommonwattError as error:
            refused = error
        return lambda: refused

    def write(self) -> None:
        """Log what was taken, and keep what waits."""
        if self._drafts:
            made = Made(self._contents, received_ms=self._received, signed=True)
            positions = self._community.accept(self._connection, self._drafts, made)
            for tx_id, place in self._places.items():
                received_ms = self._received[tx_id]
                self._answers[tx_id] = Logged(tx_id, received_ms, positions[place])
        for chain, sequences in self._released.items():
            self._community.held.release(self._connection, chain, sequences)
        for held in self._held.values():
            self._community.held.hold(self._connection, held)

    def _decide(self, wire: WireBatch, statement: Statement) -> Callable[[], Answer]:
        if statement.kind != "reading_batch":
            raise InputError(f"a delivery holds reading batches, and this is a {statement.kind}")
        chain, body, tx_id = chain_of(statement), statement.body, statement.tx_id
        known = self._known(chain, body["sequence"])
        if known is not None:
            if known[0] == tx_id:
                if content_of(statement, wire.readings).root().hex() != body["root"]:
                    raise RefusedError(NOT_SIGNED)
                return lambda: self._answers[tx_id]
            # Only who has the key can make a twin that is worth an alert.
            self._community.writer.key_book.check(statement, self._now_ms // 1_800_000)
            self._alert_twin(chain, body["sequence"], known[0], tx_id)
            raise ConflictError(
                f"Batch {body['sequence']} of {chain[0]} {chain[1]} came before with other content:"
                f" {known[0][:16]}…. The operators were told.",
                "sequence",
            )
        checked = self._checked(wire, statement)
        before = self._end(chain)
        ahead = body["sequence"] - before[0]
        if ahead == 1:
            self._take(checked, before)
            self._take_held(chain)
        elif ahead > AHEAD_MAX:
            raise RefusedError(f"Batch {body['sequence']} is too far ahead of batch {before[0]}.")
        else:
            self._hold(checked, before)
        return lambda: self._answers[tx_id]

    def _known(self, chain: Chain, sequence: int) -> tuple[str, int] | None:
        """Return (tx id, when it came) of what took a place in a chain; note its answer."""
        if sequence <= self._end(chain)[0]:
            found = self._community.readings.link_at(self._connection, chain, sequence)
            if found is not None:
                tx_id, origin = found
                logged = Logged(tx_id, origin.received_at_ms, origin.position)
                self._answers.setdefault(tx_id, logged)
                return tx_id, origin.received_at_ms
            drafted = self._drafted(chain, sequence)
            return None if drafted is None else (drafted, self._received[drafted])
        held = self._find_held(chain, sequence)
        if held is None:
            return None
        missing = self._end(chain)[0] + 1
        self._answers.setdefault(held.tx_id, Waiting(held.tx_id, held.received_at_ms, missing))
        return held.tx_id, held.received_at_ms

    def _drafted(self, chain: Chain, sequence: int) -> str | None:
        """Return the tx id of what this transaction takes at a place of a chain."""
        for tx_id, place in self._places.items():
            statement = self._drafts[place].statement
            if (
                statement
                and chain_of(statement) == chain
                and statement.body["sequence"] == sequence
            ):
                return tx_id
        return None

    def _checked(
        self, wire: WireBatch, statement: Statement, received_at_ms: int | None = None
    ) -> _Checked:
        """Check all of a batch but its link.

        Raises:
            CommonwattError: says what does not hold.
        """
        community, body = self._community, statement.body
        now_ms = self._now_ms if received_at_ms is None else received_at_ms
        if self._now_ms > body["not_after"]:
            raise SigningTimeError(
                f"Batch {body['sequence']} came after its not_after: sign it again."
            )
        ahead_ms = body["created_at"] - now_ms
        # A community that replays the past has a clock that no device goes by.
        is_replay = community.state.rules_now.replay
        if ahead_ms > SKEW_MS_MAX and not body["backfill"] and not is_replay:
            raise SigningTimeError(
                f"The adapter's clock is {ahead_ms // 1000:,} s ahead: set it right and sign again."
            )
        period = now_ms // 1_800_000
        community.writer.key_book.check(statement, period)
        if body["first"] + body["count"] > period:
            raise RefusedError("A reading of a half-hour that is not over is refused.")
        community.state.check_readings(statement)
        content = content_of(statement, wire.readings)
        if content.root().hex() != body["root"]:
            raise RefusedError(NOT_SIGNED)
        self._check_values(statement, content)
        adapters = community.writer.key_book.role_key_ids("adapter")
        check_letters(statement, content.quality, adapters)
        return _Checked(wire, statement, content, now_ms)

    def _check_values(self, statement: Statement, content: BatchContent) -> None:
        """Refuse values that cannot be readings: the adapter leaves them out and sends a gap.

        Raises:
            ImpossibleValueError: says which.
        """
        slot = statement.body["meter"], Channel(statement.body["channel"])
        run = Run(content.first, array("i", content.wh), content.quality)
        _, found = check_delivery(slot, run, self._settings.of(slot[0]))
        if found:
            raise ImpossibleValueError(f"{found[0].text} Leave these half-hours out.")

    def _take(self, checked: _Checked, before: Link) -> None:
        """Have a batch logged that follows its chain."""
        link = check_link(before, checked.statement)
        tx_id = checked.statement.tx_id
        self._ends[checked.chain] = link
        self._places[tx_id] = len(self._drafts)
        self._drafts.append(Draft(checked.wire.envelope, checked.wire.readings, checked.statement))
        self._contents[tx_id] = checked.content
        self._received[tx_id] = checked.received_at_ms

    def _take_held(self, chain: Chain) -> None:
        """Have logged what was held and follows now; what does not follow is dropped, and told."""
        while True:
            before = self._end(chain)
            sequence = before[0] + 1
            held = self._find_held(chain, sequence)
            if held is None:
                return
            if self._held.pop((chain, sequence), None) is None:
                self._released.setdefault(chain, []).append(sequence)
            wire = WireBatch(held.envelope, held.readings, NO_PLACE)
            try:
                statement = Statement.decode(wire.envelope)
                # Its number may have been used meanwhile: then it can never be logged.
                log_known.find_statement(
                    self._connection, self._community.writer.community, statement
                )
                self._take(self._checked(wire, statement, held.received_at_ms), before)
            except CommonwattError as error:
                self._answers[held.tx_id] = error
                text = f"Batch {sequence} of {chain[0]} {chain[1]} was held and is refused: {error}"
                self._alert("refused", chain, f"refused/{held.tx_id}", text)
                return

    def _hold(self, checked: _Checked, before: Link) -> None:
        chain, tx_id = checked.chain, checked.statement.tx_id
        waiting = len(self._community.held.of_chain(self._connection, chain)) + sum(
            each == chain for each, _ in self._held
        )
        if waiting >= HELD_MAX:
            raise RefusedError(
                f"{HELD_MAX} batches of {chain[0]} {chain[1]} wait for batch {before[0] + 1}:"
                " send that one first."
            )
        self._held[chain, checked.sequence] = Held(
            chain,
            checked.sequence,
            tx_id,
            checked.wire.envelope,
            checked.wire.readings,
            checked.received_at_ms,
        )
        self._answers[tx_id] = Waiting(tx_id, checked.received_at_ms, before[0] + 1)
        text = f"Batch {checked.sequence} of {chain[0]} {chain[1]} waits for batch {before[0] + 1}."
        self._alert("gap", chain, f"gap/{'/'.join(chain)}/{before[0] + 1}", text)

    def _find_held(self, chain: Chain, sequence: int) -> Held | None:
        held = self._held.get((chain, sequence))
        done = sequence in self._released.get(chain, ())
        if held is None and chain in self._holding and not done:
            held = self._community.held.find(self._connection, chain, sequence)
        return held

    def _end(self, chain: Chain) -> Link:
        if chain not in self._ends:
            self._ends[chain] = self._community.readings.chain_end(self._connection, chain)
        return self._ends[chain]

    def _alert_twin(self, chain: Chain, sequence: int, first: str, second: str) -> None:
        text = (
            f"Two different batches {sequence} of {chain[0]} {chain[1]}, both signed by"
            f" {chain[2][:16]}…: {first[:16]}… was taken, {second[:16]}… refused. Its adapter may run"
            " twice, or its key may be stolen."
        )
        self._alert("twin", chain, f"twin/{'/'.join(chain)}/{sequence}", text)

    def _alert(self, kind: str, chain: Chain, mark: str, text: str) -> None:
        self._community.held.alert(self._connection, kind, chain[0], mark, text, self._now_ms)
