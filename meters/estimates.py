"""Estimates for the gaps of one meter's channel, by fixed rules in a fixed order. Pure.

A register's advance first, then a straight line, a like day, the community's profile, zero. An
export is zero before the final run: else silence would pay. ``docs/estimates.md`` says it all.

>>> from meters.estimate_basis import load_zone
>>> from meters.versions import Stored
>>> basis = Basis("h1", Channel.IMPORT, load_zone("Europe/London"), range(0, 48),
...               {3: Stored(100, 1, 1, 5), 6: Stored(205, 1, 1, 5)})
>>> [(run.first, run.wh, run.quality.letter) for run in estimate(basis, range(3, 7)).runs]
[(4, (135, 170), 'I')]
"""

from typing import NamedTuple

from meters.checks.findings import Finding, in_order
from meters.estimate_basis import Basis, Draft
from meters.estimate_inputs import EstimateRun, packed
from meters.estimate_methods import by_rules
from meters.estimate_registers import by_registers
from meters.readings import Channel, Quality


class Estimates(NamedTuple):
    """What is estimated.

    Attributes:
        runs: the estimates, in order of time.
        findings: registers that cannot be right.
    """

    runs: list[EstimateRun]
    findings: list[Finding]


def estimate(basis: Basis, span: range) -> Estimates:
    """Estimate every half-hour that has no reading.

    A gap that stands in a register's advance is estimated together with all others there, also
    those outside the span: else they would not sum to it.

    Args:
        basis: what is known, as the log stood before the estimates' own position.
        span: consecutive half-hours.
    """
    gaps = list(basis.gaps(span))
    if basis.channel is Channel.EXPORT and not basis.is_final:
        return Estimates(packed(dict.fromkeys(gaps, Draft(0, Quality.ZERO))), [])
    drafts, findings = by_registers(basis, gaps)
    drafts |= {period: by_rules(basis, period) for period in gaps if period not in drafts}
    return Estimates(packed(drafts), in_order(findings))
