"""A household statement as a JSON value: integers of ledger units and Wh, and ISO dates.

It holds only what canonical JSON holds: what is absent is left out, and nothing is rounded.

>>> from datetime import date
>>> sorted(_day(DayLine(date(2026, 6, 15), sold_wh=5)))[:3]
['bought_units', 'bought_wh', 'day']
"""

from dataclasses import fields
from typing import Any

from ledger.primitives.periods import start_text
from market.model import Side
from settlement.statement_model import (
    NOT_THE_BILL,
    Adjustment,
    Charge,
    DayLine,
    HouseholdStatement,
    OnTheWay,
    PaymentLine,
    Seal,
)


def statement_json(statement: HouseholdStatement) -> dict[str, Any]:
    """Return the statement as canonical JSON's types; ``v`` is the form's version."""
    told = {
        "v": 2,
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
        "adjustments": [_dated(line) for line in statement.adjustments],
        "on_the_way": [_dated(line) for line in statement.on_the_way],
        "charges": [_charge(line) for line in statement.charges],
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
            "parts": [
                {
                    "side": "sold" if part.side is Side.ASK else "bought",
                    "tariff_ticks": part.ticks,
                    "wh": part.wh,
                    "units": part.units,
                }
                for part in statement.grid.parts
            ],
        },
        "days_in_month": statement.days_in_month,
        "days_settled": statement.days_settled,
        "missing_readings": statement.missing,
        "estimated_readings": statement.estimated,
        "readings": statement.readings,
        "seals": [_seal(seal) for seal in statement.seals],
        "later_seals": [_seal(seal) for seal in statement.later_seals],
        "note": NOT_THE_BILL,
        **_sometimes(statement),
    }
    return _of_money(told, statement) if statement.is_without_energy else told


def _of_money(told: dict[str, Any], statement: HouseholdStatement) -> dict[str, Any]:
    """Return what is told without energy: of days nothing, of the month its money."""
    left = ("with_the_grid", "estimated_readings", "readings", "on_the_way")
    money = {name: value for name, value in told["total"].items() if name.endswith("_units")}
    kept = {name: value for name, value in told.items() if name not in left}
    more = {"adjusted_units": statement.adjusted_units, "without_energy": True}
    return {**kept, **more, "days": [], "adjustments": [], "total": money}


def _sometimes(statement: HouseholdStatement) -> dict[str, Any]:
    """Return what only some statements have."""
    value: dict[str, Any] = {}
    if statement.vat_number:
        value["vat_number"] = statement.vat_number
    if statement.days_before:
        value["days_before"] = statement.days_before
    if statement.shares_only:
        value["shares_only"] = True
    if statement.disputes:
        value["disputes"] = [
            {"day": each.day.isoformat(), "run": each.code, "state": each.state}
            for each in statement.disputes
        ]
    if statement.left is not None:
        last, final = statement.left.last_day, statement.left.final_on
        value["left"] = {"last_day": last.isoformat(), "final_on": final.isoformat()}
    return value


def _dated(line: Adjustment | OnTheWay) -> dict[str, Any]:
    values = {field.name: getattr(line, field.name) for field in fields(line)}
    code = values.pop("code")
    return {**values, "day": line.day.isoformat(), "run": code}


def _charge(charge: Charge) -> dict[str, Any]:
    value = {
        "for": charge.what.value,
        "changed": charge.changed,
        "net_units": charge.net_units,
        "vat_units": charge.vat_units,
        "gross_units": charge.gross_units,
    }
    return value if charge.permille is None else {**value, "vat_permille": charge.permille}


def _seal(seal: Seal) -> dict[str, Any]:
    return {
        "day": seal.day,
        "run": seal.code,
        "missing_readings": seal.missing,
        "position": seal.position,
        "tx_id": seal.tx_id,
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
