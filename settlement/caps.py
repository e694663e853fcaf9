"""Limits in law and in agreements that a group must not cross unawares, and how near it is. Pure.

The caps are data: what is measured over which time, the limit, and whose rule it is. A measure that
reaches `NEAR_PERCENT` of its limit is near it; one above the limit is over it. This is a look-out and
no legal advice: each sentence says whom to ask.

>>> [found] = judge({"supply": 4_100_000}, [SUPPLY])
>>> found.status.value, percent_text(found), found.cap.limit
('near', '82.0 %', 5000000)
>>> judge({"supply": 5_000_001}, [SUPPLY])[0].sentence[:44]
'More than 5,000 kW were supplied in one half'
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

NEAR_PERCENT = 80
"""From which part of a limit on to warn: while there is time to do something."""

PERMILLE = 1000
"""Thousandths in a whole."""


class Unit(Enum):
    """What a cap counts, always in whole numbers."""

    WATT = "W"
    CENT = "EUR cent"
    PERMILLE = "1/1000"


class Status(StrEnum):
    """How it stands, the worst first."""

    OVER = "over"
    NEAR = "near"
    UNKNOWN = "unknown"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit.

    Attributes:
        name: for programs.
        title: for people.
        limit: the most that is allowed, in ``unit``.
        unit: what is counted.
        measured: what exactly is measured, and over which time.
        source: the law, or whose rule it is.
        near: what to do when it is near.
        over: what to do when it is crossed.
        unknown: why it may not be known, and what to do.
    """

    name: str
    title: str
    limit: int
    unit: Unit
    measured: str
    source: str
    near: str
    over: str
    unknown: str


_EXEMPTIONS = (
    "Electricity (Class Exemptions from the Requirement for a Licence) Order 2001 "
    "(SI 2001/3270), Schedule 4, Class A: small suppliers; Great Britain"
)
_NO_DAY = "No day of the last 12 months is settled yet: settle one, then look again."

