"""The audit of a street: all of it, by one process and by two, and the next day alone."""

import dataclasses
import hashlib
import json
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.signing import SigningKey, verify
from ledger.statements import Statement
from market.model import PriceRule, Rules
from meters.simulation import SimulatedSite
from settlement.audit.verdict import Report
from settlement.audit.verify import audit
from settlement.community import Community
from settlement.enrol import Charter, Terms, add_member, found_community
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from tests.streets import SITES, ZONE, add_meters, street_readings
from wallet_api.database import upgrade

FIRST = date(2026, 6, 1)
DAYS = 14
HALF_HOURS_A_YEAR = 17_520
WANTED_HOMES = 200
RUNS = 3

HEADER = (
    "| homes | home-periods | one process | µs each | growth | two | least | times least "
    "| next day | year of 200 homes |"
)


def street_of(folder: Path, homes: int) -> tuple[Community, list[SimulatedSite]]:
    """Return a street of homes without readings, and its sites."""
    database = Database(f"sqlite:///{folder}/street.sqlite")
    upgrade(database)
    rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
    charter = Charter("bench.example/ledger/1", "Bench", ZONE, "LWD", "street", rules, "x", True)
    clock = FixedClock(_ms(FIRST - timedelta(days=2)))
    community = found_community(
        database, Keyring(folder / "keys"), clock, charter, entropy=seeded_entropy(b"bench")
    )
    sites = [
        dataclasses.replace(SITES[number % len(SITES)], meter=f"h{number:04d}")
        for number in range(homes)
    ]
    for number, site in enumerate(sites):
        device = SigningKey.from_seed(hashlib.sha256(b"bench%d" % number).digest())
        add_meters(community, add_member(community, site.meter, "household", Terms(), device), site)
    return community, sites


def settled(folder: Path, homes: int) -> Community:
    """Return a street of homes with some days settled, the next day's readings in."""
    community, sites = street_of(folder, homes)
    community.writer.clock.set_ms(_ms(FIRST + timedelta(days=DAYS + 1)))  # type: ignore[attr-defined]
    for offset in range(DAYS + 1):
        import_readings(community, street_readings(sites, [FIRST + timedelta(days=offset)]))
    for offset in range(DAYS):
        settle(community, offset)
    return community


def settle(community: Community, offset: int) -> None:
    """Settle one of the days."""
    day = FIRST + timedelta(days=offset)
    clock = community.writer.clock
    if clock.now_ms() < first_due_ms(day, ZONE):
        clock.set_ms(first_due_ms(day, ZONE))  # type: ignore[attr-defined]
    settle_day(community, day)


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * 1000


def least_seconds(bundle: Path, report: Report) -> float:
    """Return what no audit can do without: each signature, and each hash of what was signed."""
    lines = [
        json.loads(line)
        for path in sorted((bundle / "facts").iterdir())
        for line in path.read_bytes().splitlines()
    ]
    keys = {key for member in report.replay.keys.members.values() for key in member.keys}  # type: ignore[union-attr]
    keys |= {key for role in report.replay.keys.roles.values() for key in role}  # type: ignore[union-attr]
    by_id = {hashlib.sha256(key).hexdigest(): key for key in keys}
    signed = []
    for line in lines:
        envelope = Statement.decode(line["f"].encode()).envelope
        signed += [(by_id[each], sig, envelope.signed_bytes) for each, sig in envelope.signatures]
    record, count = bytes(136), report.counts["transfers"] + report.counts["readings"]
    begun = time.process_time()
    for key, signature, message in signed:
        verify(key, signature, message)
    for line in lines:
        hashlib.sha256(line["f"].encode()).digest()
    for _ in range(3 * count):  # salt, leaf, and a node of the tree
        hashlib.sha256(record).digest()
    return time.process_time() - begun


def auditing_section() -> list[str]:
    """Return the page's section on the audit."""
    rows = []
    before = None
    for homes in (50, WANTED_HOMES):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            community = settled(folder, homes)
            export_bundle(community, folder / "whole")
            whole, report = _best(folder / "whole", 1)
            two, _ = _best(folder / "whole", 2)
            least = min(least_seconds(folder / "whole", report) for _ in range(RUNS))
            settle(community, DAYS)
            export_bundle(community, folder / "next")
            day, _ = _best(folder / "next", 1, report.memory())
            community.writer.database.close()
        periods = homes * DAYS * 48
        growth = "" if before is None else f"{whole / before:.1f}×"
        year = two / periods * WANTED_HOMES * HALF_HOURS_A_YEAR
        rows.append(
            f"| {homes} | {periods:,} | {whole:.2f} | {1e6 * whole / periods:.0f} | {growth} "
            f"| {two:.2f} | {least:.2f} | {whole / least:.1f} | {day:.2f} | {year:,.0f} |"
        )
        print(rows[-1])
        before = whole
    return [
        "## The audit",
        "",
        f"A simulated street, {DAYS} days, every statement replayed with the standard library and",
        f"`cryptography` alone; seconds, best of {RUNS}. *Least* is what no audit can do without:",
        "each signature and three hashes for each posting and reading. *Next day* goes on from what",
        "the first audit remembered. A year of 200 homes is computed from the row, by two processes;",
        "wanted: 60 s, and under 1 s for a day.",
        "",
        HEADER,
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows,
        "",
        "*Growth* is against four times fewer homes: 4× is linear. Small streets do not start other",
        "processes until there is enough to do.",
    ]


def _best(bundle: Path, processes: int, memory: bytes | None = None) -> tuple[float, Report]:
    """Return the shortest of some audits in seconds, and its report."""
    times, report = [], None
    for _ in range(RUNS):
        begun = time.perf_counter()
        report = audit(bundle, memory=memory, processes=processes)
        times.append(time.perf_counter() - begun)
        if report.verdict != "sound":
            raise SystemExit(f"the benchmark's own street is unsound: {report.failure}")
    if report is None:
        raise AssertionError("no audit was made")
    return min(times), report
