"""``python -m tests.meters.coverage_examples``: the golden files of a small made-up community.

>>> len(example().rows)
4
"""

from datetime import date, timedelta
from pathlib import Path

from ledger.primitives.periods import load_zone, of_local_day
from meters.coverage import cover
from meters.coverage_html import render_html
from meters.coverage_text import render_text
from meters.readings import Channel, Quality
from meters.versions import Stored

GOLDEN = Path(__file__).parent / "golden"
ZONE = "Europe/London"
FIRST = date(2026, 3, 9)
DAYS = [FIRST + timedelta(days=index) for index in range(33)]
"""To 10 April, with the spring night of 46 half-hours."""

IN_TIME, TOO_LATE = 1, 2
"""Log positions of two batches."""


def periods(day, first=0, count=None):
    """Half-hours of a local day, from one of them on."""
    whole = of_local_day(day, load_zone(ZONE))
    return whole[first : None if count is None else first + count]


def example():
    """Four channels of three homes: something of everything."""
    start, stop = periods(FIRST).start, periods(DAYS[-1]).stop
    joined = periods(date(2026, 3, 20)).start
    expected = {
        ("Ada", Channel.IMPORT): range(start, stop),
        ("Ada", Channel.EXPORT): range(start, stop),
        ("Ben", Channel.IMPORT): range(start, stop),
        ("<Zoë & Sons>", Channel.IMPORT): range(joined, stop - 10),
    }
    known = {
        (*slot, period): Stored(300, Quality.ACTUAL.rank, 1, IN_TIME)
        for slot, wanted in expected.items()
        for period in wanted
    }

    def put(slot, some, quality=Quality.ACTUAL, position=IN_TIME):
        for period in some:
            known[*slot, period] = Stored(300, quality.rank, 1, position)

    ben, zoe = ("Ben", Channel.IMPORT), ("<Zoë & Sons>", Channel.IMPORT)
    for number in range(12, 15):
        for period in periods(date(2026, 3, number)):
            del known[*ben, period]
    for period in periods(date(2026, 3, 29), 40):
        del known[*ben, period]
    put(ben, periods(date(2026, 3, 15)), Quality.LIKE_DAY)
    put(ben, periods(date(2026, 3, 16), 0, 6), Quality.INTERPOLATED)
    put(zoe, periods(date(2026, 4, 1)), Quality.EDITED)
    put(zoe, periods(date(2026, 4, 2), 3, 1), Quality.EDITED)
    put(zoe, periods(date(2026, 4, 3)), position=TOO_LATE)
    put(zoe, periods(date(2026, 4, 4), 0, 20), position=TOO_LATE)
    doubted = {*periods(date(2026, 3, 18), 0, 8), *periods(date(2026, 3, 29))}
    return cover(
        "Riverside",
        ZONE,
        DAYS,
        expected,
        known,
        received_ms={IN_TIME: 0, TOO_LATE: 2},
        due_ms=dict.fromkeys(DAYS, 1),
        suspects={("Ada", Channel.EXPORT): doubted},
    )


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "coverage.txt").write_text(render_text(example()), encoding="utf-8")
    (GOLDEN / "coverage.html").write_text(render_html(example()), encoding="utf-8")
