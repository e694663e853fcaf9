"""The files that readings were imported from: kept whole, so that a reading is traced to its bytes.

A file's content may name people's meters, so it can be erased; its hash is in the signed batches
that were made from it. The same file read in the same way is stored once.

>>> FileStore(7).community
7
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from ledger.db import erases
from ledger.errors import InputError
from ledger.primitives.canonical import decode, encode
from meters.formats.lines import ReadOptions
from meters.readings import Channel
from meters.tables import MeterFilePartRow, MeterFileRow, ReadingBatchRow

PART_BYTES = 1 << 20
"""Bytes of a file in one row, before they are compressed."""

FILE_BYTES_MAX = 1 << 30
"""Largest file taken: a year of half-hours of 10,000 meters in NEM12."""

NAME_CHARACTERS_MAX = 200
"""Longest name of a file that is kept; longer ones are cut."""

_COMPRESSION = 1  # a third of the time of the default, for a tenth more bytes
_OPTIONS_BYTES_MAX = 1_000

_files = MeterFileRow.__table__  # type: ignore[attr-defined]
_batches = ReadingBatchRow.__table__  # type: ignore[attr-defined]
_parts = MeterFilePartRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file on its way into the store.

    Attributes:
        path: where it is.
        name: what people call it.
        sha256: of its content.
        bytes: its length.
        format: name of the format that it was read as.
        options: how it was read.
    """

    path: Path
    name: str
    sha256: bytes
    bytes: int
    format: str
    options: ReadOptions

    @classmethod
    def of(cls, path: Path, name: str, format_name: str, options: ReadOptions) -> "SourceFile":
        """Look at a file.

        Raises:
            InputError: it is too large.
        """
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise InputError(
                f"the file has {size:,} bytes, and {FILE_BYTES_MAX:,} are taken at most: split it"
            )
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        return cls(path, shown_name(name), digest, size, format_name, options)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is known of a stored file."""

    number: int
    sha256: bytes
    name: str
    bytes: int
    format: str
    options: ReadOptions
    received_at_ms: int


class FileStore:
    """The files of one community."""

    def __init__(self, community: int) -> None:
        self.community = community

    def save(self, connection: Connection, source: SourceFile, now_ms: int) -> int:
        """Store a file, if the same was not read in the same way before; return its number.

        Raises:
            InputError: it changed since it was looked at.
        """
        options = encode(_options_to_json(source.options)).decode()
        known = connection.scalar(
            select(_files.c.number)
            .where(_files.c.community == self.community, _files.c.sha256 == source.sha256)
            .where(_files.c.format == source.format, _files.c.options == options)
        )
        if known is not None:
            return int(known)
        number = self._next_number(connection)
        connection.execute(
            insert(_files).values(
                community=self.community,
                number=number,
                sha256=source.sha256,
                name=source.name,
                format=source.format,
                options=options,
                bytes=source.bytes,
                received_at=now_ms,
            )
        )
        digest = hashlib.sha256()
        with source.path.open("rb") as stream:
            part = 0
            while data := stream.read(PART_BYTES):
                digest.update(data)
                connection.execute(
                    insert(_parts).values(
                        community=self.community,
                        file=number,
                        part=part,
                        data=zlib.compress(data, _COMPRESSION),
                    )
                )
                part += 1
        if digest.digest() != source.sha256:
            raise InputError(f"{source.path} changed while it was read; import it again")
        return number

    def find(self, connection: Connection, number: int) -> StoredFile | None:
        """Return what is known of a file; None where it was erased."""
        row = connection.execute(
            select(_files).where(_files.c.community == self.community, _files.c.number == number)
        ).one_or_none()
        if row is None:
            return None
        options = _options_from_json(decode(row.options.encode(), _OPTIONS_BYTES_MAX))
        return StoredFile(
            number, row.sha256, row.name, row.bytes, row.format, options, row.received_at
        )

    def find_by_hash(self, connection: Connection, beginning: str) -> StoredFile:
        """Return the one file whose SHA-256 begins with some hexadecimal digits.

        Raises:
            InputError: there is none, or several.
        """
        rows = connection.execute(
            select(_files.c.number, _files.c.sha256).where(_files.c.community == self.community)
        ).all()
        numbers = [row.number for row in rows if row.sha256.hex().startswith(beginning.lower())]
        found = self.find(connection, numbers[0]) if len(numbers) == 1 else None
        if found is None:
            many = "several stored files" if numbers else "no stored file"
            raise InputError(f"{beginning!r} begins the SHA-256 of {many}.")
        return found

    def parts(self, connection: Connection, number: int) -> Iterator[bytes]:
        """Yield a file's content in order; nothing where it was erased."""
        rows = connection.scalars(
            select(_parts.c.data)
            .where(_parts.c.community == self.community, _parts.c.file == number)
            .order_by(_parts.c.part)
            .execution_options(yield_per=1)
        )
        for data in rows:
            yield zlib.decompress(data)

    def erase(self, connection: Connection, number: int) -> None:
        """Delete a file; its hash in the signed batches and the readings stay."""
        erases(connection)
        for table, column in ((_parts, _parts.c.file), (_files, _files.c.number)):
            mine = table.c.community == self.community
            connection.execute(delete(table).where(mine, column == number))

    def _next_number(self, connection: Connection) -> int:
        """Return a number that no file ever had, erased ones included."""
        columns = (_files.c.number, _files.c.community), (_batches.c.file, _batches.c.community)
        latest = (
            connection.scalar(select(func.max(number)).where(community == self.community))
            for number, community in columns
        )
        return max(number or 0 for number in latest) + 1


def shown_name(name: str) -> str:
    r"""Return a file's name as it can be shown and stored, whatever bytes it has.

    >>> shown_name("a\x1b[31mb.csv"), shown_name("\udcff.csv")
    ('a?[31mb.csv', '?.csv')
    """
    clean = "".join(letter if letter.isprintable() else "?" for letter in name)
    return clean if len(clean) <= NAME_CHARACTERS_MAX else clean[: NAME_CHARACTERS_MAX - 1] + "…"


def _options_to_json(options: ReadOptions) -> dict[str, Any]:
    """Return the options that are set: canonical JSON knows no null."""
    named = {
        "zone": options.zone,
        "label": options.label,
        "meter": options.meter,
        "channel": options.channel and options.channel.value,
        "split": options.split or None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _options_from_json(value: dict[str, Any]) -> ReadOptions:
    channel = value.get("channel")
    return ReadOptions(**{**value, "channel": channel and Channel(channel)})
