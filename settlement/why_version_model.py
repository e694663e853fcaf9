"""A reading's versions and where each stands in the log, as explanations tell them. Pure.

>>> Cited(12, "reading_batch", "0f", 989_692).position
12
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from meters.readings import Channel


class Cited(NamedTuple):
    """An entry of the log.

    Attributes:
        position: where it stands.
        kind: of the statement.
        tx_id: hash of what was signed.
        logged: the half-hour in which it was logged.
    """

    position: int
    kind: str
    tx_id: str
    logged: int


class Signer(StrEnum):
    """Whose key signed a reading."""

    ADAPTER = "adapter"
    METER = "meter"
    OPERATORS = "operators"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a reading, and how it came.

    Attributes:
        number: from 1, in the order of the log.
        wh: what it says.
        quality: how the value came to be.
        entry: the batch or edit that brought it; None where its fact cannot be read.
        received_ms: when it came; None for an edit.
        signer: whose key signed it.
        key_id: of the first signature.
        reason: of an edit.
        file: name of the file that it was imported from, if it is known still.
        line: where it stands in the file, from 1; None where the file was not read again.
        inputs: of an estimate: what it was made from.
        used_by: codes of the runs for which it counted.
    """

    number: int
    wh: int
    quality: str
    entry: Cited
    received_ms: int | None
    signer: Signer
    key_id: str
    reason: str | None = None
    file: str | None = None
    line: int | None = None
    inputs: Sequence[Mapping[str, Any]] = ()
    used_by: tuple[str, ...] = ()


class Counted(StrEnum):
    """How a reading counts in a run."""

    AS_READ = "as-read"
    MISSING = "missing"
    SILENT = "silent"
    HELD_BACK = "held-back"
    ERASED = "erased"


class ShareTold(NamedTuple):
    """Whose an export of a common generator is.

    Attributes:
        ppm: the member's part, in millionths; of the owner, all others' parts.
        wh: what that is of the reading.
        entry: the statement that shares it out.
        owned: whether the member is the generator's owner.
    """

    ppm: int
    wh: int
    entry: Cited | None
    owned: bool


@dataclass(frozen=True, slots=True)
class UsedReading:
    """One of a member's readings in a run.

    Attributes:
        meter, channel: whose it is.
        counted: how it counts.
        wh: what counts; zero where it is missing.
        used: the version that counts for the run; None where there is none.
        later: versions that came after what the run knew.
        share: which part of it counts for the member, if it is shared.
    """

    meter: str
    channel: Channel
    counted: Counted
    wh: int
    used: Version | None = None
    later: tuple[Version, ...] = ()
    share: ShareTold | None = None
