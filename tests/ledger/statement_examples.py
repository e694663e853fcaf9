"""Signed statements for tests: one of every kind, and the keys that may sign it."""

from typing import Any

from ledger.key_life import recovery_commitment
from ledger.keys import COMMUNITY_KINDS, MEMBER_KINDS, OPERATOR_KINDS, SIGNER_ROLES, KeyBook
from ledger.kinds import COMMUNITY, DERIVED_KINDS
from ledger.primitives.canonical import encode
from ledger.primitives.signing import (
    SigningKey,
    seal_envelope,
)
from ledger.statements import Statement, make_body, payload_type, sign

ORIGIN = "riverside.example/ledger/1"
MEMBER = "0f" * 16
IDS = "1e" * 16
DERIVED = "1e1e1e1e1e1e8e1e8e1e1e1e1e1e1e1e"
LATER = 10**12


def key_of(number: int) -> SigningKey:
    return SigningKey.from_seed(bytes([number]) * 32)


OPERATORS = [key_of(1), key_of(2), key_of(3)]
SETTLEMENT, ADAPTER, DEVICE, SECOND_DEVICE, STRANGER, LOG = (key_of(n) for n in range(4, 10))
HELPERS, CODE, NEW_DEVICE, OTHER_DEVICE = (
    [key_of(10), key_of(11)],
    key_of(12),
    key_of(13),
    key_of(14),
)
METER_KEY, INVITED, TILL = key_of(15), key_of(16), key_of(17)
PAPER, AUDITOR = key_of(18), key_of(19)
HASH = "ab" * 32
OTHER = "2d" * 16
PERIOD = 989_737

