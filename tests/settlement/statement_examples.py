"""Statements made by hand, without a ledger behind them."""

from datetime import date

from ledger.accounts import wallet
from settlement.statement import DayLine, GridComparison, HouseholdStatement, PaymentLine
from settlement.statement_rounding import PENNY_UNITS
from settlement.statement_store import Payment, Seal

ADA, BEN = "0f" * 16, "1e" * 16


def payment_line(units, *, name="Moseley Bakery", reference="two loaves", day=date(2026, 6, 2)):
    payment = Payment(989000, wallet(BEN, "BRM/7"), reference, units, 40, "ef" * 32)
    return PaymentLine(day, BEN, name, payment)


def statement_of(
    days, payments=(), *, opening=0, grid=(0, 0), seals=(), adjustments=(), claim_units=0
):
    energy = sum(line.sold_units - line.bought_units - line.given_units for line in days)
    energy += sum(line.units for line in adjustments) - claim_units
    return HouseholdStatement(
        community="Riverside Power",
        origin="riverside.example/ledger/1",
        currency="BRM",
        promise="All wallets together always sum to zero.",
        member=ADA,
        member_name="Ada",
        month="2026-06",
        days_in_month=30,
        opening_units=opening,
        days=tuple(days),
        payments=tuple(payments),
        closing_units=opening + energy + sum(line.units for line in payments),
        set_aside_units=200 * PENNY_UNITS,
        floor_units=-2000 * PENNY_UNITS,
        grid=GridComparison(*grid),
        seals=tuple(seals),
        adjustments=tuple(adjustments),
        claim_units=claim_units,
    )


def example_statement():
    return statement_of(
        [
            DayLine(date(2026, 6, 1), 1_004, 1_480_000, 396, 572_000, 2_500, 3_000, 0),
            DayLine(date(2026, 6, 2), 554, 837_000, 1_004, 1_450_000, 0, 6, 4_000),
        ],
        [payment_line(-360 * PENNY_UNITS)],
        opening=1600 * PENNY_UNITS,
        grid=(1_900_000, 638_780),
        seals=[
            Seal("2026-06-01", "SF", 3, 128, "ab" * 32),
            Seal("2026-06-02", "SF", 0, 226, "cd" * 32),
        ],
    )
