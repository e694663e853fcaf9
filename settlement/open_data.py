"""What anybody may know of a half-hour: rounded so far that no home stands out. Pure.

Whoever knows all homes but one learns the last one from any exact sum, and from any decision that
depends on exact sums. So each side's Wh are added up, every member counting for at most
`CEILING_WH`, and rounded to `STEP_WH` once; matched energy, share and price are worked out from the
rounded sums alone, and a side of fewer than `HOMES_MIN` members is withheld with what rests on it.
What is left to guess is then at least `PERCENT` of the unknown home's Wh. Why this and not
suppression by dominance: docs/adr/0026-what-open-data-may-tell.md.

>>> from market.model import PriceRule
>>> rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
>>> took, gave = (812, 640, 455, 390, 700), (900, 950, 870, 1020, 1)
>>> row = open_row(HalfHour(989737, "2026-06-15", took, gave, 2997, rules))
>>> row.import_wh, row.export_wh, row.matched_wh, row.local_share_permille, row.price_ticks
(3000, 4000, 3000, 1000, 1430)
>>> print(open_row(HalfHour(989737, "2026-06-15", took, (3000,), 2997, rules)).export_why)
few
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.columns import Column, Form, Row
from market.model import Rules, SharingRule
from market.rules import set_price_ticks

HOMES_MIN = 5
"""No figure is shown that rests on fewer members than this: the threshold rule."""

STEP_WH = 1_000
"""What sums are rounded to: several times what a home takes or gives in a usual half-hour."""

PERCENT = 10
"""The p of the p%-rule: nobody's Wh can be told more closely than this, by all others together."""

CEILING_WH = STEP_WH * 100 // PERCENT
"""Most that one member counts for: of more, a step would be less than `PERCENT`. Exact."""

PERMILLE = 1000
"""Thousandths in a whole."""

BANDS = ((100, "100 or more"), (50, "50 to 99"), (20, "20 to 49"), (10, "10 to 19"), (5, "5 to 9"))
"""From how many members on which words stand for their number. No hyphens: 5-9 becomes a date in
a spreadsheet."""

FEWER = f"fewer than {HOMES_MIN}"
"""What stands for a number below the threshold, none included."""


class Why(StrEnum):
    """Why a figure is not there."""

    FEW = "few"
    RULES = "rules"
    LIMITS = "limits"
    UNMATCHED = "unmatched"
    NOTHING = "nothing"


WORDS = {
    Why.FEW: f"it would rest on fewer than {HOMES_MIN} members",
    Why.RULES: "the community's rules match by limits or coefficients, so it would tell more",
    Why.LIMITS: "somebody's own limits keep them out of the market at this price",
    Why.UNMATCHED: "somebody's purse kept energy from being matched",
    Why.NOTHING: "what was matched rounds to nothing",
}
"""Each reason as a person reads it."""


@dataclass(frozen=True, slots=True)
class HalfHour:
    """A half-hour as the first posting run left it.

    Attributes:
        period: the half-hour.
        day: the local day, as in ``2026-06-15``.
        wanted_wh: each member's Wh from neighbours and the grid; zeros may stand or not.
        offered_wh: each member's Wh to neighbours and the grid; zeros may stand or not.
        matched_wh: what was traded between neighbours.
        rules: of the market, with the price of this time of day.
        open_to_all: every member's offer and mandate admit any price that the rules can set.
    """

    period: int
    day: str
    wanted_wh: Sequence[int]
    offered_wh: Sequence[int]
    matched_wh: int
    rules: Rules
    open_to_all: bool = True


@dataclass(frozen=True, slots=True)
class OpenRow:
    """What is published of a half-hour; a figure is None where its ``why`` says the reason.

    Attributes:
        period: the half-hour.
        day: the local day.
        import_wh: what members took from neighbours and the grid.
        export_wh: what members gave to neighbours and the grid.
        matched_wh: what was traded between neighbours.
        local_share_permille: matched, of what members took.
        price_ticks: what sellers got.
        buyers: how many members took, in words.
        sellers: how many members gave, in words.
    """

    period: int
    day: str
    import_wh: int | None
    export_wh: int | None
    matched_wh: int | None
    local_share_permille: int | None
    price_ticks: int | None
    buyers: str
    sellers: str
    import_why: Why | None
    export_why: Why | None
    matched_why: Why | None
    local_share_why: Why | None
    price_why: Why | None


