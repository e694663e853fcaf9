import json
import re
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import wallet
from ledger.errors import InputError, LogError
from ledger.primitives.canonical import encode
from ledger.primitives.periods import load_zone, of_local_month
from ledger.records import Kind
from ledger.tables import PersonRow
from settlement import store
from settlement.statement import (
    PENNY_UNITS,
    WH_FIELDS,
    DayLine,
    GridComparison,
    HouseholdStatement,
    PaymentLine,
    at_printed_precision,
    household_statement,
)
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_store import Payment, Seal
from settlement.statement_text import WIDTH, render_text
from settlement.tables import LineRow
from tests.streets import MISSING, build_street

ADA, BEN = "0f" * 16, "1e" * 16
MONTHS = ("2026-06", "2026-07")

GOLDEN = """\
Riverside Power
Statement for June 2026
Ada, account ending 0F0F

You have £12.43 so far in June 2026.
Set aside £2.00. You can go below zero by £20.00.

You are £0.16 better off than with the grid alone.
Worked out so far: 2 of 30 days. 3 half-hours' readings in the whole community
were missing: counted as zero.

You had at the start    £16.00
Sold to neighbours      +£0.23
Bought from neighbours  −£0.20
Payments                −£3.60
You have                £12.43

Your days, in kWh
       Sold        Bought         Own  From    To
Day     kWh     £     kWh     £   use  grid  grid
Mon 1   1.00  0.15    0.40  0.06  2.50  3.00  0.00
Tue 2   0.56  0.08    1.00  0.14  0.00  0.01  4.00
--------------------------------------------------
Total   1.56  0.23    1.40  0.20  2.50  3.01  4.00

Payments
Tue 2  −£3.60  to Moseley Bakery: two loaves

The same energy with the grid alone, at your own tariffs
            Here  With the grid  Better by
Sold      +£0.23         +£0.06     +£0.17
Bought    −£0.20         −£0.19     −£0.01
Together  +£0.03         −£0.13     +£0.16

Each day is sealed in the log riverside.example/ledger/1
Day    Worked out in  Log entry          Seal
Mon 1         run SF        128  abababababab
Tue 2         run SF        226  cdcdcdcdcdcd

This is not your electricity bill.
What neighbours could not cover or take, your own supplier bills or buys. £
stands for BRM, this community's own currency: All wallets together always sum
to zero. Money is counted to a hundred-thousandth of a penny and rounded to
the penny here so that every column adds up.
"""


def payment_line(units, *, name="Moseley Bakery", reference="two loaves", day=date(2026, 6, 2)):
    payment = Payment(989000, wallet(BEN, "BRM/7"), reference, units, 40, "ef" * 32)
    return PaymentLine(day, BEN, name, payment)


def statement_of(days, payments=(), *, opening=0, grid=(0, 0), seals=()):
    energy = sum(line.sold_units - line.bought_units for line in days)
    return HouseholdStatement(
        community="Riverside Power",
        origin="riverside.example/ledger/1",
        currency="BRM",
        promise="All wallets together always sum to zero.",
        member=ADA,
        member_name="Ada",
        month="2026-06",
        days_in_month=30,
        opening_units=opening,
        days=tuple(days),
        payments=tuple(payments),
        closing_units=opening + energy + sum(line.units for line in payments),
        set_aside_units=200 * PENNY_UNITS,
        floor_units=-2000 * PENNY_UNITS,
        grid=GridComparison(*grid),
        seals=tuple(seals),
    )


