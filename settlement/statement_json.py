"""A household statement as a JSON value: integers of ledger units and Wh, and ISO dates.

It holds only what canonical JSON holds: what is absent is left out, and nothing is rounded.

>>> from datetime import date
>>> sorted(_day(DayLine(date(2026, 6, 15), sold_wh=5)))[:3]
['bought_units', 'bought_wh', 'day']
"""

from dataclasses import fields
from typing import Any

from ledger.primitives.periods import start_text
from settlement.statement import NOT_THE_BILL, DayLine, HouseholdStatement, PaymentLine


def statement_json(statement: HouseholdStatement) -> dict[str, Any]:
    """Return the statement as canonical JSON's types; ``v`` is the form's version."""
    return {
        "v": 1,
        "community": {
            "name": statement.community,
            "origin": statement.origin,
            "currency": statement.currency,
            "promise": statement.promise,
        },
        "member": _party(statement.member, statement.member_name),
        "month": statement.month,
        "opening_units": statement.opening_units,
        "days": [_day(line) for line in statement.days],
        "total": {k: v for k, v in _day(statement.total).items() if k != "day"},
        "adjustments": [
            {
                "day": line.day.isoformat(),
                "run": line.code,
                "sold_wh": line.sold_wh,
                "sold_units": line.sold_units,
                "bought_wh": line.bought_wh,
                "bought_units": line.bought_units,
                "given_units": line.given_units,
            }
            for line in statement.adjustments
        ],
        "claim_units": statement.claim_units,
        "owed_units": statement.owed_units,
        "payments": [_payment(line) for line in statement.payments],
        "closing_units": statement.closing_units,
        "set_aside_units": statement.set_aside_units,
        "floor_units": statement.floor_units,
        "with_the_grid": {
            "bought_units": statement.grid.bought_units,
            "sold_units": statement.grid.sold_units,
            "better_units": statement.better_units,
        },
        "days_in_month": statement.days_in_month,
        "days_settled": statement.days_settled,
        "missing_readings": statement.missing,
        "estimated_readings": statement.estimated,
        "seals": [
            {
                "day": seal.day,
                "run": seal.code,
                "missing_readings": seal.missing,
                "position": seal.position,
                "tx_id": seal.tx_id,
            }
            for seal in statement.seals
        ],
        "note": NOT_THE_BILL,
    }


def _day(line: DayLine) -> dict[str, Any]:
    values = {field.name: getattr(line, field.name) for field in fields(line)}
    return {**values, "day": line.day.isoformat()}


def _payment(line: PaymentLine) -> dict[str, Any]:
    payment = line.payment
    value = {
        "day": line.day.isoformat(),
        "period_start": start_text(payment.period),
        "with": _party(line.other, line.other_name),
        "units": payment.units,
        "position": payment.position,
        "tx_id": payment.tx_id,
    }
    return value if payment.reference is None else {**value, "reference": payment.reference}


def _party(member: str, name: str | None) -> dict[str, str]:
    return {"id": member} if name is None else {"id": member, "name": name}
