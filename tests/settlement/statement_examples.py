"""Statements made by hand, without a ledger behind them: one of each kind that people get."""

from dataclasses import replace
from datetime import date, timedelta

from ledger.accounts import wallet
from market.model import PriceRule, Rules, Side
from settlement.statement_charges import Bought, charges_of
from settlement.statement_model import (
    Adjustment,
    DayLine,
    Departure,
    Disputed,
    GridComparison,
    GridPart,
    HouseholdStatement,
    OnTheWay,
    Payment,
    PaymentLine,
    Seal,
)
from settlement.statement_rounding import PENNY_UNITS
from settlement.statement_support import without_energy
from settlement.terms import CommunityRules

ADA, BEN = "0f" * 16, "1e" * 16


def payment_line(
    units, *, name="Moseley Bakery", reference="two loaves", day=date(2026, 6, 2), kind="transfer"
):
    payment = Payment(989000, wallet(BEN, "BRM/7"), reference, units, 40, "ef" * 32, kind)
    return PaymentLine(day, BEN, name, payment)


def statement_of(
    days, payments=(), *, opening=0, grid=(0, 0), adjustments=(), claim_units=0, **others
):
    energy = sum(line.sold_units - line.bought_units - line.given_units for line in days)
    energy += sum(line.units for line in adjustments) - claim_units
    made = {
        "community": "Riverside Power",
        "origin": "riverside.example/ledger/1",
        "currency": "BRM",
        "promise": "All wallets together always sum to zero.",
        "member": ADA,
        "member_name": "Ada",
        "month": "2026-06",
        "days_in_month": 30,
        "set_aside_units": 200 * PENNY_UNITS,
        "floor_units": -2000 * PENNY_UNITS,
        "seals": (),
    }
    return HouseholdStatement(
        **{**made, **others},
        opening_units=opening,
        days=tuple(days),
        payments=tuple(payments),
        closing_units=opening + energy + sum(line.units for line in payments),
        grid=GridComparison(*grid),
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
        seals=(
            Seal("2026-06-01", "SF", 3, 128, "ab" * 32),
            Seal("2026-06-02", "SF", 0, 226, "cd" * 32),
        ),
    )


PRICE, CHARGE, NETWORK = 1_430, 60, 40
"""Ticks per kWh: what sellers get, what buyers pay on top, and the network's part of that."""

DAY_TARIFF, NIGHT_TARIFF, EXPORT_TARIFF = 3_120, 1_290, 410
"""Ticks per kWh: a member's own tariffs."""


def rules_with(*, vat=False):
    market = Rules(PriceRule.FIXED, match_ticks=PRICE, charge_ticks=CHARGE)
    registered = {"vat_number": "GB 123456789", "vat_permille": (("household", 50),)}
    return CommunityRules(
        *(1, "BRM/7", "Europe/London", "street", market),
        replay=True,
        issuance="mutual-credit",
        promise="All wallets together always sum to zero.",
        floor_units=0,
        network_ticks=NETWORK,
        **(registered if vat else {}),
    )


