"""A year of seventeen real homes with faults, settled through all runs, audited, exported: it holds.

It takes minutes, so it runs where everything is required (CI), or where COMMONWATT_TEST_YEAR=1.
`tests.settlement.real_year_report` writes the page that it compares with.
"""

import pytest

from tests.engines import minutes
from tests.settlement.real_year_lived import live
from tests.settlement.real_year_plot import drawing
from tests.settlement.real_year_report import PAGE, PLOT, checked, counted, without_times, written
from tests.settlement.real_year_scripts import year


@pytest.mark.shared
def test_a_year_with_every_fault_holds_and_its_page_tells_what_came_out(tmp_path):
    minutes("a year of all runs was not lived")
    lived = live(year(), tmp_path)
    seconds, wrong = checked(lived)
    if wrong:
        raise ExceptionGroup("the year does not hold", wrong)
    figures = counted(lived)
    now = without_times(written(lived, figures, seconds))
    told = without_times(PAGE.read_text(encoding="utf-8"))
    assert now == told, "python -m tests.settlement.real_year_report writes it anew"
    assert drawing(lived, figures) == PLOT.read_text(encoding="utf-8")
    lived.community.writer.database.close()
