"""Every rule: what it looks for, what it needs, and what an operator does about it.

``commonwatt meters rules`` prints this list, and ``docs/checks.md`` holds it.

>>> rule_of(Code.SPIKE).title
'A value far above the rest of the day'
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from meters.checks.arrivals import (
    clock_skew,
    estimated_share,
    grid,
    late,
    prolonged_estimate,
    revision,
)
from meters.checks.context import DayContext
from meters.checks.findings import Code, Finding, Severity
from meters.checks.limits import CheckLimits
from meters.checks.sources import above_generation, night
from meters.checks.values import register, spike, stuck

DayCheck = Callable[[DayContext, CheckLimits], Iterable[Finding]]
"""A rule of the day, applied."""


class Rule(NamedTuple):
    """A rule.

    Attributes:
        code: names it in findings, files and pages.
        title: what it looks for, in a few words.
        default: where it draws the line, in words.
        limits: fields of `CheckLimits` that decide.
        needs: what must be known; without it the rule rests.
        action: what the operator should do.
        check: its function; None where `delivery` applies it before readings are stored.
    """

    code: Code
    title: str
    default: str
    limits: tuple[str, ...]
    needs: str
    action: str
    check: DayCheck | None

    @property
    def severity(self) -> Severity:
        """How much a finding of it weighs."""
        return self.code.severity

    def as_json(self) -> dict[str, Any]:
        """Return the rule as commands print it."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "title": self.title,
            "default": self.default,
            "limits": list(self.limits),
            "needs": self.needs,
            "action": self.action,
        }


RULES = (
    Rule(
        Code.NEGATIVE,
        "Energy below zero",
        "below 0 Wh",
        (),
        "the delivery",
        "Ask the source for import and export as two channels.",
        None,
    ),
    Rule(
        Code.SENTINEL,
        "A meter’s error code in the place of energy",
        "a value on the list below",
        (),
        "the delivery",
        "Nothing: the half-hour is a gap and is estimated. If it happens often, ask the meter "
        "company to look at the meter.",
        None,
    ),
    Rule(
        Code.CAPACITY,
        "More than the fuse or the inverter lets through",
        "above 37,950 Wh in a half-hour",
        ("capacity_import_wh", "capacity_export_wh"),
        "the delivery",
        "Check the file’s unit. For a larger connection set the meter’s capacity and import the "
        "file again.",
        None,
    ),
    Rule(
        Code.SPIKE,
        "A value far above the rest of the day",
        "above 280 % of the day’s third-highest and above 5,000 Wh",
        ("spike_percent", "spike_floor_wh"),
        "three readings of the day",
        "Ask the member what ran then. If nothing did, edit the half-hour.",
        spike,
    ),
    Rule(
        Code.STUCK,
        "The same value again and again",
        "48 half-hours in a row, or 336 of no import at all",
        ("stuck_periods", "stuck_zero_periods"),
        "the days before",
        "Ask whether the home is empty; otherwise have the meter looked at, and its register read.",
        stuck,
    ),
    Rule(
        Code.REGISTER,
        "A register that disagrees with its half-hours",
        "by more than 1,000 Wh",
        ("register_wh",),
        "two reads of the register and the half-hours between",
        "Read the register again. If it stands, the half-hours are wrong: ask for them anew.",
        register,
    ),
    Rule(
        Code.NIGHT,
        "Solar energy at night",
        "above 5 Wh while the sun is 0.833° or more below the horizon",
        ("night_wh", "sun_height_mdeg"),
        "the place, and that the home has no other source",
        "Ask whether there is a battery, and switch the rule off if so; otherwise look at the "
        "meter’s clock and for swapped channels.",
        night,
    ),
    Rule(
        Code.ABOVE_GENERATION,
        "More fed in than was generated",
        "by more than 50 Wh and 5 % in a half-hour",
        ("above_generation_wh", "above_generation_percent"),
        "the site’s generation meter",
        "Ask whether there is a battery, and switch the rule off if so; otherwise compare the two "
        "meters’ clocks.",
        above_generation,
    ),
    Rule(
        Code.CLOCK_SKEW,
        "A device whose clock is wrong",
        "by more than 15 minutes",
        ("clock_skew_ms",),
        "when the batch was made and came",
        "Set the device’s clock, and ask it for the half-hours again.",
        clock_skew,
    ),
    Rule(
        Code.GRID,
        "Half-hours without a reading",
        "fewer than the local day’s 46, 48 or 50",
        (),
        "nothing more",
        "Ask the source for the missing half-hours; until they come they are estimated.",
        grid,
    ),
    Rule(
        Code.REVISION,
        "A source that changed its mind",
        "another value than before",
        (),
        "every version",
        "Nothing, unless it happens often: the later version counts for the next run. A day that is "
        "settled stays as it is until a later run.",
        revision,
    ),
    Rule(
        Code.LATE,
        "A reading that came late",
        "after the day’s first posting run was due",
        (),
        "when the batch came, and when the run was due",
        "Nothing: a run that was made stands until a later one. Ask for earlier delivery if it repeats.",
        late,
    ),
    Rule(
        Code.ESTIMATED_SHARE,
        "A day that is mostly guessed",
        "more than 25 % of the day’s half-hours",
        ("estimated_percent",),
        "nothing more",
        "Ask the source for actual readings.",
        estimated_share,
    ),
    Rule(
        Code.PROLONGED_ESTIMATE,
        "No actual reading for long",
        "14 days",
        ("prolonged_days",),
        "the days before",
        "Visit the home: the meter takes no part in new trades until an actual reading comes.",
        prolonged_estimate,
    ),
)
"""Every rule, in the order of codes: those that refuse, those that suspect, those that note."""


def rule_of(code: Code) -> Rule:
    """Return the rule of a code."""
    return RULES[list(Code).index(code)]
