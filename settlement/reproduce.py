"""A run that was made, worked out once more from what the store says was known then. Reads only.

Orders, market, result, postings and lines of each half-hour are made by the run's own functions and
compared with the hashes that were signed. Balances, and with them the netting, are the audit's part.

>>> Reproduced("2026-06-30", "SF", {"settlement": 48}).same
True
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import InputError, LogError
from ledger.primitives.canonical import decode, encode, encode_trusted
from ledger.primitives.periods import load_zone, of_local_day, start_text
from ledger.records import record, salted_root
from ledger.statements import Statement
from market.clearing import clear
from market.result_wire import result_bytes
from market.wire import market_to_json
from settlement import store
from settlement.community import Community
from settlement.day_run import differing
from settlement.orders import DayFunds, PeriodInputs, PeriodOrders, fund_orders
from settlement.orders_wire import fixed_funds, funds_from_detail, hold_detail
from settlement.postings import (
    NO_ENERGY,
    energy_moves,
    energy_of,
    hold_transfers,
    line_record,
    lines_of,
    lines_seed,
    market_of,
    records_of,
    run_id,
    totals_of,
)
from settlement.receipt_source import detail_of
from settlement.run_inputs import inputs_of
from settlement.store import RunSummary
from settlement.terms import CommunityRules
from settlement.timetable import DETAIL_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What a run came to when it was worked out again.

    Attributes:
        day: the local day.
        code: the run's.
        compared: how many statements were compared, by kind.
        difference: the first that is another, in words; None if all are the same.
    """

    day: str
    code: str
    compared: Mapping[str, int]
    difference: str | None = None

    @property
    def same(self) -> bool:
        """Whether everything is as it was signed."""
        return self.difference is None


def reproduce(community: Community, connection: Connection, day: date, code: str) -> Reproduced:
    """Work a run out again from what was known when it was made.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        day: the local day.
        code: of a run that was made.

    Raises:
        InputError: it was not made.
        LogError: a detail that it needs was erased.
    """
    made = store.runs_of(connection, community.writer.community, day.isoformat())
    place = next((place for place, run in enumerate(made) if run.code == code), None)
    if place is None:
        raise InputError(f"The run {code} of {day} was not made.")
    again = _Again(community, connection, day, made[: place + 1])
    compared: Counter[str] = Counter()
    for kind, about, same in again.compare():
        compared[kind] += 1
        if not same:
            words = f"the {kind} of {about} is not what was known then"
            return Reproduced(str(day), code, compared, words)
    return Reproduced(str(day), code, compared)


Compared = Iterator[tuple[str, str, bool]]
"""Kind of statement, what it is about, and whether it is the same."""


class _Again:
    """A run that is made again; ``made`` ends with it."""

    def __init__(
        self, community: Community, connection: Connection, day: date, made: list[RunSummary]
    ) -> None:
        self._community, self._connection, self._day = community, connection, str(day)
        self._made, self._run = made, made[-1]
        zone = load_zone(community.state.rules_now.zone)
        self._periods = of_local_day(day, zone)
        rules = community.state.rules_of(self._periods.start)
        if rules is None:
            raise LogError(f"No rules bound {day}, and a run of it was made.")
        self._rules: CommunityRules = rules

    def compare(self) -> Compared:
        """Yield what is compared, in the order of the log."""
        hold, detail = self._said("hold", self._made[0].code, self._day)
        fixed = decode(detail, DETAIL_BYTES_MAX)
        funds = fixed_funds(fixed) if len(self._made) > 1 else funds_from_detail(fixed)
        inputs, orders = self._known(self._run, funds)
        before: Mapping[int, PeriodInputs] = {}
        changed = [*range(len(inputs))]
        if len(self._made) == 1:
            yield "hold", self._day, self._same_hold(hold, detail, orders, funds)
        else:
            inputs_before, orders_before = self._known(self._made[-2], funds)
            before = {item.period: item for item in inputs_before}
            changed = differing(inputs_before, orders_before, inputs, orders)
        for index in changed:
            yield from self._half_hour(inputs[index], orders[index], before)
        seal, detail = self._said("seal", self._run.code, self._day)
        found = store.lines_by_period(
            self._connection, self._community.writer.ledger, self._periods, self._run.position
        )
        totals = totals_of({period: [*lines.values()] for period, lines in found.items()})
        seed = decode(detail, DETAIL_BYTES_MAX)["seed"]
        same = _sha256(encode({"seed": seed, "totals": totals})) == seal.body["totals"]
        yield "seal", self._day, same and seal.body["settled"] == len(changed)

    def _known(
        self, run: RunSummary, funds: DayFunds
    ) -> tuple[list[PeriodInputs], list[PeriodOrders]]:
        """Return readings and orders as a run knew them."""
        inputs = inputs_of(
            self._community,
            self._connection,
            self._periods,
            run.known,
            final=self._rules.timetable.is_final(run.code),
        )
        return inputs, fund_orders(self._community.state, inputs, funds)

    def _same_hold(
        self, hold: Statement, detail: bytes, orders: list[PeriodOrders], funds: DayFunds
    ) -> bool:
        seed = decode(detail, DETAIL_BYTES_MAX)["seed"]
        made = hold_transfers(bytes.fromhex(hold.id), orders, self._rules)
        root = salted_root(bytes.fromhex(seed), [*map(record, made)]).hex()
        return hold_detail(orders, funds, seed) == detail and hold.body["root"] == root

    def _half_hour(
        self, item: PeriodInputs, orders: PeriodOrders, before: Mapping[int, PeriodInputs]
    ) -> Compared:
        """Clear a half-hour again, and compare its two statements."""
        period, rules = item.period, self._rules
        market = market_of(orders, rules)
        result = clear(market)
        clearing, _ = self._said("clearing", self._run.code, period)
        hashes = _sha256(encode_trusted(market_to_json(market))), _sha256(result_bytes(result))
        same = hashes == (clearing.body["market"], clearing.body["result"])
        yield "clearing", start_text(period), same
        settlement, detail = self._said("settlement", self._run.code, period)
        seed = bytes.fromhex(decode(detail, DETAIL_BYTES_MAX)["seed"])
        lines, posted = lines_of(item, result, rules), NO_ENERGY
        if before:
            span = range(period, period + 1)
            ledger = self._community.writer.ledger
            earlier = store.lines_by_period(self._connection, ledger, span, self._run.known)
            posted = energy_of(before[period], earlier[period].values())
        moves = energy_moves(posted, energy_of(item, lines), rules)
        records = records_of(bytes.fromhex(settlement.id), moves, period)
        roots = (
            salted_root(seed, records).hex(),
            salted_root(lines_seed(seed), [*map(line_record, lines)]).hex(),
        )
        signed = settlement.body["root"], settlement.body["lines_root"]
        yield "settlement", start_text(period), roots == signed

    def _said(self, kind: str, code: str, about: str | int) -> tuple[Statement, bytes]:
        """Return a run's statement and its detail.

        Raises:
            LogError: the detail was erased, or there is none that a run of this kind must have.
        """
        writer = self._community.writer
        made = run_id(kind, writer.origin, code, about)
        position = log_store.has_statement(self._connection, writer.community, made)
        if position is None:
            when = start_text(about) if isinstance(about, int) else about
            raise LogError(f"The log has no {kind} of {when} by the run {code}.")
        entry = log_store.fact_at(self._connection, writer.community, position)
        return Statement.decode(entry.envelope), detail_of(position, entry)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
