"""The replay: every signed statement again, in the log's order, by the same pure functions.

Whatever the operator decided is decided here once more from the same inputs and compared: keys
and sequence, readings' chains, funds caps, clearings by their certificate, every posting, every
balance. Only the linear programme is not solved again; its certificate replaces it.

>>> Replay("riverside.example/ledger/1", bytes(32)).counts["statements"]
0
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.book import Book
from ledger.erasure import DETAIL, ERASABLE_DETAILS, ERASABLE_FACTS, FACT, check_erasure
from ledger.kinds import a_kind
from ledger.log.leaf import Leaf
from ledger.records import RESOLVES, Transfer
from ledger.statements import Statement
from ledger.status import Status
from meters.batches import NO_LINK, Chain, Link, chain_of, check_letters, check_link, content_of
from meters.edits import EDITED, check_replaced
from meters.readings import Channel, Slot
from meters.silence import DAY_PERIODS, last_said, since_day
from meters.versions import payable
from settlement.audit.archive import KEPT_PERIODS, Reading, take
from settlement.audit.bundle import Fact
from settlement.audit.details import detail_of
from settlement.audit.moves import Net, apply_net
from settlement.audit.order import Order
from settlement.audit.payments import AGREEMENTS, PaymentBook, case_of
from settlement.audit.pool import Pool, Work
from settlement.audit.proofs import (
    CLEARINGS,
    FUNDS,
    POSTINGS,
    SEALS,
    SignedReadings,
    prove_readings,
    prove_signatures,
)
from settlement.audit.runs import Runs, RunState
from settlement.audit.signatures import TrustingKeyBook
from settlement.effects import AMENDABLE_KINDS, effect_of
from settlement.errors import AuditError, UnsoundError, checking
from settlement.openings import MOVING_KINDS
from settlement.orders import Readings
from settlement.state import CommunityState

SIGNATURES, SEQUENCE, READINGS, ERASURES = (
    "keys and signatures",
    "sequence and expiry",
    "readings",
    "erasures",
)

CHECKS = (
    *(SIGNATURES, SEQUENCE, AGREEMENTS, READINGS),
    *(FUNDS, CLEARINGS, POSTINGS, SEALS, ERASURES),
)
"""Names of the replay's checks, in their order."""

PIECES_AT_ONCE = 64
"""Reading batches, or signatures, that are proved together."""


