"""``commonwatt export open``: what anybody may know, as a folder to be put on a website.

>>> PRIVATE
'Nobody stands out in it; docs/open-data.md says how far that goes.'
"""

from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import SetupError
from ledger.primitives.counted import counted
from settlement.open_data_store import DAYS_MAX, OpenDays
from wallet_api.cli.context import open_here, say, settings_of
from wallet_api.cli.output import size_text, written
from wallet_api.open_data import about_of, day_range, files_of

PRIVATE = "Nobody stands out in it; docs/open-data.md says how far that goes."


def export_open(
    context: typer.Context,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Write the files here")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First local day [the first one]")
    ] = None,
    through: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last local day [the last settled one]")
    ] = None,
) -> None:
    """Write open data: price, matched energy, local share and traders of every settled half-hour.

    Rounded so far that no home stands out; CSV, JSON and Parquet with a data package's descriptor.

    Example: commonwatt export open --out open --from 2026-06-01 --through 2026-06-30
    """
    begins, ends = day_range(first, through, DAYS_MAX)
    settings = settings_of(context)
    community = open_here(settings)
    days = OpenDays().of(community, begins, ends)
    rows = [row for day in days for row in day.rows]
    files = files_of(rows, about_of(settings, community))
    if out.exists() and not out.is_dir():
        raise SetupError(f"{out} is a file: name a folder.")
    out.mkdir(parents=True, exist_ok=True)
    # The descriptor is last: it names sizes and hashes of files that are then there.
    for name in sorted(files, key=lambda name: (name.endswith("package.json"), name)):
        with written(out / name) as file:
            file.write(files[name])
    if not rows:
        say(f"Written: {out}: no day is settled yet, so there are no rows.")
        return
    kept = sum(row.matched_wh is not None for row in rows)
    size = size_text(sum(map(len, files.values())))
    say(f"Written: {out}: {counted(len(days), 'day')}, {counted(len(rows), 'half-hour')}, {size}")
    say(f"Matched energy is shown in {kept:,} of them. {PRIVATE}")
