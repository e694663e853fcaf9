"""What a run would change, member by member: the run itself, made and taken back.

Nothing is written: the transaction in which it is made is rolled back, whatever happens.

>>> Preview.__name__
'Preview'
"""

from dataclasses import dataclass
from datetime import date

from settlement import store
from settlement.community import Community
from settlement.run import settle_within
from settlement.store import Net, RunSummary


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would come to.

    Attributes:
        summary: of the run.
        nets: what it would change, by member, in order of id.
    """

    summary: RunSummary
    nets: tuple[Net, ...]


class _TakenBackError(Exception):
    """Ends the transaction without a commit."""


def preview(community: Community, day: date, code: str) -> Preview:
    """Return what a run of a local day would change.

    Raises:
        RunRefusedError: too early, out of order, or there is nothing to settle.
    """
    made: list[Preview] = []
    try:
        with community.transaction() as connection:
            summary = settle_within(community, connection, day, code)
            ledger = community.writer.ledger
            nets = store.nets_of_run(connection, ledger, day.isoformat(), code)
            made.append(Preview(summary, tuple(nets)))
            raise _TakenBackError
    except _TakenBackError:
        return made[0]
