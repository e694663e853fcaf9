"""A year of a simulated street, every half-hour cleared on one core."""

import time
from collections.abc import Iterator
from datetime import date, timedelta

from ledger.primitives.periods import load_zone, of_local_day
from market.clearing import clear
from market.model import Feeder, Market, Orders, Rules
from meters.simulation import ZONE, SimulatedSite, simulate_day
from tests.bench.markets import EXPORT_TICKS, IMPORT_TICKS, MID_MARKET, UNIFORM
from tests.bench.page import verdict

HOMES = 200
DAYS = 365
FIRST = date(2026, 1, 1)
WANTED_SECONDS = 90


def half_hours() -> Iterator[tuple[int, Orders, Orders]]:
    """Yield each half-hour of the year with its sides; two homes in five have panels.

    Each home is with one of six suppliers, whose tariffs are its limits.
    """
    sites = [
        SimulatedSite(
            f"{home:032x}", 3000 + 500 * (home % 5) if home % 5 < 2 else 0, 60 + home % 40, 200, 300
        )
        for home in range(HOMES)
    ]
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        net = []
        for site in sites:
            flows = simulate_day(site, day, "year")
            used = flows[site.meter]
            made = flows.get(site.solar_meter, [0] * len(used))
            net.append([made_wh - used_wh for made_wh, used_wh in zip(made, used, strict=True)])
        periods = of_local_day(day, load_zone(ZONE))
        for at, period in enumerate(periods):
            wh = [flow[at] for flow in net]
            yield period, _side(sites, wh, 1), _side(sites, wh, -1)


def _side(sites: list[SimulatedSite], wh: list[int], sign: int) -> Orders:
    tariff, step = (EXPORT_TICKS, 15) if sign > 0 else (IMPORT_TICKS, 50)
    mine = [home for home, flow in enumerate(wh) if sign * flow > 0]
    return Orders(
        tuple(sites[home].meter for home in mine),
        ("a",) * len(mine),
        tuple(sign * wh[home] for home in mine),
        tuple(tariff + step * (home % 6) for home in mine),
    )


def year_rows(found: list[float]) -> list[str]:
    """Clear the year under two price rules, half-hour by half-hour in turns."""
    rules: dict[str, Rules] = {"mid-market": MID_MARKET, "uniform": UNIFORM}
    seconds = dict.fromkeys(rules, 0.0)
    matched = dict.fromkeys(rules, 0)
    periods = traded = 0
    for period, asks, bids in half_hours():
        periods += 1
        traded += bool(len(asks) and len(bids))
        for name, rule in rules.items():
            market = Market(period, (Feeder("a"),), asks, bids, rule)
            start = time.process_time()
            result = clear(market)
            seconds[name] += time.process_time() - start
            matched[name] += result.matched_wh
    found += seconds.values()
    rows = [
        f"| {name} | {periods:,} | {traded:,} | {matched[name] / 1e6:.1f} | {seconds[name]:.1f} "
        f"| {1000 * seconds[name] / periods:.2f} |"
        for name in rules
    ]
    print("\n".join(rows))
    return rows


def year_section() -> list[str]:
    """Return the page's section on a year."""
    found: list[float] = []
    rows = year_rows(found)
    return [
        f"## A year of {HOMES} homes",
        "",
        f"{HOMES} simulated homes (`meters/simulation.py`), 80 of them with panels, with six",
        "suppliers' tariffs for limits; the whole year is run, half-hour by half-hour. Processor",
        "time of one core, of clearing alone; one run.",
        "",
        "| price rule | half-hours | with both sides | MWh matched | seconds | ms each |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *rows,
        "",
        "Wanted, of the slower row:",
        "",
        verdict("the year", max(found), WANTED_SECONDS, "s"),
    ]
