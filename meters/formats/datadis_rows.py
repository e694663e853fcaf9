r"""The rows of Datadis's files, whether they are CSV or JSON, as text.

>>> import io
>>> rows = b"CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion\nES00;2026/06/15;15:00;0,412;Real\n"
>>> next(read_rows(io.BytesIO(rows)))[:6]
('ES00', '2026/06/15', '15:00', '0.412', None, 'Real')
"""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from ledger.errors import InputError
from meters.formats.cells import split_cells
from meters.formats.json_rows import JsonRows, Number, Row, begins_like_json
from meters.formats.lines import Line, excerpt, first_line, numbered_lines
from meters.readings import Place, Refusal

LINE_BYTES_MAX = 4096
"""Longest line: a row needs about 80 bytes."""

HEAD_BYTES = 64
"""What is looked at to tell JSON from CSV."""

_REQUIRED = ("cups", "fecha", "hora", "consumo_kwh", "metodo_obtencion")
_EXPORT = "energia_vertida_kwh"
_IGNORED = ("energia_generada_kwh", "energia_autoconsumida_kwh")
_JSON_NAMES = {
    "date": "fecha",
    "time": "hora",
    "consumptionkwh": "consumo_kwh",
    "obtainmethod": "metodo_obtencion",
    "surplusenergykwh": _EXPORT,
}
_EXAMPLE = "CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion"


class DatadisRow(NamedTuple):
    """A row, as text; energy with a decimal point, or None where there is none."""

    cups: str
    date: str
    hour: str
    import_kwh: str | None
    export_kwh: str | None
    method: str
    place: Place


def read_rows(stream: BinaryIO) -> Iterator[DatadisRow | Refusal]:
    """Yield the rows of a file.

    Raises:
        InputError: neither CSV with the columns of Datadis, nor JSON with an array of rows.
    """
    head = stream.read(HEAD_BYTES)
    whole = io.BufferedReader(_Rejoined(head, stream))
    return _json_rows(whole) if begins_like_json(head) else _csv_rows(whole)


def looks_like_datadis(head: bytes) -> bool:
    """Return whether a file begins like one of Datadis: its CSV, its site's or its API's JSON."""
    names = {cell.strip(' "').lower() for cell in first_line(head).split(";")}
    return (
        {"cups", "fecha", "hora", "consumo_kwh"} <= names
        or begins_like_json(head, "cups", "date", "time", "consumptionKWh")
        or begins_like_json(head, "CUPS", "Fecha", "Hora", "Consumo_kWh")
    )


def _csv_rows(stream: BinaryIO) -> Iterator[DatadisRow | Refusal]:
    lines = numbered_lines(stream, LINE_BYTES_MAX)
    names = _read_header(lines)
    for line in lines:
        if not line.text.strip():
            continue
        try:
            cells = split_cells(line.text, ";")
            if len(cells) != len(names):
                raise InputError(
                    f"has {len(cells)} cells where the header has {len(names)}; correct the row"
                )
            row = _row(dict(zip(names, cells, strict=True)), line.place)
        except InputError as error:
            yield Refusal(line.number, str(error))
            continue
        yield row


def _read_header(lines: Iterator[Line]) -> list[str]:
    first = next(lines, None)
    names = [name.lower() for name in split_cells(first.text, ";")] if first else []
    for name in names:
        if name == "ae_kwh":
            raise InputError(
                "line 1: AE_kWh is energy drawn in some files and fed in, in others; rename it"
                " to Consumo_kWh or Energia_vertida_kWh once you know which"
            )
        if name not in {*_REQUIRED, _EXPORT, *_IGNORED}:
            raise InputError(
                f"line 1: {excerpt(name)} is not a column of Datadis; the header is like {_EXAMPLE}"
            )
        if names.count(name) > 1:
            raise InputError(f"line 1: the column {name} stands there more than once")
    if missing := [name for name in _REQUIRED if name not in names]:
        raise InputError(
            f"line 1: the column {missing[0]} is missing; the header is like {_EXAMPLE}"
        )
    return names


def _json_rows(stream: BinaryIO) -> Iterator[DatadisRow | Refusal]:
    document = JsonRows(stream, [(), ("timeCurve",)])
    for row in document:
        if not isinstance(row, Row):
            continue
        try:
            if not isinstance(row.value, dict):
                raise InputError("it is not an object in braces; ask for the file again")
            found = {name.lower(): value for name, value in row.value.items()}
            fields = {_JSON_NAMES.get(name, name): value for name, value in found.items()}
            if len(fields) < len(row.value):
                raise InputError("it has one member under two names; ask for the file again")
            if missing := [name for name in _REQUIRED if name not in fields]:
                raise InputError(f"it has no member {missing[0]}; ask for the file again")
            taken = _row(fields, row.place)
        except InputError as error:
            yield row.refuse(error)
            continue
        yield taken
    if not document.arrays:
        raise InputError(
            "the file has no array of rows; what Datadis answered may be an error: ask again"
        )


def _row(fields: dict[str, Any], place: Place) -> DatadisRow:
    texts = {name: fields[name] for name in _REQUIRED if name != "consumo_kwh"}
    for name, value in texts.items():
        if not isinstance(value, str) or isinstance(value, Number):
            raise InputError(f"its {name} is not a text in quotes; ask for the file again")
    return DatadisRow(
        texts["cups"],
        texts["fecha"],
        texts["hora"],
        _kwh(fields["consumo_kwh"]),
        _kwh(fields.get(_EXPORT)),
        texts["metodo_obtencion"],
        place,
    )


def _kwh(value: Any) -> str | None:
    """Return energy with a decimal point; a text has a decimal comma."""
    if value in (None, ""):
        return None
    if isinstance(value, Number) or not isinstance(value, str):
        return str(value)
    if "." in value:
        raise InputError(
            f"{excerpt(value)} has a point, where Datadis writes a decimal comma; ask for the"
            " file as it came, since this could be thousands"
        )
    return value.replace(",", ".")


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the beginning that was read, then from the stream."""
        chunk = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)
