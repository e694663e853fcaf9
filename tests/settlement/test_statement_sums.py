"""Whatever a month was like, what is printed adds up, in every form."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from market.model import Side
from settlement.statement_charges import Bought, charges_of
from settlement.statement_json import statement_json
from settlement.statement_model import Adjustment, Charge, ChargedFor, DayLine, GridPart, OnTheWay
from settlement.statement_page import Sums, Table
from settlement.statement_rounding import PENNY_UNITS, at_printed_precision
from settlement.statement_sections import page_of
from tests.settlement.statement_examples import payment_line, rules_with, sealed, statement_of
from tests.settlement.statement_forms import csv_rows, hundredths, printed_figures

UNITS, WH = st.integers(0, 10**9), st.integers(0, 10**6)
CHANGE, RATES = st.integers(-(10**8), 10**8), st.sampled_from([None, 0, 50, 175, 200, 1_000])
JUNE_1 = date(2026, 6, 1)
EXACT_SUMS = ("opening", "day", "changed", "waits", "payment")


@st.composite
def months(draw, days_max=30):
    """Draw a month in which all that a statement can have comes up, in any sizes and signs."""
    days = [
        DayLine(
            *(JUNE_1 + timedelta(days=index), draw(WH), draw(UNITS), draw(WH), draw(UNITS)),
            *(draw(WH), draw(WH), draw(WH), draw(WH), draw(UNITS)),
        )
        for index in range(draw(st.integers(0, days_max)))
    ]
    changed = [
        Adjustment(JUNE_1 - timedelta(days=index + 1), "R1", *values)
        for index, values in enumerate(draw(st.lists(st.tuples(*[CHANGE] * 5), max_size=4)))
    ]
    way = [
        OnTheWay(JUNE_1 + timedelta(days=20 + index), "II", *values)
        for index, values in enumerate(draw(st.lists(st.tuples(WH, CHANGE, WH, UNITS), max_size=3)))
    ]
    amounts = draw(st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=4))
    statement = statement_of(
        days,
        [*map(payment_line, amounts)],
        opening=draw(st.integers(-(10**9), 10**9)),
        adjustments=changed,
        claim_units=draw(CHANGE),
        seals=sealed(len(days)),
        on_the_way=tuple(way),
        vat_number=draw(st.sampled_from(["", "GB 123456789"])),
    )
    parts = [
        GridPart(side, 1_000 + index, 0, 0)
        for side in (Side.ASK, Side.BID)
        for index in range(draw(st.integers(1, 3)))
    ]
    sold_wh, bought_wh = statement.total.sold_wh, statement.total.bought_wh
    parts = [*_shared(draw, parts, Side.ASK, sold_wh), *_shared(draw, parts, Side.BID, bought_wh)]
    cost, earned = (sum(p.units for p in parts if p.side is side) for side in (Side.BID, Side.ASK))
    grid = replace(statement.grid, bought_units=cost, sold_units=earned, parts=tuple(parts))
    charges = [
        *_charged(draw, statement.total.bought_units, changed=False),
        *_charged(draw, sum(line.bought_units for line in changed), changed=True),
    ]
    return replace(statement, grid=grid, charges=tuple(charges))


def _shared(draw, parts, side, wh):
    """Yield a side's parts with energy that sums to what was traded, and any money."""
    mine = [part for part in parts if part.side is side]
    for part in mine[:-1]:
        share = draw(st.integers(0, wh))
        wh -= share
        yield replace(part, wh=share, units=draw(st.integers(-(10**8), 10**9)))
    yield replace(mine[-1], wh=wh, units=draw(st.integers(-(10**8), 10**9)))


def _charged(draw, units, *, changed):
    """Yield what some money was paid for, in parts that sum to it, at any rates of VAT."""
    if not units:
        return
    network, fee = (draw(st.integers(-(10**6), 10**6)) for _ in range(2))
    for what, part in zip(ChargedFor, (units - network - fee, network, fee), strict=True):
        rate = draw(RATES)
        vat = part * (rate or 0) // (1_000 + (rate or 0))
        yield Charge(what, changed, part, rate, vat)


def sums_close(page):
    """Assert that every sum and total of a page is the sum of what stands above it."""
    for section in page.sections:
        if isinstance(section, Sums):
            *lines, last = [hundredths(amount) for _, amount in section.rows]
            assert sum(lines) == last
        if isinstance(section, Table) and section.total is not None:
            for column, total in enumerate(section.total[1:], 1):
                cells = [row[column] for row in section.rows]
                if total:
                    assert sum(map(hundredths, cells)) == hundredths(total), section.title


def table(page, key):
    found = [s for s in page.sections if isinstance(s, Table) and s.key == key]
    return found[0] if found else None


