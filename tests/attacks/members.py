"""Honest villages, from the founding to the day's readings: what attacks begin with.

>>> founded().entries[0].kind
'roster'
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import SigningKey
from ledger.recovery import key_of_code, new_code
from meters.readings import Channel
from tests.attacks.village import (
    FEEDER,
    OPERATORS,
    PERIODS,
    START,
    ZONE,
    Village,
    key,
    member,
    period_at,
)

MARKET = {"price": "mid-market", "import_ticks": 2450, "export_ticks": 410, "charge_ticks": 20}
OFFER = {
    "buy_ticks": 2450,
    "sell_ticks": 410,
    "import_tariff_ticks": 2450,
    "export_tariff_ticks": 410,
}
FLOOR_UNITS = -200_000_000

EXPORTS = range(PERIODS.start + 2, PERIODS.start + 8)
"""Half-hours in which Ada's battery exports: early, so that a log may end soon after."""

WH = {"ada": 600, "ben": 400, "cleo": 500}
"""What Ada exports then, and the others import all day."""

BATCH_PERIODS = 16
"""Half-hours in a batch of readings: three batches a day."""

READ = period_at(2026, 7, 3, 5)
"""The half-hour in which the day's readings come."""


def paper_code(name: str) -> SigningKey:
    """Return the key of a member's paper code."""
    return key_of_code(" ".join(new_code(tagged_hash("attack-code", name.encode())[:16])))


def roster_fields(version: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the fields of a roster: two operators, two helpers, settlement and adapter."""
    roles = {"operator-1": "operator", "operator-2": "operator", "settlement": "settlement"}
    roles |= {"adapter": "adapter", "helper-1": "helper", "helper-2": "helper"}
    return {
        "version": version,
        "log_key": key("log").public.hex(),
        "threshold": 2,
        "keys": [{"key": key(name).public.hex(), "role": role} for name, role in roles.items()],
        **changes,
    }


def rules_fields(version: int = 1, *, replay: bool = True, **market: Any) -> dict[str, Any]:
    """Return the fields of the rules, with some changes of the market's."""
    promise = "All wallets together always sum to zero."
    return {
        "version": version,
        "currency": "LWD",
        "issuance": {"kind": "mutual-credit", "promise": promise, "floor_units": FLOOR_UNITS},
        "zone": ZONE,
        "feeder": FEEDER,
        "replay": replay,
        "market": MARKET | market,
    }


def founded(*, replay: bool = True, **roster: Any) -> Village:
    """Return a village with its roster, with some changes, and rules."""
    village = Village()
    village.say("roster", "community", roster_fields(**roster), OPERATORS)
    village.say("rules", "community", rules_fields(replay=replay), OPERATORS)
    return village


def opening_fields(name: str, **changes: Any) -> dict[str, Any]:
    """Return the fields of a member's opening, with a paper code."""
    code = hashlib.sha256(b"commonwatt/recovery/v1\x00" + paper_code(name).public).hexdigest()
    return {
        "class": "household",
        "keys": [key(name).public.hex()],
        "threshold": 1,
        "floor_units": FLOOR_UNITS,
        "recovery": code,
        **changes,
    }


def mandate_fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of a mandate that covers what a home buys in a day."""
    return {
        "may_debit": "settlement",
        "wh_period_max": 5_000,
        "price_ticks_max": 2450,
        "units_period_max": 100_000_000,
        "units_day_max": 100_000_000,
        "first": START,
        "last": START + 1_000_000,
        **changes,
    }


def join(village: Village, name: str, mandate: Mapping[str, Any] | None = None) -> None:
    """Open a member's account, with an offer and a mandate unless it is empty."""
    who = member(name)
    village.say("account_open", who, opening_fields(name), [key(name), *OPERATORS])
    village.say("offer", who, OFFER, [key(name)])
    fields = mandate_fields() if mandate is None else mandate
    if fields:
        village.say("mandate", who, fields, [key(name)])


def hamlet(*, replay: bool = True, **roster: Any) -> Village:
    """Return a village of two members and a payment, without meters."""
    village = founded(replay=replay, **roster)
    for name in ("ada", "ben"):
        join(village, name)
    village.pay("ben", "ada", 700)
    return village


def consent_fields(meter: str, channel: Channel, **more: Any) -> dict[str, Any]:
    """Return the fields of a consent."""
    return {
        "meter": meter,
        "channels": channel.value,
        "purpose": "settlement",
        "granularity": "half-hour",
        "wording": 1,
        **more,
    }


def channel_of(name: str) -> Channel:
    """Return what a member's meter counts: Ada's battery exports, the others import."""
    return Channel.EXPORT if name == "ada" else Channel.IMPORT


def wh_of(name: str, periods: Iterable[int]) -> list[int]:
    """Return what a member's meter counted."""
    return [WH[name] if name != "ada" or period in EXPORTS else 0 for period in periods]


def consented(names: Sequence[str] = ("ada", "ben"), **mandates: Mapping[str, Any]) -> Village:
    """Return a village whose members consented to their meters, before the day; no readings."""
    village = founded()
    for name in names:
        join(village, name, mandates.get(name))
        fields = consent_fields(f"m-{name}", channel_of(name))
        village.say("consent", member(name), fields, [key(name)])
    return village


def read_day(village: Village, names: Sequence[str] = ("ada", "ben")) -> Village:
    """Log the day's readings of some members' meters, and return the village."""
    village.period = READ
    for name in names:
        for first in range(PERIODS.start, PERIODS.stop, BATCH_PERIODS):
            periods = range(first, first + BATCH_PERIODS)
            village.read(f"m-{name}", channel_of(name), first, wh_of(name, periods))
    return village


def metered(names: Sequence[str] = ("ada", "ben"), **mandates: Mapping[str, Any]) -> Village:
    """Return a village with the day's readings, ready for the run."""
    return read_day(consented(names, **mandates), names)
