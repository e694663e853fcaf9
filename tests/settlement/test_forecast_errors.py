"""The page about forecasts holds the figures that are measured, and the rules' own words."""

import pytest

from market.model import PriceRule
from settlement.forecast import AHEAD_DAYS_MAX, BAND_FIFTHS, TRIALS_MIN
from settlement.forecast_days import (
    GAPS_MAX,
    MEAN_DAYS,
    MEAN_DAYS_MIN,
    SMOOTH_PLACES,
    WINDOW_DAYS,
)
from settlement.forecast_prices import ALIKE
from settlement.forecast_store import MISSING_ONE_IN
from tests.engines import minutes
from tests.settlement import forecast_trials as trials
from tests.settlement.forecast_errors import END, PAGE, PLOT, SECTIONS, begin, on_page
from tests.settlement.forecast_plot import drawing


@pytest.mark.shared
def test_the_page_is_what_was_measured():
    """One test, so that one process makes the year's forecasts, once: a minute's work."""
    minutes("the year's forecasts were not measured")
    for name, make in SECTIONS.items():
        assert on_page(name) == make(), name
    assert PLOT.read_text(encoding="utf-8") == drawing()
    for ahead in trials.HORIZONS:
        it_beats_persistence(ahead)
        # The band holds about four days of five.
        assert 0.75 < trials.inside("homes", "surplus", ahead) < 0.85
        # Who washes as advised finds more to spare than by other rules of thumb.
        two = trials.washing(ahead)
        assert max(two.last_day, two.noon) < two.advised < two.best


def it_beats_persistence(ahead):
    for name in ("offered", "wanted", "surplus"):
        plain = trials.plain_error("homes", name, ahead, trials.last_day)
        assert trials.mean_error("homes", name, ahead) < 0.95 * plain
    for rule in (PriceRule.SUPPLY_DEMAND_RATIO, PriceRule.UNIFORM):
        price = trials.price_errors(rule, ahead)
        assert price.error < price.last


@pytest.mark.parametrize("name", SECTIONS)
def test_each_table_has_its_place(name):
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(begin(name)) == 1
    assert page.count(END) == len(SECTIONS)


def test_the_page_has_the_rules_figures():
    assert (GAPS_MAX, MEAN_DAYS_MIN, TRIALS_MIN, AHEAD_DAYS_MAX) == (4, 7, 7, 14)
    assert (SMOOTH_PLACES, BAND_FIFTHS, MISSING_ONE_IN) == (2, 4, 20)
    page = PAGE.read_text(encoding="utf-8")
    for words in (
        f"the last {MEAN_DAYS} known days",
        f"each of the last {WINDOW_DAYS} days",
        f"the {ALIKE} half-hours of the last four weeks",
        "lacks more than two hours",
        "Not before two weeks",
        "more than two weeks before",
        "means over two and a half hours",
        "four of five days",
        "all but one in\n  twenty",
    ):
        assert words in page, words
