"""The sentences and figures of a statement, said the same way in every format.

>>> day_name(date(2026, 6, 15)), month_name("2026-06")
('Mon 15', 'June 2026')
>>> signed_money(14_500_000), signed_money(-6_000_000), signed_money(0)
('+£1.45', '−£0.60', '£0.00')
"""

import re
from datetime import date

from ledger.primitives.counted import counted
from ledger.primitives.money import format_money, round_half_even
from settlement.statement_model import CLOSED_ACCOUNT, Disputed, HouseholdStatement, PaymentLine

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

ID_DIGITS = 4
"""How much of an account's id people compare."""

SEAL_DIGITS = 12
"""How much of a log entry's hash is printed: enough to find it, and to type."""

ROUNDING = (
    "Money is counted to a hundred-thousandth of a penny and rounded to the penny here so that "
    "every column adds up."
)
"""Why a line may differ from the phone's by a penny."""


def month_name(month: str) -> str:
    """Write ``YYYY-MM`` as people say it."""
    year, number = month.split("-")
    return f"{_MONTHS[int(number) - 1]} {year}"


def day_name(day: date) -> str:
    """Write a day of a known month."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day}"


def full_day_name(day: date) -> str:
    """Write a day of any month.

    >>> full_day_name(date(2026, 5, 31))
    '31 May 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1][:3]} {day.year}"


def long_day(day: date) -> str:
    """Write a day in a sentence.

    >>> long_day(date(2026, 5, 31))
    '31 May 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def percent(permille: int) -> str:
    """Write thousandths as per cent.

    >>> percent(50), percent(175)
    ('5 %', '17.5 %')
    """
    whole, part = divmod(permille, 10)
    return f"{whole}.{part} %" if part else f"{whole} %"


def signed_money(units: int) -> str:
    """Write a change: with its sign, unless it prints as nothing."""
    text = format_money(units)
    return text if units <= 0 or not text.strip("£0.,") else f"+{text}"


def account_line(statement: HouseholdStatement) -> str:
    """Say whose statement it is."""
    name = statement.member_name or CLOSED_ACCOUNT.capitalize()
    return f"{name}, {account_end(statement)}"


def account_end(statement: HouseholdStatement) -> str:
    """Say which account it is without a name."""
    return f"account ending {statement.member[-ID_DIGITS:].upper()}"


def days_to_settle(statement: HouseholdStatement) -> int:
    """Return how many days of the month rules bind: others are never worked out."""
    return statement.days_in_month - statement.days_before


def is_complete(statement: HouseholdStatement) -> bool:
    """Say whether every day of the month is worked out that rules bind."""
    return statement.days_settled >= days_to_settle(statement)


def having(statement: HouseholdStatement) -> str:
    """Say of when the closing balance is; of an open month, so that it is right whenever it is read."""
    month, days = month_name(statement.month), days_to_settle(statement)
    if is_complete(statement):
        return f"at the end of {month}"
    if not statement.days_settled:
        return f"with no day of {month} worked out yet"
    return f"with {statement.days_settled} of {counted(days, 'day')} of {month} worked out"


def limits(statement: HouseholdStatement) -> list[str]:
    """Say what of it can be spent, and what is owed beside it."""
    words = [f"Set aside {format_money(statement.set_aside_units)}"]
    if statement.floor_units < 0:
        words.append(f"You can go below zero by {format_money(-statement.floor_units)}")
    if statement.owed_units > 0:
        words.append(f"{format_money(statement.owed_units)} more is owed to you, and comes later")
    elif statement.owed_units < 0:
        words.append(f"You owe {format_money(-statement.owed_units)} besides")
    return words


def leaving(statement: HouseholdStatement) -> list[str]:
    """Say what happens next to who takes part no more."""
    left, has = statement.left, statement.closing_units
    if left is None:
        return []
    first = (
        f"Your last day here was {long_day(left.last_day)}. What your meters said until then can "
        f"be corrected until {long_day(left.final_on)}, or later by a dispute; if that changes "
        "anything, you get another statement."
    )
    if has > 0 and statement.redeemable:
        last = f"{format_money(has)} is yours: ask the operators to pay it out to you."
    elif has > 0:
        last = f"{format_money(has)} is yours: pay it to another member, or ask the operators."
    elif has < 0:
        last = f"You owe {format_money(-has)}: ask the operators how to pay it."
    else:
        last = "Your account stands at nothing: there is nothing left to pay."
    return [first, last]


WITHOUT_ENERGY = (
    "Energy is left out: it is shown to whoever supports this member if the member allows it."
)
"""Said where a statement is for somebody who may not see its energy."""


def comparison(statement: HouseholdStatement) -> str:
    """Say how trading compares with the grid alone, at the member's own tariffs."""
    if statement.is_without_energy:
        return WITHOUT_ENERGY
    total = statement.total
    if not (total.sold_wh or total.bought_wh):
        return "Nothing was sold to or bought from neighbours."
    if statement.shares_only and not total.bought_wh:
        return "What your share sold is not compared with the grid: you have no tariff for it."
    units, gift = statement.better_units, ", before your gift" if total.given_units else ""
    if not format_money(units).strip("−£0.,"):
        words = f"This came to the same as with the grid alone{gift}."
    else:
        better = "better" if units > 0 else "worse"
        amount = format_money(abs(units))
        words = f"You are {amount} {better} off than with the grid alone{gift}."
    if statement.shares_only and total.sold_wh:
        words += " That is for what you bought: you have no tariff for what your share sold."
    return words


