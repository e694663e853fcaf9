"""The same half-hours cleared by others (`tests.bench.peer_engines`), in turns and in one run.

Other projects' engines take part where COMMONWATT_BENCH_PEERS names a Python that has them; without
it they are left out, loudly. What each engine gives to orders is looked at outside the clock.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.bench.markets import (
    DISTINCT,
    TIED,
    Book,
    even_book,
    limits_and_wh,
    sort_orders,
)
from tests.bench.page import verdict
from tests.bench.peer_engines import (
    PULP_CBC,
    PULP_HIGHS,
    SECONDS_MAX,
    Got,
    Others,
    cbc,
    highs,
    merit_order,
    naive_pulp,
    ours,
    own_versions,
)

PEERS_VARIABLE = "COMMONWATT_BENCH_PEERS"
"""Names a Python that has other projects' engines."""

RUNS = 5

SLOW_SECONDS = 3.0
"""An engine that takes longer is run once and not in turns."""

CASES = {
    "10,000 a side, 360 levels": (10_000, 360),
    "10,000, one tariff": (10_000, TIED),
    "10,000, all distinct": (10_000, DISTINCT),
    "50,000, 360 levels": (50_000, 360),
    "50,000, one tariff": (50_000, TIED),
}
OURS = "**Commonwatt**"
LIMIT = "numpy's sort of the orders (the limit)"
LEMLAB, COMPLEX = "lemlab, periodic double auction", "ASSUME, complex (linear programme)"
WANTED = {LEMLAB: 10, COMPLEX: 50}

NOTES = (
    "lemlab and rec_op_lem_prices are on no package index: their clearing function and its helpers",
    "run as published, without the databases around them. GSy's is `gsy-frameworke` of 2021, as",
    "PyPI has it. MUDA, which asks for prices that differ within a side, traded nothing at 360",
    "levels: its two halves found no price. An engine that traded nothing is not counted as even.",
)


@dataclass(slots=True)
class Found:
    """What was seen of an engine in one case: seconds, each order's Wh, or why there are none."""

    seconds: list[float] = field(default_factory=list)
    got: Got | None = None
    instead: str = ""

    @property
    def median(self) -> float:
        """The median of its runs."""
        return statistics.median(self.seconds)


def measure(book: Book, others: Others | None) -> dict[str, Found]:
    """Clear a book by everybody: once uncounted, then in turns; slow engines once."""
    sides = limits_and_wh(book.asks), limits_and_wh(book.bids)
    here: dict[str, Callable[[], Got | None]] = {
        OURS: ours(book),
        LIMIT: lambda: sort_orders(*sides),
        "plain integers in Python": merit_order(book),
        PULP_HIGHS: naive_pulp(book, highs),
        PULP_CBC: naive_pulp(book, cbc),
    }
    if others is not None:
        others.load(book)
    found = {name: Found() for name in (*here, *(others.versions if others else ()))}
    for _ in range(RUNS + 1):
        for name, seen in found.items():
            if seen.instead or (seen.seconds and seen.seconds[0] > SLOW_SECONDS):
                continue
            gc.collect()
            if name in here:
                start = time.perf_counter()
                seen.got = here[name]()
                seen.seconds.append(time.perf_counter() - start)
            elif others is not None:
                _take(seen, others.run(name))
    for seen in found.values():
        if len(seen.seconds) > 1:
            del seen.seconds[0]
    return found


def _take(seen: Found, answer: dict[str, Any]) -> None:
    if "late" in answer:
        seen.instead = f"over {answer['late']}"
    elif "failed" in answer:
        seen.instead = "failed"
        print(f"FAILED: {answer['failed']}")
    else:
        seen.seconds.append(answer["seconds"])
        seen.got = answer["got"]


def welfare(book: Book, got: Got) -> float:
    """Return limits of what was bought, less those of what was sold."""
    sides = zip((book.bids, book.asks), (got[1], got[0]), (1, -1), strict=True)
    return sum(
        sign * wh * limit
        for side, mine, sign in sides
        for wh, limit in zip(mine, side.limit_ticks, strict=True)
    )


def is_even(book: Book, got: Got) -> bool | None:
    """Return whether orders alike in side, Wh and limit get the same to a Wh; None if none are."""
    widest = None
    for side, mine in zip((book.asks, book.bids), got, strict=True):
        alike: dict[tuple[int, int], list[float]] = {}
        for wh, limit, taken in zip(side.wh, side.limit_ticks, mine, strict=True):
            alike.setdefault((wh, limit), []).append(taken)
        for taken_each in alike.values():
            if len(taken_each) > 1:
                widest = max(widest or 0.0, max(taken_each) - min(taken_each))
    return None if widest is None else widest <= 1 + 1e-6


