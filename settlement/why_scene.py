"""A local day worked out again: what each of its runs knew, and the orders that came of it.

Everything goes through the functions that runs themselves use, so an explanation is the same
computation and not a second opinion.

>>> Scene.__name__
'Scene'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import InputError, LogError
from ledger.primitives.canonical import decode
from ledger.primitives.periods import load_zone, local_date, of_local_day
from market.model import Result
from market.result_wire import read_result
from settlement import store, why_store
from settlement.community import Community
from settlement.orders import DayFunds, PeriodInputs, PeriodOrders, fund_orders
from settlement.orders_wire import fixed_funds, funds_from_detail, orders_from_detail
from settlement.postings import run_id
from settlement.run_inputs import inputs_of
from settlement.store import RunSummary
from settlement.terms import CommunityRules
from settlement.timetable import DETAIL_BYTES_MAX
from settlement.why_store import Found


@dataclass
class Scene:
    """A local day of a community, and what was found of it so far.

    Attributes:
        community, connection: open for reading.
        day: the local day.
        periods: its half-hours.
        rules: that bind it.
        runs: those that were made and post, in order.
        gone: what was erased and cannot be shown, as sentences.
    """

    community: Community
    connection: Connection
    day: date
    periods: range
    rules: CommunityRules
    runs: list[RunSummary]
    gone: list[str] = field(default_factory=list)
    _inputs: dict[tuple[int, bool], list[PeriodInputs]] = field(default_factory=dict)
    _orders: dict[str, list[PeriodOrders]] = field(default_factory=dict)
    _hold: tuple[Mapping[str, Any] | None] | None = None
    _erased: list[tuple[str, str, range]] | None = None

    @classmethod
    def of(cls, community: Community, connection: Connection, period: int) -> "Scene":
        """Return the day in which a half-hour lies.

        Raises:
            InputError: no rules bound that day.
        """
        zone = load_zone(community.state.rules_now.zone)
        day = local_date(period, zone)
        periods = of_local_day(day, zone)
        rules = community.state.rules_of(periods.start)
        if rules is None:
            raise InputError(
                f"No rules bound all of {day}: the community began later, and nothing was worked out."
            )
        runs = store.runs_of(connection, community.writer.community, day.isoformat())
        return cls(community, connection, day, periods, rules, runs)

    @property
    def number(self) -> int:
        """The community's number."""
        return self.community.writer.community

    def run(self, code: str) -> RunSummary:
        """Return a run that was made."""
        return next(run for run in self.runs if run.code == code)

    def said(self, kind: str, code: str, about: str | int) -> Found | None:
        """Return a run's statement of a kind, or None where the run made none."""
        statement_id = run_id(kind, self.community.writer.origin, code, about)
        return why_store.with_id(self.connection, self.number, statement_id)

    def worked_in(self, code: str, period: int) -> str | None:
        """Return which run worked a half-hour out, as the runs up to one left it."""
        for each in reversed(self._up_to(code)):
            statement_id = run_id("settlement", self.community.writer.origin, each, period)
            if log_store.has_statement(self.connection, self.number, statement_id) is not None:
                return each
        return None

    def _up_to(self, code: str) -> list[str]:
        codes = [run.code for run in self.runs]
        return codes[: codes.index(code) + 1]

    def inputs(self, known: int, *, final: bool, until: int) -> list[PeriodInputs]:
        """Return readings and flows of the day up to a half-hour, as a run knew them."""
        key = (known, final)
        wanted = range(self.periods.start, until + 1)
        if key not in self._inputs or len(self._inputs[key]) < len(wanted):
            self._inputs[key] = inputs_of(
                self.community, self.connection, wanted, known, final=final
            )
        return self._inputs[key]

    def inputs_of_run(self, code: str, until: int) -> list[PeriodInputs] | None:
        """Return what a run knew up to a half-hour; None where readings of it were erased."""
        if any(span.start <= until for _, _, span in self.erased_readings()):
            return None
        final = self.rules.timetable.is_final(code)
        return self.inputs(self.run(code).known, final=final, until=until)

    def erased_readings(self) -> list[tuple[str, str, range]]:
        """Return (meter, channel, half-hours) of the day's readings that were erased."""
        if self._erased is None:
            self._erased = [*self._find_erased()]
            if self._erased:
                self.gone.append(
                    "Readings of the day were erased: what came of them cannot be worked out again."
                )
        return self._erased

    def _find_erased(self) -> list[tuple[str, str, range]]:
        erased = {
            p for p, what in log_store.erased(self.connection, self.number) if what == "detail"
        }
        known = log_store.entries_at(self.connection, self.number, sorted(erased))
        found = []
        for position in sorted(p for p, (kind, _) in known.items() if kind == "reading_batch"):
            body = why_store.at(self.connection, self.number, position).body
            span = range(body["first"], body["first"] + body["count"])
            if span.start < self.periods.stop and span.stop > self.periods.start:
                found.append((body["meter"], body["channel"], span))
        return found

    def hold_detail(self) -> Mapping[str, Any] | None:
        """Return the orders and funds that the first run fixed; None where they were erased."""
        if self._hold is None:
            hold = self.said("hold", self.runs[0].code, self.day.isoformat())
            if hold is None:
                raise LogError(
                    f"The log has no hold of {self.day}. Check the database against its log."
                )
            if hold.entry.detail is None:
                self.gone.append(
                    "What was set aside for the day was erased: what money there was for an order "
                    "is not known any more."
                )
                self._hold = (None,)
            else:
                self._hold = (decode(hold.entry.detail, DETAIL_BYTES_MAX),)
        return self._hold[0]

    def funds(self, code: str) -> DayFunds | None:
        """Return the day's funds as a run had them; None where they were erased."""
        detail = self.hold_detail()
        if detail is None:
            return None
        first = code == self.runs[0].code
        return funds_from_detail(detail) if first else fixed_funds(detail)

    def held_orders(self, span: range) -> list[PeriodOrders] | None:
        """Return the first run's orders of some half-hours, as its hold fixed them."""
        detail = self.hold_detail()
        if detail is None:
            return None
        items = [item for item in detail["orders"] if item["period"] in span]
        return orders_from_detail({"orders": items}, self.rules.feeder)

    def orders(self, code: str, until: int) -> list[PeriodOrders] | None:
        """Return the orders of a run up to a half-hour, made again; None where that cannot be."""
        if code not in self._orders or len(self._orders[code]) <= until - self.periods.start:
            inputs, funds = self.inputs_of_run(code, until), self.funds(code)
            if inputs is None or funds is None:
                span = range(self.periods.start, until + 1)
                return self.held_orders(span) if code == self.runs[0].code else None
            wanted = inputs[: until - self.periods.start + 1]
            self._orders[code] = fund_orders(self.community.state, wanted, funds)
        return self._orders[code]

    def result(self, clearing: Found) -> Result | None:
        """Return a clearing's result; None where it was erased."""
        if clearing.entry.detail is None:
            self.gone.append(
                "The result of the clearing was erased: its price is not known any more."
            )
            return None
        return read_result(clearing.entry.detail)


def unlike_log(connection: Connection, community: int, found: Found) -> str | None:
    """Return a sentence where a stored fact is not what the log commits to; None if it is."""
    position = found.cited.position
    [leaf] = log_store.leaves(connection, community, position, position + 1)
    if found.entry.leaf != leaf:
        return f"What is stored of log entry {position} is not what the log commits to."
    return None
