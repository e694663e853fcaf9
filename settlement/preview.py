"""What a run would change, member by member: the run itself, made and taken back.

Nothing is written: the transaction in which it is made is rolled back, whatever happens.

>>> Preview.__name__
'Preview'
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy import Connection

from settlement import store
from settlement.community import Community
from settlement.estimating import estimate_missing_within, is_as_it_was
from settlement.run import settle_within
from settlement.showing import ShownDay, show_within
from settlement.store import Net, RunSummary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would come to.

    Attributes:
        summary: of the run.
        nets: what it would change, by member, in order of id.
        estimated: readings that would be estimated first.
    """

    summary: RunSummary
    nets: tuple[Net, ...]
    estimated: int


class _TakenBackError(Exception):
    """Ends the transaction without a commit."""


def preview(community: Community, day: date, code: str, *, estimates: bool = True) -> Preview:
    """Return what a run of a local day would change.

    Args:
        community: open for work.
        day: the local day.
        code: of a run that posts.
        estimates: estimate what is missing first, as ``commonwatt settle`` does.

    Raises:
        RunRefusedError: too early, out of order, or there is nothing to settle.
    """

    def make(connection: Connection) -> Preview:
        estimated = _estimated(community, connection, day, code, wanted=estimates)
        summary = settle_within(community, connection, day, code)
        ledger = community.writer.ledger
        nets = store.nets_of_run(connection, ledger, day.isoformat(), code)
        return Preview(summary, tuple(nets), estimated)

    return _taken_back(community, make)


def preview_shown(
    community: Community, day: date, code: str, *, estimates: bool = True
) -> tuple[ShownDay, int]:
    """Return what a run that only shows would show, and how many readings were estimated for it.

    Raises:
        RunRefusedError: too early, or nothing is known of the day.
    """

    def make(connection: Connection) -> tuple[ShownDay, int]:
        estimated = _estimated(community, connection, day, code, wanted=estimates)
        return show_within(community, connection, day, code), estimated

    return _taken_back(community, make)


def _estimated(
    community: Community, connection: Connection, day: date, code: str, *, wanted: bool
) -> int:
    if not wanted or is_as_it_was(community, connection, day):
        return 0
    final = community.state.timetable_of(day).is_final(code)
    return estimate_missing_within(community, connection, day, final=final)


def _taken_back(community: Community, make: Callable[[Connection], T]) -> T:
    """Return what something comes to in a transaction that is rolled back."""
    made: list[T] = []
    try:
        with community.transaction() as connection:
            made.append(make(connection))
            raise _TakenBackError
    except _TakenBackError:
        return made[0]
