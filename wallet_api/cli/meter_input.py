"""What the commands that read meter files share: options, formats, what was refused.

>>> refused = Refused()
>>> [refused.is_new(Refusal(line, f"{line} is not a time")) for line in (2, 3)], len(refused)
([True, False], 2)
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from ledger.errors import InputError
from meters.formats import AUTO, FORMATS, HEAD_BYTES, Format, ReadOptions, find_format, recognise
from meters.readings import Channel, Item, Refusal

FormatOption = Annotated[
    str, typer.Option("--format", help=f"{AUTO}, or one of: " + ", ".join(FORMATS))
]
ZoneOption = Annotated[
    str | None, typer.Option(help="Time zone of local times in the file, as in Europe/London")
]
LabelOption = Annotated[
    str | None, typer.Option(help="start or end: which end of the half-hour a time names")
]
MeterOption = Annotated[
    str | None, typer.Option("--meter", help="The meter, where the file names none")
]
ChannelOption = Annotated[
    str | None, typer.Option(help="import or export, where the file does not say")
]
SplitOption = Annotated[
    bool,
    typer.Option(
        "--split", help="Split hours into equal half-hours, marked as interpolated, not refused"
    ),
]

REASONS_MAX = 1_000
"""Most reasons that are told apart: a file of nonsense must not fill the memory."""

VALUES = re.compile(r"'[^']*'|\d+")
"""What differs between two rows that are refused for one reason."""

OTHER_REASONS = "other reasons"


def options_of(
    zone: str | None, label: str | None, meter: str | None, channel: str | None, *, split: bool
) -> ReadOptions:
    """Return the options of a command line.

    Raises:
        typer.BadParameter: names the option.
    """
    if label not in (None, "start", "end"):
        raise typer.BadParameter("--label is start or end")
    side: Literal["start", "end"] | None = None
    if label is not None:
        side = "start" if label == "start" else "end"
    if channel not in (None, *Channel):
        raise typer.BadParameter("--channel is import or export")
    way = None if channel is None else Channel(channel)
    return ReadOptions(zone, side, meter, way, split)


def format_of(path: Path, name: str, format_name: str) -> Format:
    """Return the format of a file: the one that was named, or the one it is recognised as.

    Raises:
        InputError: no such format, or the file is not recognised; names the file.
    """
    if format_name != AUTO:
        return find_format(format_name)
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    try:
        return recognise(head)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def items_of(path: Path, name: str, chosen: Format, options: ReadOptions) -> Iterator[Item]:
    """Yield what a file holds.

    Raises:
        InputError: the file cannot be read; names it.
    """
    with path.open("rb") as stream:
        try:
            yield from chosen.read(stream, options)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error


class Refused:
    """Rows of a file that were refused, each reason once, whatever times and values stand in it."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._first: dict[str, Refusal] = {}

    def is_new(self, refusal: Refusal) -> bool:
        """Count a refusal, and return whether it is to be said: its reason was not said yet."""
        reason = VALUES.sub("…", refusal.reason)
        if reason not in self._count and len(self._count) == REASONS_MAX:
            reason = OTHER_REASONS
        self._count[reason] += 1
        return self._first.setdefault(reason, refusal) is refusal

    def again(self) -> Iterator[tuple[Refusal, int]]:
        """Yield the first row of each reason that came again, and how often it did."""
        for reason, count in self._count.items():
            if count > 1:
                yield self._first[reason], count - 1

    def __len__(self) -> int:
        """Return how many rows were refused."""
        return self._count.total()
