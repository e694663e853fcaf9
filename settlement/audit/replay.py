"""The replay: every signed statement again, in the log's order, by the same pure functions.

Whatever the operator decided is decided here once more from the same inputs and compared: keys
and sequence, readings' chains, funds caps, clearings by their certificate, every posting, every
balance. Only the linear programme is not solved again; its certificate replaces it.

>>> Replay("riverside.example/ledger/1", bytes(32)).counts["statements"]
0
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from ledger.accounts import WH, pool
from ledger.book import Book
from ledger.errors import CommonwattError
from ledger.invariants import check_balances, check_pools_empty
from ledger.keys import KeyBook
from ledger.log.leaf import Leaf
from ledger.primitives.canonical import encode, encode_trusted
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, parse_date
from ledger.records import RESOLVES, Transfer, salted_root
from ledger.statements import Statement
from ledger.status import Status
from market.certificate import verify
from market.wire import market_to_json, read_result, result_bytes
from meters.batches import BatchContent
from meters.readings import Channel, Quality
from meters.versions import Stored, better
from settlement.audit.bundle import Fact
from settlement.audit.details import check_root, detail_of, object_of, seed_of, sha256_hex
from settlement.audit.order import Order
from settlement.effects import AMENDABLE_KINDS, Case, effect_of
from settlement.errors import AuditError, UnsoundError
from settlement.openings import MOVING_KINDS
from settlement.orders import (
    PeriodInputs,
    PeriodOrders,
    fund_orders,
    orders_to_detail,
    period_inputs,
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
from settlement.state import CommunityRules, CommunityState
from settlement.timetable import NO_SEAL, due_at_ms

CHECKS = (
    "keys and signatures",
    "sequence and expiry",
    "agreements",
    "readings",
    "funds and mandates",
    "clearings",
    "postings",
    "balances and seals",
)
"""Names of the replay's checks, in their order."""

OPEN_RUN_PERIODS_MAX = 7 * 48
"""How long a run may stand begun and not sealed before the audit calls it unsound."""


@dataclass
class _Day:
    """A day between its hold and its seal."""

    periods: range
    known_at_ms: int
    hold_batch: bytes
    held: int
    rules: CommunityRules
    inputs: dict[int, PeriodInputs]
    orders: dict[int, PeriodOrders]
    cleared: dict[int, tuple[str, list[Line]]] = field(default_factory=dict)
    settled: dict[int, list[Line]] = field(default_factory=dict)


