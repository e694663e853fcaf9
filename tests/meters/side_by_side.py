"""NEM12 and NEM13 read by ours and by nemreader: ``python -m tests.meters.side_by_side``.

Writes docs/nem12-side-by-side.md from the shared sample files and some made mistakes. Everything
in its tables was measured; remarks on single files are by hand, and stand here.
"""

import io
import logging
import os
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

from ledger.errors import InputError
from meters.archives import unpacked
from meters.formats import ReadOptions
from meters.formats.nem12 import read_nem12
from meters.formats.nem13 import read_nem13
from meters.readings import Advance, Block, Refusal

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "nem12-side-by-side.md"
SHARED = Path(os.environ.get("COMMONWATT_SHARED") or ROOT.parent / "shared")
FOLDERS = ("nem-reader", "nem-reader-invalid")

WH_OF = {"wh": 1, "kwh": 1_000, "mwh": 1_000_000}
CHANNELS_SHOWN = 4

REMARKS = {
    "Example_NEM12_15min_200_30min_300": "nemreader leaves the day out with a line in the log, and"
    " stumbles over the 400 record that follows, so here the whole file is refused",
    "Example_NEM12_15min_200_30min_400": "The 400 records cover 48 of 96 intervals. nemreader"
    " takes that silently: the quality of the others is V, which is none",
    "Example_NEM12_30min_200_15min_300": "The day has 96 quarter-hours, called half-hours."
    " nemreader takes the first 48 **silently**: 11,280 kWh of 45,600, each at a wrong time",
    "Example_NEM12_30min_200_15min_400": "Ours refuses the day, nemreader the file",
    "Example_NEM12_empty": "An empty month is no error",
    "Example_NEM12_incomplete_interval": "Both leave the incomplete day out. We say so as a"
    " result; nemreader in its log only, where a program that reads its data does not see it",
    "Example_NEM12_missing_header": "nemreader is of more use where nobody can be asked: it takes"
    " the file as NEM12 and says so in its log. Its `strict=True` refuses as we do",
    "Example_NEM12_powercor": "Two files joined, without headers. nemreader reads both, which may"
    " be wanted; they hold the same day twice with other values, and it **silently** gives 96"
    " values for it. Its `strict=True` refuses",
    "Example_NEM12_ManyNMIs": "nemreader opens the archive itself; ours is opened by the command",
    "Example_NEM12_different_interval_length": "nemreader reads the volts, too; we check them only",
    "Example_NEM13_forward_estimate": "nemreader keeps the quality E64, too",
}

DAY = "0.5," * 48
HEAD = "100,NEM12,202606160102,MDP,RET\n200,4001234567,E1,1,E1,N1,SER,kWh,30,\n"
GOOD = f"300,20260615,{DAY}A,,,20260616010203,\n"

MISTAKES = {
    "none: half a kWh in each half-hour": f"{HEAD}{GOOD}900\n",
    "one value is negative": f"{HEAD}{GOOD.replace('0.5', '-0.5', 1)}900\n",
    "one value is `NaN`": f"{HEAD}{GOOD.replace('0.5', 'NaN', 1)}900\n",
    "one value is `1e3`": f"{HEAD}{GOOD.replace('0.5', '1e3', 1)}900\n",
    "one value is `O.5`, with a letter": f"{HEAD}{GOOD.replace('0.5', 'O.5', 1)}900\n",
    "one value is empty": f"{HEAD}{GOOD.replace('0.5', '', 1)}900\n",
    "the quality is `Z`": f"{HEAD}{GOOD.replace(',A,', ',Z,')}900\n",
    "quality V without 400 records": f"{HEAD}{GOOD.replace(',A,', ',V,')}900\n",
    "the day is 31 June": f"{HEAD}{GOOD.replace('20260615', '20260631')}900\n",
    "49 values": f"{HEAD}{GOOD.replace('0.5,', '0.5,0.5,', 1)}900\n",
    "the day comes again, corrected": (
        f"{HEAD}{GOOD}{GOOD.replace('0.5', '0.6').replace('20260616', '20260617')}900\n"
    ),
    "the day comes again, the same": f"{HEAD}{GOOD}{GOOD}900\n",
    "the unit is `kW`": f"{HEAD.replace('kWh', 'kW')}{GOOD}900\n",
    "the 200 record of a second meter is `201`": (
        f"{HEAD}{GOOD}201,4009999999,E1,1,E1,N1,SER,kWh,30,\n"
        f"{GOOD.replace('20260615', '20260616')}900\n"
    ),
    "cut off: no 900 record": f"{HEAD}{GOOD}",
}