FIELDS: dict[str, dict[str, Any]] = {
    "roster": {
        "version": 1,
        "log_key": LOG.public.hex(),
        "threshold": 2,
        "keys": [
            *({"key": key.public.hex(), "role": "operator"} for key in OPERATORS),
            {"key": SETTLEMENT.public.hex(), "role": "settlement"},
            {"key": ADAPTER.public.hex(), "role": "adapter"},
            *({"key": key.public.hex(), "role": "helper"} for key in HELPERS),
            {"key": AUDITOR.public.hex(), "role": "auditor"},
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
        "recovery": recovery_commitment(CODE.public),
    },
    "invitation": {
        "key": INVITED.public.hex(),
        "class": "household",
        "floor_units": -500_000_000,
        "last": 989_800,
    },
    "invitation_end": {"invitation": "3c" * 16, "reason": "The letter was lost."},
    "key_change": {
        "by": "keys",
        "keys": [DEVICE.public.hex(), NEW_DEVICE.public.hex()],
        "threshold": 1,
        "reason": "a new telephone",
    },
    "key_objection": {"change": "3c" * 16, "reason": "It was not I."},
    "freeze": {"frozen": True, "reason": "The telephone is gone."},
    "till_key": {"key": TILL.public.hex()},
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
    "mandate_revoke": {"mandate": "3c" * 16},
    "agreement": {
        "buyer": OTHER,
        "price_ticks": 1500,
        "rank": 1,
        "first": 989_000,
        "last": 4_000_000,
        "share_permille": 30,
    },
    "agreement_end": {"agreement": "3c" * 16},
    "transfer": {"to": OTHER, "amount": 1, "reference": "Cake for the street party é"},
    "gift": {"wh_month": 5_000},
    "share": {"meter": "m-school-pv", "holders": [{"member": "2d" * 16, "ppm": 30_000}]},
    "account_close": {"reason": "We move."},
    "spending_limit": {"payment_max": 5, "day_max": 7, "month_max": 0},
    "standing_order": {
        "to": OTHER,
        "amount": 1,
        "reference": "Rent",
        "first": "2026-06-30",
        "every": "month",
        "last": "2027-06-30",
    },
    "standing_end": {"order": "3c" * 16},
    "standing_payment": {"order": "3c" * 16, "day": "2026-06-30"},
    "donation": {"amount": 5, "reference": "For the fund"},
    "voucher": {"key": PAPER.public.hex(), "amount": 5, "last": 989_800, "note": "Bread"},
    "voucher_pay": {"voucher": "3c" * 16},
    "voucher_end": {"voucher": "3c" * 16},
    "grant": {"amount": 5, "reason": "A hard winter."},
    "ask": {"amount": 1, "reference": "Cake", "last": 989_800, "of": OTHER},
    "ask_end": {"ask": "3c" * 16},
    "dispute": {
        "day": "2026-06-15",
        "run": "SF",
        "first": 989_700,
        "periods": 4,
        "units": 5_000_000,
        "claim": "The meter was off that night.",
        "evidence": HASH,
    },
    "ruling": {"dispute": "4d" * 16, "upheld": True, "reason": "The log shows it."},
    "act_for": {
        "does": "mandate_revoke",
        "fields": {"mandate": "3c" * 16},
        "reason": "Asked for by telephone.",
    },
    "issue": {"amount": 5, "evidence": HASH, "note": "Paid in at the bank."},
    "redeem": {"amount": 5, "evidence": HASH, "note": "Paid out by the bank."},
    "reserve_count": {
        "day": "2026-06-30",
        "units": 5,
        "evidence": HASH,
        "note": "Counted by two.",
    },
    "limit": {"floor_units": -5, "reason": "Agreed with the member."},
    "reversal": {"original": "3c" * 16, "reason": "Paid twice."},
    "correction": {"original": "3c" * 16, "amount": 1, "back": True, "reason": "Too much."},
    "erasure": {"entries": [{"entry": 7, "what": "detail"}], "reason": "After 13 months."},
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
    "meter_key": {
        "key": METER_KEY.public.hex(),
        "meter": "m-ada",
        "channels": "both",
        "first": 989_000,
        "last": 4_000_000,
    },
    "reading_edit": {
        "meter": "m-ada",
        "channel": "import",
        "first": 989_730,
        "wh": [412, 380],
        "replaces": 7,
        "reason": "The display was read.",
    },
    "opening": {"count": 3, "root": HASH},
    "hold": {
        "day": "2026-06-15",
        "run": "SF",
        "first": 989_700,
        "periods": 48,
        "known_at": 5,
        "count": 0,
        "root": HASH,
    },
    "run": {"day": "2026-06-15", "run": "R1", "known_at": 5, "after": HASH},
    "clearing": {"period": 989_737, "run": "SF", "known_at": 5, "market": HASH, "result": HASH},
    "settlement": {
        "period": 989_737,
        "run": "SF",
        "known_at": 5,
        "clearing": HASH,
        "count": 12,
        "root": HASH,
        "lines": 3,
        "lines_root": HASH,
        "replaces": HASH,
    },
    "netting": {
        "day": "2026-06-15",
        "run": "SF",
        "period": 989_747,
        "first": 989_700,
        "periods": 48,
        "known_at": 5,
        "count": 9,
        "root": HASH,
    },
    "seal": {
        "day": "2026-06-15",
        "run": "SF",
        "known_at": 5,
        "periods": 48,
        "settled": 48,
        "totals": HASH,
        "balances": HASH,
        "previous": "0" * 64,
    },
}

SIGNERS: dict[str, list[SigningKey]] = {
    "roster": OPERATORS[:2],
    "account_open": [DEVICE, *OPERATORS[:2]],
    "invitation_end": OPERATORS[1:2],
    "key_change": [DEVICE, NEW_DEVICE],
    "key_objection": [DEVICE],
    "freeze": [DEVICE],
    "agreement": [DEVICE, OTHER_DEVICE],
    "ask": [DEVICE],
    "voucher_pay": [PAPER],
    "voucher_end": [DEVICE],
    **dict.fromkeys(OPERATOR_KINDS, OPERATORS[:2]),
    **{kind: [DEVICE] for kind in MEMBER_KINDS},
    **{kind: [SETTLEMENT] for kind in SIGNER_ROLES},
    "act_for": HELPERS[:1],
    "reading_batch": [ADAPTER],
}


def body_of(kind: str, **changes: Any) -> dict[str, Any]:
    account = COMMUNITY if kind in COMMUNITY_KINDS else MEMBER
    fields = {**FIELDS[kind], **changes}
    made = DERIVED if kind in DERIVED_KINDS else IDS
    return make_body(kind, fields.pop("ledger", ORIGIN), account, made, 1, LATER, fields)


def statement_of(
    kind: str, signers: list[SigningKey] | None = None, /, **changes: Any
) -> Statement:
    body = body_of(kind, **changes)
    return Statement.decode(sign(body, SIGNERS[kind] if signers is None else signers))


def sealed(body: dict[str, Any], kind: str | None = None) -> bytes:
    """Seal a body that `make_body` would refuse."""
    return seal_envelope(payload_type(kind or body["kind"]), encode(body), [DEVICE])


def open_book() -> KeyBook:
    """A book that knows the roster, a member with two devices and one with one."""
    book = KeyBook(ORIGIN)
    other = body_of("account_open", keys=[OTHER_DEVICE.public.hex()])
    other = {**other, "account": OTHER, "id": "4b" * 16}
    opening = Statement.decode(sign(other, [OTHER_DEVICE, *OPERATORS[:2]]))
    for statement in (statement_of("roster"), statement_of("account_open"), opening):
        book.check(statement, PERIOD)
        book.apply(statement, PERIOD)
    return book


def book_for(kind: str) -> KeyBook:
    """A book in which the example of a kind can be made."""
    if kind == "roster":
        return KeyBook(ORIGIN)
    book = open_book()
    if kind == "account_open":
        book.members.clear()
        book.used.clear()
    if kind == "invitation_end":
        made = {**body_of("invitation"), "id": FIELDS[kind]["invitation"]}
        book.apply(Statement.decode(sign(made, OPERATORS[:2])), PERIOD)
    if kind in ("voucher_pay", "voucher_end"):
        made = {**body_of("voucher"), "id": FIELDS[kind]["voucher"]}
        book.apply(Statement.decode(sign(made, [DEVICE])), PERIOD)
    if kind == "key_objection":
        fields = {"by": "operators", "keys": [NEW_DEVICE.public.hex()]}
        body = {**body_of("key_change", **fields), "id": FIELDS["key_objection"]["change"]}
        waiting = Statement.decode(sign(body, [*OPERATORS[:2], NEW_DEVICE]))
        book.check(waiting, PERIOD)
        book.apply(waiting, PERIOD)
    return book