def progress(statement: HouseholdStatement) -> str:
    """Say how much of the month is worked out, and what was counted as zero."""
    days = days_to_settle(statement)
    began = " since the community began" if statement.days_before else ""
    if is_complete(statement):
        whole = f"All {days} days{began} are" if days != 1 else f"The only day{began} is"
        words = [f"{whole} worked out."]
    else:
        rest = days - statement.days_settled
        words = [f"{rest} of {days} days{began} {'is' if rest == 1 else 'are'} not worked out yet."]
    if statement.on_the_way:
        shown = len(statement.on_the_way)
        which = counted(shown, "day") if is_complete(statement) else f"{shown} of them"
        words.append(f"{which} {'is' if shown == 1 else 'are'} on the way, and not final.")
    if statement.missing == 1:
        words.append("One half-hour's reading in the whole community was missing: counted as zero.")
    elif statement.missing:
        words.append(
            f"{statement.missing:,} half-hours' readings in the whole community were missing: "
            "counted as zero."
        )
    elif statement.seals and not statement.estimated:
        words.append("No reading was missing.")
    if statement.estimated:
        words.append(
            f"{counted(statement.estimated, 'half-hour')} of your own meter "
            f"{'was' if statement.estimated == 1 else 'were'} not read, and estimated"
            f"{_share(statement.estimated, statement.readings)}."
        )
    return " ".join(words)


def _share(part: int, whole: int) -> str:
    """Say which share of readings were estimated, rounded to a tenth of a per cent, half to even."""
    if not whole:
        return ""
    permille = round_half_even(part * 1_000, whole)
    return f": {percent(permille) if permille else 'less than 0.1 %'} of all your readings"


HEX_ID = re.compile("[0-9a-f]{32}")


def payment_party(line: PaymentLine) -> str:
    """Say with whom a payment was."""
    if not HEX_ID.fullmatch(line.other):
        return line.other_name or line.other
    direction = "from" if line.units > 0 else "to"
    return f"{direction} {line.other_name or CLOSED_ACCOUNT}"


_SUPPLIER = "What neighbours could not cover or take, your own supplier bills or buys."

_SUPPLIER_OF_A_SHARE = (
    "What neighbours could not cover, your own supplier bills. What nobody took of your share goes to "
    "the grid at the generator’s meter: your supplier does not buy it."
)


def dispute_words(disputed: Disputed) -> str:
    """Say where a dispute stands.

    >>> dispute_words(Disputed(date(2026, 6, 15), "SF", "open"))
    'Mon 15, run SF: your dispute is open.'
    """
    state = {"open": "is open", "expired": "expired undecided"}
    said = state.get(disputed.state, f"was {disputed.state}")
    return f"{day_name(disputed.day)}, run {disputed.code}: your dispute {said}."


def fine_print(statement: HouseholdStatement) -> list[str]:
    """Say what this document is not, and what its money is."""
    return [
        _SUPPLIER_OF_A_SHARE if statement.shares_only else _SUPPLIER,
        f"£ stands for {statement.currency}, this community's own currency: {statement.promise}",
        ROUNDING,
    ]
