"""Disputes: what a member says is wrong with a run, and what two operators decided. Pure.

A dispute that was upheld lets its day be worked out once more after it was closed, with what was
corrected by then. Its time ends with the timetable's: nobody decides it later, and it is expired.

>>> book = DisputeBook()
>>> book.raise_one(Dispute("d1", "ann", "2026-06-15", "SF", 990_000, 4, 5_000_000, "Too much.", 7), 9)
>>> book.of("d1").state(8), book.of("d1").state(9)
(<State.OPEN: 'open'>, <State.EXPIRED: 'expired'>)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ledger.errors import RefusedError


class State(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute.

    Attributes:
        id: of the statement that raised it.
        member: who raised it.
        day: the local day that it is about, ``YYYY-MM-DD``.
        run: code of the run that it is about.
        first: the first half-hour that it is about.
        periods: how many half-hours.
        units: what it is about in money, as the member says.
        claim: what is wrong, in the member's words.
        raised: the half-hour in which it was logged.
        until: the half-hour from which nobody may decide it any more.
        upheld: what was decided, or None.
        reason: why, in the operators' words.
        evidence: SHA-256 of what shows it, if anything does.
    """

    id: str
    member: str
    day: str
    run: str
    first: int
    periods: int
    units: int
    claim: str
    raised: int
    until: int = 0
    upheld: bool | None = None
    reason: str = ""
    evidence: str | None = None

    def state(self, now: int) -> State:
        """Return where it stands in a half-hour."""
        if self.upheld is not None:
            return State.UPHELD if self.upheld else State.REJECTED
        return State.OPEN if now < self.until else State.EXPIRED


@dataclass
class DisputeBook:
    """All disputes of a community."""

    disputes: dict[str, Dispute] = field(default_factory=dict)

    def of(self, dispute_id: str) -> Dispute:
        """Return a dispute.

        Raises:
            RefusedError: there is none of this id.
        """
        if dispute_id not in self.disputes:
            raise RefusedError(f"There is no dispute {dispute_id}.")
        return self.disputes[dispute_id]

    def raise_one(self, dispute: Dispute, until: int) -> None:
        """Take a new dispute, which may be decided before a half-hour.

        Raises:
            RefusedError: it comes too late.
        """
        if dispute.raised >= until:
            raise RefusedError(f"A dispute about {dispute.day} comes too late: its time is over.")
        self.disputes[dispute.id] = replace(dispute, until=until)

    def rule(self, dispute_id: str, period: int, *, upheld: bool, reason: str) -> None:
        """Take what operators decided.

        Raises:
            RefusedError: it is not open.
        """
        dispute = self.of(dispute_id)
        state = dispute.state(period)
        if state is not State.OPEN:
            raise RefusedError(f"The dispute {dispute_id[:8]}… is {state}: it is decided no more.")
        self.disputes[dispute_id] = replace(dispute, upheld=upheld, reason=reason)

    def upheld_of(self, day: str) -> Iterator[Dispute]:
        """Yield the upheld disputes about a day, in the order in which they were raised."""
        for dispute in self.disputes.values():
            if dispute.day == day and dispute.upheld:
                yield dispute

    def check_run(self, dispute_id: str | None, day: str, period: int) -> None:
        """Refuse a run of a closed day that no dispute led to.

        Raises:
            RefusedError: the dispute was not upheld, is about another day, or its time is over.
        """
        if dispute_id is None:
            raise RefusedError(f"{day} is closed: only a dispute that was upheld opens it.")
        dispute = self.of(dispute_id)
        if dispute.day != day or not dispute.upheld:
            raise RefusedError(f"The dispute {dispute_id[:8]}… about {day} was not upheld.")
        if period >= dispute.until:
            raise RefusedError(f"{day} is worked out no more: the time of disputes is over.")
