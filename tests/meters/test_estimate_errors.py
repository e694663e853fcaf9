"""The page about estimates holds the figures that are measured, and the rules' own words."""

import pytest

from meters.estimate_days import WEEKS_BACK
from meters.estimate_inputs import RULES_VERSION, RUN_PERIODS_MAX
from meters.estimate_methods import LIKE_DAYS_MAX, LINEAR_PERIODS_MAX, REFERENCE_WH_MIN
from tests.engines import minutes
from tests.meters.estimate_errors import HEAD, PAGE, WORDS, on_page, table


@pytest.mark.shared
def test_the_table_is_the_measured_one():
    minutes("the errors of estimates were not measured")
    assert on_page() == table()


def test_each_method_stands_in_order_on_the_page():
    rows = [
        line
        for line in PAGE.read_text().splitlines()
        if line.startswith(("| S", "| I", "| L", "| P", "| Z"))
    ]
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {quality.letter}", word] for quality, word in WORDS.items()
    ]


def test_the_page_has_the_rules_figures():
    assert (LINEAR_PERIODS_MAX, LIKE_DAYS_MAX, WEEKS_BACK) == (4, 5, 4)
    page = PAGE.read_text()
    for words in (
        f"now {RULES_VERSION};",
        f"{RUN_PERIODS_MAX} half-hours",
        f"{REFERENCE_WH_MIN} Wh",
    ):
        assert words in page


def test_the_table_has_a_row_for_each_method_and_channel():
    assert on_page().startswith(HEAD)
    assert len(on_page().splitlines()) == 2 + 2 * len(WORDS)