@pytest.fixture
def example():
    return statement_of(
        [
            DayLine(date(2026, 6, 1), 1_004, 1_480_000, 396, 572_000, 2_500, 3_000, 0),
            DayLine(date(2026, 6, 2), 554, 837_000, 1_004, 1_450_000, 0, 6, 4_000),
        ],
        [payment_line(-360 * PENNY_UNITS)],
        opening=1600 * PENNY_UNITS,
        grid=(1_900_000, 638_780),
        seals=[
            Seal("2026-06-01", "SF", 3, 128, "ab" * 32),
            Seal("2026-06-02", "SF", 0, 226, "cd" * 32),
        ],
    )


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
    lines = LineRow.__table__
    with street.community.transaction() as connection:
        ledger = street.community.writer.ledger
        number = ledger.number_of(connection, wallet(street.members["Ben"], "LWD/7"))
        [line, *_] = store.member_lines(
            connection, ledger, street.members["Ben"], "LWD/7", range(4_000_000)
        )
        connection.execute(
            lines.insert().values(
                community=ledger.community,
                member=number,
                period=line.period,
                code="R1",
                own_use_wh=0,
                bought_wh=0,
                sold_wh=0,
                grid_import_wh=0,
                grid_export_wh=0,
                bought_units=1,
                sold_units=0,
                position=1,
            )
        )
    with street.community.reading() as connection, pytest.raises(LogError, match="2026-06"):
        household_statement(street.community, connection, street.members["Ben"], "2026-06")
    street.community.writer.database.close()


# What is printed adds up

UNITS = st.integers(0, 10**9)
WH = st.integers(0, 10**6)


@st.composite
def random_statements(draw):
    count = draw(st.integers(0, 30))
    days = [
        DayLine(
            date(2026, 6, 1) + timedelta(days=index),
            draw(WH),
            draw(UNITS),
            draw(WH),
            draw(UNITS),
            draw(WH),
            draw(WH),
            draw(WH),
        )
        for index in range(count)
    ]
    amounts = draw(st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=5))
    opening = draw(st.integers(-(10**9), 10**9))
    grid = draw(st.tuples(UNITS, UNITS))
    return statement_of(days, [*map(payment_line, amounts)], opening=opening, grid=grid)


@given(random_statements())
def test_what_is_printed_closes(statement):
    printed = at_printed_precision(statement)
    total = printed.total
    assert (
        printed.opening_units + total.sold_units - total.bought_units + printed.paid_units
        == printed.closing_units
    )
    assert printed.bought_saving_units + printed.sold_gain_units == printed.better_units
    step_wh = 10 ** (3 - statement.kwh_places)
    pairs = [
        (statement.opening_units, printed.opening_units, PENNY_UNITS),
        (statement.closing_units, printed.closing_units, PENNY_UNITS),
        (statement.better_units, printed.better_units, PENNY_UNITS),
        (statement.grid.bought_units, printed.grid.bought_units, 3 * PENNY_UNITS),
        (statement.grid.sold_units, printed.grid.sold_units, 3 * PENNY_UNITS),
    ]
    pairs += [
        (exact.units, rounded.units, PENNY_UNITS)
        for exact, rounded in zip(statement.payments, printed.payments, strict=True)
    ]
    for exact, rounded in zip(
        (*statement.days, statement.total), (*printed.days, total), strict=True
    ):
        for name in ("sold_units", "bought_units"):
            pairs.append((getattr(exact, name), getattr(rounded, name), PENNY_UNITS))
        for name in WH_FIELDS:
            assert getattr(rounded, name) % step_wh == 0
            assert abs(getattr(exact, name) - getattr(rounded, name)) <= step_wh
    for exact, rounded, within in pairs:
        assert rounded % PENNY_UNITS == 0
        assert abs(exact - rounded) <= within


@given(random_statements())
def test_the_figures_on_paper_add_up_and_fit(statement):
    text = render_text(statement)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert re.search(r"\d-|-\d.*£|-£", text.split("Your days")[0]) is None
    sums = {
        label.strip(): hundredths(amount)
        for label, amount in re.findall(r"^(\w[\w ]*?)  +([+−]?£[\d,.]+)$", text, re.MULTILINE)
    }
    assert sums.pop("You have") == sum(sums.values())
    if statement.days:
        block = text.split("Your days, in kWh\n")[1].split("\n\n")[0].splitlines()
        rows = [[hundredths(cell) for cell in line[6:].split()] for line in block[2:-2]]
        assert [sum(column) for column in zip(*rows, strict=True)] == [
            hundredths(cell) for cell in block[-1][6:].split()
        ]


def hundredths(text):
    """Read a printed figure; whole kWh stay whole, as a column's figures are all alike."""
    digits = re.sub(r"[+£,.]", "", text).replace("−", "-")
    return int(digits)


