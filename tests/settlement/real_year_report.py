"""Writes `docs/real-year.md` and its drawing: ``python -m tests.settlement.real_year_report``.

It lives the year, checks it as the test does, and takes some minutes.

>>> PAGE.name, PLOT.name
('real-year.md', 'real-year-runs.svg')
"""

import resource
import tempfile
import time
from pathlib import Path

from tests.settlement.real_year_checks import CHECKS
from tests.settlement.real_year_figures import Figures, figures_of
from tests.settlement.real_year_lived import Lived, live
from tests.settlement.real_year_page import TIMES, page
from tests.settlement.real_year_plot import drawing
from tests.settlement.real_year_scripts import year
from tests.settlement.real_year_sums import compare, differing_sums, read_books

PAGE = Path(__file__).parents[2] / "docs" / "real-year.md"
PLOT = PAGE.with_name("real-year-runs.svg")


def processor_seconds() -> float:
    """Return seconds of the processor that this process and those it waited for have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def checked(lived: Lived) -> tuple[dict[str, float], list[Exception]]:
    """Make every check; return the seconds that each took, and what was wrong."""
    seconds, wrong = {}, []
    for check in CHECKS:
        begun = processor_seconds()
        try:
            check(lived)
        except (AssertionError, ValueError, LookupError) as error:
            error.add_note(check.__name__)
            wrong.append(error)
        seconds[check.__name__.replace("_", " ")] = processor_seconds() - begun
    return seconds, wrong


def counted(lived: Lived) -> Figures:
    """Count the figures of the page."""
    found = compare(lived)
    assert differing_sums(lived, found) == []
    return figures_of(lived, found, read_books(lived))


def written(lived: Lived, figures: Figures, seconds: dict[str, float]) -> str:
    """Return the page."""
    words = [(check.__doc__ or "").strip() for check in CHECKS]
    steps = dict(lived.diary.seconds.items())
    return page(lived, figures, words, {**steps, **seconds})


def without_times(text: str) -> str:
    """Return a page without what is of one machine."""
    before, _, after = text.partition(TIMES)
    return before + after.partition("\n## ")[2]


def main() -> None:
    """Live the year, and write its page and drawing."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        lived = live(year(), Path(folder))
        seconds, wrong = checked(lived)
        if wrong:
            raise ExceptionGroup("the year does not hold", wrong)
        figures = counted(lived)
        PAGE.write_text(written(lived, figures, seconds), encoding="utf-8")
        PLOT.write_text(drawing(lived, figures), encoding="utf-8")
        lived.community.writer.database.close()
        print(f"{PAGE} written after {time.perf_counter() - begun:.0f} s")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
