"""The readings' tables: versions, append only.

>>> ReadingRow.__tablename__
'reading'
"""

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import SQLModel

from ledger.tables import COMPACT, STRICT, big, blob, key, text_column


class MeterRow(SQLModel, table=True):
    """A meter's short number."""

    __tablename__ = "meter"
    __table_args__: ClassVar[Any] = (UniqueConstraint("community", "id"), STRICT)
    community: int = key()
    number: int = key()
    id: str = text_column()


class ReadingRow(SQLModel, table=True):
    """One version of one reading. ``channel`` is 0 import, 1 export; ``quality`` its rank."""

    __tablename__ = "reading"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("wh >= 0", name="reading_wh"),
        COMPACT,
    )
    community: int = key()
    period: int = key()
    meter: int = key()
    channel: int = key()
    version: int = key()
    wh: int = big()
    quality: int = big()
    position: int = big()
    received_at: int = big()


class ReadingBatchRow(SQLModel, table=True):
    """A link of a meter's and channel's chain of signed batches."""

    __tablename__ = "reading_batch"
    __table_args__: ClassVar[Any] = COMPACT
    community: int = key()
    meter: int = key()
    channel: int = key()
    sequence: int = key()
    tx_id: bytes = blob()
    position: int = big()


APPEND_ONLY = ("meter", "reading", "reading_batch")
"""Tables of this package that never change a row."""
