"""What the commands that read meter files share: options and formats.

>>> options_of(None, "end", None, "import", split=False).channel
<Channel.IMPORT: 'import'>
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from ledger.errors import InputError
from meters.formats import AUTO, FORMATS, HEAD_BYTES, Format, ReadOptions, find_format, recognise
from meters.readings import Channel, Item

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