def _seconds(seen: Found, mine: Found) -> str:
    """Return a cell: seconds, and how many times ours."""
    if not seen.seconds:
        return seen.instead
    times = seen.median / mine.median
    return (
        f"{seen.median:.3g} ({times:,.0f}×)" if times >= 10 else f"{seen.median:.3g} ({times:.2g}×)"
    )


def seconds_rows(found: dict[str, dict[str, Found]]) -> list[str]:
    """Return a row an engine, a column a case."""
    names = next(iter(found.values()))
    return [
        f"| {name} | "
        + " | ".join(_seconds(of_case[name], of_case[OURS]) for of_case in found.values())
        + " |"
        for name in names
    ]


def seen_rows(
    found: dict[str, dict[str, Found]], books: dict[str, Book], versions: dict[str, str]
) -> list[str]:
    """Return what each engine was seen to allocate, over all cases that it finished."""
    rows = []
    for name in next(iter(found.values())):
        most, best, even, counts = [], 0, 0, [0, 0]
        for case, of_case in found.items():
            got, mine = of_case[name].got, of_case[OURS].got
            if got is None or mine is None:
                continue
            counts[0] += 1
            most.append(sum(got[0]) / sum(mine[0]))
            reached = welfare(books[case], mine)
            best += abs(welfare(books[case], got) - reached) <= 1e-6 * abs(reached)
            alike = is_even(books[case], got) if sum(got[0]) else None
            counts[1] += alike is not None
            even += bool(alike)
        if counts[0]:
            volume = f"{100 * min(most):.1f}"
            said = f"{volume} | {best} of {counts[0]} | {even} of {counts[1]}"
        else:
            said = "gives no order any Wh | |"
        if name != LIMIT:
            rows.append(f"| {name} | {versions.get(name, '')} | {said} |")
    return rows


def verdicts(found: dict[str, dict[str, Found]]) -> list[str]:
    """Return what is wanted at 10,000 a side, and whether it is reached."""
    lines = []
    for case in list(CASES)[:3]:
        for name, times in WANTED.items():
            seen = found[case].get(name)
            if seen is None or not seen.seconds:
                continue
            ratio = seen.median / found[case][OURS].median
            near = " (or nearly that)" if CASES[case][1] == DISTINCT else ""
            lines.append(verdict(f"{case}, {name}{near}", ratio, times, "times ours", least=True))
    return lines


def peers_section() -> list[str]:
    """Return the page's section on others."""
    python = os.environ.get(PEERS_VARIABLE)
    others = Others(python) if python else None
    absent = f"Other projects' engines ({PEERS_VARIABLE}) were not there: NOT MEASURED."
    if others is None:
        print(absent)
    books = {case: even_book(*shape) for case, shape in CASES.items()}
    found = {}
    for case, book in books.items():
        print(f"-- {case}")
        found[case] = measure(book, others)
        for name, seen in found[case].items():
            print(f"{name}: {_seconds(seen, found[case][OURS])}")
    versions = own_versions() | (others.versions if others is not None else {})
    if others is not None:
        others.close()
    return [
        "## Others, on the same half-hours",
        "",
        "Seconds for one half-hour of one feeder under a uniform price, and how many times ours.",
        f"All take turns in one run, median of {RUNS} after one uncounted; whoever takes more than",
        f"{SLOW_SECONDS:g} s is run once, and stopped after {SECONDS_MAX} s. Elapsed time of the call",
        "that clears, with orders already in each engine's own structures; ours includes checking",
        "them, sharing and the certificate.",
        "",
        "| engine | " + " | ".join(CASES) + " |",
        "| --- |" + " ---: |" * len(CASES),
        *seconds_rows(found),
        "",
        "What each was seen to do in those cases: the least part of our traded volume, in how many",
        "cases the welfare was ours (which the certificate proves the greatest), and in how many",
        "orders alike in side, limit and Wh got the same to a Wh.",
        "",
        "| engine | version | volume, % of ours | greatest welfare | alike treated alike |",
        "| --- | --- | ---: | ---: | ---: |",
        *seen_rows(found, books, versions),
        "",
        *([absent, ""] if others is None else [*NOTES, ""]),
        "Wanted:",
        "",
        *verdicts(found),
    ]
