"""What else a meter's readings may be used for, beyond settlement: support, advice, research. Pure.

Only the member to whom settlement binds the meter can allow it; where that ends, all of it ends and does
not come back by itself. What binds a half-hour was logged before it began.

>>> ConsentBook().now("m-ada")
{}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ledger.errors import RefusedError
from ledger.kinds import CONSENT_GRANULARITIES, CONSENT_PURPOSES
from meters.readings import Channel
from settlement.binding import binding
from settlement.terms import CHANNELS, MeterUse

if TYPE_CHECKING:
    from settlement.state import CommunityState

SETTLEMENT = CONSENT_PURPOSES[0]
"""The purpose that binds a meter to a member; it needs half-hours."""

HALF_HOUR = CONSENT_GRANULARITIES[0]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a member allows for one purpose.

    Attributes:
        member: who allows it.
        channels: of the meter.
        granularity: the finest that may be seen: ``half-hour``, ``day`` or ``month``.
    """

    member: str
    channels: tuple[Channel, ...]
    granularity: str


@dataclass
class ConsentBook:
    """What was allowed beyond settlement.

    Attributes:
        said: (half-hour of logging, what is allowed or None from then on) by meter and purpose.
    """

    said: dict[tuple[str, str], list[tuple[int, Allowed | None]]] = field(default_factory=dict)

    def say(
        self,
        body: Mapping[str, Any],
        member: str,
        uses: Sequence[tuple[int, MeterUse]],
        period: int,
    ) -> None:
        """Take over a ``consent`` to another purpose than settlement, logged in a half-hour.

        Args:
            body: its fields.
            member: whose consent it is.
            uses: whose the meter was by settlement, as it was logged.
            period: the half-hour.

        Raises:
            RefusedError: the meter is not theirs, or there is nothing to withdraw.
        """
        meter, purpose = body["meter"], body["purpose"]
        if not uses or uses[-1][1].member != member or not uses[-1][1].channels:
            raise RefusedError(
                f"The meter {meter} is not this member's: whoever settles with it allows more of it."
            )
        allowed = None
        if "withdrawn" not in body:
            allowed = Allowed(member, CHANNELS[body["channels"]], body["granularity"])
        elif purpose not in self.now(meter):
            raise RefusedError(
                f"There is no consent to {purpose} with the meter {meter} to withdraw."
            )
        self.said.setdefault((meter, purpose), []).append((period, allowed))

    def end(self, meter: str, period: int) -> None:
        """End all that was allowed with a meter: its member withdrew settlement."""
        for purpose in self.now(meter):
            self.said[meter, purpose].append((period, None))

    def now(self, meter: str) -> dict[str, Allowed]:
        """Return what was said last of a meter, by purpose; it may bind from the next half-hour on only."""
        last = {purpose: self.said.get((meter, purpose), []) for purpose in CONSENT_PURPOSES[1:]}
        return {purpose: said[-1][1] for purpose, said in last.items() if said and said[-1][1]}


def check_settlement(body: Mapping[str, Any]) -> None:
    """Refuse a consent to settlement by anything coarser than half-hours.

    Raises:
        RefusedError: it is coarser.
    """
    if body["granularity"] != HALF_HOUR:
        raise RefusedError("Settlement works with half-hours: it needs a consent to them.")


def check_helper(body: Mapping[str, Any]) -> None:
    """Refuse that a helper allows anything but settlement: to look at a meter is for its member to allow.

    Raises:
        RefusedError: a helper allows it.
    """
    if body["purpose"] != SETTLEMENT and "withdrawn" not in body:
        raise RefusedError(
            f"A consent to {body['purpose']} is signed by the member: a helper only withdraws it."
        )


def may_use(
    state: "CommunityState", meter: str, purpose: str, period: int, channel: Channel | None = None
) -> str | None:
    """Return how finely a meter's reading of a half-hour may be used for a purpose, or None: not at all.

    Args:
        state: what was agreed.
        meter: its id.
        purpose: of `CONSENT_PURPOSES`.
        period: the half-hour of the reading.
        channel: of the meter; all that settlement uses if left out.

    Returns:
        ``half-hour``, ``day`` or ``month``: the finest that may be seen.
    """
    use = binding(state.meters.get(meter, ()), period)
    wanted = set(use.channels if channel is None else (channel,)) if use else set()
    if use is None or not wanted or not wanted <= set(use.channels):
        return None
    if purpose == SETTLEMENT:
        return HALF_HOUR
    allowed = binding(state.consents.said.get((meter, purpose), ()), period)
    if allowed is None or allowed.member != use.member or not wanted <= set(allowed.channels):
        return None
    return allowed.granularity
