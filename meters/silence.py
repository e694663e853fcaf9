"""Meters that say nothing for long take no part in new trades. Pure, for the operator and the audit.

>>> since_day(range(989736, 989784)), last_said("ALLEL", 47)
(20605, 1)
"""

PROLONGED_DAYS = 14
"""Days without one reading that a meter or its company said, after which estimates are not traded."""

DAY_PERIODS = 48
"""Half-hours of a day of UTC: silence is counted in whole ones."""

SAID = "DAE"
"""Letters of what was said of a half-hour: edited, actual, or a meter company's estimate."""


def since_day(periods: range) -> int:
    """Return the day of UTC since which a meter must have said something, for a local day's run."""
    return periods.start // DAY_PERIODS - PROLONGED_DAYS


def last_said(quality: str, first: int) -> int | None:
    """Return the last day of UTC of which a batch says something, or None: all is our estimate.

    Args:
        quality: one letter a half-hour.
        first: the first half-hour.
    """
    place = max(map(quality.rfind, SAID))
    return None if place < 0 else (first + place) // DAY_PERIODS