def june(count=30, *, sells=False, buys=False, gives=False, rules=None):
    """Return days of June that look like a home's: figures follow from the day alone."""
    rules, days = rules or rules_with(), []
    for index in range(count):
        sold = 2_000 + 613 * (index * 7 % 11) if sells else 0
        bought = 1_000 + 377 * (index * 5 % 13) if buys else 0
        given = min(sold, 300) if gives else 0
        days.append(
            DayLine(
                date(2026, 6, 1) + timedelta(days=index),
                *(sold, sold * PRICE, bought, bought * (PRICE + CHARGE)),
                *(sold // 3, 2_345 + 17 * index, 1_234 * sells),
                *(given, given * PRICE, bought * NETWORK, bought * (CHARGE - NETWORK)),
            )
        )
    return days


def sealed(count=30, missing=0):
    days = [date(2026, 6, 1) + timedelta(days=index) for index in range(count)]
    return tuple(
        Seal(str(day), "SF", missing * (day.day == 1), 1_000 + 7 * day.day, f"{day.day:02x}" * 32)
        for day in days
    )


def consistent(days, *, rules=None, adjustments=(), payments=(), **others):
    """Return a statement whose charges and comparison follow from its days and adjustments."""
    rules = rules or rules_with()
    bought = [Bought(rules, False, line.bought_wh, line.bought_units) for line in days]
    bought += [Bought(rules, True, line.bought_wh, line.bought_units) for line in adjustments]
    sold_wh, bought_wh = (sum(getattr(d, n) for d in days) for n in ("sold_wh", "bought_wh"))
    by_day = bought_wh * 2 // 3
    tariffs = (
        (Side.ASK, EXPORT_TARIFF, sold_wh),
        (Side.BID, NIGHT_TARIFF, bought_wh - by_day),
        (Side.BID, DAY_TARIFF, by_day),
    )
    parts = tuple(GridPart(side, ticks, wh, wh * ticks) for side, ticks, wh in tariffs if wh)
    cost, earned = (sum(p.units for p in parts if p.side is s) for s in (Side.BID, Side.ASK))
    others = {"seals": sealed(len(days)), "readings": 96 * len(days), **others}
    return statement_of(
        days,
        payments,
        adjustments=adjustments,
        grid=(cost, earned, parts),
        charges=charges_of(bought, "household"),
        vat_number=rules.vat_number,
        **others,
    )


def _changed():
    return [
        Adjustment(date(2026, 5, 3), "R1", 0, 0, 450, 450 * (PRICE + CHARGE)),
        Adjustment(date(2026, 5, 4), "R1", -1_210, -1_210 * PRICE, 0, 0, -100 * PRICE),
        Adjustment(date(2026, 3, 1), "RF", 37, 37 * PRICE, -803, -803 * (PRICE + CHARGE)),
    ]


def _changed_seals():
    return tuple(
        Seal(day, code, 0, 2_000 + index, f"{index + 160:02x}" * 32)
        for index, (day, code) in enumerate(
            [("2026-03-01", "RF"), ("2026-05-03", "R1"), ("2026-05-04", "R1")]
        )
    )


def _small():
    """Changes of which all but one print as nothing."""
    days = [date(2026, 5, day) for day in (3, 4, 5)]
    return [
        *(Adjustment(day, "R1", 1, PRICE, 0, 0) for day in days[:2]),
        Adjustment(days[2], "R1", 0, 0, 450, 450 * (PRICE + CHARGE)),
    ]


def _bought_only(days):
    grid = consistent(days).grid
    parts = tuple(part for part in grid.parts if part.side is Side.BID)
    return GridComparison(grid.bought_units, 0, parts)


def examples():
    """Return the statements that have golden files, by name."""
    vat, few = rules_with(vat=True), 9
    paid = [
        payment_line(-360 * PENNY_UNITS),
        payment_line(1_250 * PENNY_UNITS, name="Zoë Łukasz", reference=None, day=date(2026, 6, 19)),
        payment_line(-99 * PENNY_UNITS, name=None, reference="tea", day=date(2026, 6, 30)),
    ]
    left = Departure(date(2026, 6, 12), date(2026, 9, 11))
    return {
        "sells": consistent(june(few, sells=True), member_name="Zoë Abara"),
        "buys": consistent(june(few, buys=True), opening=5_000 * PENNY_UNITS),
        "both": consistent(june(sells=True, buys=True), payments=paid, opening=-1_234_567),
        "estimated": consistent(june(few, buys=True), estimated=96, seals=sealed(few, missing=3)),
        "changed": consistent(
            june(few, sells=True, buys=True),
            adjustments=_changed(),
            later_seals=_changed_seals(),
            member_name="Αθηνά Νίκου",
        ),
        "gift": consistent(june(few, sells=True, gives=True), payments=paid[:1]),
        "moved-out": consistent(
            june(12, sells=True, buys=True),
            left=left,
            set_aside_units=0,
            floor_units=0,
            seals=sealed(),
            readings=12 * 96,
        ),
        "vat": consistent(
            june(few, rules=vat, buys=True), rules=vat, adjustments=_changed(), opening=10**9
        ),
        "share": replace(
            consistent(june(few, sells=True, buys=True), adjustments=_small(), days_before=20),
            shares_only=True,
            grid=_bought_only(june(few, sells=True, buys=True)),
            disputes=(
                Disputed(date(2026, 6, 3), "SF", "upheld"),
                Disputed(date(2026, 6, 4), "R1", "open"),
            ),
        ),
        "for-support": without_energy(
            consistent(
                june(few, sells=True, buys=True, gives=True),
                adjustments=_changed(),
                payments=paid[:2],
                readings=few * 96,
                estimated=3,
            )
        ),
        "on-the-way": replace(
            consistent(
                june(2, sells=True, buys=True), claim_units=-3 * 10**7, owed_units=-5 * 10**7
            ),
            on_the_way=(
                OnTheWay(date(2026, 6, 3), "II", 1_234, 1_234 * PRICE, 5, 5 * (PRICE + CHARGE)),
                OnTheWay(date(2026, 6, 4), "II", 0, 0, 995, 995 * (PRICE + CHARGE)),
            ),
        ),
    }
