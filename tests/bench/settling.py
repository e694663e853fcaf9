"""Settlement: from validated readings to signed postings, and what a late meter costs."""

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import text

from ledger.primitives.periods import load_zone, of_local_day
from market.clearing import clear
from meters.readings import Quality, Reading
from meters.simulation import ZONE, SimulatedSite
from settlement.community import Community
from settlement.intake import import_readings
from settlement.orders import fund_orders, funds_of
from settlement.postings import market_of
from settlement.run import settle_day
from settlement.run_inputs import inputs_of
from settlement.timetable import GB, due_at_ms
from tests.bench.auditing import FIRST, street_of
from tests.bench.page import verdict
from tests.streets import channel_of, street_readings

HOMES = 200
YEAR_DAYS = 365
MONTH_DAYS = 30
GROWTH_HOMES = (10, 100, 1_000, 10_000)
WANTED_YEAR_S = 600
WANTED_MONTH_S = 2.0


def settling_year_section() -> list[str]:
    """Return the page's section on a whole year of a street."""
    with tempfile.TemporaryDirectory() as name:
        community, sites = street_of(Path(name), HOMES)
        days = [FIRST + timedelta(days=offset) for offset in range(YEAR_DAYS)]
        for day in days:
            _clock(community, _after(day))
            import_readings(community, street_readings(sites, [day]))
        rows, total_s = [], 0.0
        for code in GB.posting:
            begun = time.perf_counter()
            for day in days:
                _clock(community, due_at_ms(GB.run(code), day, ZONE))
                settle_day(community, day, code=code)
            seconds = time.perf_counter() - begun
            total_s += seconds
            each = 1e6 * seconds / (YEAR_DAYS * 48 * HOMES)
            rows.append(f"| {code} | {seconds:,.0f} | {each:.1f} |")
            print(rows[-1])
        least_s = _least_seconds(community, days[:: YEAR_DAYS // 5]) * YEAR_DAYS
        size = (Path(name) / "street.sqlite").stat().st_size / 1e9
        community.writer.database.close()
    return [
        "## A settled year",
        "",
        f"{HOMES} simulated homes, {YEAR_DAYS} days, {YEAR_DAYS * 48 * HOMES:,} home-periods: validated",
        "readings in, signed and posted runs out, on SQLite with FULL, one process. SF sets aside, clears,",
        "posts, nets and seals; R1 and RF find that nothing changed, and seal. *Least* is what nothing could",
        "do without: clearing each half-hour, and writing as many rows to bare tables with one commit a day.",
        "",
        "| run | seconds | µs a home-period |",
        "| --- | ---: | ---: |",
        *rows,
        "",
        f"All runs: {total_s:,.0f} s, {total_s / least_s:.1f} times the least ({least_s:,.0f} s).",
        f"The database has {size:.1f} GB.",
        verdict("a year of 200 homes, all three runs", total_s, WANTED_YEAR_S, "s"),
    ]


def settling_growth_section() -> list[str]:
    """Return the page's section on how the first run grows with homes."""
    rows, before = [], None
    for homes in GROWTH_HOMES:
        with tempfile.TemporaryDirectory() as name:
            community, sites = street_of(Path(name), homes)
            days = [FIRST + timedelta(days=offset) for offset in range(3)]
            for day in days:
                _clock(community, _after(day))
                import_readings(community, street_readings(sites, [day]))
            times = []
            for day in days:
                _clock(community, due_at_ms(GB.run(GB.first), day, ZONE))
                begun = time.perf_counter()
                settle_day(community, day)
                times.append(time.perf_counter() - begun)
            community.writer.database.close()
        each = 1e6 * min(times) / (48 * homes)
        growth = "" if before is None else f"{each / before:.2f}×"
        rows.append(f"| {homes:,} | {min(times):.2f} | {each:.1f} | {growth} |")
        print(rows[-1])
        before = each
    return [
        "## The first run, as homes grow",
        "",
        "One day's SF, best of three days, on SQLite with FULL. *Growth* is of the cost of a home-period,",
        "against ten times fewer homes: 1× is linear.",
        "",
        "| homes | a day, s | µs a home-period | growth |",
        "| ---: | ---: | ---: | ---: |",
        *rows,
    ]


def settling_late_section() -> list[str]:
    """Return the page's section on a month that is run again for one late meter."""
    with tempfile.TemporaryDirectory() as name:
        community, sites = street_of(Path(name), HOMES)
        days = [FIRST + timedelta(days=offset) for offset in range(MONTH_DAYS)]
        for day in days:
            _clock(community, _after(day))
            import_readings(community, street_readings(sites, [day]))
        for day in days:
            _clock(community, due_at_ms(GB.run("SF"), day, ZONE))
            settle_day(community, day)
        rows = []
        for code, late, words in (
            ("R1", days[10:11], "one day of one meter came late"),
            ("RF", days, "the whole month of one meter came late"),
        ):
            import_readings(community, _late(sites[0], late))
            _clock(community, due_at_ms(GB.run(code), days[-1], ZONE))
            begun = time.perf_counter()
            changed = sum(settle_day(community, day, code=code).settled for day in days)
            seconds = time.perf_counter() - begun
            rows.append((words, changed, seconds))
            print(rows[-1])
        community.writer.database.close()
    first = 1e3 * rows[0][2] / MONTH_DAYS
    return [
        "## A month run again for one late meter",
        "",
        f"{HOMES} homes, {MONTH_DAYS} days, on SQLite with FULL. Only half-hours in which something is another",
        "one are cleared and posted again; the other days are sealed as they are.",
        "",
        "| what came | half-hours worked out again | seconds |",
        "| --- | ---: | ---: |",
        *(f"| {words} | {changed:,} | {seconds:.2f} |" for words, changed, seconds in rows),
        "",
        f"The first row is {first:.0f} ms a day.",
        verdict("a month run again for one late meter", rows[0][2], WANTED_MONTH_S, "s"),
    ]


def _late(site: SimulatedSite, days: Sequence[date]) -> list[Reading]:
    """Return a meter's readings of some days, each half-hour a little more than was known."""
    found = []
    for reading in street_readings([site], days):
        if reading.meter == site.meter:
            more = reading.wh + 40
            channel = channel_of(site, reading.meter)
            found.append(Reading(reading.meter, channel, reading.period, more, Quality.ACTUAL))
    return found


def _least_seconds(community: Community, days: Sequence[date]) -> float:
    """Return the seconds a day that clearing and writing bare rows take, in the mean of some days."""
    spent = 0.0
    with tempfile.TemporaryDirectory() as name, community.reading() as connection:
        bare = sqlite3.connect(f"{name}/bare.sqlite")
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER, d BLOB)")
        bare.execute("CREATE TABLE l (a INTEGER, b INTEGER, c INTEGER, d INTEGER, e INTEGER)")
        for day in days:
            periods = of_local_day(day, load_zone(ZONE))
            inputs = inputs_of(community, connection, periods, 2**50)
            balances = community.writer.ledger.balances(connection)
            asset = community.state.rules_now.asset
            funds = funds_of(community.state, balances, asset, periods, {})
            orders = fund_orders(community.state, inputs, funds)
            markets = [market_of(item, community.state.rules_now) for item in orders]
            posted = connection.scalar(
                text("SELECT count(*) FROM transfer WHERE effective >= :a AND effective < :b"),
                {"a": periods.start, "b": periods.stop},
            )
            transfers = [(n, n, n, bytes(16)) for n in range(int(posted or 0))]
            lines = [(n, n, n, n, n) for n in range(48 * HOMES)]
            begun = time.perf_counter()
            for market in markets:
                clear(market)
            bare.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", transfers)
            bare.executemany("INSERT INTO l VALUES (?, ?, ?, ?, ?)", lines)
            bare.commit()
            spent += time.perf_counter() - begun
        bare.close()
    return spent / len(days)


def _after(day: date) -> int:
    return due_at_ms(GB.run("II"), day, ZONE)


def _clock(community: Community, time_ms: int) -> None:
    clock = community.writer.clock
    if clock.now_ms() < time_ms:
        clock.set_ms(time_ms)  # type: ignore[attr-defined]