@given(months())
def test_every_column_of_the_page_adds_up(statement):
    page = page_of(statement)
    sums_close(page)
    for section in page.sections:
        if isinstance(section, Table) and section.split is not None:
            for half in section.narrow():
                assert len({len(half.columns), len(half.total), *map(len, half.rows)}) == 1
    charges, days, grid = (table(page, key) for key in ("charges", "days", "grid"))
    printed = at_printed_precision(statement)
    if charges is not None:  # what is paid for is what is printed as bought, and as changed since
        assert hundredths(charges.total[-1]) * PENNY_UNITS == printed.charged_units
        if len(charges.total) > 2:
            for row in (*charges.rows, charges.total):
                assert hundredths(row[1]) + hundredths(row[3]) == hundredths(row[4])
    if days is not None and grid is not None and grid.total is not None:
        here = [hundredths(row[1]) for row in grid.rows]
        assert here == [
            printed.total.sold_units // PENNY_UNITS,
            -printed.total.bought_units // PENNY_UNITS,
        ]
        tariffs = table(page, "tariffs")
        assert hundredths(tariffs.total[-1]) == hundredths(grid.total[2])


@given(months())
def test_no_charge_is_off_by_more_than_a_few_pence(statement):
    printed = at_printed_precision(statement)
    for exact, rounded in zip(statement.charges, printed.charges, strict=True):
        for name in ("gross_units", "vat_units", "net_units"):
            found = getattr(rounded, name)
            assert found % PENNY_UNITS == 0
            assert abs(found - getattr(exact, name)) <= 6 * PENNY_UNITS
    for exact, rounded in zip(statement.grid.parts, printed.grid.parts, strict=True):
        assert abs(exact.units - rounded.units) <= 6 * PENNY_UNITS


@given(months())
def test_the_csv_closes_at_the_penny_and_in_exact_units(statement):
    rows = csv_rows(statement)
    for column, one in (("amount", 100), ("exact_units", 1)):
        values = {"closing": 0, "sum": 0}
        for row in rows:
            value = round(float(row[column] or 0) * one)
            if row["section"] in EXACT_SUMS:
                values["sum"] += value
            elif row["section"] == "closing":
                values["closing"] += value
        assert values["sum"] == values["closing"]
    charged = [row for row in rows if row["section"].startswith("charged")]
    for net, vat, gross in zip(*(charged[place::3] for place in range(3)), strict=True):
        for column, one in (("amount", 100), ("exact_units", 1)):
            parts = [round(float(row[column]) * one) for row in (net, vat, gross)]
            assert parts[0] + parts[1] == parts[2]


@given(months())
def test_the_json_closes_exactly(statement):
    value = statement_json(statement)
    total, added = value["total"], sum(item["units"] for item in value["payments"])
    for item in value["adjustments"]:
        added += item["sold_units"] - item["bought_units"] - item["given_units"]
    lines = total["sold_units"] - total["bought_units"] - total["given_units"]
    closing = value["opening_units"] + lines + added - value["claim_units"]
    assert closing == value["closing_units"]
    for item in value["charges"]:
        assert item["net_units"] + item["vat_units"] == item["gross_units"]
    gross = sum(item["gross_units"] for item in value["charges"])
    assert gross == statement.charged_units


@settings(max_examples=25)
@given(months(days_max=6))
def test_every_form_prints_the_same_figures(statement):
    figures = printed_figures(statement)
    text = figures.pop("text")
    for form, found in figures.items():
        assert found == text, form


def test_vat_is_never_above_what_it_is_in_nor_in_nothing():
    rules = rules_with(vat=True)
    for wh in range(1, 400, 7):
        day = DayLine(JUNE_1, 0, 0, wh, wh * 1_490)
        charges = charges_of([Bought(rules, False, wh, wh * 1_490)], "household")
        printed = at_printed_precision(statement_of([day], charges=charges))
        for each in printed.charges:
            assert 0 <= each.vat_units <= each.gross_units
            assert each.net_units >= 0


@given(months())
def test_each_tariffs_amount_is_the_nearest_penny_of_its_own(statement):
    """Whoever multiplies energy by tariff finds what is printed; the sums are of what is printed."""
    printed = at_printed_precision(statement)
    pairs = zip(statement.grid.parts, printed.grid.parts, strict=True)
    assert all(2 * abs(one.units - other.units) <= PENNY_UNITS for one, other in pairs)
    assert all(part.units % PENNY_UNITS == 0 for part in printed.grid.parts)
    for side, units in (
        (Side.ASK, printed.grid.sold_units),
        (Side.BID, printed.grid.bought_units),
    ):
        assert sum(part.units for part in printed.grid.parts if part.side is side) == units