class Replay:
    """The community's whole state at one point of the log.

    Args:
        origin: the log's origin.
        log_key: the public key that signed the checkpoint; the roster must name it.
        pool: where costly work is done; here if left out.

    Attributes:
        unknown: why a check cannot tell, by its name: facts that it needs were erased.
        missing: (log position, what) of facts that are not there, until an erasure names them.
        erased: (log position, what, kind) of what was erased, in order.
    """

    def __init__(self, origin: str, log_key: bytes, pool: Pool | None = None) -> None:
        self.origin, self.log_key = origin, log_key
        self.keys, self.community, self.book = TrustingKeyBook(origin), CommunityState(), Book()
        self._pool = pool or Pool(1)
        self._readings_to_prove: list[SignedReadings] = []
        self.readings: dict[int, dict[Slot, Reading]] = {}
        self.lost_readings: set[int] = set()
        self.chains: dict[Chain, Link] = {}
        self.said: dict[Slot, int] = {}
        self.erased_said: dict[Slot, int] = {}
        self.counts: Counter[str] = Counter()
        self.order = Order()
        self.run_state = RunState()
        self.payments = PaymentBook()
        self.unknown: dict[str, str] = {}
        self.missing: dict[tuple[int, str], str] = {}
        self.erased: list[tuple[int, str, str]] = []
        self.erasable: dict[int, tuple[str, int]] = {}
        self._gone: set[tuple[int, str]] = set()
        self.books_known = True
        self._runs = Runs(self, self.run_state)

        self._handlers = {
            "reading_batch": (READINGS, self._read),
            "reading_edit": (READINGS, self._edit),
            "erasure": (ERASURES, self._erase),
        }

    def use(self, pool: Pool) -> None:
        """Have costly work done elsewhere from now on."""
        self._pool = pool

    def restore(self, parts: Mapping[str, Any]) -> None:
        """Take over the state of an earlier replay, by attribute."""
        for name, value in parts.items():
            setattr(self, name, value)
        self._gone = {(position, what) for position, what, _ in self.erased}
        self._runs = Runs(self, self.run_state)

    def apply(self, leaf: Leaf, fact: Fact) -> None:
        """Check a log entry and take over what it says.

        Raises:
            AuditError: names the check, the entry and what is wrong.
        """
        position = fact.position
        if leaf.kind in ERASABLE_FACTS | ERASABLE_DETAILS:
            self.erasable[position] = leaf.kind, leaf.period
        if fact.envelope is None:
            self._pass_over(leaf, position)
            return
        with checking(SIGNATURES, position):
            statement = Statement.decode(fact.envelope)
            if statement.kind != leaf.kind:
                raise UnsoundError(f"the leaf calls {a_kind(statement.kind)} {a_kind(leaf.kind)}")
            self.keys.position = position
            self.keys.check(statement, leaf.period)
            self.keys.apply(statement, leaf.period)
            if self.keys.log_key != self.log_key:
                raise UnsoundError("the roster names another log key than signed the checkpoint")
        if len(self.keys.taken) >= PIECES_AT_ONCE:
            self._prove_signatures()
        with checking(SEQUENCE, position):
            self.order.check(statement, leaf.period)
        with checking(AGREEMENTS, position):
            self.community.apply(statement, leaf.period)
        if fact.detail is None and leaf.kind in ERASABLE_DETAILS:
            self.missing[position, DETAIL] = leaf.kind
        with checking(POSTINGS, position):
            self._cause(statement, leaf, fact)
        found = self._handlers.get(leaf.kind) or self._runs.handlers.get(leaf.kind)
        if found is not None:
            check, handler = found
            with checking(check, position):
                handler(statement, leaf, fact)
        self.counts["statements"] += 1
        self.counts[leaf.kind] += 1

    def prove_the_rest(self) -> None:
        """Have everything proved that still waits to be."""
        self._prove_signatures()
        self._prove_readings()
        self._runs.prove_the_rest()

    def finish(self) -> None:
        """Check what must hold at the end of the log.

        Raises:
            AuditError: nobody rules this ledger, a run was begun and left, or a fact is gone.
        """
        if not self.keys.roster_version or not self.community.rules_history:
            raise AuditError(AGREEMENTS, "the log has no roster or no rules")
        try:
            self._runs.finish(self.order.period)
        except UnsoundError as error:
            raise AuditError(POSTINGS, str(error)) from error
        for (position, what), kind in sorted(self.missing.items()):
            raise AuditError(
                ERASURES,
                f"entry {position}: the {what} of this {kind} is not in the bundle, and no "
                "erasure in the log says so",
            )

    def cannot(self, check: str, why: str) -> None:
        """Note that a check cannot tell, and why; the first reason is kept."""
        self.unknown.setdefault(check, why)

    def lose_books(self, why: str) -> None:
        """Note that balances are not known from here on."""
        self.books_known = False
        for check in (POSTINGS, SEALS):
            self.cannot(check, why)

    def post(self, transfers: Sequence[Transfer], *, keep: bool = False) -> None:
        """Post an atomic batch; its transfers are remembered where others may name them.

        Ids follow from statements' ids, which are unique: remembering them all would only cost
        memory.
        """
        self.counts["transfers"] += len(transfers)
        if not self.books_known:
            return
        expired = self.book.expire(self.order.period)
        statuses = self.book.apply(transfers, self.order.period)
        for transfer, status in zip(transfers, statuses, strict=True):
            if status not in (Status.CREATED, Status.BATCH_REFUSED):
                raise UnsoundError(
                    f"the transfer {transfer.id.hex()} breaks a rule: {status.words}"
                )
        for transfer in [*expired, *(() if keep else transfers)]:
            del self.book.transfers[transfer.id]
        for transfer in [*expired, *transfers]:
            if transfer.kind in RESOLVES and transfer.original is not None:
                self.book.holds.pop(transfer.original, None)

    def move(self, count: int, net: Net) -> None:
        """Post what a run moved, in a number of transfers."""
        self.counts["transfers"] += count
        if self.books_known:
            apply_net(self.book, net)

    def prove(self, work: Work, argument: Any) -> None:
        """Have something proved, here or by another process."""
        self._pool.submit(work, argument)

    def readings_of(
        self, known: Mapping[int, Mapping[Slot, Reading]], periods: range, *, final: bool
    ) -> Readings | None:
        """Return the Wh that count in some half-hours, or None if any of them was erased.

        Args:
            known: the versions that count, by half-hour.
            periods: the half-hours.
            final: for a run that closes the day, or one after it.
        """
        since = since_day(periods)
        unsure = [slot for slot, day in self.erased_said.items() if day >= since]
        if not self.lost_readings.isdisjoint(periods) or any(
            self.said.get(slot, -1) < since for slot in unsure
        ):
            return None
        said = {slot for slot, day in self.said.items() if day >= since}
        return {
            period: {
                slot: payable(slot[1], rank, wh, final=final)
                for slot, (rank, _, wh) in known.get(period, {}).items()
                if slot in said
            }
            for period in periods
        }

    def forget_readings(self, periods: range) -> None:
        """Drop the readings of half-hours that are sealed: nothing uses them any more."""
        for period in periods:
            self.readings.pop(period, None)

    def _pass_over(self, leaf: Leaf, position: int) -> None:
        """Go on without a fact that is not there."""
        with checking(SEQUENCE, position):
            self.order.pass_over(leaf.period)
        self.missing[position, FACT] = leaf.kind
        why = f"the {leaf.kind} of entry {position} was erased"
        for check in (SIGNATURES, SEQUENCE):
            self.cannot(check, why)
        if leaf.kind != "ask":
            self.cannot(FUNDS, why)
            self.lose_books(why)

    def _erase(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        """Check what an erasure names, and strike it off what is missing."""
        body, at = statement.body, fact.position
        for item in body["entries"]:
            if item["entry"] < at and item["entry"] not in self.erasable:
                raise UnsoundError(f"the {item['what']} of log entry {item['entry']} must stay")
        check_erasure(body, self.erasable, leaf.period, self._gone)
        for item in body["entries"]:
            position, what = item["entry"], item["what"]
            self.erased.append((position, what, self.erasable[position][0]))
            self._gone.add((position, what))
            self.payments.asks.erase(position)
            self.missing.pop((position, what), None)

    def _cause(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        """Do in the book what a statement causes."""
        kind = statement.kind
        if kind == "opening" and any(self.counts[moving] for moving in MOVING_KINDS):
            raise UnsoundError("balances are opened after the first movement")
        if not self.books_known and kind in ("reversal", "correction", "grant"):
            return  # the original, or what the fund had, may have been erased
        case = case_of(self, statement, leaf, fact)
        effect = effect_of(case)
        self.payments.take(case, effect, fact.position)
        for account, floor in effect.accounts:
            self.book.open(account, floor)
        known = effect.limit is not None and self.books_known
        if effect.limit and known and self.book.limit(*effect.limit, None) is not Status.CREATED:
            raise UnsoundError("the balance was beyond the new limits")
        if effect.transfers:
            self.post(effect.transfers, keep=kind in AMENDABLE_KINDS)

    def _read(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        body = statement.body
        chain = chain_of(statement)
        self.chains[chain] = check_link(self.chains.get(chain, NO_LINK), statement)
        self.community.check_readings(statement)
        if fact.detail is None:
            self.cannot(READINGS, f"the readings of entry {fact.position} were erased")
            self.lost_readings.update(range(body["first"], body["first"] + body["count"]))
            slot = body["meter"], Channel(body["channel"])
            last = (body["first"] + body["count"] - 1) // DAY_PERIODS
            self.erased_said[slot] = max(last, self.erased_said.get(slot, last))
            return
        content = content_of(statement, detail_of(fact))
        wh, quality = content.wh, content.quality
        check_letters(statement, quality, self.keys.role_key_ids("adapter"))
        self._readings_to_prove.append(
            (fact.position, body["root"], content.first, wh, quality, content.seed)
        )
        if len(self._readings_to_prove) == PIECES_AT_ONCE:
            self._prove_readings()
        slot = body["meter"], Channel(body["channel"])
        self.counts["readings"] += len(wh)
        self._take_readings(slot, content.first, wh, quality, fact.position)

    def _prove_signatures(self) -> None:
        self.prove(prove_signatures, self.keys.taken[:])
        self.keys.taken.clear()

    def _prove_readings(self) -> None:
        self.prove(prove_readings, self._readings_to_prove)
        self._readings_to_prove = []

    def _edit(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        """Check that an edit names the version that counts, and take it over."""
        body = statement.body
        slot, wh = (body["meter"], Channel(body["channel"])), body["wh"]
        span = range(body["first"], body["first"] + len(wh))
        counting = self._counting(span)
        for period in span:
            if period in self.lost_readings or period not in counting:
                continue  # what counted is not known any more
            before = counting[period].get(slot)
            check_replaced(body, None if before is None else -before[1], period)
        self._take_readings(slot, body["first"], wh, EDITED * len(wh), fact.position)

    def _take_readings(
        self, slot: Slot, first: int, wh: Sequence[int], quality: str, position: int
    ) -> None:
        archive, last = self.run_state.archive, last_said(quality, first)
        if last is not None:
            self.said[slot] = max(last, self.said.get(slot, last))
        for day in self.run_state.days.values():
            day.touched |= first < day.periods.stop and day.periods.start < first + len(wh)
        start, stop = first, first + len(wh)
        while start < stop:
            # Of a day that is sealed, it waits for the next run of that day.
            name = archive.day_of.get(start)
            sealed = None
            if name is not None and name not in self.run_state.days:
                sealed = archive.days.get(name)
            end = start + 1
            while end < stop and archive.day_of.get(end) == name:
                end += 1
            part = slice(start - first, end - first)
            if sealed is None:
                take(self.readings, slot, start, wh[part], quality[part], position)
            else:
                sealed.late.append((slot, start, tuple(wh[part]), quality[part], position))
            start = end

    def _counting(self, span: range) -> Mapping[int, Mapping[Slot, Reading]]:
        """Return the versions that count in some half-hours, but for those that are not known.

        Those are of sealed days of which something was erased, or which nothing can open any more.
        """
        archive, known = self.run_state.archive, dict[int, Mapping[Slot, Reading]]()
        for period in span:
            if self.order.period - period > KEPT_PERIODS:
                continue
            name = archive.day_of.get(period)
            if name is None or name in self.run_state.days:
                known[period] = self.readings.get(period, {})
            elif period not in known and archive.days[name].data is not None:
                known |= archive.days[name].open()[0]  # the whole day is unpacked: once
        return known
