"""A meter file into the versioned store: read, checked, signed, hashed, logged, stored; and again."""

import hashlib
import multiprocessing
import resource
import sqlite3
import tempfile
import time
from array import array
from datetime import UTC, datetime
from pathlib import Path

from ledger.db import Database
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.signing import SigningKey
from market.model import PriceRule, Rules
from meters.files import SourceFile
from meters.formats import ReadOptions, find_format
from meters.pages import Delivery
from meters.readings import Block
from settlement.community import Community
from settlement.enrol import Charter, Terms, add_member, add_meter, found_community
from settlement.intake import import_delivery
from settlement.state import METERS_MAX
from tests.bench.metering import DAYS, write_nem12
from tests.bench.page import verdict
from tests.bench.streets import engines_here, fresh_database

SIZES = (2, 20, 100)
YEAR_METERS = 1_000
WANTED_A_SECOND = 250_000
WANTED_YEAR_S = 75
WANTED_YEAR_MB = 800

HEADER = "| engine | meters | readings | first time | growth | again | bare SQLite | times bare |"


def store_section() -> list[str]:
    """Return the page's section on files into the store."""
    rows, speeds = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "meters.csv"
        for engine in engines_here():
            before = None
            for meters in SIZES:
                count = write_nem12(path, meters, 30)
                first, again = _file_to_store(engine, path, meters, count)
                bare = _bare(path)
                speeds[engine, meters] = count / first
                growth = "" if before is None else f"{first / before:.1f}×"
                before = first
                rows.append(
                    f"| {engine} | {meters} | {count:,} | {count / first / 1e3:,.0f} | {growth} | "
                    f"{count / again / 1e3:,.0f} | {count / bare / 1e3:,.0f} | {first / bare:.1f} |"
                )
                print(rows[-1])
    best = max(speed for (_, meters), speed in speeds.items() if meters == SIZES[-1])
    return [
        *HEAD,
        *rows,
        "",
        verdict("a file to the store", best / 1e3, 250, "thousand/s", least=True),
    ]


HEAD = [
    "## Meter files to the versioned store",
    "",
    f"NEM12 files of {DAYS} days a meter, into a community whose members consented. *First time* is all of it:",
    "reading, checks, dropping what is known, salted hashes and signatures, the log, the packed store, the file",
    "itself; thousand readings a second on the clock, with all processors. *Again* is the same file once more,",
    "which writes nothing. *Bare* is the practical limit: the same file read by the same adapter and packed into",
    "one table by the standard library's sqlite3, without versions, hashes, signatures or log.",
    "",
    HEADER,
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
]


def year_section() -> list[str]:
    """Return the page's section on a thousand meters' year, and its memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "meters.csv"
        count = write_nem12(path, YEAR_METERS, 30)
        context = multiprocessing.get_context("spawn")
        queue: multiprocessing.Queue[tuple[float, float, float]] = context.Queue()
        process = context.Process(target=_year, args=(str(path), queue))
        process.start()
        first, again, peak_mb = queue.get()
        process.join()
        size_mb = path.stat().st_size / 1e6
    return [
        "## A thousand meters for a year",
        "",
        f"One NEM12 file of {size_mb:,.0f} MB, {count:,} readings, on SQLite FULL, in a process of its own: read",
        f"whole, then stored, in {first:.0f} s; the same file again, which writes nothing, {again:.0f} s. At most",
        f"{peak_mb:,.0f} MB of memory in that process; those that hash beside it have some 40 MB each.",
        "",
        verdict("the file", first, WANTED_YEAR_S, "s"),
        verdict("its memory", peak_mb, WANTED_YEAR_MB, "MB"),
    ]


def _year(path: str, queue: "multiprocessing.Queue[tuple[float, float, float]]") -> None:
    with fresh_database("SQLite FULL") as (database, folder):
        community = metered(database, folder, YEAR_METERS)
        first = _import(community, Path(path))
        again = _import(community, Path(path))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        queue.put((first, again, peak_mb))


def metered(database: Database, folder: Path, meters: int) -> Community:
    """Return a community whose members consented to some NEM12 meters in time."""
    rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
    charter = Charter(
        "bench.example/ledger/1", "Bench", "Australia/Brisbane", "AUD", "grid", rules, "x", True
    )
    clock = FixedClock(_ms(2025, 6, 1))
    community = found_community(database, Keyring(folder / "keys"), clock, charter)
    member = ""
    for number in range(meters):
        if number % METERS_MAX == 0:
            device = SigningKey.from_seed(hashlib.sha256(b"meters%d" % number).digest())
            member = add_member(community, f"m{number}", "household", Terms(), device)
        add_meter(community, member, f"4{number:09}", "import")
    clock.set_ms(_ms(2026, 7, 8))
    return community


def _file_to_store(engine: str, path: Path, meters: int, count: int) -> tuple[float, float]:
    with fresh_database(engine) as (database, folder):
        community = metered(database, folder, meters)
        first = _import(community, path, count)
        return first, _import(community, path, 0)


def _import(community: Community, path: Path, wanted: int | None = None) -> float:
    start = time.perf_counter()
    delivery = read(path)
    source = SourceFile.of(path, path.name, "nem12", ReadOptions())
    report = import_delivery(community, delivery, source=source)
    seconds = time.perf_counter() - start
    if wanted is not None and report.accepted != wanted:
        raise ValueError(f"{report.accepted} readings were new, not {wanted}")
    return seconds


def read(path: Path) -> Delivery:
    """Read a NEM12 file whole."""
    delivery = Delivery()
    with path.open("rb") as stream:
        for item in find_format("nem12").read(stream, ReadOptions()):
            if isinstance(item, Block):
                delivery.add(item)
    return delivery


def _bare(path: Path) -> float:
    """Return the seconds of reading a file and packing it into one table, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/bare.sqlite", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE d (m TEXT, p INTEGER, wh BLOB, q TEXT, PRIMARY KEY (p, m))")
        start = time.perf_counter()
        with path.open("rb") as stream:
            rows = [
                (item.meter, item.first, array("i", item.wh).tobytes(), "A")
                for item in find_format("nem12").read(stream, ReadOptions())
                if isinstance(item, Block)
            ]
        database.execute("BEGIN")
        database.executemany("INSERT INTO d VALUES (?, ?, ?, ?)", rows)
        database.execute("COMMIT")
        seconds = time.perf_counter() - start
        database.close()
    return seconds


def _ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]