def test_a_wind_turbines_month_fits_the_page():
    day = DayLine(date(2026, 6, 1), *([33_000_000, 50_000_000_000] * 2), *([33_000_000] * 3))
    days = [replace(day, day=date(2026, 6, 1) + timedelta(days=index)) for index in range(30)]
    text = render_text(statement_of(days))
    assert "990,000" in text
    assert max(map(len, text.splitlines())) <= WIDTH


# What it looks like


def test_the_text_is_the_golden_one(example):
    assert render_text(example) == GOLDEN


def test_the_html_holds_the_same_figures(example):
    page = render_html(example)
    for line in GOLDEN.splitlines():
        for figure in re.findall(r"[+−]?£?\d[\d,]*\.\d\d", line):
            assert figure in page
    for words in ("This is not your electricity bill.", "account ending 0F0F", "run SF"):
        assert words in page
    assert "<title>Mon 1: sold 1.00 kWh</title>" in page


class _Page(HTMLParser):
    """Notes every tag with its attributes, and that tags close in order."""

    VOID = ("meta", "rect", "line")

    def __init__(self):
        super().__init__()
        self.tags, self.words, self._open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID or (tag == "rect" and not self.get_starttag_text().endswith("/>")):
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


HOSTILE = """<script>alert("x")</script><img src=x onerror='y'>&amp;\u202e"""


@pytest.mark.parametrize("large_print", [False, True])
def test_a_hostile_name_stays_a_name(example, large_print):
    hostile = replace(
        example,
        community=HOSTILE,
        member_name=HOSTILE,
        promise=HOSTILE,
        origin=HOSTILE,
        currency=HOSTILE,
        payments=(payment_line(PENNY_UNITS, name=HOSTILE, reference=HOSTILE),),
    )
    page = _Page()
    page.feed(render_html(hostile, large_print=large_print))
    page.close()
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "link", "iframe", "base"})
    assert "".join(page.words).count(HOSTILE) == 8
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert {"src", "href", "action"}.isdisjoint(attributes)


def test_the_page_asks_for_nothing_and_runs_nothing(example):
    page = render_html(example)
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    for word in ("<script", "http:", "https:", "//", "@import", "url(", "javascript"):
        assert word not in page.replace("<!doctype html>", "")


def test_a_terminal_is_not_steered_by_a_name(example):
    name = "Ada\x1b[2J\r\nYou have £9,999.99\u202e" + "x" * 60
    text = render_text(replace(example, member_name=name))
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text) is None
    assert not any(line.startswith("You have £9,999.99") for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ((2_022_000, 2_317_000), "This came to the same as with the grid alone."),
        ((2_022_000 + PENNY_UNITS, 2_317_000), "You are £0.01 better off than with the grid"),
        ((2_022_000 - PENNY_UNITS, 2_317_000), "You are £0.01 worse off than with the grid"),
    ],
)
def test_the_comparison_is_said_in_plain_words(example, grid, words):
    assert words in render_text(replace(example, grid=GridComparison(*grid)))


def test_a_month_that_is_all_worked_out_says_so(example):
    seals = [Seal(f"2026-06-{day:02d}", "SF", 0, day, "ab" * 32) for day in range(1, 31)]
    text = render_text(replace(example, seals=tuple(seals)))
    assert "You have £12.43 at the end of June 2026." in text
    assert "All 30 days are worked out. No reading was missing." in text


def test_days_that_are_not_worked_out_are_an_outlined_gap(example):
    page = render_html(example)
    assert page.count('class="gap"') == 1
    assert ">not yet</text>" in page


def test_the_json_is_canonical_and_exact(example):
    value = statement_json(example)
    assert json.loads(encode(value)) == value
    assert value["days"][0]["sold_units"] == 1_480_000
    total = value["total"]
    assert value["closing_units"] == (
        value["opening_units"]
        + total["sold_units"]
        - total["bought_units"]
        + sum(payment["units"] for payment in value["payments"])
    )
    assert value["payments"][0]["with"] == {"id": BEN, "name": "Moseley Bakery"}
    erased = replace(example, payments=(payment_line(5, name=None, reference=None),))
    assert "reference" not in statement_json(erased)["payments"][0]
    encode(statement_json(erased))
