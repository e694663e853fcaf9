"""What a member paid in a local day and month, summed in the database.

>>> spent_of.__name__
'spent_of'
"""

from sqlalchemy import Connection

from ledger import bulk, history
from ledger.accounts import wallet
from ledger.primitives.periods import SECONDS
from ledger.store import LedgerStore
from settlement.spending import SPENDING_KINDS, Spent, spans_of
from settlement.terms import CommunityRules


def spent_of(
    connection: Connection, ledger: LedgerStore, rules: CommunityRules, period: int, member: str
) -> Spent:
    """Return what a member paid so far in the local day and month of a half-hour, in units.

    What operators took back or corrected later counts as it was paid.
    """
    span = spans_of(period, rules.zone)
    number = ledger.chart.number_of(connection, wallet(member, rules.asset))
    # What the month's payments posted has later numbers than all that was recorded before it.
    before_ms = span.month.start * SECONDS * 1000 - 1
    after = history.last_number(connection, ledger.community, before_ms)
    moved = history.entries(connection, ledger.community, number, after=after, periods=span.month)
    paid = [entry for entry in moved if entry.amount < 0]
    rows = bulk.select_in(
        connection,
        f"SELECT position, kind FROM statement WHERE kind IN {tuple(sorted(SPENDING_KINDS))}",  # noqa: S608 - our own words
        "position",
        ledger.community,
        sorted({entry.position for entry in paid}),
    )
    counted = {position for position, _ in rows}
    days = [e for e in paid if e.position in counted and e.effective in span.day]
    return Spent(
        -sum(entry.amount for entry in days),
        -sum(entry.amount for entry in paid if entry.position in counted),
    )
