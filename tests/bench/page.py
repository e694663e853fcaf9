"""The page of benchmarks: sections between markers, each replaced when it is measured again."""

import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
RUNS = 9

HEAD = f"""# Benchmarks

Written by `make bench`: {platform.machine()}, Python {platform.python_version()}.
Machines are noisy, so read the ratios. Nothing in the tests asserts a time.
"""


def median_seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median time of some runs, after one that is not counted."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def take_turns(
    works: Mapping[str, Callable[[], object]],
    runs: int = RUNS,
    clock: Callable[[], float] = time.process_time,
    between: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Return the median time of each work; they take turns, after a round that is not counted.

    Processor time unless another clock is given: two shared cores are noisy, and nothing that is
    measured so waits for anything. What is done between works is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs + 1):
        for name, work in works.items():
            between()
            start = clock()
            work()
            times[name].append(clock() - start)
    return {name: statistics.median(laps[1:]) for name, laps in times.items()}


def verdict(what: str, measured: float, wanted: float, unit: str, *, least: bool = False) -> str:
    """Return a line that says what is wanted, and whether it is reached.

    >>> verdict("10,000 homes", 4.2, 10, "ms")
    '- 10,000 homes: at most 10 ms; **reached**, 4.2 ms.'
    """
    reached = measured >= wanted if least else measured <= wanted
    said = "reached" if reached else "not reached"
    bound = "at least" if least else "at most"
    number = f"{measured:,.0f}" if measured >= 100 else f"{measured:.1f}"
    return f"- {what}: {bound} {wanted:g} {unit}; **{said}**, {number} {unit}."


def write_sections(made: dict[str, list[str]], order: list[str]) -> None:
    """Put sections into the page; those that were not measured stay as they are."""
    kept = {}
    if PAGE.exists():
        pattern = r"<!-- section: ([a-z0-9-]+) -->\n(.*?)\n<!-- end -->"
        kept = dict(re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL))
    sections = {name: "\n".join(made[name]) if name in made else kept.get(name) for name in order}
    parts = [
        f"<!-- section: {name} -->\n{text}\n<!-- end -->"
        for name, text in sections.items()
        if text is not None
    ]
    PAGE.write_text("\n".join([HEAD, *("\n\n".join(parts),)]) + "\n", encoding="utf-8")