COLUMNS = (
    Column("start_utc", Form.START),
    Column("day", Form.WORD),
    Column("import_wh", Form.INTEGER, optional=True),
    Column("export_wh", Form.INTEGER, optional=True),
    Column("matched_wh", Form.INTEGER, optional=True),
    Column("local_share_permille", Form.INTEGER, optional=True),
    Column("price_ticks", Form.INTEGER, optional=True),
    Column("buyers", Form.WORD),
    Column("sellers", Form.WORD),
    Column("import_why", Form.WORD, optional=True),
    Column("export_why", Form.WORD, optional=True),
    Column("matched_why", Form.WORD, optional=True),
    Column("local_share_why", Form.WORD, optional=True),
    Column("price_why", Form.WORD, optional=True),
)
"""The published table; its cells are a row's fields, in their order."""


def open_row(half_hour: HalfHour) -> OpenRow:
    """Return what may be published of a half-hour.

    Everything follows from the two rounded sums, from who took or gave anything at all, from the
    rules, and from whether all that could be matched was: nothing else may be read here.
    """
    buyers, sellers = _members(half_hour.wanted_wh), _members(half_hour.offered_wh)
    few_buyers, few_sellers = buyers < HOMES_MIN, sellers < HOMES_MIN
    import_wh = None if few_buyers else rounded_sum(half_hour.wanted_wh)
    export_wh = None if few_sellers else rounded_sum(half_hour.offered_wh)
    matched_wh = share = price_ticks = None
    why = _why_unmatched(half_hour, few=few_buyers or few_sellers)
    ratio_why = why
    if why is None and import_wh is not None and export_wh is not None:
        # Rounding keeps order, so this is the rounded lesser sum, which is what was traded.
        matched_wh = min(import_wh, export_wh)
        ratio_why = None if matched_wh else Why.NOTHING
        if matched_wh:
            share = _nearest(matched_wh * PERMILLE, import_wh)
            price_ticks = set_price_ticks(half_hour.rules, export_wh, import_wh)
    return OpenRow(
        *(half_hour.period, half_hour.day),
        *(import_wh, export_wh, matched_wh, share, price_ticks),
        *(band(buyers), band(sellers)),
        Why.FEW if few_buyers else None,
        Why.FEW if few_sellers else None,
        *(why, ratio_why, ratio_why),
    )


def rounded_sum(energies_wh: Iterable[int]) -> int:
    """Add up Wh, none above `CEILING_WH`, and round to the nearest `STEP_WH`, halves up.

    >>> rounded_sum([400, 99]), rounded_sum([400, 100]), rounded_sum([300, 60_000])
    (0, 1000, 10000)
    """
    total_wh = sum(min(wh, CEILING_WH) for wh in energies_wh)
    return _nearest(total_wh, STEP_WH) * STEP_WH


def band(count: int) -> str:
    """Say about how many members.

    >>> band(4), band(5), band(17), band(3_000)
    ('fewer than 5', '5 to 9', '10 to 19', '100 or more')
    """
    return next((words for least, words in BANDS if count >= least), FEWER)


def table_row(row: OpenRow) -> Row:
    """Return a row's cells, one for each of `COLUMNS`; the start stands as its half-hour."""
    cells = (getattr(row, column.name) for column in COLUMNS[1:])
    # Parquet's writer takes a member of an enumeration for an object, so words become plain text.
    return (row.period, *(str(cell) if isinstance(cell, str) else cell for cell in cells))


def _members(energies_wh: Iterable[int]) -> int:
    """Count who took or gave: by what they metered, as what they got depends on all others."""
    return sum(wh > 0 for wh in energies_wh)


def _why_unmatched(half_hour: HalfHour, *, few: bool) -> Why | None:
    """Return why matched energy is withheld, if it is.

    It is the lesser of the two sums only where everybody may trade. Elsewhere it would be a figure
    of its own, rounded at places of its own, and two such figures together tell more than one.
    """
    rules = half_hour.rules
    if few:
        return Why.FEW
    if not rules.price.is_set or rules.sharing is SharingRule.KEYS:
        return Why.RULES
    if not half_hour.open_to_all:
        return Why.LIMITS
    if half_hour.matched_wh != min(sum(half_hour.wanted_wh), sum(half_hour.offered_wh)):
        return Why.UNMATCHED
    return None


def _nearest(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest whole number, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)