SUPPLY = Cap(
    "supply",
    "Supplied between neighbours",
    5_000_000,
    Unit.WATT,
    "the highest half-hour's average power sold to neighbours, in 12 months",
    _EXEMPTIONS,
    "Do not take in larger members before you asked a lawyer or your licensed supplier whether the exemption "
    "still carries you.",
    "More than 5,000 kW were supplied in one half-hour: without a licensed supplier behind it, that needs a "
    "licence. Ask a lawyer now, and tell your licensed supplier.",
    _NO_DAY,
)
DOMESTIC = Cap(
    "supply_domestic",
    "Of it, to households",
    2_500_000,
    Unit.WATT,
    "the highest half-hour's average power bought by members of the class household, in 12 months",
    _EXEMPTIONS,
    "Do not take in more households before you asked a lawyer or your licensed supplier whether the "
    "exemption still carries you.",
    "More than 2,500 kW went to households in one half-hour: without a licensed supplier behind it, that needs a "
    "licence. Ask a lawyer now, and tell your licensed supplier.",
    _NO_DAY,
)
PAYMENTS = Cap(
    "payments",
    "Paid in the currency",
    100_000_000,
    Unit.CENT,
    "all that left members' wallets in 12 months, in euros at the rate given",
    "Directive (EU) 2015/2366 (PSD2), Article 37(2), with Article 3(k): limited networks; in the United Kingdom "
    "Payment Services Regulations 2017 (SI 2017/752), regulation 38",
    "Prepare the notification to the regulator (in the United Kingdom the FCA, within 28 days of crossing): "
    "what the currency is, who takes it, how much is paid.",
    "More than 1,000,000 euros were paid in 12 months: notify the regulator now (in the United Kingdom the FCA, "
    "within 28 days of crossing), and ask whether the limited-network exclusion still holds.",
    "Give the rate: --euro-rate 1.15 --rate-date 2026-11-20, in euros for one of the currency.",
)
GENERATION = Cap(
    "generation",
    "Given beyond what was taken",
    200,
    Unit.PERMILLE,
    "what members gave beyond what they took, as a part of what they took, in 12 months",
    "no law that we know of: a rule of thumb of 20 %; your agreement with the licensed supplier may say another",
    "Take in members who use electricity before any who generate.",
    "Members gave over 20 % more than they took: take in members who use electricity before any who "
    "generate, and read what your agreement with the licensed supplier says.",
    _NO_DAY,
)
CAPS = (SUPPLY, DOMESTIC, PAYMENTS, GENERATION)
"""Every cap, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class CapStatus:
    """How a measure stands to its cap; ``measured`` is None where it is not known."""

    cap: Cap
    measured: int | None
    status: Status

    @property
    def sentence(self) -> str:
        """What to do; nothing where all is well."""
        return {
            Status.OVER: self.cap.over,
            Status.NEAR: f"Near the limit. {self.cap.near}",
            Status.UNKNOWN: self.cap.unknown,
            Status.OK: "",
        }[self.status]


def judge(measures: Mapping[str, int | None], caps: Iterable[Cap] = CAPS) -> list[CapStatus]:
    """Compare measures with their caps.

    Args:
        measures: by the cap's name, in its unit; None or left out where it is not known.
        caps: which ones.
    """
    found = []
    for cap in caps:
        measured = measures.get(cap.name)
        found.append(CapStatus(cap, measured, status_of(measured, cap.limit)))
    return found


def status_of(measured: int | None, limit: int) -> Status:
    """Say how a measure stands to a limit; exact, without any rounding.

    >>> [status_of(wh, 1000).value for wh in (799, 800, 1000, 1001)]
    ['ok', 'near', 'near', 'over']
    """
    if measured is None:
        return Status.UNKNOWN
    if measured > limit:
        return Status.OVER
    return Status.NEAR if 100 * measured >= NEAR_PERCENT * limit else Status.OK


def permille(found: CapStatus) -> int | None:
    """Return the measure in thousandths of the limit, rounded so that it shows the status.

    Down while the limit holds, up above it: 100.0 % is never shown of what crossed it.
    """
    if found.measured is None:
        return None
    parts, limit = found.measured * PERMILLE, found.cap.limit
    return -(-parts // limit) if found.status is Status.OVER else parts // limit


def percent_text(found: CapStatus) -> str:
    """Write how much of the limit is used."""
    parts = permille(found)
    return "" if parts is None else f"{parts // 10:,}.{parts % 10} %"


def amount_text(value: int, unit: Unit) -> str:
    """Write a measure or a limit, rounded down for display.

    >>> amount_text(4_123_456, Unit.WATT), amount_text(99_950, Unit.CENT), amount_text(203, Unit.PERMILLE)
    ('4,123.4 kW', '999.50 euros', '20.3 %')
    """
    if unit is Unit.WATT:
        return f"{value // PERMILLE:,}.{value % PERMILLE // 100} kW"
    if unit is Unit.CENT:
        return f"{value // 100:,}.{value % 100:02d} euros"
    return f"{value // 10:,}.{value % 10} %"


def watts_of(energy_wh: int) -> int:
    """Return the average power of a half-hour's energy: twice as many W as Wh, exactly."""
    return 2 * energy_wh


def beyond_permille(given_wh: int, taken_wh: int) -> int:
    """Return what was given beyond what was taken, in thousandths of that, rounded up.

    Where nothing was taken, it is told as of 1 Wh: above any limit.

    >>> beyond_permille(1_200, 1_000), beyond_permille(1_201, 1_000), beyond_permille(5, 10)
    (200, 201, 0)
    """
    beyond_wh = max(0, given_wh - taken_wh)
    return -(-beyond_wh * PERMILLE // max(1, taken_wh))


def euro_cents(units: int, rate_millionths: int) -> int:
    """Return money in euro cents, rounded up: a look-out errs towards warning.

    Args:
        units: 10^-7 of the currency's major unit.
        rate_millionths: millionths of a euro for one of the currency.

    >>> euro_cents(10_000_000, 1_150_000), euro_cents(1, 1_150_000)
    (115, 1)
    """
    return -(-units * rate_millionths // 10**11)
