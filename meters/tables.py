"""The meters' tables: versions of readings, chains of batches, and the files they came from.

Readings are packed: a row holds what one batch says of one day of UTC. All is append only, but
the files, which may name people and can be erased.

>>> ReadingDayRow.__tablename__
'reading_day'
"""

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import SQLModel

from ledger.tables import COMPACT, STRICT, big, blob, key, text_column, text_key


class MeterRow(SQLModel, table=True):
    """A meter's short number."""

    __tablename__ = "meter"
    __table_args__: ClassVar[Any] = (UniqueConstraint("community", "id"), STRICT)
    community: int = key()
    number: int = key()
    id: str = text_column()


class ReadingDayRow(SQLModel, table=True):
    """What one batch says of a channel's readings in one day of UTC: consecutive half-hours.

    ``day`` is counted from the Unix epoch; ``channel`` is 0 import, 1 export; ``position`` is that
    of the batch in the log; ``first`` is the first half-hour's index in the day, 0 to 47; ``wh``
    holds four bytes a reading, little-endian; ``quality`` a letter each, or one for all.
    """

    __tablename__ = "reading_day"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("first >= 0 AND first < 48", name="reading_day_first"),
        CheckConstraint("length(wh) BETWEEN 4 AND 192", name="reading_day_wh"),
        COMPACT,
    )
    community: int = key()
    day: int = key()
    meter: int = key()
    channel: int = key()
    position: int = key()
    first: int = big()
    wh: bytes = blob()
    quality: str = text_column()


class ReadingBatchRow(SQLModel, table=True):
    """A link of a chain of signed batches: of a meter, a channel, and the key that signed them.

    ``file`` is the number of the file that it was made from; none for what an adapter signed.
    """

    __tablename__ = "reading_batch"
    __table_args__: ClassVar[Any] = (
        Index("reading_batch_position", "community", "position"),
        COMPACT,
    )
    community: int = key()
    meter: int = key()
    channel: int = key()
    signer: str = text_key()
    sequence: int = key()
    tx_id: bytes = blob()
    position: int = big()
    received_at: int = big()
    file: int | None = big(nullable=True)


class MeterFileRow(SQLModel, table=True):
    """A file that readings were imported from. ``options`` is canonical JSON. May be deleted."""

    __tablename__ = "meter_file"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("community", "sha256", "format", "options"),
        STRICT,
    )
    community: int = key()
    number: int = key()
    sha256: bytes = blob()
    name: str = text_column()
    format: str = text_column()
    options: str = text_column()
    bytes: int = big()
    received_at: int = big()


class MeterFilePartRow(SQLModel, table=True):
    """A piece of a file's content, compressed with zlib. Rows may be deleted."""

    __tablename__ = "meter_file_part"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    file: int = key()
    part: int = key()
    data: bytes = blob()


class HeldBatchRow(SQLModel, table=True):
    """A signed batch that waits for one before it. Its row goes when it is logged or refused."""

    __tablename__ = "held_batch"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    meter: str = text_key()
    channel: str = text_key()
    signer: str = text_key()
    sequence: int = key()
    tx_id: bytes = blob()
    envelope: bytes = blob()
    readings: bytes = blob()
    received_at: int = big()


class MeterAlertRow(SQLModel, table=True):
    """Something that an operator should look at. ``mark`` tells what was noted before."""

    __tablename__ = "meter_alert"
    __table_args__: ClassVar[Any] = (UniqueConstraint("community", "mark"), STRICT)
    community: int = key()
    number: int = key()
    at: int = big()
    kind: str = text_column()
    meter: str = text_column()
    mark: str = text_column()
    text: str = text_column()


class MeterAdvanceRow(SQLModel, table=True):
    """Energy between two reads of a register: for checks and estimates. Times are Unix seconds."""

    __tablename__ = "meter_advance"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("until > since", name="meter_advance_span"),
        CheckConstraint("wh >= 0", name="meter_advance_wh"),
        COMPACT,
    )
    community: int = key()
    meter: str = text_key()
    channel: str = text_key()
    until: int = key()
    since: int = key()
    wh: int = key()
    quality: str = text_column()
    received_at: int = big()


class MeterSettingRow(SQLModel, table=True):
    """What operators say of a meter, or of all (``meter`` is empty): the latest of a name counts."""

    __tablename__ = "meter_setting"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    number: int = key()
    meter: str = text_column()
    name: str = text_column()
    value: str | None = text_column(nullable=True)
    at: int = big()


APPEND_ONLY = ("meter", "reading_batch")
"""Tables of this package that never change a row."""

ERASABLE = (
    *("meter_file", "meter_file_part", "held_batch", "meter_alert"),
    *("meter_advance", "meter_setting", "reading_day"),
)
"""Tables whose rows may be deleted: readings whose details are erased (what was signed stays in the
log, and the audit compares); files name meters, and their names may name people; register
reads are personal; what is held waits only; alerts are done with one day."""
