"""When a member stopped taking part, and from when on nothing of theirs changes any more. Pure.

Accounts are never closed: whoever moves out withdraws consent to their meters, and keeps a balance.

>>> departure(CommunityState(), "0f" * 16, 989_737) is None
True
"""

from collections.abc import Iterator

from ledger.primitives.periods import load_zone, local_date, of_local_day
from settlement.state import CommunityState
from settlement.statement_model import Departure


def departure(state: CommunityState, member: str, before: int) -> Departure | None:
    """Return when the last meter of a member stopped being used, if it did before a half-hour.

    Args:
        state: what is agreed.
        member: the member's id.
        before: the half-hour; what is agreed later is not looked at.

    Returns:
        None for who takes part still, or never had a meter, or has a share of another's.
    """
    ends = list(_ends(state, member, before))
    ended = [end for end in ends if end is not None]
    if not ended or None in ends or _holds_share(state, member, before):
        return None
    last = max(ended) - 1
    zone = load_zone(state.rules_now.zone)
    day = local_date(last, zone)
    periods = of_local_day(day, zone)
    timetable = (state.rules_of(periods.start) or state.rules_now).timetable
    closing = timetable.run(timetable.closing)
    return Departure(day, local_date(periods.stop + closing.after, zone))


def _ends(state: CommunityState, member: str, before: int) -> Iterator[int | None]:
    """Yield where each use of a member's meter ended; None where it had not."""
    for uses in state.meters.values():
        known = [(logged + 1, use) for logged, use in uses if logged + 1 < before]
        stops = [*(first for first, _ in known[1:]), None]
        for (first, use), stop in zip(known, stops[: len(known)], strict=True):
            if use.member == member and use.channels and stop != first:
                yield stop


def _holds_share(state: CommunityState, member: str, before: int) -> bool:
    """Return whether a member has a part of what another's meter exports."""
    bound = ([each for logged, each in said if logged < before] for said in state.shares.values())
    return any(said and member in dict(said[-1].holders) for said in bound)