@dataclass
class Outcome:
    """What a reader made of a file: how many values and Wh of each channel, and what it said."""

    counts: Counter[str] = field(default_factory=Counter)
    wh: Counter[str] = field(default_factory=Counter)
    others: int = 0
    said: list[str] = field(default_factory=list)
    refused: str | None = None

    @property
    def shown(self) -> str:
        """The outcome as a cell of a table."""
        if self.refused is not None:
            return f"refused: {self.refused}"
        parts = [f"{name} {amount(self.wh[name])} Wh in {self.counts[name]:,}" for name in self.wh]
        if len(parts) > CHANNELS_SHOWN:
            total = amount(sum(self.wh.values()))
            parts = [f"{len(parts)} channels, {total} Wh in {self.counts.total():,}"]
        if self.others:
            parts.append(f"{self.others} of no energy")
        return "; ".join([*parts, *self.said]) or "nothing"


def amount(wh) -> str:
    """Return Wh as they are: nemreader's are sums of floats."""
    if wh != wh:  # noqa: PLR0124 - the one number that is not itself
        return "NaN"
    return f"{round(wh):,}" if abs(wh - round(wh)) < Fraction(1, 1_000_000) else f"{float(wh):,}"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def ours(name: str, data: bytes) -> Outcome:
    found = Outcome()
    read = read_nem13 if "NEM13" in name else read_nem12
    try:
        items = list(read(io.BytesIO(data), ReadOptions()))
    except InputError as error:
        found.refused = str(error)
        return found
    for item in items:
        if isinstance(item, Refusal):
            found.said.append(f"refused, line {item.line}: {item.reason}")
        elif isinstance(item, Block | Advance):
            channel = f"{item.meter} {item.channel.value}"
            found.counts[channel] += len(item.wh) if isinstance(item, Block) else 1
            found.wh[channel] += sum(item.wh) if isinstance(item, Block) else item.wh
    return found


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname.lower()} in the log: {record.getMessage()}")


