"""What is said of a meter file after it was taken: each refusal's reason once, then the sums.

>>> report = FileReport(refusals=[Refusal(2, "'x' is not a time"), Refusal(3, "'y' is not a time")])
>>> list(words_of(report))
[" line 2: 'x' is not a time", ', 1 more line: refused as line 2']
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from ledger.primitives.counted import counted
from meters.readings import Refusal
from settlement.files_in import FileReport

__all__ = ["Refusal", "Refused", "words_of"]

REASONS_MAX = 1_000
"""Most reasons that are told apart: a file of nonsense must not fill the memory."""

FINDINGS_NAMED_MAX = 20
"""Most findings that are said one by one."""

METERS_NAMED_MAX = 8
"""Most unknown meters that are named."""

VALUES = re.compile(r"'[^']*'|\d+")
"""What differs between two rows that are refused for one reason."""

OTHER_REASONS = "other reasons"


class Refused:
    """Rows of a file that were refused, each reason once, whatever times and values stand in it."""

    def __init__(self, refusals: Iterable[Refusal] = ()) -> None:
        self._count: Counter[str] = Counter()
        self._first: dict[str, Refusal] = {}
        for refusal in refusals:
            self.is_new(refusal)

    def is_new(self, refusal: Refusal) -> bool:
        """Count a refusal, and return whether it is to be said: its reason was not said yet."""
        reason = VALUES.sub("…", refusal.reason)
        if reason not in self._count and len(self._count) == REASONS_MAX:
            reason = OTHER_REASONS
        self._count[reason] += 1
        return self._first.setdefault(reason, refusal) is refusal

    def firsts(self) -> Iterator[Refusal]:
        """Yield the first row of each reason."""
        yield from self._first.values()

    def again(self) -> Iterator[tuple[Refusal, int]]:
        """Yield the first row of each reason that came again, and how often it did."""
        for reason, count in self._count.items():
            if count > 1:
                yield self._first[reason], count - 1

    def __len__(self) -> int:
        """Return how many rows were refused."""
        return self._count.total()


def words_of(report: FileReport) -> Iterator[str]:
    """Yield what is to be said of a file, each to be put after its name."""
    rows, intake = Refused(report.refusals), report.intake
    for refusal in rows.firsts():
        yield f" line {refusal.line}: {refusal.reason}"
    for first, more in rows.again():
        yield f", {counted(more, 'more line')}: refused as line {first.line}"
    for found in intake.findings[:FINDINGS_NAMED_MAX]:
        yield f": {found.meter} {found.channel}: {found.text} [{found.code}]"
    if len(intake.findings) > FINDINGS_NAMED_MAX:
        yield f": {len(intake.findings) - FINDINGS_NAMED_MAX:,} more findings of the same kinds"
    if report.advances:
        yield (
            f": {counted(report.advances, 'new advance')} of registers kept: no half-hour of them is"
            " known, so nothing of them is traded; checks and estimates use them"
        )
    if intake.unknown_meters:
        unknown = sorted(intake.unknown_meters)
        more = len(unknown) - METERS_NAMED_MAX
        names = ", ".join(unknown[:METERS_NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")
        yield (
            f": {counted(intake.unknown_meters.total(), 'reading')} of"
            f" {counted(len(unknown), 'meter')} refused, to which no member consented: {names}. "
            "See 'commonwatt meter add --help'."
        )
    if intake.future:
        yield f": {intake.future} readings of half-hours that are not over refused."
    if intake.uncovered:
        yield (
            f": {intake.uncovered} readings refused of channels or half-hours that their "
            "member's consent does not cover."
        )
    if report.held:
        yield f": {counted(report.held, 'batch', 'batches')} held: one before is missing. See 'meters alerts'."
