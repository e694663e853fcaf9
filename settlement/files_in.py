"""A meter file into the community, whatever it is: signed here, or delivered as it was signed.

>>> FileReport().refused
0
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ledger import log_store
from ledger.errors import CommonwattError, InputError
from ledger.primitives.periods import SECONDS
from ledger.statements import Statement
from meters.files import SourceFile, shown_name
from meters.formats import Format, ReadOptions
from meters.formats.signed_batches import read_signed_batches
from meters.pages import Delivery
from meters.readings import Advance, Block, Item, Refusal, RegisterRead
from meters.wire import numbered_batches
from settlement.community import Community
from settlement.delivery import Waiting, deliver
from settlement.intake import IntakeReport, import_delivery

BATCHES_AT_ONCE = 100
"""Signed batches that are delivered in one transaction."""


@dataclass
class FileReport:
    """What became of a file.

    Attributes:
        intake: of the readings that were signed here, or of all in signed batches.
        refusals: rows and batches that were refused, in the file's order.
        reads: register reads that are no half-hours.
        advances: advances of registers, whose half-hours are not known, that were new.
        held: signed batches that wait for one before them.
    """

    intake: IntakeReport = field(default_factory=IntakeReport)
    refusals: list[Refusal] = field(default_factory=list)
    reads: int = 0
    advances: int = 0
    held: int = 0

    @property
    def refused(self) -> int:
        """How many rows, batches and readings were refused."""
        intake = self.intake
        by_checks = sum(found.count for found in intake.findings)
        unknown = intake.unknown_meters.total()
        return len(self.refusals) + by_checks + intake.future + intake.uncovered + unknown

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            **vars(self.intake),
            "findings": [found.as_json() for found in self.intake.findings],
            "held": self.held,
            "register_reads": self.reads,
            "advances": self.advances,
            "refused": [refusal.as_json() for refusal in self.refusals],
        }


@dataclass
class Loaded:
    """A file that was read whole, and of which nothing is stored yet."""

    delivery: Delivery
    report: FileReport
    advances: list[Advance] = field(default_factory=list)
    source: SourceFile | None = None


REFUSALS_MAX = 100_000
"""Most refusals that are kept: a file of nonsense must not fill the memory."""


def load(path: Path, chosen: Format, options: ReadOptions) -> Loaded:
    """Read a file whole.

    Raises:
        InputError: it cannot be read; nothing of it is to be used.
    """
    source = SourceFile.of(path, path.name, chosen.name, options)
    with path.open("rb") as stream:
        loaded = gather(chosen.read(stream, options))
    loaded.source = source
    return loaded


def gather(items: Iterator[Item]) -> Loaded:
    """Put what an adapter yields together."""
    loaded = Loaded(Delivery(), FileReport())
    report = loaded.report
    for item in items:
        if isinstance(item, Block):
            loaded.delivery.add(item)
        elif isinstance(item, Refusal):
            if len(report.refusals) == REFUSALS_MAX:
                raise InputError(
                    f"more than {REFUSALS_MAX:,} rows are refused: is this the format?"
                )
            report.refusals.append(item)
        elif isinstance(item, RegisterRead):
            report.reads += 1
        elif isinstance(item, Advance):
            loaded.advances.append(item)
    return loaded


def take(
    community: Community,
    path: Path,
    name: str,
    chosen: Format,
    options: ReadOptions,
    loaded: Loaded,
    after_group: Callable[[int], None] = lambda _count: None,
) -> FileReport:
    """Store what is new in a file that was loaded.

    Args:
        community: open for work.
        path: of the file.
        name: what people call it.
        chosen: the format that it was read as.
        options: how it was read.
        loaded: what it holds.
        after_group: called with the number of readings stored after each transaction.
    """
    if chosen.read is read_signed_batches:
        return _deliver(community, path, loaded, after_group)
    # Hashed before it was read: what changed meanwhile is noticed when it is stored.
    source = loaded.source or SourceFile.of(path, name, chosen.name, options)
    source = replace(source, name=shown_name(name))
    report = loaded.report
    report.intake = import_delivery(
        community, loaded.delivery, source=source, after_group=after_group
    )
    report.advances = _keep_advances(community, loaded.advances)
    return report


def _keep_advances(community: Community, advances: list[Advance]) -> int:
    """Store the advances of meters that somebody consented to; return how many were new."""
    state = community.state
    mine = [
        each
        for each in advances
        if state.reader_of(each.meter, each.channel, each.begin // SECONDS) is not None
    ]
    if not mine:
        return 0
    with community.transaction() as connection:
        now_ms = community.writer.clock.now_ms()
        return community.registers.save(connection, mine, now_ms)


def _deliver(
    community: Community, path: Path, loaded: Loaded, after_group: Callable[[int], None]
) -> FileReport:
    """Deliver batches that adapters signed; each is taken or refused by itself."""
    report = FileReport()
    with path.open("rb") as stream:
        batches = numbered_batches(stream)
        while group := list(islice(batches, BATCHES_AT_ONCE)):
            with community.reading() as connection:
                size, _, _ = log_store.head(connection, community.writer.community)
            for batch, answer in zip(group, deliver(community, group), strict=True):
                if isinstance(answer, CommonwattError):
                    report.refusals.append(Refusal(batch.place.line, str(answer)))
                elif isinstance(answer, Waiting):
                    report.held += 1
                else:
                    count = Statement.decode(batch.envelope).body["count"]
                    fresh = answer.entry >= size
                    report.intake.batches += fresh
                    report.intake.accepted += count if fresh else 0
                    report.intake.identical += 0 if fresh else count
    after_group(loaded.delivery.count)
    return report
