"""How the ledger's cost grows: ten million transfers, a million at a time."""

import random
import statistics
import time

from ledger import history
from tests.bench.page import PAGE
from tests.bench.streets import PERIOD, MeasuredLedger, fresh_database, moves_between

MILLIONS = 10
ACCOUNTS = 10_000
BATCH = 1_000


def growth_section() -> list[str]:
    """Return the page's section on growth, and draw its curve."""
    rows, seconds = [], []
    with fresh_database("SQLite FULL") as (database, folder):
        ledger = MeasuredLedger(database, ACCOUNTS)
        for million in range(1, MILLIONS + 1):
            moves = moves_between(ACCOUNTS, 100_000, hot=False, seed=million)
            begun = time.perf_counter()
            for turn in range(1_000_000 // BATCH):
                first = turn * BATCH % len(moves)
                ledger.post(moves[first : first + BATCH])
            seconds.append(time.perf_counter() - begun)
            look_ms = _look_back(ledger)
            size = sum(path.stat().st_size for path in folder.glob("*")) / 2**20
            rows.append(
                f"| {million} | {1_000_000 / seconds[-1]:,.0f} | {seconds[-1] / seconds[0]:.2f} "
                f"| {look_ms:.2f} | {size:,.0f} |"
            )
            print(rows[-1])
    draw(seconds)
    return [
        "## Ten million transfers",
        "",
        f"SQLite FULL, batches of {BATCH:,}, {ACCOUNTS:,} accounts. *Against the first* is the time",
        "of this million over that of the first: 1 is linear growth of the whole.",
        "",
        "![Seconds for each million transfers](benchmarks-growth.svg)",
        "",
        "| million | transfers/s | against the first | balance at a half-hour, ms | MiB |",
        "| ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]


def _look_back(ledger: MeasuredLedger) -> float:
    dice, times = random.Random(7), []
    with ledger.database.read() as connection:
        for _ in range(50):
            account, end = 1 + dice.randrange(ACCOUNTS), PERIOD + dice.randrange(48)
            begun = time.perf_counter()
            history.balance_at(connection, ledger.store.community, account, end)
            times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


def draw(seconds: list[float]) -> None:
    """Draw the total time against the number of transfers, beside a straight line."""
    totals = [sum(seconds[: count + 1]) for count in range(len(seconds))]
    width, height, left, bottom = 640, 320, 60, 40
    x = [left + (width - left - 20) * (n + 1) / len(totals) for n in range(len(totals))]
    scale = (height - bottom - 20) / max(totals)
    points = " ".join(
        f"{at:.0f},{height - bottom - total * scale:.0f}"
        for at, total in zip(x, totals, strict=True)
    )
    end = height - bottom - seconds[0] * len(seconds) * scale
    labels = "".join(
        f'<text x="{at:.0f}" y="{height - 20}" text-anchor="middle">{n + 1}</text>'
        for n, at in enumerate(x)
    )
    (PAGE.parent / "benchmarks-growth.svg").write_text(
        f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<rect width="{width}" height="{height}" fill="#fffdf7"/>
<line x1="{left}" y1="{height - bottom}" x2="{x[-1]:.0f}" y2="{end:.0f}" stroke="#b9b2a3" stroke-dasharray="4 4"/>
<polyline points="{left},{height - bottom} {points}" fill="none" stroke="#1f6f5c" stroke-width="2"/>
<line x1="{left}" y1="{height - bottom}" x2="{width - 20}" y2="{height - bottom}" stroke="#333"/>
<line x1="{left}" y1="20" x2="{left}" y2="{height - bottom}" stroke="#333"/>
{labels}
<text x="{width / 2:.0f}" y="{height - 4}" text-anchor="middle">million transfers posted (dashed: the first million's pace)</text>
<text x="8" y="24">{max(totals):,.0f} s</text>
</svg>
""",
        encoding="utf-8",
    )
