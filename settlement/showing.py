"""Runs that only show: what a day would come to with what is known, on its way and not final.

Nothing is posted, held or logged; what was shown is kept, with the log position before which its
readings stand, so that it can be worked out again to the byte.

>>> show_day.__name__
'show_day'
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from ledger import log_store
from ledger.primitives.canonical import decode, encode
from ledger.primitives.periods import load_zone, of_local_day
from market.clearing import clear
from settlement import shown_store, store
from settlement.community import Community
from settlement.day_run import missing_of
from settlement.errors import NothingReadError, RunRefusedError
from settlement.orders import fund_orders, funds_of
from settlement.postings import Line, lines_of, market_of
from settlement.run_inputs import inputs_of
from settlement.shown_store import Shown
from settlement.timetable import DETAIL_BYTES_MAX, due_at_ms


@dataclass(frozen=True, slots=True)
class ShownDay:
    """What a day would come to.

    Attributes:
        shown: as it is kept.
        lines: of every member and half-hour, in order.
        missing: readings that count as zero because there are none.
    """

    shown: Shown
    lines: tuple[Line, ...]
    missing: int

    @property
    def matched_wh(self) -> int:
        """What neighbours would trade."""
        return sum(line.sold_wh for line in self.lines)


def show_day(community: Community, day: date, code: str) -> ShownDay:
    """Work a local day out with what is known now, and keep it to be shown.

    Raises:
        RunRefusedError: too early, nothing is known of the day, or it is posted already.
    """
    with community.transaction() as connection:
        return show_within(community, connection, day, code)


def show_within(community: Community, connection: Connection, day: date, code: str) -> ShownDay:
    """Do as `show_day`, within a transaction of the caller's.

    Raises:
        RunRefusedError: too early, nothing is known of the day, or it is posted already.
    """
    writer, state = community.writer, community.state
    made = store.runs_of(connection, writer.community, day.isoformat())
    if made:
        raise RunRefusedError(f"{day} is worked out: {made[0].code} was posted.")
    rules = state.rules_now
    known_at_ms = writer.clock.now_ms() // 1000 * 1000
    if known_at_ms < due_at_ms(state.timetable_of(day).run(code), day, rules.zone):
        raise RunRefusedError(f"The run {code} of {day} is not due yet; nothing was shown.")
    known, _, _ = log_store.head(connection, writer.community)
    found = worked_out(community, connection, day, known, code, known_at_ms)
    shown_store.save_shown(connection, writer.community, found.shown)
    return found


def worked_out(
    community: Community, connection: Connection, day: date, known: int, code: str, known_at_ms: int
) -> ShownDay:
    """Work a day out as the log stood before a position, with the wallets of now.

    Raises:
        RunRefusedError: no rules bound the day, or nothing is known of it.
    """
    state = community.state
    periods = of_local_day(day, load_zone(state.rules_now.zone))
    rules = state.rules_of(periods.start)
    if rules is None:
        raise RunRefusedError(f"No rules bound all of {day}.")
    periods = rules.timetable.run(code).shows(periods, known_at_ms)
    inputs = inputs_of(community, connection, periods, known)
    if all(len(item.missing) == len(item.readings) for item in inputs):
        raise NothingReadError(f"There is not one reading of {day} yet.")
    balances = community.writer.ledger.balances(connection)
    caps, ledger = state.month_caps(periods), community.writer.ledger
    bought = store.bought_in_month(connection, ledger, day.isoformat()[:7], caps, rules.asset)
    orders = fund_orders(state, inputs, funds_of(state, balances, rules.asset, periods, bought))
    lines = [
        line
        for item, its_orders in zip(inputs, orders, strict=True)
        for line in lines_of(item, clear(market_of(its_orders, rules)), rules)
    ]
    missing = missing_of(inputs)
    data = encode({"lines": [list(line) for line in lines], "missing": missing})
    shown = Shown(day.isoformat(), code, known_at_ms, known, data)
    return ShownDay(shown, tuple(lines), missing)


def shown_day(community: Community, connection: Connection, day: date) -> ShownDay | None:
    """Return what was last shown of a day that is not worked out yet, or None."""
    found = shown_store.find_shown(connection, community.writer.community, day.isoformat())
    if found is None:
        return None
    value = decode(found.data, DETAIL_BYTES_MAX)
    return ShownDay(found, tuple(Line(*line) for line in value["lines"]), value["missing"])
