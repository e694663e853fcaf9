"""How a run begins: what is fixed and signed before anything is cleared.

The first run that posts fixes what money there is for the day and sets aside what its orders may owe.
A later run fixes what it knows; it takes the day's funds as they were fixed.

>>> begin.__name__
'begin'
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection

from ledger import log_store
from ledger.batches import Batch
from ledger.errors import LogError
from ledger.kinds import COMMUNITY
from ledger.log_store import Entry
from ledger.primitives.canonical import decode
from ledger.primitives.periods import load_zone, local_date, of_local_day, start_text, start_utc
from ledger.records import record, salted_root
from ledger.statements import Statement
from ledger.writer import Draft
from market.check import check_market
from market.errors import MarketInputError
from settlement import store
from settlement.community import Community
from settlement.day_run import DayRun, Posted, differing, missing_of, not_as_posted
from settlement.errors import NothingReadError, RunRefusedError
from settlement.gifts import quotas_of
from settlement.netting import nets_of
from settlement.orders import DayFunds, PeriodInputs, PeriodOrders, fund_orders, funds_of
from settlement.orders_wire import (
    fixed_funds,
    funds_from_detail,
    hold_detail,
    orders_from_detail,
)
from settlement.postings import energy_of, hold_transfers, market_of, run_id
from settlement.run_inputs import inputs_of, surely_unchanged
from settlement.store import RunSummary
from settlement.terms import CommunityRules
from settlement.timetable import DETAIL_BYTES_MAX, NOT_AFTER_MS, due_at_ms, over_at_ms


def begin(community: Community, connection: Connection, day: date, code: str) -> DayRun:
    """Begin a run that posts, or find what it began with before it was stopped.

    A later run that changes nothing writes nothing here: its seal says all.

    Raises:
        RunRefusedError: too early, out of order, or there is nothing to settle.
    """
    periods = of_local_day(day, load_zone(community.state.rules_now.zone))
    rules = community.state.rules_of(periods.start)
    if rules is None:
        raise RunRefusedError(_not_bound(community, day))
    made = store.runs_of(connection, community.writer.community, day.isoformat())
    rules.timetable.check_turn(code, tuple(run.code for run in made), str(day))
    dispute = None
    if rules.timetable.is_dispute(code):
        dispute = _led_by(community, day, [run.code for run in made], rules)
    beginning = _Beginning(community, connection, day, code, periods, rules, dispute)
    return beginning.later(made) if made else beginning.first()


@dataclass(frozen=True)
class _Beginning:
    """What both kinds of beginning share."""

    community: Community
    connection: Connection
    day: date
    code: str
    periods: range
    rules: CommunityRules
    dispute: str | None = None

    def first(self) -> DayRun:
        """Begin the first run that posts: set aside what orders may owe, or find what was."""
        statement_id = run_id("hold", self.community.writer.origin, self.code, self.day.isoformat())
        position = self._has(statement_id)
        if position is None:
            return self._new_hold(statement_id)
        entry = log_store.fact_at(self.connection, self.community.writer.community, position)
        detail = self._hold_detail(entry)
        return self._first_run(
            statement_id,
            Statement.decode(entry.envelope).body["known_at"],
            position,
            self._inputs(position, self.code),
            orders_from_detail(detail, self.rules.feeder),
            funds_from_detail(detail),
        )

    def _first_run(
        self,
        statement_id: str,
        known_at_ms: int,
        position: int,
        inputs: list[PeriodInputs],
        orders: list[PeriodOrders],
        funds: DayFunds,
    ) -> DayRun:
        return DayRun(
            *(self.day, self.code, self.periods, self.rules, funds, known_at_ms, position),
            bytes.fromhex(statement_id),
            inputs,
            orders,
            [*range(len(self.periods))],
            missing_of(inputs),
            self._quotas(),
        )

    def _quotas(self) -> dict[str, int]:
        return quotas_of(self.community.state, self.day, self.periods)

    def _new_hold(self, statement_id: str) -> DayRun:
        community, connection, day = self.community, self.connection, self.day
        writer, rules, known_at_ms = community.writer, self.rules, self._now_if_due()
        size, _, _ = log_store.head(connection, writer.community)
        inputs = self._inputs(size, self.code)
        if all(not item.readings or len(item.missing) == len(item.readings) for item in inputs):
            raise NothingReadError(
                f"There is not one reading of {day} by a meter whose member consented before that "
                "day. Either no file with that day was imported yet (commonwatt meters import), or "
                "the members and meters were added later: consent counts from the next half-hour on."
            )
        balances = writer.ledger.balances(connection)
        caps, ledger = community.state.month_caps(self.periods), writer.ledger
        month = day.isoformat()[:7]
        bought = store.bought_in_month(connection, ledger, month, caps, rules.asset)
        funds = funds_of(community.state, balances, rules.asset, self.periods, bought)
        orders = fund_orders(community.state, inputs, funds)
        self._check_markets(orders)
        batch_id = bytes.fromhex(statement_id)
        transfers = hold_transfers(batch_id, orders, rules)
        seed = writer.entropy(f"seed/{statement_id}", 32)
        detail = hold_detail(orders, funds, seed.hex())
        if len(detail) > DETAIL_BYTES_MAX:
            raise RunRefusedError(
                f"The orders of {day} take {len(detail):,} bytes, and a run at most "
                f"{DETAIL_BYTES_MAX:,}: split the community. Nothing was posted."
            )
        fields = {
            "first": self.periods.start,
            "periods": len(self.periods),
            "count": len(transfers),
            "root": salted_root(seed, [record(transfer) for transfer in transfers]).hex(),
        }
        position = self._say("hold", statement_id, known_at_ms, fields, detail)
        batch = Batch(batch_id, tuple(transfers), position)
        writer.ledger.post(connection, [batch], writer.logged_ms(connection))
        return self._first_run(statement_id, known_at_ms, position, inputs, orders, funds)

    def later(self, made: list[RunSummary]) -> DayRun:
        """Begin a later run: fix what it knows, if it changes anything."""
        writer, last = self.community.writer, made[-1]
        sealed = log_store.fact_at(self.connection, writer.community, last.position)
        posted = Posted(
            seal=Statement.decode(sealed.envelope).tx_id,
            codes=tuple(run.code for run in made),
            totals=decode(sealed.detail or b"{}", DETAIL_BYTES_MAX)["totals"],
        )
        statement_id = run_id("run", writer.origin, self.code, self.day.isoformat())
        position = self._has(statement_id)
        if position is not None:
            entry = log_store.fact_at(self.connection, writer.community, position)
            known_at_ms = Statement.decode(entry.envelope).body["known_at"]
            return self._anew(known_at_ms, position, last, posted)
        self._check_none_open(posted.codes)
        known_at_ms = self._now_if_due()
        over_ms = over_at_ms(self.rules.timetable, self.code, self.day, self.rules.zone)
        if known_at_ms > over_ms:
            raise RunRefusedError(
                f"The run {self.code} of {self.day} could be made until {_when(over_ms)}: the day "
                "stays as it is. Nothing was posted."
            )
        known, _, _ = log_store.head(self.connection, writer.community)
        if surely_unchanged(self.community, self.connection, self.periods, last.known):
            return self._nothing_new(known_at_ms, known, last.missing, posted)
        run = self._anew(known_at_ms, known, last, posted)
        if run.changed:
            self._check_markets([run.orders[index] for index in run.changed])
            cites = {} if self.dispute is None else {"dispute": self.dispute}
            self._say("run", statement_id, known_at_ms, {"after": posted.seal, **cites})
        return run

    def _nothing_new(self, known_at_ms: int, known: int, missing: int, posted: Posted) -> DayRun:
        """Return a later run of the same readings, and so of the same orders: a seal says all."""
        return DayRun(
            *(self.day, self.code, self.periods, self.rules, DayFunds({}), known_at_ms, known),
            *(b"", [], [], [], missing, {}),
            posted,
            self.dispute,
        )

    def _anew(self, known_at_ms: int, known: int, last: RunSummary, posted: Posted) -> DayRun:
        """Work the day out with what is known now, and with what was known before."""
        community, connection, state = self.community, self.connection, self.community.state
        ledger = community.writer.ledger
        hold = self._has(run_id("hold", community.writer.origin, posted.codes[0], str(self.day)))
        if hold is None:
            raise LogError(
                f"The log has no hold of {self.day}. Check the database against its log."
            )
        entry = log_store.fact_at(connection, community.writer.community, hold)
        before, now = self._inputs(last.known, last.code), self._inputs(known, self.code)
        if all(one.readings == other.readings for one, other in zip(before, now, strict=True)):
            return self._nothing_new(known_at_ms, known, missing_of(now), posted)
        funds = fixed_funds(self._hold_detail(entry))
        orders = fund_orders(state, now, funds)
        changed = differing(before, fund_orders(state, before, funds), now, orders)
        # A run that was stopped has lines of its own already: they are not what it began with.
        lines = store.lines_by_period(connection, ledger, self.periods, known)
        period = not_as_posted(before, lines, self.rules) if changed else None
        if period is not None:
            raise RunRefusedError(
                f"The readings of {start_text(period)} are not those of which {last.code} of "
                f"{self.day} was made: they were erased since. The day cannot be worked out again; "
                "nothing was posted."
            )
        all_lines = [line for found in lines.values() for line in found.values()]
        posted = replace(
            posted,
            energy={
                item.period: energy_of(item, lines[item.period].values())
                for item in (before[index] for index in changed)
            },
            lines=lines,
            nets=nets_of(all_lines, self.rules, self._quotas()),
        )
        return DayRun(
            *(self.day, self.code, self.periods, self.rules, funds, known_at_ms, known),
            *(b"", now, orders, changed, missing_of(now), self._quotas()),
            posted,
            self.dispute,
        )

    def _inputs(self, before: int, code: str) -> list[PeriodInputs]:
        final = self.rules.timetable.is_final(code)
        return inputs_of(self.community, self.connection, self.periods, before, final=final)

    def _has(self, statement_id: str) -> int | None:
        return log_store.has_statement(
            self.connection, self.community.writer.community, statement_id
        )

    def _say(
        self,
        kind: str,
        statement_id: str,
        known_at_ms: int,
        fields: dict[str, Any],
        detail: bytes | None = None,
    ) -> int:
        """Sign and log how the run begins, and return its position."""
        writer = self.community.writer
        about = {"day": self.day.isoformat(), "run": self.code, "known_at": known_at_ms}
        envelope = writer.sign_new(
            self.connection,
            kind,
            COMMUNITY,
            statement_id,
            {**about, **fields},
            [writer.keyring.load("settlement")],
            not_after_ms=known_at_ms + NOT_AFTER_MS,
        )
        [position] = self.community.accept(self.connection, [Draft(envelope, detail)])
        return position

    def _now_if_due(self) -> int:
        """Return the time to know readings at, in Unix milliseconds.

        Raises:
            RunRefusedError: the run is not due.
        """
        now_ms = self.community.writer.clock.now_ms() // 1000 * 1000
        due_ms = due_at_ms(self.rules.timetable.run(self.code), self.day, self.rules.zone)
        if now_ms < due_ms:
            raise RunRefusedError(
                f"The run {self.code} of {self.day} is due on {_when(due_ms)}; nothing was posted."
            )
        return now_ms

    def _check_none_open(self, made: tuple[str, ...]) -> None:
        """Refuse to begin a run while another one of the day was begun and not finished."""
        for code in self.rules.timetable.may_be_open(made):
            if self._has(run_id("run", self.community.writer.origin, code, str(self.day))):
                raise RunRefusedError(
                    f"The run {code} of {self.day} was begun and not finished: finish it before "
                    f"{self.code} begins. Nothing was posted."
                )

    def _check_markets(self, orders: list[PeriodOrders]) -> None:
        """Refuse orders that cannot be cleared before anything is written: it fixes the day."""
        for item in orders:
            try:
                check_market(market_of(item, self.rules))
            except MarketInputError as error:
                raise RunRefusedError(
                    f"The half-hour {start_text(item.period)} of {self.day} cannot be cleared: "
                    f"{error}. Is a reading far too large? Correct it, then settle again; nothing "
                    "was posted."
                ) from error

    def _hold_detail(self, entry: Entry) -> dict[str, Any]:
        if entry.detail is None:
            raise RunRefusedError(
                f"What was set aside for {self.day} was erased, and with it the day's funds: it "
                "cannot be worked out again."
            )
        found: dict[str, Any] = decode(entry.detail, DETAIL_BYTES_MAX)
        return found


def _led_by(
    community: Community,
    day: date,
    made: list[str],
    rules: CommunityRules,
) -> str:
    """Return the dispute that leads to the next run of a closed day: the first that led to none yet.

    Raises:
        RunRefusedError: none was upheld, or all have led to a run.
    """
    number = sum(rules.timetable.is_dispute(code) for code in made)
    upheld = [*community.state.disputes.upheld_of(day.isoformat())]
    if len(upheld) <= number:
        raise RunRefusedError(
            f"{day} is closed, and no dispute about it was upheld that was not worked out yet. "
            "See 'commonwatt dispute list'."
        )
    dispute = upheld[number]
    community.state.disputes.check_run(dispute.id, str(day), community.writer.now_period())
    return dispute.id


def _when(time_ms: int) -> str:
    return start_utc(time_ms // 1_800_000).strftime("%Y-%m-%d %H:%M UTC")


def _not_bound(community: Community, day: date) -> str:
    """Say from which day on there is something to settle."""
    logged, rules = community.state.rules_history[0]
    zone = load_zone(rules.zone)
    first = local_date(of_local_day(local_date(logged, zone), zone).stop, zone)
    plan = rules.timetable.run(rules.timetable.first)
    return (
        f"No rules bound all of {day}: rules bind the half-hours that begin after they were logged. "
        f"The first day to be settled is {first}, from {_when(due_at_ms(plan, first, rules.zone))} on."
    )
