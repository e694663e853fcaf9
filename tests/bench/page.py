"""The page of benchmarks: sections between markers, each replaced when it is measured again."""

import platform
import re
import statistics
import time
from collections.abc import Callable
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


def write_sections(made: dict[str, list[str]], order: list[str]) -> None:
    """Put sections into the page; those that were not measured stay as they are."""
    kept = {}
    if PAGE.exists():
        pattern = r"<!-- section: ([a-z-]+) -->\n(.*?)\n<!-- end -->"
        kept = dict(re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL))
    sections = {name: "\n".join(made[name]) if name in made else kept.get(name) for name in order}
    parts = [
        f"<!-- section: {name} -->\n{text}\n<!-- end -->"
        for name, text in sections.items()
        if text is not None
    ]
    PAGE.write_text("\n".join([HEAD, *("\n\n".join(parts),)]) + "\n", encoding="utf-8")
