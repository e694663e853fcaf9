import json
import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.primitives.canonical import encode
from market.model import Side
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_model import (
    WH_FIELDS,
    Adjustment,
    DayLine,
    GridComparison,
    GridPart,
    Seal,
)
from settlement.statement_rounding import PENNY_UNITS, at_printed_precision
from settlement.statement_text import WIDTH, render_text
from tests.settlement.statement_examples import BEN, example_statement, payment_line, statement_of

GOLDEN = """\
Riverside Power
Statement for June 2026
Ada, account ending 0F0F
This is not your electricity bill.

You have £12.43 with 2 of 30 days of June 2026 worked out.
Set aside £2.00. You can go below zero by £20.00.

You are £0.16 better off than with the grid alone.
28 of 30 days are not worked out yet. 3 half-hours' readings in the whole
community were missing: counted as zero.

You had at the start    £16.00
Sold to neighbours      +£0.23
Bought from neighbours  −£0.20
Payments                −£3.60
You have                £12.43

Your days
       Sold  Sold  Bought  Bought  Own use  From grid  To grid
Day     kWh     £     kWh       £      kWh        kWh      kWh
Mon 1  1.00  0.15    0.40    0.06     2.50       3.00     0.00
Tue 2  0.56  0.08    1.00    0.14     0.00       0.01     4.00
--------------------------------------------------------------
Total  1.56  0.23    1.40    0.20     2.50       3.01     4.00

Payments
Tue 2  −£3.60  to Moseley Bakery: two loaves

The same energy with the grid alone, at your own tariffs
            Here  With the grid  Better by
Sold      +£0.23         +£0.06     +£0.17
Bought    −£0.20         −£0.19     −£0.01
------------------------------------------
Together  +£0.03         −£0.13     +£0.16

Good to know
What neighbours could not cover or take, your own supplier bills or buys.
£ stands for BRM, this community's own currency: All wallets together always
sum to zero.
Money is counted to a hundred-thousandth of a penny and rounded to the penny
here so that every column adds up.

How to check this
Each day was worked out by a run, and sealed in the log
riverside.example/ledger/1
Day    Run  Log entry          Seal
Mon 1   SF        128  abababababab
Tue 2   SF        226  cdcdcdcdcdcd
"""


@pytest.fixture
def example():
    return example_statement()


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
            given_units=draw(UNITS),
        )
        for index in range(count)
    ]
    change = st.integers(-(10**8), 10**8)
    changes = st.tuples(change, change, change, change, change)
    adjustments = [
        Adjustment(date(2026, 5, 1) + timedelta(days=index), "R1", *values)
        for index, values in enumerate(draw(st.lists(changes, max_size=5)))
    ]
    amounts = draw(st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=5))
    opening = draw(st.integers(-(10**9), 10**9))
    part = st.builds(GridPart, st.sampled_from(Side), st.integers(1, 99_999), WH, UNITS)
    parts = draw(st.lists(part, max_size=5))
    sums = {side: sum(part.units for part in parts if part.side is side) for side in Side}
    grid = (sums[Side.BID], sums[Side.ASK], tuple(parts))
    return statement_of(
        days,
        [*map(payment_line, amounts)],
        opening=opening,
        grid=grid,
        adjustments=adjustments,
        claim_units=draw(st.integers(-(10**8), 10**8)),
    )


@given(random_statements())
def test_what_is_printed_closes(statement):
    printed = at_printed_precision(statement)
    total = printed.total
    assert printed.closing_units == (
        printed.opening_units
        + total.sold_units
        - total.bought_units
        - total.given_units
        + printed.adjusted_units
        - printed.claim_units
        + printed.paid_units
    )
    assert printed.bought_saving_units + printed.sold_gain_units == printed.better_units
    step_wh = 10 ** (3 - statement.kwh_places)
    grid_within = {  # half a penny a tariff
        side: PENNY_UNITS // 2 * sum(part.side is side for part in statement.grid.parts)
        for side in Side
    }
    grid_within[None] = sum(grid_within.values())
    pairs = [
        (statement.opening_units, printed.opening_units, PENNY_UNITS),
        (statement.closing_units, printed.closing_units, PENNY_UNITS),
        (statement.better_units, printed.better_units, PENNY_UNITS + grid_within[None]),
        (statement.grid.bought_units, printed.grid.bought_units, grid_within[Side.BID]),
        (statement.grid.sold_units, printed.grid.sold_units, grid_within[Side.ASK]),
    ]
    pairs += [(statement.claim_units, printed.claim_units, PENNY_UNITS)]
    pairs += [
        (getattr(exact, name), getattr(rounded, name), PENNY_UNITS)
        for exact, rounded in zip(statement.adjustments, printed.adjustments, strict=True)
        for name in ("sold_units", "bought_units", "given_units")
    ]
    pairs += [
        (exact.units, rounded.units, PENNY_UNITS)
        for exact, rounded in zip(statement.payments, printed.payments, strict=True)
    ]
    for exact, rounded in zip(
        (*statement.days, statement.total), (*printed.days, total), strict=True
    ):
        for name in ("sold_units", "bought_units", "given_units"):
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
    assert "-£" not in text
    account = text.split("The same energy with the grid")[0]
    row = re.compile(r"^(\w[\w, .]*?)  +([+−]?£[\d,.]+)$", re.MULTILINE)
    sums = {label.strip(): hundredths(amount) for label, amount in row.findall(account)}
    assert sums.pop("You have") == sum(sums.values())
    assert 4 <= len(sums) <= 7
    if statement.days:
        block = text.split("Your days\n")[1].split("\n\n")[0].splitlines()
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
    for words in ("This is not your electricity bill.", "account ending 0F0F", ">SF</td>"):
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
    text = render_text(replace(example, seals=tuple(seals), estimated=12))
    assert "All 30 days are worked out. 12 half-hours of your own meter were not read" in text


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


def test_large_print_is_large_black_on_white_and_one_column(example):
    page = render_html(example, large_print=True)
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    sizes = re.findall(r"font-size: ([^;}]+)", style)
    assert sizes[0] == "18pt"
    assert all(float(size.removesuffix("em")) >= 1 for size in sizes[1:])
    assert set(re.findall(r"#[0-9a-f]{3,6}\b", style)) == {"#000", "#fff"}
    for word in ("opacity", "italic", "uppercase", "grid-template", "justify;", "rgb"):
        assert word not in style
    assert '<meta name="color-scheme" content="light">' in page
    assert 'data-head="Bought kWh"' in page


def test_ordinary_print_has_contrast_and_no_small_words_on_paper(example):
    [style] = re.findall("<style>(.*?)</style>", render_html(example), re.DOTALL)
    paper = style.split("@media print")[1]
    assert "html { font-size: 12pt; }" in paper
    names = re.findall(r"--(ground|quiet): (#[0-9a-f]+)", style)
    grounds, inks = ([colour for name, colour in names if name == n] for n in ("ground", "quiet"))
    assert len(grounds) == len(inks) == 3
    for ground, ink in zip(grounds, inks, strict=True):
        assert contrast(ground, ink) >= 4.5


def contrast(one, other):
    """Return the ratio of WCAG 2.2, success criterion 1.4.3."""

    def light(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
        parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lights = sorted((light(one), light(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)
