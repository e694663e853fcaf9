"""A week of the demonstration's street, from an empty folder to the audit's verdict."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ledger.primitives.clock import FixedClock
from settlement.audit.verify import audit
from settlement.community import Community
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from wallet_api.cli import demo
from wallet_api.street import CHARTER, WEEK


def week_rows() -> list[str]:
    """Measure the demonstration's street from an empty folder to the audit's verdict."""
    laps: dict[str, list[float]] = {}
    for _ in range(5):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "street"
            for step, work in _week(folder):
                start = time.perf_counter()
                work()
                laps.setdefault(step, []).append(time.perf_counter() - start)
    rows = [f"| {step} | {statistics.median(times):.2f} |" for step, times in laps.items()]
    total = statistics.median(map(sum, zip(*laps.values(), strict=True)))
    rows.append(f"| **all** | **{total:.2f}** |")
    print("\n".join(rows))
    return rows


def _week(folder: Path) -> list[tuple[str, Callable[[], object]]]:
    made: list[Community] = []

    def settle() -> None:
        for day in WEEK:
            clock = made[0].writer.clock
            assert isinstance(clock, FixedClock)
            clock.set_ms(first_due_ms(day, CHARTER.zone))
            settle_day(made[0], day)
        made[0].writer.publish(folder / "log")

    def check() -> None:
        report = audit(folder / "bundle.zip")
        if report.failed:
            raise SystemExit(f"the benchmark's own audit failed: {report.failure}")

    return [
        ("found the community, 16 members", lambda: made.append(demo.set_up(folder))),
        ("7,728 readings from files into signed batches", lambda: demo.read_week(made[0], folder)),
        ("336 half-hours cleared, posted, signed, sealed, log published", settle),
        ("bundle exported", lambda: export_bundle(made[0], folder / "bundle.zip")),
        ("bundle audited", check),
    ]


def week_section() -> list[str]:
    """Return the page's section on the demonstration's week."""
    return [
        "## A week of the demonstration's street, end to end",
        "",
        "SQLite with full synchronisation, one process; median of 5 runs.",
        "",
        "| step | seconds |",
        "| --- | ---: |",
        *week_rows(),
        "",
        "A year of seventeen real homes, with its times: [real-year.md](real-year.md).",
    ]
