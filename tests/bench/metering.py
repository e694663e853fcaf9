"""NEM12: strict reading against nemreader, pandas and the csv module, on the same files."""

import csv
import gc
import random
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from meters.formats import ReadOptions
from meters.formats.nem12 import read_nem12
from meters.readings import Block
from tests.bench.page import take_turns, verdict

DAYS = 365
SIZES = (1, 10, 100)
MINUTES = (30, 5)
TEXTS = 1_200
FIRST_DAY = date(2025, 7, 1)

NEMREADER_VALUES_MAX = 3_000_000
"""Beyond this nemreader is not asked: it holds each value as an object with two times."""

LARGE = 1_000_000
"""Files with more values are read three times, others nine."""


def nem12_section() -> list[str]:
    """Return the page's section on reading NEM12."""
    rows, speeds = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "meters.csv"
        for minutes in MINUTES:
            before = None
            for meters in SIZES:
                values = write_nem12(path, meters, minutes)
                seconds = _measure(path, minutes, values)
                ours = seconds["ours"]
                speeds[minutes, meters] = values / ours / 1e6
                rows.append(_row(minutes, meters, values, seconds, before))
                print(rows[-1])
                before = ours
        write_nem12(path, 10, 30)
        kept = [_peak_mib(work) for work in (lambda: ours_reads(path), lambda: nemreader(path))]
    return [
        *HEAD,
        *rows,
        "",
        "*Growth* is the time against ten times fewer meters: 10× is linear. At most in memory at once,",
        f"of ten meters in half-hours: ours {kept[0]:,.1f} MiB, nemreader {kept[1]:,.0f} MiB; so it was not",
        f"asked for the file of more than {NEMREADER_VALUES_MAX:,} values. Wanted, of the slowest row:",
        "",
        verdict("strict NEM12", min(speeds.values()), 2, "million values/s", least=True),
    ]


HEAD = [
    "## NEM12",
    "",
    f"Files of {DAYS} days a meter, seeded; values of three decimals, {TEXTS:,} different ones. Million",
    "interval values a second, of one core's processor time, from the file's bytes; and in brackets how",
    "many times faster ours is, so below 1 it is slower. *Ours* checks every record, adds up half-hours as",
    "integers and yields a day at a time. *nemreader* makes an object a value, with floats and times.",
    "*pandas* is its C reader on the 300 records alone, to integers, and *csv* the standard library's, to",
    "integers: neither looks at meters, dates, qualities or revisions, so they are the practical limit.",
    f"Taking turns, median of 9 runs, of 3 from {LARGE:,} values on.",
    "",
    "| interval | meters | values | ours | growth | nemreader | pandas | csv |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
]


def write_nem12(path: Path, meters: int, minutes: int, seed: int = 12) -> int:
    """Write a file of some meters' year, and return how many values it holds."""
    dice, count = random.Random(seed), 24 * 60 // minutes
    texts = [f"{wh // 1000}.{wh % 1000:03}" for wh in range(TEXTS)]
    with path.open("w") as file:
        file.write("100,NEM12,202607010102,MDP,RET\n")
        for meter in range(meters):
            file.write(f"200,4{meter:09},E1,1,E1,N1,SERIAL,kWh,{minutes},\n")
            for day in range(DAYS):
                stamp = (FIRST_DAY + timedelta(day)).strftime("%Y%m%d")
                values = ",".join(dice.choices(texts, k=count))
                file.write(f"300,{stamp},{values},A,,,20260701010203,\n")
        file.write("900\n")
    return meters * DAYS * count


def ours_reads(path: Path) -> int:
    """Read a file strictly; return its Wh."""
    total = 0
    with path.open("rb") as stream:
        for item in read_nem12(stream, ReadOptions()):
            if not isinstance(item, Block):
                raise TypeError(f"refused: {item}")
            total += sum(item.wh)
    return total


def nemreader(path: Path) -> int:
    """Read a file with nemreader; return its Wh."""
    from nemreader import NEMFile  # noqa: PLC0415 - only this section needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        readings = NEMFile(str(path)).nem_data().readings
    return round(
        sum(
            1000 * each.read_value
            for channels in readings.values()
            for values in channels.values()
            for each in values
        )
    )


def pandas_reads(path: Path, count: int) -> int:
    """Read the values of 300 records with pandas' C reader; return their Wh."""
    with path.open("rb") as file:
        others = [number for number, line in enumerate(file) if not line.startswith(b"300,")]
    frame = pd.read_csv(
        path, header=None, skiprows=others, usecols=range(2, 2 + count), dtype="float64"
    )
    return int((frame.to_numpy() * 1000).round().astype("int64").sum())


def csv_reads(path: Path, count: int) -> int:
    """Read the values of 300 records, which have three decimals, as integers; return their Wh."""
    total = 0
    with path.open(newline="") as file:
        for row in _records(file):
            total += sum(map(int, ",".join(row[2 : 2 + count]).replace(".", "").split(",")))
    return total


def _records(file) -> Iterator[list[str]]:
    return (row for row in csv.reader(file) if row[0] == "300")


def _measure(path: Path, minutes: int, values: int) -> dict[str, float]:
    count = 24 * 60 // minutes
    works: dict[str, Callable[[], int]] = {
        "ours": lambda: ours_reads(path),
        "pandas": lambda: pandas_reads(path, count),
        "csv": lambda: csv_reads(path, count),
    }
    if values <= NEMREADER_VALUES_MAX:
        works["nemreader"] = lambda: nemreader(path)
    totals = {name: work() for name, work in works.items()}
    if len(set(totals.values())) != 1:
        raise ValueError(f"they do not agree: {totals}")
    # A reader that makes millions of objects must not leave them for the next one's collector.
    return take_turns(works, runs=3 if values >= LARGE else 9, between=gc.collect)


def _row(
    minutes: int, meters: int, values: int, seconds: dict[str, float], before: float | None
) -> str:
    ours = seconds["ours"]
    cells = [f"{minutes} min", f"{meters}", f"{values:,}", f"{values / ours / 1e6:.2f}"]
    cells.append("" if before is None else f"{ours / before:.1f}×")
    for name in ("nemreader", "pandas", "csv"):
        if name in seconds:
            cells.append(f"{values / seconds[name] / 1e6:.2f} ({seconds[name] / ours:.2g}×)")
        else:
            cells.append("")
    return f"| {' | '.join(cells)} |"


def _peak_mib(work: Callable[[], object]) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
