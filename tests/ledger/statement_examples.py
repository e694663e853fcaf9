"""Signed statements for tests: one of every kind, and the keys that may sign it."""

from typing import Any

from ledger.keys import MEMBER_KINDS, SIGNER_ROLES, KeyBook
from ledger.primitives.canonical import encode
from ledger.primitives.signing import (
    SigningKey,
    seal_envelope,
)
from ledger.statements import COMMUNITY, Statement, make_body, payload_type, sign

ORIGIN = "riverside.example/ledger/1"
MEMBER = "0f" * 16
IDS = "1e" * 16
LATER = 10**12


def key_of(number: int) -> SigningKey:
    return SigningKey.from_seed(bytes([number]) * 32)


OPERATORS = [key_of(1), key_of(2), key_of(3)]
SETTLEMENT, ADAPTER, DEVICE, SECOND_DEVICE, STRANGER, LOG = (key_of(n) for n in range(4, 10))
HASH = "ab" * 32

FIELDS: dict[str, dict[str, Any]] = {
    "roster": {
        "version": 1,
        "log_key": LOG.public.hex(),
        "threshold": 2,
        "keys": [
            *({"key": key.public.hex(), "role": "operator"} for key in OPERATORS),
            {"key": SETTLEMENT.public.hex(), "role": "settlement"},
            {"key": ADAPTER.public.hex(), "role": "adapter"},
        ],
    },
    "rules": {
        "version": 1,
        "currency": "BRM",
        "issuance": {
            "floor_units": -200_000_000,
            "kind": "mutual-credit",
            "promise": "Sums to zero. Nobody owes it outside.",
        },
        "zone": "Europe/London",
        "feeder": "street",
        "replay": True,
        "market": {"price": "uniform", "sharing": "pro-rata"},
    },
    "account_open": {
        "class": "household",
        "keys": [DEVICE.public.hex(), SECOND_DEVICE.public.hex()],
        "threshold": 1,
        "floor_units": -500_000_000,
    },
    "consent": {
        "meter": "m-ada",
        "channels": "both",
        "purpose": "settlement",
        "granularity": "half-hour",
        "wording": 1,
    },
    "offer": {
        "buy_ticks": 2450,
        "sell_ticks": -1,
        "import_tariff_ticks": 2450,
        "export_tariff_ticks": 410,
    },
    "mandate": {
        "may_debit": "settlement",
        "wh_period_max": 10_000,
        "price_ticks_max": 2450,
        "units_period_max": 30_000_000,
        "units_day_max": 100_000_000,
        "first": 989_000,
        "last": 4_000_000,
    },
    "transfer": {"to": "2d" * 16, "amount": 1, "reference": "Cake for the street party é"},
    "reading_batch": {
        "meter": "m-ada",
        "channel": "import",
        "sequence": 1,
        "previous": "0" * 64,
        "created_at": 1_781_500_000_000,
        "first": 989_737,
        "step": 30,
        "count": 48,
        "root": HASH,
        "backfill": False,
    },
    "opening": {"count": 3, "root": HASH},
    "hold": {"day": "2026-06-15", "run": "SF", "known_at": 5, "count": 0, "root": HASH},
    "clearing": {"period": 989_737, "run": "SF", "known_at": 5, "market": HASH, "result": HASH},
    "settlement": {
        "period": 989_737,
        "run": "SF",
        "known_at": 5,
        "clearing": HASH,
        "count": 12,
        "root": HASH,
    },
    "seal": {
        "day": "2026-06-15",
        "run": "SF",
        "periods": 48,
        "totals": HASH,
        "balances": HASH,
        "previous": "0" * 64,
    },
}

SIGNERS: dict[str, list[SigningKey]] = {
    "roster": OPERATORS[:2],
    "rules": OPERATORS[:2],
    "opening": OPERATORS[:2],
    "account_open": [DEVICE, *OPERATORS[:2]],
    **{kind: [DEVICE] for kind in MEMBER_KINDS},
    **{kind: [SETTLEMENT] for kind in SIGNER_ROLES},
    "reading_batch": [ADAPTER],
}

OF_MEMBERS = {*MEMBER_KINDS, "account_open", "reading_batch"}


def body_of(kind: str, **changes: Any) -> dict[str, Any]:
    account = MEMBER if kind in OF_MEMBERS else COMMUNITY
    fields = {**FIELDS[kind], **changes}
    return make_body(kind, fields.pop("ledger", ORIGIN), account, IDS, 1, LATER, fields)


def statement_of(
    kind: str, signers: list[SigningKey] | None = None, /, **changes: Any
) -> Statement:
    body = body_of(kind, **changes)
    return Statement.decode(sign(body, SIGNERS[kind] if signers is None else signers))


def sealed(body: dict[str, Any], kind: str | None = None) -> bytes:
    """Seal a body that `make_body` would refuse."""
    return seal_envelope(payload_type(kind or body["kind"]), encode(body), [DEVICE])


def open_book() -> KeyBook:
    """A book that knows the roster, and one member with two devices."""
    book = KeyBook(ORIGIN)
    for kind in ("roster", "account_open"):
        statement = statement_of(kind)
        book.check(statement)
        book.apply(statement)
    return book
