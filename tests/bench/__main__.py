"""``make bench``: measure, and write docs/benchmarks.md.

Every figure stands beside a peer or the practical limit, measured in the same run on the same
inputs. Medians of counted runs; ratios, because machines are noisy. PostgreSQL takes part where
COMMONWATT_TEST_POSTGRESQL_URL names a server, pgledger where COMMONWATT_BENCH_PGLEDGER names its
pgledger.sql, other clearing engines where COMMONWATT_BENCH_PEERS names a Python that has them
(`tests/bench/peer_driver.py` lists them). ``--only ledger-posting`` measures one section.
"""

import argparse

from ledger.collector import calm
from tests.bench import (
    apps,
    auditing,
    clearing,
    clearing_peers,
    clearing_solver,
    clearing_year,
    door,
    ledger_growth,
    ledger_posting,
    ledger_reading,
    metering,
    metering_http,
    metering_store,
    settling,
    week,
)
from tests.bench.page import PAGE, write_sections

SECTIONS = {
    "half-hour": clearing.half_hour_section,
    "half-hour-solver": clearing_solver.solver_section,
    "half-hour-feeders": clearing.feeders_section,
    "half-hour-peers": clearing_peers.peers_section,
    "half-hour-year": clearing_year.year_section,
    "week": week.week_section,
    "ledger-posting": ledger_posting.posting_section,
    "ledger-callers": ledger_posting.callers_section,
    "ledger-settlement": ledger_posting.settlement_section,
    "ledger-reading": ledger_reading.reading_section,
    "ledger-growth": ledger_growth.growth_section,
    "meters-nem12": metering.nem12_section,
    "settling-year": settling.settling_year_section,
    "settling-growth": settling.settling_growth_section,
    "settling-late": settling.settling_late_section,
    "audit": auditing.auditing_section,
    "meters-store": metering_store.store_section,
    "meters-year": metering_store.year_section,
    "meters-http": metering_http.http_section,
    "door": door.door_section,
    "apps": apps.apps_section,
}


def main() -> None:
    """Measure what is asked for and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="one section")
    calm()  # as the commands do
    for name in parser.parse_args().only or list(SECTIONS):
        print(f"== {name}")
        lines = SECTIONS[name]()
        print("\n".join(lines))
        write_sections({name: lines}, list(SECTIONS))
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
