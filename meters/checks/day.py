"""All checks of one local day of one meter and channel. Nothing is changed by them.

>>> from meters.readings import Channel
>>> day = DayContext("h1", Channel.IMPORT, range(989736, 989784), {})
>>> [found.code.value for found in check_day(day, CheckLimits())]
['grid']
"""

from meters.checks.context import DayContext
from meters.checks.findings import Finding, in_order
from meters.checks.limits import CheckLimits
from meters.checks.rules import RULES


def check_day(day: DayContext, limits: CheckLimits) -> list[Finding]:
    """Return what every rule finds, the weightiest first.

    Args:
        day: the readings, and what is known around them; a rule whose context is missing rests.
        limits: the meter's.
    """
    return in_order(found for rule in RULES if rule.check for found in rule.check(day, limits))
