"""A community's open data as files: published rows, whose they are, and their licence.

The licence stands in a file beside the keys, as the group's witnesses do: ``open-licence``, with one of
the names in `LICENCES`. Without it, data is published under Creative Commons Attribution 4.0.

>>> import tempfile
>>> from pathlib import Path
>>> settings = Settings(f"sqlite:///{tempfile.mkdtemp()}/street.sqlite")
>>> licence_of(settings).name
'CC-BY-4.0'
>>> _ = licence_file(settings).write_text("GPL-3.0")
>>> licence_of(settings)
Traceback (most recent call last):
    ...
ledger.errors.SetupError: .../open-licence: 'GPL-3.0' is none of CC-BY-4.0, CC0-1.0, ...
"""

import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ledger.errors import InputError, SetupError
from ledger.primitives.periods import parse_date
from settlement.community import Community
from settlement.open_data import COLUMNS, OpenRow, table_row
from settlement.open_package import DEFAULT_LICENCE, LICENCES, About, Licence, open_files
from wallet_api.cli.context import Settings

LICENCE_CHARACTERS_MAX = 100
"""Longest name in the licence's file: no licence's is half as long."""


def licence_file(settings: Settings) -> Path:
    """Return where the group says under which licence it publishes: beside the keys."""
    return settings.keys_folder.parent / "open-licence"


def licence_of(settings: Settings) -> Licence:
    """Return the licence of a community's open data.

    Raises:
        SetupError: the file names another one than those that are known.
    """
    file = licence_file(settings)
    if not file.exists():
        return DEFAULT_LICENCE
    name = file.read_bytes()[:LICENCE_CHARACTERS_MAX].decode(errors="replace").strip()
    if name not in LICENCES:
        raise SetupError(f"{file}: {name!r} is none of {', '.join(LICENCES)}.")
    return LICENCES[name]


def about_of(settings: Settings, community: Community, query: str = "") -> About:
    """Return whose data it is."""
    rules = community.state.rules_now
    return About(
        community.writer.origin,
        community.name,
        rules.zone,
        rules.asset.partition("/")[0],
        licence_of(settings),
        rules.replay,
        query,
    )


def files_of(rows: Sequence[OpenRow], about: About) -> dict[str, bytes]:
    """Return every file of the package by name.

    Raises:
        SetupError: the library that writes Parquet is not installed.
    """
    try:
        # Loading it takes longer than most commands run.
        from ledger.parquet import write_parquet  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(
            "Open data has a Parquet file, which needs the package pyarrow: pip install pyarrow."
        ) from error
    parquet = io.BytesIO()
    metadata = {"title": about.name, "origin": about.origin, "licence": about.licence.name}
    write_parquet(COLUMNS, map(table_row, rows), parquet, metadata=metadata)
    return open_files(rows, about, parquet=parquet.getvalue())


def day_range(
    first: str | None, last: str | None, days_max: int
) -> tuple[date | None, date | None]:
    """Read the first and the last local day that are wanted.

    Raises:
        InputError: not a date, the wrong way round, or too many days.
    """
    begins = None if first is None else parse_date(first)
    ends = None if last is None else parse_date(last)
    if begins is not None and ends is not None:
        count = (ends - begins).days + 1
        if not 1 <= count <= days_max:
            raise InputError(
                f"From {begins} through {ends} is not 1 to {days_max:,} days: ask for fewer."
            )
    return begins, ends
