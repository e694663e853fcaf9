"""Estimates that a register confirms: like days, scaled so that every Wh of its advance is there.

>>> capped_split(100, [1, 9, 0], 60, [7, 8, 9])  # the second is full, the first takes the rest
[40, 60, 0]
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger.primitives.apportion import apportion
from ledger.primitives.periods import SECONDS, utc_text
from meters.checks.findings import Code, Finding, finding
from meters.estimate_basis import ACTUAL, Basis, Draft, Source
from meters.estimate_methods import by_rules
from meters.readings import Advance, Quality

ROUNDED_PERIODS_MIN = 48
"""An advance whose reads were not taken on a half-hour is used from a day on: they are moved to the
nearest one, which shifts less than a fortieth of a day."""

ADVANCE_PERIODS_MAX = 19_200
"""Longest advance used: 400 days, a yearly visit that came late."""

ADVANCES_MAX = 100
"""Most advances of one estimate, itself and those within it that had gaps: each is an input. One
that would need more is not used, and the other methods follow."""


class Scaled(NamedTuple):
    """What an advance says of its gaps: their estimates, and what is wrong with it if so."""

    drafts: dict[int, Draft]
    finding: Finding | None = None


def by_registers(basis: Basis, gaps: Iterable[int]) -> tuple[dict[int, Draft], list[Finding]]:
    """Estimate the gaps that stand in advances, each by the shortest one that holds it.

    Returns:
        The estimates, also of an advance's other gaps, and what is wrong with registers.
    """
    advances, left = usable(basis), set(gaps)
    drafts: dict[int, Draft] = {}
    findings: dict[Advance, Finding] = {}
    for number, advance in enumerate(advances):
        span = span_of(advance)
        if left.isdisjoint(span):
            continue
        # What a shorter advance says of the gaps around the wanted ones is known better by it.
        inner = [item for item in advances[:number] if _holds(span, span_of(item))]
        for item in (*inner, advance):
            if all(period in drafts for period in basis.gaps(span_of(item))):
                continue
            found = scaled(basis, item, drafts)
            drafts |= found.drafts
            if found.finding:
                findings[item] = found.finding
        left.difference_update(drafts)
    return drafts, list(findings.values())


def _holds(outer: range, inner: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop


def span_of(advance: Advance) -> range:
    """Return the half-hours of an advance; empty where its reads do not say which they are."""
    span = range(*((at + SECONDS // 2) // SECONDS for at in (advance.begin, advance.end)))
    is_exact = advance.begin % SECONDS == advance.end % SECONDS == 0
    length_min = 1 if is_exact else ROUNDED_PERIODS_MIN
    return span if length_min <= len(span) <= ADVANCE_PERIODS_MAX else range(0)


def usable(basis: Basis) -> list[Advance]:
    """Return the advances that estimates may be scaled to, the shortest first.

    Both reads are actual or edited, and of all their half-hours it is known whether there is a
    reading: what lies outside might be there.
    """
    found: dict[tuple[int, ...], Advance] = {}
    for advance in basis.advances:
        span = span_of(advance)
        own = (advance.meter, advance.channel) == basis.slot
        if span and own and _holds(basis.covered, span) and advance.quality.rank <= ACTUAL:
            # The same advance may stand in several files.
            found[len(span), advance.begin, advance.end, advance.wh] = advance
    return [advance for _, advance in sorted(found.items())]


def scaled(basis: Basis, advance: Advance, before: Mapping[int, Draft]) -> Scaled:
    """Estimate the gaps of an advance so that they and its readings sum to it.

    Args:
        basis: what is known.
        advance: between two reads of the register.
        before: estimates that shorter advances gave; they count as readings.
    """
    span = span_of(advance)
    gaps = [period for period in basis.gaps(span) if period not in before]
    known = [basis.known[period].wh for period in span if not basis.is_gap(period)]
    inner = {period: before[period] for period in span if period in before}
    known_wh = sum(known) + sum(draft.wh for draft in inner.values())
    advances = _together(advance, inner)
    if len(advances) > ADVANCES_MAX:
        return Scaled({})
    if known_wh > advance.wh:
        # The register or a reading is wrong; nobody is billed for energy that it did not count.
        said = _said(basis, advance, f"its readings sum to {known_wh:,} Wh; its gaps are set to 0")
        nothing = Draft(0, Quality.ZERO, _readings(basis, span), advances)
        return Scaled(dict.fromkeys(gaps, nothing), said)
    rest_wh, cap_wh = advance.wh - known_wh, basis.capacity_wh
    if cap_wh is not None and rest_wh > cap_wh * len(gaps):
        text = (
            f"its {len(gaps)} gaps cannot hold the {rest_wh:,} Wh that are missing; it is not used"
        )
        return Scaled({}, _said(basis, advance, text))
    rough = [by_rules(basis, period) for period in gaps]
    shares = capped_split(rest_wh, [draft.wh for draft in rough], cap_wh, gaps)
    sources = {source for draft in rough for source in draft.sources}
    every = tuple(sorted(sources | set(_readings(basis, span))))
    return Scaled(
        {
            period: Draft(wh, Quality.SCALED, every, advances)
            for period, wh in zip(gaps, shares, strict=True)
        }
    )


def capped_split(
    total: int, weights: Sequence[int], cap: int | None, keys: Sequence[int]
) -> list[int]:
    """Split a total by weights; no share exceeds a cap, and all sum to the total.

    Args:
        total: whole Wh from 0, at most the cap times the shares.
        weights: one from 0 a share; where all that are left are 0, they count alike.
        cap: most Wh of a share; None where there is no limit.
        keys: among equal remainders the lower key rounds up.
    """
    shares, left = [0] * len(weights), list(range(len(weights)))
    while total:
        mine = [weights[index] for index in left]
        order = [keys[index] for index in left]
        parts = apportion(total, mine if any(mine) else [1] * len(left), order.__getitem__)
        full = [] if cap is None else [at for at, part in enumerate(parts) if part > cap]
        if cap is None or not full:
            for index, part in zip(left, parts, strict=True):
                shares[index] = part
            break
        for at in full:
            shares[left[at]] = cap
        total -= cap * len(full)
        taken = set(full)
        left = [index for at, index in enumerate(left) if at not in taken]
    return shares


def _readings(basis: Basis, span: range) -> tuple[Source, ...]:
    """Return the readings that count in an advance's sum, whatever their quality."""
    return tuple(
        Source(*basis.slot, period, basis.known[period].position)
        for period in span
        if not basis.is_gap(period)
    )


def _together(advance: Advance, inner: Mapping[int, Draft]) -> tuple[Advance, ...]:
    """Return an advance with the shorter ones whose estimates count in it."""
    found = {advance, *(item for draft in inner.values() for item in draft.advances)}
    return tuple(sorted(found, key=lambda item: (item.begin, item.end, item.wh)))


def _said(basis: Basis, advance: Advance, text: str) -> Finding:
    span = span_of(advance)
    where = f"{utc_text(advance.begin)} to {utc_text(advance.end)}"
    text = f"{where}: the register advanced by {advance.wh:,} Wh, and {text}."
    return finding(Code.REGISTER, basis.slot, span.start, len(span), text)
