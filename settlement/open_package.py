"""Published half-hours as files: CSV, JSON, a data package's descriptor, and words to go with it. Pure.

The same rows give the same bytes, so a file's hash can be compared by whoever has a copy.
Source: Data Package 2.0, https://datapackage.org/standard/data-package/.

>>> about = About("street.example/ledger/1", "Our Street", "Europe/London", "LWD", LICENCES["CC0-1.0"])
>>> files = open_files([], about, parquet=b"PAR1")
>>> sorted(files)
['LICENCE.txt', 'README.md', 'datapackage.json', 'open.csv', 'open.json', 'open.parquet']
>>> files["open.csv"].decode()[:27]
'start_utc,day,import_wh,exp'
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.columns import write_csv
from ledger.primitives.periods import start_text
from settlement.open_data import (
    BANDS,
    CEILING_WH,
    COLUMNS,
    FEWER,
    HOMES_MIN,
    PERCENT,
    STEP_WH,
    WORDS,
    OpenRow,
    Why,
    table_row,
)

DESCRIPTOR = "datapackage.json"
PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
SOFTWARE = "Commonwatt"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence under which data may be published: its SPDX name, its title, where its text is."""

    name: str
    title: str
    path: str


LICENCES = {
    licence.name: licence
    for licence in (
        Licence(
            "CC-BY-4.0",
            "Creative Commons Attribution 4.0 International",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        Licence(
            "CC0-1.0",
            "Creative Commons Zero 1.0 Universal",
            "https://creativecommons.org/publicdomain/zero/1.0/",
        ),
        Licence(
            "CC-BY-SA-4.0",
            "Creative Commons Attribution-ShareAlike 4.0 International",
            "https://creativecommons.org/licenses/by-sa/4.0/",
        ),
        Licence(
            "ODC-By-1.0",
            "Open Data Commons Attribution License 1.0",
            "https://opendatacommons.org/licenses/by/1-0/",
        ),
    )
}
"""Licences that allow anybody to use, change and share, by SPDX name; the first is the default."""

DEFAULT_LICENCE = LICENCES["CC-BY-4.0"]


@dataclass(frozen=True, slots=True)
class About:
    """Whose data it is.

    Attributes:
        origin: the community's log, which names it for ever.
        name: what it calls itself.
        zone: of its local days.
        currency: its code; a price tick is a ten-thousandth of it.
        licence: under which it publishes.
        replay: it replays past or simulated readings.
        query: what was asked for beyond the file's name, as in ``?from=2026-06-15``; or nothing.
    """

    origin: str
    name: str
    zone: str
    currency: str
    licence: Licence = DEFAULT_LICENCE
    replay: bool = False
    query: str = ""


_FIGURES = "Empty where the reason stands in"
_FIELDS: Mapping[str, tuple[str, str, str]] = {
    "start_utc": ("datetime", "", "First instant of the half-hour, in UTC"),
    "day": ("date", "", "Local day of the half-hour"),
    "import_wh": ("integer", "Wh", "What members took from neighbours and the grid, rounded"),
    "export_wh": ("integer", "Wh", "What members gave to neighbours and the grid, rounded"),
    "matched_wh": ("integer", "Wh", "What neighbours traded with each other, rounded"),
    "local_share_permille": ("integer", "1/1000", "matched_wh as a part of import_wh"),
    "price_ticks": (
        "integer",
        "1/10000 of the currency per kWh",
        "What sellers got, by the rules from import_wh and export_wh; buyers pay the community's charge on top",
    ),
    "buyers": ("string", "", "How many members took electricity"),
    "sellers": ("string", "", "How many members gave electricity"),
}
"""Type, unit and description of the columns that are no reasons."""


_UNMATCHED = (Why.FEW, Why.RULES, Why.LIMITS, Why.UNMATCHED)
REASONS: Mapping[str, tuple[Why, ...]] = {
    "import_wh": (Why.FEW,),
    "export_wh": (Why.FEW,),
    "matched_wh": _UNMATCHED,
    "local_share_permille": (*_UNMATCHED, Why.NOTHING),
    "price_ticks": (*_UNMATCHED, Why.NOTHING),
}
"""Why each figure may be empty."""


def open_files(rows: Sequence[OpenRow], about: About, *, parquet: bytes) -> dict[str, bytes]:
    """Return every file of the package by name.

    Args:
        rows: published half-hours, in order.
        about: whose they are.
        parquet: the same rows as Parquet, which is written by a library that loads slowly.
    """
    data = {
        "open.csv": csv_bytes(rows),
        "open.json": json_bytes(rows),
        "open.parquet": parquet,
    }
    return {
        **data,
        DESCRIPTOR: _pretty(descriptor(data, about, rows)),
        "README.md": readme(rows, about).encode(),
        "LICENCE.txt": licence_text(about).encode(),
    }


def csv_bytes(rows: Sequence[OpenRow]) -> bytes:
    """Return rows as CSV: a head, an empty cell where nothing is published."""
    out = io.StringIO(newline="")
    write_csv(COLUMNS, map(table_row, rows), out)
    return out.getvalue().encode()


def json_bytes(rows: Sequence[OpenRow]) -> bytes:
    """Return rows as a JSON array of objects, one a line."""
    lines = ",\n".join(json.dumps(json_row(row), ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n".encode() if rows else b"[]\n"


def json_row(row: OpenRow) -> dict[str, int | str | None]:
    """Return a row by column; null where nothing is published."""
    names = [column.name for column in COLUMNS]
    return dict(zip(names, (start_text(row.period), *table_row(row)[1:]), strict=True))


def descriptor(data: Mapping[str, bytes], about: About, rows: Sequence[OpenRow]) -> dict[str, Any]:
    """Return the data package's descriptor: fields, units, licence, sources, sizes and hashes."""
    licence = {
        "name": about.licence.name,
        "title": about.licence.title,
        "path": about.licence.path,
    }
    return {
        "$schema": PROFILE,
        "name": "open-data",
        "id": f"{about.origin}/open",
        "title": f"{about.name}: electricity between neighbours, half-hour by half-hour",
        "description": description(rows, about),
        "licenses": [licence],
        "contributors": [{"title": about.name, "roles": ["publisher"]}],
        "sources": [{"title": f"Signed meter readings and settlement runs of {about.origin}"}],
        "keywords": ["electricity", "energy community", "local market", "half-hourly"],
        "resources": [
            _resource("half-hours", "open.csv", "csv", "text/csv", data, about),
            _resource("half-hours-json", "open.json", "json", "application/json", data, about),
            _resource(
                "half-hours-parquet",
                "open.parquet",
                "parquet",
                "application/vnd.apache.parquet",
                data,
                about,
            ),
        ],
    }


def description(rows: Sequence[OpenRow], about: About) -> str:
    """Say what the data is, and how far it is rounded, in a few sentences."""
    days = (
        f"Local days {rows[0].day} to {rows[-1].day} ({about.zone}). " if rows else "No days yet. "
    )
    replay = "Its readings are replayed or simulated: its clock is not the real one. "
    return (
        f"{days}{replay if about.replay else ''}"
        f"Sums are rounded to {STEP_WH:,} Wh, a member counts for at most {CEILING_WH:,} Wh a half-hour, and a "
        f"figure that would rest on fewer than {HOMES_MIN} members is empty and says why. So nobody's own "
        f"Wh can be told more closely than to {PERCENT} %, not even by all others together. A day is published "
        "once, as the first run that posted it left it, and is never changed."
    )


def _resource(
    name: str, path: str, form: str, media: str, data: Mapping[str, bytes], about: About
) -> dict[str, Any]:
    content = data[path]
    return {
        "name": name,
        "type": "table",
        "path": path + about.query,
        "format": form,
        "mediatype": media,
        **({"encoding": "utf-8"} if form != "parquet" else {}),
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "schema": schema(),
    }


def schema() -> dict[str, Any]:
    """Return the table's schema: one field a column, with units and what may stand there."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": [_field(column.name) for column in COLUMNS],
        "primaryKey": ["start_utc"],
        "missingValues": [""],
    }


def _field(name: str) -> dict[str, Any]:
    if name.endswith("_why"):
        figure = next(each for each in _FIELDS if each.startswith(name.removesuffix("_why")))
        may_be = REASONS[figure]
        return {
            "name": name,
            "type": "string",
            "description": f"Why {figure} is empty: {', '.join(may_be)}",
            "constraints": {"enum": [why.value for why in may_be]},
        }
    kind, unit, words = _FIELDS[name]
    field: dict[str, Any] = {"name": name, "type": kind, "description": words}
    if unit:
        field |= {"unit": unit, "description": f"{words}. {_FIGURES} {_reason_of(name)}"}
    if kind == "string":
        field["constraints"] = {
            "required": True,
            "enum": [*(words for _, words in reversed(BANDS)), FEWER],
        }
    elif not unit:
        field["constraints"] = {"required": True}
    return field


def _reason_of(name: str) -> str:
    figure = name.removesuffix("_wh").removesuffix("_permille").removesuffix("_ticks")
    return f"{figure}_why"


def licence_text(about: About) -> str:
    """Return under which terms the data may be used."""
    return (
        f"This data is published by {about.name} ({about.origin})\n"
        f"under {about.licence.title} ({about.licence.name}):\n{about.licence.path}\n"
    )


def citation(rows: Sequence[OpenRow], about: About) -> str:
    """Return how to name the data where it is used."""
    days = f", {rows[0].day} to {rows[-1].day}" if rows else ""
    return f"{about.name}, half-hourly open data{days}, {about.origin}, {about.licence.name}."


def readme(rows: Sequence[OpenRow], about: About) -> str:
    """Return what a person reads first."""
    columns = "\n".join(
        f"- `{field['name']}`: {field['description']}" for field in schema()["fields"]
    )
    reasons = "\n".join(f"- `{why}`: {WORDS[why]}" for why in Why)
    return (
        f"# {about.name}: open data\n\n{description(rows, about)}\n\n"
        "`open.csv`, `open.json` and `open.parquet` hold the same rows; `datapackage.json` describes them, "
        "with their sizes and SHA-256.\n\n"
        f"An empty figure is not a zero: its reason stands beside it.\n\n## Columns\n\n{columns}\n\n"
        f"## Reasons\n\n{reasons}\n\n"
        f"## Licence\n\n{about.licence.title}: {about.licence.path}\n\nCite as: {citation(rows, about)}\n"
    )


def _pretty(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
