"""``commonwatt meters watch``: whatever is dropped into a folder is taken, once.

>>> Settled(5).ready("a", (10, 1))
False
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import CommonwattError, InputError
from ledger.primitives.counted import counted
from meters.archives import unpacked
from meters.files import shown_name
from meters.formats import AUTO, ReadOptions
from settlement.community import Community
from settlement.files_in import FileReport, take
from settlement.files_words import words_of
from wallet_api.cli.context import open_here, say, settings_of, warn
from wallet_api.cli.meter_input import (
    ChannelOption,
    FormatOption,
    LabelOption,
    MeterOption,
    SplitOption,
    ZoneOption,
    options_of,
)
from wallet_api.cli.meters import corrected_text, load_named, reach_end

DONE, REFUSED = "done", "refused"
"""Folders inside the watched one, for files that were taken and that were not."""

TEMPORARY = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
"""Endings of files that are still being written."""

NUMBERED_MAX = 10_000
"""Most files of one name that are kept side by side."""


def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder; files are dropped straight into it")],
    every: Annotated[float, typer.Option(help="Seconds between looks", min=0.1)] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, take what is there")] = False,
    format_name: FormatOption = AUTO,
    zone: ZoneOption = None,
    label: LabelOption = None,
    meter: MeterOption = None,
    channel: ChannelOption = None,
    split: SplitOption = False,
) -> None:
    """Take meter files and signed batches as they are dropped into a folder.

    A file is taken once it did not change between two looks; one that is called something.part or
    .tmp is left alone until it gets its name. Then it is moved to the folder "done", or, if none of
    it could be read, to "refused", with a file beside it that says why. A stop at any moment loses
    nothing: what was taken and not moved yet is taken again, and writes nothing then.

    Example: commonwatt meters watch inbox --every 60

    Or from cron: commonwatt meters watch inbox --once
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: make it first.")
    options = options_of(zone, label, meter, channel, split=split)
    community = open_here(settings_of(context))
    watcher = _Watcher(community, folder, format_name, options)
    if once:
        watcher.look(settled=True)
        return
    say(f"Watching {folder}. Stop with Ctrl-C.")
    while True:
        watcher.look(settled=False)
        time.sleep(every)


@dataclass
class Settled:
    """Which files stopped growing: those that were the same at two looks."""

    looks: int = 0
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    def ready(self, name: str, state: tuple[int, int]) -> bool:
        """Return whether a file is as it was at the last look; remember how it is."""
        before, self.seen[name] = self.seen.get(name), state
        return before == state


class _Watcher:
    def __init__(
        self, community: Community, folder: Path, format_name: str, options: ReadOptions
    ) -> None:
        self._community, self._folder = community, folder
        self._format_name, self._options = format_name, options
        self._settled = Settled()

    def look(self, *, settled: bool) -> None:
        """Take the files that are whole.

        Args:
            settled: take a file as it is: whoever calls knows that it is whole.
        """
        for path in self._files():
            state = path.stat()
            ready = self._settled.ready(path.name, (state.st_size, state.st_mtime_ns))
            if ready or settled:
                self._take(path)

    def _files(self) -> Iterator[Path]:
        """Yield the files, the oldest first: a correction comes after what it corrects."""
        found = [
            path
            for path in self._folder.iterdir()
            if path.is_file()
            and not path.name.startswith(".")
            and path.suffix.lower() not in TEMPORARY
        ]
        yield from sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _take(self, path: Path) -> None:
        shown = shown_name(path.name)
        try:
            reports = self._import(path)
        except (CommonwattError, SQLAlchemyError, OSError) as error:
            if not isinstance(error, InputError):
                # Not the file's fault: it stays, and is tried again at the next look.
                warn(f"{shown}: not taken now: {error}")
                return
            self._move(path, REFUSED, [str(error)])
            warn(str(error))
            return
        words = [f"{name}{line}" for name, report in reports for line in words_of(report)]
        for line in words:
            warn(line)
        say(f"{shown}: {_sums([report for _, report in reports])}")
        self._move(path, DONE, words)

    def _import(self, path: Path) -> list[tuple[str, FileReport]]:
        with unpacked(path) as inside:
            # All of an archive is read before any of it is stored.
            read = [
                (name, file, *load_named(file, name, self._format_name, self._options))
                for name, file in inside
            ]
            reports = []
            for name, file, chosen, loaded in read:
                reach_end(self._community, loaded.delivery)
                report = take(self._community, file, name, chosen, self._options, loaded)
                reports.append((name, report))
        return reports

    def _move(self, path: Path, where: str, words: list[str]) -> None:
        """Move a file away, under a name that is free, with what is to be said of it beside it."""
        target = self._folder / where
        target.mkdir(exist_ok=True)
        self._settled.seen.pop(path.name, None)
        try:
            place = _free(target, path.name)
            if words:
                note = place.with_name(f"{shown_name(place.name)}.txt")
                note.write_text("\n".join(words) + "\n", "utf-8")
            path.rename(place)
        except OSError as error:
            warn(f"{shown_name(path.name)}: it could not be moved to {where}: {error.strerror}")


def _free(folder: Path, name: str) -> Path:
    """Return a path in a folder that no file has."""
    stem, dot, suffix = name.partition(".")
    for number in range(NUMBERED_MAX):
        place = folder / (name if not number else f"{stem}-{number + 1}{dot}{suffix}")
        if not place.exists():
            return place
    raise InputError(f"{folder} has {NUMBERED_MAX:,} files called {name}: tidy it up.")


def _sums(reports: list[FileReport]) -> str:
    new = sum(report.intake.accepted for report in reports)
    corrected = corrected_text([report.intake for report in reports])
    identical = sum(report.intake.identical for report in reports)
    refused, held = sum(r.refused for r in reports), sum(r.held for r in reports)
    text = f"{counted(new, 'reading')} new, {corrected}, {identical:,} known already"
    text += f", {refused:,} refused" if refused else ""
    return text + (f", {held:,} held" if held else "")
