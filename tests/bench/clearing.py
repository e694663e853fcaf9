"""One half-hour against a sort of the same orders, and a week of the demonstration's street."""

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ledger.primitives.clock import FixedClock
from market.certificate import verify
from market.clearing import clear
from market.model import Feeder, Market, Order, PriceRule, Result, Rules
from settlement.audit.verify import audit
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.timetable import due_at_ms
from tests.bench.page import RUNS, median_seconds
from wallet_api.cli import demo
from wallet_api.street import CHARTER, WEEK

PERIOD = 946_000
MID_MARKET = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
UNIFORM = Rules(PriceRule.UNIFORM)


def market_of(homes: int, levels: int, rules: Rules) -> Market:
    """Return a market of seeded orders: a third of the homes sell, the others buy."""
    dice = random.Random(f"{homes}/{levels}")
    prices = [410 + 2040 * step // levels for step in range(levels)]
    asks, bids = [], []
    for home in range(homes):
        sells = home % 3 == 0
        limit = dice.choice(prices) if levels > 1 else (410 if sells else 2450)
        order = Order(f"{home:032x}", "a", dice.randrange(1, 3000), limit)
        (asks if sells else bids).append(order)
    return Market(PERIOD, (Feeder("a"),), tuple(asks), tuple(bids), rules)


def sort_orders(asks: np.ndarray, bids: np.ndarray) -> None:
    """Do what any merit order must do: sort both sides by price and sum the energy."""
    np.cumsum(asks[np.argsort(asks[:, 0], kind="stable"), 1])
    np.cumsum(bids[np.argsort(-bids[:, 0], kind="stable"), 1])


def clearing_rows() -> list[str]:
    """Measure one half-hour at three sizes, three price structures."""
    rows = []
    for name, levels, rules in (
        ("mid-market, one tariff", 1, MID_MARKET),
        ("uniform, 36 price levels", 36, UNIFORM),
        ("uniform, 360 price levels", 360, UNIFORM),
    ):
        before = None
        for homes in (100, 1_000, 10_000):
            market = market_of(homes, levels, rules)
            asks, bids = (
                np.array([(order.limit_ticks, order.wh) for order in side])
                for side in (market.asks, market.bids)
            )
            cleared: list[Result] = []
            seconds = median_seconds(lambda m=market, c=cleared: c.append(clear(m)))
            checked = median_seconds(lambda m=market, c=cleared: verify(m, c[0]))
            limit = median_seconds(lambda a=asks, b=bids: sort_orders(a, b))
            growth = f"{seconds / before:.1f}×" if before else ""
            before = seconds
            rows.append(
                f"| {name} | {homes:,} | {1000 * seconds:.2f} | {1000 * checked:.2f} "
                f"| {1000 * limit:.3f} | {seconds / limit:,.0f} | {growth} |"
            )
            print(rows[-1])
    return rows


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
    made = []

    def settle() -> None:
        for day in WEEK:
            clock = made[0].writer.clock
            assert isinstance(clock, FixedClock)
            clock.set_ms(due_at_ms(day, CHARTER.zone))
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


def clearing_section() -> list[str]:
    """Return the page's section on one half-hour."""
    return [
        "## One half-hour",
        "",
        "A third of the homes sell, the others buy, on one feeder. *Sort* is the practical",
        "limit: numpy sorts the same orders by price and sums their energy, and shares",
        f"nothing. Median of {RUNS} runs.",
        "",
        "| market | homes | clear, ms | verify, ms | sort, ms | clear / sort | growth |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *clearing_rows(),
        "",
        "*Growth* is against ten times fewer homes: 10× is linear. Clearing keeps its orders",
        "as objects and shares in plain Python; columns inside come with the clearing",
        "engine's own work.",
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
