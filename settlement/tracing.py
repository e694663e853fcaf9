"""Where a reading came from: every version of it, down to the bytes of the file.

>>> Traced.__name__
'Traced'
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, BinaryIO

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import InputError
from ledger.primitives.periods import start_text, utc_text
from ledger.statements import Statement
from meters.batches import content_of
from meters.files import StoredFile
from meters.provenance import InFile, find_in_file
from meters.readings import Channel, Quality, Slot
from meters.store import Version
from settlement.community import Community

SPOOLED_BYTES_MAX = 16 << 20
"""Largest file that is looked through in memory; a larger one goes through a temporary file."""

EXCERPT_BYTES_MAX = 2_000
"""Most bytes of a file that are shown."""

QUALITIES = tuple(Quality)


@dataclass(frozen=True, slots=True)
class Traced:
    """A version of a reading, and how it came.

    Attributes:
        version: from the store.
        tx_id: of the statement that brought it.
        kind: of that statement.
        signer: key id of its first signature.
        index: place of the reading among those of the statement, from 0.
        reason: of an edit.
        file: the file that it was imported from, if it was and is still stored.
        place: what the file says and where; None without a file.
        excerpt: the bytes of that place.
        counts: whether this is the version that counts.
        inputs: of an estimate: what it was made from.
    """

    version: Version
    tx_id: str
    kind: str
    signer: str
    index: int
    reason: str | None
    file: StoredFile | None
    place: InFile | None
    excerpt: bytes
    counts: bool
    inputs: Sequence[Mapping[str, Any]] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        stored, origin = self.version.stored, self.version.origin
        value: dict[str, Any] = {
            "version": stored.version,
            "counts": self.counts,
            "wh": stored.wh,
            "quality": QUALITIES[stored.quality].value,
            "log_entry": stored.position,
            "statement": self.kind,
            "tx_id": self.tx_id,
            "signed_by": self.signer,
            "index": self.index,
        }
        if origin is not None:
            value["received_at"] = utc_text(origin.received_at_ms // 1000)
        if self.reason is not None:
            value["reason"] = self.reason
        if self.inputs:
            value["inputs"] = list(self.inputs)
        if self.file is not None:
            value["file"] = {
                "name": self.file.name,
                "sha256": self.file.sha256.hex(),
                "format": self.file.format,
            }
        if self.place is not None:
            line, offset, length = self.place.place
            value["place"] = {"line": line, "offset": offset, "length": length}
            value["excerpt"] = self.excerpt.decode("utf-8", "replace")
        return value


def trace(
    community: Community,
    slot: Slot,
    period: int,
    before_file: Callable[[StoredFile], None] = lambda _file: None,
) -> list[Traced]:
    """Return every version of a reading in the order of the log.

    Args:
        community: open for work.
        slot: meter and channel.
        period: the half-hour.
        before_file: called with each file before it is read again, which may take a while.

    Raises:
        InputError: there is no such reading, or a stored file is not what its batch was made from.
    """
    with community.reading() as connection:
        versions = community.readings.history(connection, slot, period)
        if not versions:
            raise InputError(
                f"There is no reading of meter {slot[0]} {slot[1]} in the half-hour of"
                f" {start_text(period)}."
            )
        known = community.readings.known(connection, range(period, period + 1), meters=[slot[0]])
        best = known[(*slot, period)].position
        return [
            _traced(community, connection, slot, period, version, best, before_file)
            for version in versions
        ]


def _traced(
    community: Community,
    connection: Connection,
    slot: Slot,
    period: int,
    version: Version,
    best: int,
    before_file: Callable[[StoredFile], None],
) -> Traced:
    position = version.stored.position
    fact = log_store.fact_at(connection, community.writer.community, position)
    statement = Statement.decode(fact.envelope)
    file, place, excerpt = None, None, b""
    number = version.origin.file if version.origin else None
    if number is not None:
        file = community.files.find(connection, number)
    if file is not None:
        before_file(file)
        signed = statement.body.get("file")
        place, excerpt = place_in_file(community, connection, file, signed, slot, period, version)
    return Traced(
        version,
        statement.tx_id,
        statement.kind,
        statement.key_id,
        period - statement.body["first"],
        statement.body.get("reason"),
        file,
        place,
        excerpt,
        counts=position == best,
        inputs=_inputs(statement, fact.detail),
    )


def place_in_file(
    community: Community,
    connection: Connection,
    file: StoredFile,
    signed: str | None,
    slot: Slot,
    period: int,
    version: Version,
) -> tuple[InFile, bytes]:
    """Return where a stored file says a version of a reading, and the bytes there.

    Raises:
        InputError: the file is not the one that was signed for, or does not say so.
    """
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES_MAX) as stream:
        _spool(community, connection, file, signed, stream)  # type: ignore[arg-type]
        place = _find(stream, file, slot, period, version)  # type: ignore[arg-type]
        stream.seek(place.place.offset)
        return place, stream.read(min(place.place.length, EXCERPT_BYTES_MAX))


def _inputs(statement: Statement, detail: bytes | None) -> Sequence[Mapping[str, Any]]:
    """Return what an estimate was made from; nothing where its detail was erased."""
    if "inputs" not in statement.body or detail is None:
        return ()
    return content_of(statement, detail).inputs


def _spool(
    community: Community,
    connection: Connection,
    file: StoredFile,
    signed: str | None,
    stream: BinaryIO,
) -> None:
    """Copy a stored file, and check that it is the one that was signed for."""
    digest = hashlib.sha256()
    for part in community.files.parts(connection, file.number):
        digest.update(part)
        stream.write(part)
    if digest.hexdigest() != signed:
        raise InputError(
            f"The stored file {file.name} is not the one that its batch names: its SHA-256 is"
            f" {digest.hexdigest()}, and {signed} was signed. Audit the ledger."
        )
    stream.seek(0)


def _find(stream: BinaryIO, file: StoredFile, slot: Slot, period: int, version: Version) -> InFile:
    found = find_in_file(stream, file.format, file.options, slot, period)
    stored = version.stored
    if found is None or (found.wh, found.letter) != (
        stored.wh,
        QUALITIES[stored.quality].letter,
    ):
        raise InputError(
            f"The file {file.name}, read again, does not give this reading: this version of the"
            " program reads it in another way than the one that imported it."
        )
    return found


def slot_of(community: Community, meter: str, channel: str) -> Slot:
    """Return meter and channel from what a person typed.

    Raises:
        InputError: no such meter or channel.
    """
    if meter not in community.state.meters:
        near = get_close_matches(meter, community.state.meters, 3, 0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InputError(f"No member consented to a meter {meter!r}.{hint}")
    try:
        return meter, Channel(channel)
    except ValueError:
        raise InputError(f"{channel!r} is not a channel: write import or export") from None