class Replay:
    """The community's whole state at one point of the log.

    Args:
        origin: the log's origin.
        log_key: the public key that signed the checkpoint; the roster must name it.
    """

    def __init__(self, origin: str, log_key: bytes) -> None:
        self.origin, self.log_key = origin, log_key
        self.keys, self.state, self.book = KeyBook(origin), CommunityState(), Book()
        self.readings: dict[tuple[str, Channel, int], Stored] = {}
        self.versions: dict[tuple[str, Channel, int], int] = {}
        self.chains: dict[tuple[str, str], tuple[int, str]] = {}
        self.days: dict[date, _Day] = {}
        self.counts: Counter[str] = Counter()
        self.matched_wh = 0
        self.traded_units = 0
        self._order = Order()
        self._last_seal = NO_SEAL
        self._sealed: set[date] = set()
        self._held: set[int] = set()
        self._handlers: dict[str, Callable[[Statement, Leaf, Fact], None]] = {
            "reading_batch": self._read,
            "hold": self._hold,
            "clearing": self._clear,
            "settlement": self._settle,
            "seal": self._seal,
        }

    def apply(self, leaf: Leaf, fact: Fact) -> None:
        """Check a log entry and take over what it says.

        Raises:
            AuditError: names the check, the entry and what is wrong.
        """
        with self._checking("keys and signatures", fact.position):
            statement = Statement.decode(fact.envelope)
            if statement.kind != leaf.kind:
                raise UnsoundError(f"the leaf calls a {statement.kind} a {leaf.kind}")
            self.keys.check(statement, leaf.period)
            self.keys.apply(statement, leaf.period)
            if self.keys.log_key != self.log_key:
                raise UnsoundError("the roster names another log key than signed the checkpoint")
        with self._checking("sequence and expiry", fact.position):
            self._order.check(statement, leaf.period)
        with self._checking("agreements", fact.position):
            self.state.apply(statement, leaf.period)
        with self._checking("postings", fact.position):
            self._cause(statement, leaf, fact)
        handler = self._handlers.get(statement.kind)
        if handler is not None:
            handler(statement, leaf, fact)
        self.counts["statements"] += 1
        self.counts[statement.kind] += 1

    @contextmanager
    def _checking(self, check: str, position: int) -> Iterator[None]:
        """Turn any of our errors into one that names the check and the entry."""
        try:
            yield
        except CommonwattError as error:
            raise AuditError(check, f"entry {position}: {error}") from error

    def _cause(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        """Do in the book what a statement causes."""
        kind = statement.kind
        if kind == "opening" and any(self.counts[moving] for moving in MOVING_KINDS):
            raise UnsoundError("balances are opened after the first movement")
        case = Case(statement, fact.detail, self.state, leaf.period, self._find)
        effect = effect_of(case)
        for account, floor in effect.accounts:
            self.book.open(account, floor)
        if effect.limit and self.book.limit(*effect.limit) is not Status.CREATED:
            raise UnsoundError("the balance was beyond the new limits")
        if effect.transfers:
            self._post(effect.transfers, keep=kind in AMENDABLE_KINDS)

    def _find(self, transfer_id: bytes) -> tuple[Transfer, int] | None:
        """Return a payment that operators may amend, and what remains of it."""
        transfer = self.book.transfers.get(transfer_id)
        if transfer is None:
            return None
        amended = self.book.amended.get(transfer_id)
        return transfer, transfer.amount if amended is None else amended.remaining

    def _read(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        with self._checking("readings", fact.position):
            body = statement.body
            content = BatchContent.decode(body["first"], detail_of(fact))
            if len(content.wh) != body["count"] or content.root().hex() != body["root"]:
                raise UnsoundError("the readings are not those that were signed")
            slot = (body["meter"], body["channel"])
            sequence, previous = self.chains.get(slot, (0, "0" * 64))
            if body["sequence"] != sequence + 1 or body["previous"] != previous:
                raise UnsoundError(f"the chain of {slot[0]} {slot[1]} is broken")
            self.chains[slot] = (body["sequence"], statement.tx_id)
            uses = self.state.meters.get(body["meter"])
            if not uses or uses[-1][1].member != statement.account:
                raise UnsoundError("the member did not consent to this meter's use")
            self._take_readings(body["meter"], Channel(body["channel"]), content, fact.position)

    def _take_readings(
        self, meter: str, channel: Channel, content: BatchContent, position: int
    ) -> None:
        for period, (wh, letter) in enumerate(
            zip(content.wh, content.quality, strict=True), start=content.first
        ):
            key = (meter, channel, period)
            before = self.readings.get(key)
            version = 1
            if before is not None:
                version = self.versions[key] = self.versions.get(key, 1) + 1
            stored = Stored(wh, Quality.from_letter(letter).rank, version, position)
            if before is None or better(stored, before):
                self.readings[key] = stored
            self.counts["readings"] += 1

    def _hold(self, statement: Statement, leaf: Leaf, fact: Fact) -> None:
        with self._checking("funds and mandates", fact.position):
            body = statement.body
            day = parse_date(body["day"])
            if (
                day in self.days
                or day in self._sealed
                or statement.id != run_id("hold", self.origin, "SF", body["day"])
            ):
                raise UnsoundError(f"{day} was run before")
            due_period = due_at_ms(day, self.state.rules_now.zone) // (SECONDS * 1000)
            known_period = body["known_at"] // (SECONDS * 1000)
            if not due_period <= known_period <= leaf.period:
                raise UnsoundError(f"the run of {day} came before it was due")
            periods = of_local_day(day, load_zone(self.state.rules_now.zone))
            rules = self.state.rules_of(periods.start)
            if rules is None:
                raise UnsoundError(f"no rules bound {day}")
            if not self._held.isdisjoint(periods):
                raise UnsoundError(f"a half-hour of {day} was settled with another day")
            self._held.update(periods)
            inputs = period_inputs(
                self.state, periods, {key: version.wh for key, version in self._of(periods)}
            )
            orders = fund_orders(self.state, inputs, self.book.balances)
            detail = object_of(fact)
            if detail.get("orders") != orders_to_detail(orders):
                raise UnsoundError(
                    "an order or its funds cap is not what readings, offers, "
                    "mandates and balances give"
                )
            batch = bytes.fromhex(statement.id)
            transfers = hold_transfers(batch, orders, rules)
            check_root(statement, detail, transfers)
            self._post(transfers)
            self.days[day] = _Day(
                periods,
                body["known_at"],
                batch,
                leaf.period,
                rules,
                {item.period: item for item in inputs},
                {item.period: item for item in orders},
            )
            self.counts["orders"] += sum(len(item.asks) + len(item.bids) for item in orders)

    def _check_id(self, statement: Statement, about: int | str) -> None:
        if statement.id != run_id(statement.kind, self.origin, statement.body["run"], about):
            raise UnsoundError("the id is not the one that follows from day and run")

    def finish(self) -> None:
        """Check what must hold at the end of the log.

        Raises:
            AuditError: nobody rules this ledger, or a run was begun and left.
        """
        if not self.keys.roster_version or not self.state.rules_history:
            raise AuditError("agreements", "the log has no roster or no rules")
        for day, run in self.days.items():
            if self._order.period - run.held > OPEN_RUN_PERIODS_MAX:
                raise AuditError(
                    "postings",
                    f"the run of {day} set money aside more than a week before the log's end "
                    "and never settled it",
                )

    def _of(self, periods: range) -> Iterator[tuple[tuple[str, Channel, int], Stored]]:
        for meter in self.state.meters:
            for channel in Channel:
                for period in periods:
                    stored = self.readings.get((meter, channel, period))
                    if stored is not None:
                        yield (meter, channel, period), stored

    def _day_of(self, statement: Statement) -> _Day:
        period = statement.body["period"]
        for day in self.days.values():
            if period in day.periods:
                if statement.body["known_at"] != day.known_at_ms:
                    raise UnsoundError("known_at is not that of the day's hold")
                return day
        raise UnsoundError(f"the half-hour {period} has no hold")

    def _clear(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        with self._checking("clearings", fact.position):
            body, day = statement.body, self._day_of(statement)
            period = body["period"]
            self._check_id(statement, period)
            if period in day.cleared:
                raise UnsoundError(f"the half-hour {period} was cleared before")
            market = market_of(day.orders[period], day.rules)
            if sha256_hex(encode_trusted(market_to_json(market))) != body["market"]:
                raise UnsoundError("the market that was cleared is not that of the orders")
            data = detail_of(fact)
            if sha256_hex(data) != body["result"]:
                raise UnsoundError("the result is not the one that was signed")
            result = read_result(data)
            verify(market, result)
            if result_bytes(result) != data:
                raise UnsoundError("the result is not in canonical form")
            day.cleared[period] = (statement.tx_id, lines_of(day.inputs[period], result))
            self.matched_wh += result.matched_wh

    def _settle(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        with self._checking("postings", fact.position):
            body, day = statement.body, self._day_of(statement)
            period, rules = body["period"], day.rules
            self._check_id(statement, period)
            if period not in day.cleared or period in day.settled:
                raise UnsoundError(f"the half-hour {period} is not cleared, or settled before")
            clearing, lines = day.cleared[period]
            if body["clearing"] != clearing:
                raise UnsoundError("the settlement cites another clearing")
            transfers = settlement_transfers(
                bytes.fromhex(statement.id),
                day.hold_batch,
                day.inputs[period],
                day.orders[period],
                lines,
                rules,
            )
            check_root(statement, object_of(fact), transfers)
            self._post(transfers)
            day.settled[period] = lines
            pools = [pool(rules.feeder, asset) for asset in (WH, rules.asset)]
            check_pools_empty(self.book.balances, pools)
            self.traded_units += sum(line.bought_units for line in lines)
            self.counts["lines"] += len(lines)

    def _seal(self, statement: Statement, _leaf: Leaf, fact: Fact) -> None:
        with self._checking("balances and seals", fact.position):
            body = statement.body
            self._check_id(statement, body["day"])
            day = self.days.get(parse_date(body["day"]))
            if day is None or set(day.settled) != set(day.periods):
                raise UnsoundError(f"{body['day']} is sealed before all of it is settled")
            if body["previous"] != self._last_seal or body["periods"] != len(day.periods):
                raise UnsoundError("the seal does not follow the one before")
            detail = object_of(fact)
            totals = totals_of(day.settled)
            if sha256_hex(encode({"totals": totals})) != body["totals"]:
                raise UnsoundError("the totals of the half-hours are not those sealed")
            seed = bytes.fromhex(seed_of({"seed": detail.get("seed")}))
            root = salted_root(seed, balance_records(self.book.balances)).hex()
            if root != body["balances"]:
                raise UnsoundError("a balance differs from the one sealed")
            check_balances(self.book.balances)
            self._last_seal = statement.tx_id
            if detail.get("totals") != totals:
                raise UnsoundError("the totals that the seal shows are not those sealed")
            self._sealed.add(parse_date(body["day"]))
            del self.days[parse_date(body["day"])]

    def _post(self, transfers: Sequence[Transfer], *, keep: bool = False) -> None:
        """Post an atomic batch; its transfers are remembered where others may name them.

        Ids follow from statements' ids, which are unique: remembering them all would only cost
        memory.
        """
        expired = self.book.expire(self._order.period)
        statuses = self.book.apply(transfers, self._order.period)
        for transfer, status in zip(transfers, statuses, strict=True):
            if status not in (Status.CREATED, Status.BATCH_REFUSED):
                raise UnsoundError(
                    f"the transfer {transfer.id.hex()} breaks a rule: {status.words}"
                )
        self.counts["transfers"] += len(transfers)
        for transfer in [*expired, *(() if keep else transfers)]:
            del self.book.transfers[transfer.id]
        for transfer in [*expired, *transfers]:
            if transfer.kind in RESOLVES and transfer.original is not None:
                self.book.holds.pop(transfer.original, None)