def theirs(path: Path, *, strict: bool = False) -> Outcome:
    found, log, logger = Outcome(), _Log(), logging.getLogger("nemreader")
    logger.addHandler(log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        try:
            readings = _their_readings(path, strict=strict)
        except ValueError as error:
            found.refused = f"ValueError: {error}"
            return found
        finally:
            logger.removeHandler(log)
            found.said = log.lines
    for nmi, channels in readings.items():
        for suffix, values in channels.items():
            factor = WH_OF.get(values[0].uom.lower()) if values else None
            if factor is None:
                found.others += bool(values)
                continue
            name = _channel(nmi, suffix)
            found.counts[name] += len(values)
            for each in values:
                found.wh[name] += factor * (each.read_value or 0)
    return found


def _their_readings(path: Path, *, strict: bool):
    from nemreader import NEMFile  # noqa: PLC0415 - the page's own test skips where it is not

    return NEMFile(str(path), strict=strict).nem_data().readings


def _channel(nmi: str, suffix: str) -> str:
    """Return our name of a channel; NEM13's registers are all drawn from the grid in these files."""
    first = suffix in ("E1", "B1", "11")
    channel = "export" if suffix[0] == "B" else "import"
    return f"{nmi if first else f'{nmi}/{suffix}'} {channel}"


def verdict(mine: Outcome, other: Outcome) -> str:
    """Return what differs, as a program sees it."""
    refusals = [each for each in mine.said if each.startswith("refused")]
    if other.refused is not None:
        both = mine.refused is not None or refusals
        return "both refuse" if both else "nemreader refuses, **ours does not**"
    if not mine.wh and not other.wh and mine.refused is None and not refusals:
        return "no energy, and neither says so"
    if _same(mine, other) and mine.refused is None:
        if not refusals:
            return "the same Wh"
        return "the same Wh, and ours tells" if not other.said else "a log line only"
    if mine.refused is None and not refusals:
        return "**other Wh, silently**"
    return "taken, with a log line" if other.said else "**taken silently**"


def _same(mine: Outcome, other: Outcome) -> bool:
    return mine.wh.keys() == other.wh.keys() and all(
        abs(mine.wh[name] - other.wh[name]) < 1 for name in mine.wh
    )


def sample_files(shared: Path) -> list[Path]:
    folder = shared / "data" / "meters" / "nem12"
    found = [path for name in FOLDERS for path in sorted((folder / name).iterdir())]
    return [path for path in found if path.suffix in (".csv", ".zip")]


def sample_rows(shared: Path) -> tuple[list[str], Counter[str]]:
    rows, verdicts = [], Counter[str]()
    for path in sample_files(shared):
        with unpacked(path) as [(_, file)]:
            mine = ours(path.stem, file.read_bytes())
        other = theirs(path)
        said = verdict(mine, other)
        verdicts[said] += 1
        remark = f". {REMARKS[path.stem]}" if path.stem in REMARKS else ""
        name = path.stem.removeprefix("Example_")
        cells = (f"`{name}`", cell(mine.shown), cell(other.shown), f"{said}{remark}")
        rows.append(f"| {' | '.join(cells)} |")
    return rows, verdicts


def mistake_rows() -> tuple[list[str], Counter[str]]:
    rows, verdicts = [], Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mistake.csv"
        for name, text in MISTAKES.items():
            path.write_text(text)
            mine, other = ours("NEM12", text.encode()), theirs(path)
            said = verdict(mine, other)
            verdicts[said] += 1
            rows.append(f"| {name} | {cell(mine.shown)} | {cell(other.shown)} | {said} |")
    return rows, verdicts


def sums(verdicts: Counter[str]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in verdicts.most_common())


def page(shared: Path) -> str:
    """Return the page."""
    files, of_files = sample_rows(shared)
    mistakes, of_mistakes = mistake_rows()
    head = ("| Commonwatt | nemreader | what differs |", "| --- | --- | --- | --- |")
    parts = [
        INTRODUCTION.format(version=version("nemreader")),
        "\n".join(("## The sample files", "", sums(of_files) + ".", "", f"| file {head[0]}")),
        "\n".join((head[1], *files, "")),
        "\n".join(("## Made mistakes", "", MADE, "", sums(of_mistakes) + ".", "")),
        "\n".join((f"| mistake {head[0]}", head[1], *mistakes, "")),
        CONCLUSION,
    ]
    return "\n".join(parts)


INTRODUCTION = """# NEM12 and NEM13, side by side with nemreader

[nemreader](https://github.com/aguinane/nem-reader) {version} is the known Python reader of these formats,
by another author. Both read its own sample files here, valid and not; so what it takes is what its author
chose to show. Ours is [strict NEM12](formats/nem12.md) and [NEM13](formats/nem13.md). Written by
`python -m tests.meters.side_by_side`; a test writes it again and compares.

Each cell: channel, Wh, and in how many values. Ours are half-hours and integers; nemreader keeps the file's
intervals, as floats, whose sums are rounded here, and times without a zone, though NEM time is UTC+10 all
year. It is called as its own documentation does, without `strict`, which only makes it demand the header.
"""

MADE = """A day of 48 half-hours of 0.5 kWh, 24,000 Wh in all, with one thing wrong each time."""

CONCLUSION = """## Where nemreader is better

- It reads what is not energy, too: reactive power, volts, and the 500 records. Ours checks that such values
  are numbers, and passes over the 500 records.
- It keeps intervals of 5 and 15 minutes, meters' serial numbers, reason codes and quality methods. Ours
  adds up half-hours, which is what is traded, and keeps a letter of quality.
- Files without a header and joined files can be read at all.
- It writes CSV, SQLite and data frames in one call.

## Where a market needs more

- A value that is no number becomes `None`, a negative one and `NaN` pass, and a sum over them is wrong
  without a word. Nobody should be billed from such a sum.
- A day that comes again is there twice: update times are read and not used.
- Days below a record of unknown kind, which may have been a 200 record, go to the meter before it.
- What it refuses is a whole file, with a `ValueError`; what it leaves out is a line in a log.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(SHARED), encoding="utf-8")


if __name__ == "__main__":
    main()
