from collections import defaultdict
from datetime import date

import pytest

from ledger.accounts import wallet
from ledger.errors import InputError, LogError
from ledger.primitives.periods import load_zone, of_local_month
from ledger.records import Kind
from ledger.tables import PersonRow
from settlement import store
from settlement.statement import household_statement
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_rounding import PENNY_UNITS
from settlement.statement_text import render_text
from settlement.tables import NetRow
from tests.streets import MISSING, build_street

MONTHS = ("2026-06", "2026-07")


def statements_of(street):
    with street.community.reading() as connection:
        return {
            (name, month): household_statement(street.community, connection, member, month)
            for name, member in street.members.items()
            for month in MONTHS
        }


@pytest.fixture(scope="module")
def statements(settled_street):
    return statements_of(settled_street)


# What a statement says is what the ledger says


def test_a_statement_closes_with_the_wallet_and_months_follow_on(settled_street, statements):
    community = settled_street.community
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
    for name, member in settled_street.members.items():
        june, july = (statements[name, month] for month in MONTHS)
        assert june.opening_units == 0
        assert june.closing_units == july.opening_units
        assert july.closing_units == balances[wallet(member, "LWD/7")].posted
    closings = [statements[name, "2026-07"].closing_units for name in settled_street.members]
    assert sum(closings) == 0
    assert any(closings)


def test_opening_and_lines_equal_a_dumb_walk_over_all_transfers(settled_street, statements):
    community = settled_street.community
    zone = load_zone("Europe/London")
    wallets = {wallet(member, "LWD/7"): name for name, member in settled_street.members.items()}
    moved = defaultdict(int)
    with community.reading() as connection:
        for transfer, _ in community.writer.ledger.transfers(connection):
            if transfer.kind not in (Kind.POST, Kind.POST_HOLD):
                continue
            month = next(m for m in MONTHS if transfer.effective in of_local_month(m, zone))
            for account, sign in ((transfer.debit, -1), (transfer.credit, 1)):
                if account in wallets:
                    moved[wallets[account], month] += sign * transfer.amount
    for key, statement in statements.items():
        total = statement.total
        lines = total.sold_units - total.bought_units + statement.paid_units
        assert lines == moved[key]
        assert statement.opening_units + lines == statement.closing_units


def test_sold_is_bought_over_the_street(settled_street, statements):
    for month in MONTHS:
        totals = [statements[name, month].total for name in settled_street.members]
        assert sum(t.sold_wh for t in totals) == sum(t.bought_wh for t in totals) > 0
        assert sum(t.sold_units for t in totals) == sum(t.bought_units for t in totals) > 0
    assert statements["School roof", "2026-06"].total.own_use_wh > 0


def test_nobody_is_worse_off_than_with_the_grid(statements):
    for statement in statements.values():
        assert statement.bought_saving_units >= 0
        assert statement.sold_gain_units >= 0
    assert statements["Ben", "2026-06"].better_units > 0


def test_payments_days_and_seals_are_those_of_the_month(settled_street, statements):
    june, july = (statements["Ada", month] for month in MONTHS)
    [bread] = june.payments
    assert (bread.day, bread.other_name, bread.units) == (
        date(2026, 6, 29),
        "Ben",
        360 * PENNY_UNITS,
    )
    assert bread.payment.reference == "two loaves"
    [apples] = july.payments
    assert (apples.other_name, apples.units) == ("Cleo", -125 * PENNY_UNITS)
    assert [line.day for line in june.days + july.days] == list(settled_street.days)
    assert [(s.day, s.code, s.missing) for s in june.seals] == [("2026-06-30", "SF", MISSING)]
    assert (june.days_settled, june.days_in_month, july.days_in_month) == (1, 30, 31)


def test_a_month_before_the_first_is_empty_and_reads_well(settled_street):
    with settled_street.community.reading() as connection:
        may = household_statement(
            settled_street.community, connection, settled_street.members["Ada"], "2026-05"
        )
    assert (may.opening_units, may.closing_units, may.days, may.payments) == (0, 0, (), ())
    assert "Nothing was sold to or bought from neighbours." in render_text(may)
    assert "<figure>" not in render_html(may)


@pytest.mark.parametrize(
    ("member", "month"), [("0" * 32, "2026-06"), (None, "2026-6"), (None, "2026-13"), (None, "")]
)
def test_a_wrong_member_or_month_is_refused(settled_street, member, month):
    with (
        settled_street.community.reading() as connection,
        pytest.raises(InputError),
    ):
        household_statement(
            settled_street.community, connection, member or settled_street.members["Ada"], month
        )


def test_an_erased_name_is_a_closed_account(tmp_path):
    street = build_street(tmp_path)
    people = PersonRow.__table__
    with street.community.transaction() as connection:
        connection.execute(people.delete().where(people.c.member == street.members["Ben"]))
    statements = statements_of(street)
    street.community.writer.database.close()
    assert statements["Ben", "2026-06"].member_name is None
    assert "\nClosed account, account ending " in render_text(statements["Ben", "2026-06"])
    assert "from closed account: two loaves" in render_text(statements["Ada", "2026-06"])
    assert "name" not in statement_json(statements["Ben", "2026-06"])["member"]


def test_half_hours_that_disagree_with_the_wallet_are_no_statement(tmp_path):
    street = build_street(tmp_path)
    nets = NetRow.__table__
    with street.community.transaction() as connection:
        ledger = street.community.writer.ledger
        number = ledger.chart.number_of(connection, wallet(street.members["Ben"], "LWD/7"))
        [net, *_] = store.member_nets(
            connection, ledger, street.members["Ben"], "LWD/7", range(4_000_000)
        )
        values = dict.fromkeys(store.WH_AND_UNITS, 0) | {"bought_units": 1}
        connection.execute(
            nets.insert().values(
                community=ledger.community,
                member=number,
                day=net.day,
                code="R1",
                position=1,
                period=net.period,
                cash_units=-1,
                claim_units=0,
                given_wh=0,
                given_units=0,
                **values,
            )
        )
    with street.community.reading() as connection, pytest.raises(LogError, match="2026-06"):
        household_statement(street.community, connection, street.members["Ben"], "2026-06")
    street.community.writer.database.close()
