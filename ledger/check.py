"""A verified replay of one community's ledger from its database, independent of the book.

One pass over all rows in the order of posting, in numpy columns. The checks stand in an order in
which each relies on those before it; of all that is wrong, what the first of them finds first is
told. What is in memory grows with open holds and amended movements, not with the ledger.

>>> Report((), None, None, 300_000, 0.5).transfers_per_second
600000
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Protocol

from sqlalchemy import Connection

from ledger.check_balances import Balances, Limits
from ledger.check_columns import BrokenError, Chunk, Ledger, chunks, open_ledger
from ledger.check_content import Content, Numbering
from ledger.check_history import History
from ledger.check_log import Log
from ledger.check_rules import Rules
from ledger.collector import uncollected

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and how much there is."""

READING = "reading"
"""The stage in which rows come from the database; all others work on what it read."""

_EDITED = (
    "This ledger was changed after it was posted. Stop whatever writes to it, keep a copy of the "
    "database as it is, and restore the last backup that this check calls sound."
)
_DERIVED = (
    "The transfers are sound, and what follows from them was changed. Stop whatever writes to "
    "it, keep a copy of the database as it is, and put this value right or restore a backup."
)
_AGAINST_LOG = (
    "The database agrees with itself and not with its signed statements: somebody with full "
    "rights changed it. Keep a copy, run 'commonwatt audit export' and 'audit verify', and restore "
    "the last backup that this check calls sound."
)
_ADVICE = {"balances": _DERIVED, "history": _DERIVED, "log": _AGAINST_LOG}


class Check(Protocol):
    """One stage: it sees every chunk once, then the end."""

    name: str
    count: int

    def chunk(self, chunk: Chunk) -> None:
        """Check some batches, or raise `BrokenError`."""

    def finish(self) -> None:
        """Check what only the end can tell, or raise `BrokenError`."""


@dataclass(frozen=True)
class Stage:
    """What became of one check.

    Attributes:
        name: as in ``limits``.
        count: how many rows of what it looks at: transfers, batches, accounts, history rows.
        seconds: what it took.
        passed: whether it came to its end; None if an earlier one failed.
    """

    name: str
    count: int
    seconds: float
    passed: bool | None


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        stages: in order.
        failed: name of the first check that failed, or None.
        failure: what is wrong and what to do, in sentences, or None.
        transfers: how many were read.
        seconds: of everything.
        erased: batches whose statement was erased, so that nothing could be compared.
    """

    stages: tuple[Stage, ...]
    failed: str | None
    failure: str | None
    transfers: int
    seconds: float
    erased: int = 0

    @property
    def transfers_per_second(self) -> int:
        """How fast it was."""
        return round(self.transfers / self.seconds) if self.seconds else 0


def check_ledger(
    connection: Connection,
    community: int,
    *,
    with_log: bool = True,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Report:
    """Check everything that a community's ledger holds.

    Args:
        connection: an open read transaction: one consistent view.
        community: its number.
        with_log: compare batches with the statements that caused them.
        progress: called after each chunk of transfers.

    Returns:
        The report; a ledger that is wrong in any way is no exception.
    """
    started = perf_counter()
    try:
        run = _Run(open_ledger(connection, community), with_log=with_log)
        with uncollected():
            run.replay(progress)
            run.finish()
    except BrokenError as error:
        failure = f"{_sentence(error)} {_EDITED}"
        return Report((), "numbering", failure, 0, perf_counter() - started)
    stages = tuple(run.stages())
    seconds = perf_counter() - started
    erased = run.log.erased if run.log else 0
    return Report(stages, run.failed, run.failure, run.transfers, seconds, erased)


class _Run:
    """The checks at work, as many of them as have found nothing wrong."""

    def __init__(self, ledger: Ledger, *, with_log: bool) -> None:
        limits = Limits(ledger)
        self.log = Log(ledger) if with_log else None
        self._ledger = ledger
        self._checks: list[Check] = [
            *(Numbering(ledger), Content(ledger), Rules(ledger), limits),
            *(Balances(ledger, limits), History(ledger)),
        ]
        if self.log:
            self._checks.append(self.log)
        self._working = len(self._checks)
        self._seconds = dict.fromkeys([READING, *(check.name for check in self._checks)], 0.0)
        self.failed: str | None = None
        self.failure: str | None = None
        self.transfers = 0

    def replay(self, progress: Progress) -> None:
        """Show every chunk to every check that still works."""
        query = "SELECT max(number) FROM transfer WHERE community = "
        total = self._ledger.rows(f"{query}{self._ledger.community:d}")[0][0] or 0
        rows = chunks(self._ledger)
        while self._working:
            started = perf_counter()
            try:
                chunk = next(rows, None)
            except BrokenError as error:
                self._fail(0, error)
                return
            self._seconds[READING] += perf_counter() - started
            if chunk is None:
                return
            self.transfers += chunk.count
            for place, check in enumerate(self._checks[: self._working]):
                if not self._try(place, partial(check.chunk, chunk)):
                    break
            progress("transfers", self.transfers, total)

    def finish(self) -> None:
        """Let the checks look at the end."""
        for place, check in enumerate(self._checks[: self._working]):
            if not self._try(place, check.finish):
                return

    def _try(self, place: int, step: Callable[[], None]) -> bool:
        started = perf_counter()
        try:
            step()
        except BrokenError as error:
            self._fail(place, error)
        self._seconds[self._checks[place].name] += perf_counter() - started
        return self._working > place

    def _fail(self, place: int, error: BrokenError) -> None:
        """Go on with the checks before this one only: they may still find something."""
        self._working = place
        self.failed = self._checks[place].name
        self.failure = f"{_sentence(error)} {_ADVICE.get(self.failed, _EDITED)}"

    def stages(self) -> Iterator[Stage]:
        """Yield what became of each check."""
        yield Stage(READING, self.transfers, self._seconds[READING], passed=True)
        for place, check in enumerate(self._checks):
            passed = True if place < self._working else None
            if check.name == self.failed:
                passed = False
            yield Stage(check.name, check.count, self._seconds[check.name], passed)


def _sentence(error: BrokenError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
