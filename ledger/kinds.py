"""The kinds of statements: which fields each carries, beyond the common ones.

``docs/spec/statements.md`` says the same in words; a test compares the two.

>>> sorted(KINDS["transfer"]), sorted(OPTIONAL["transfer"])
(['amount', 'reference', 'to'], ['ask', 'message'])
"""

from collections.abc import Mapping
from typing import Any

from ledger.errors import InputError
from ledger.primitives import shape
from ledger.primitives.canonical import FREE_TEXT_CHARACTERS_MAX, INTEGER_MAX
from ledger.primitives.energy import WH_MAX
from ledger.primitives.ids import is_derived
from ledger.primitives.money import PRICE_TICKS_MAX, UNITS_MAX
from ledger.primitives.periods import PERIOD_MAX
from ledger.primitives.shape import HEX_32, HEX_64, array, integer, integers, one_of, record, text

COMMUNITY = "community"
"""The account of statements that operators make for everybody."""

ROLES = ("operator", "settlement", "adapter", "helper", "auditor")
"""Roles of a roster's keys. An auditor's signs nothing in the log: it reads the bundle."""

HELPER_KINDS = ("offer", "mandate", "mandate_revoke", "consent", "dispute", "gift")
"""What a helper may do for a member: nothing that pays."""

DERIVED_KINDS = (
    *("reading_batch", "hold", "run", "clearing", "settlement", "netting", "seal"),
    "standing_payment",
)
"""Kinds whose ids follow from what they are about, so that a second attempt makes the same."""

READINGS_MAX = 1500
"""Most readings in one batch: a month of half-hours."""

SHARES_MAX = 400
"""Most holders of shares in a generator: they fit one statement."""

EDITED_MAX = 50
"""Most half-hours that one statement edits: the longest local day."""

ERASED_MAX = 1_000
"""Most entries that one statement erases: it stands in the log in clear."""


CONSENT_PURPOSES = ("settlement", "support", "advice", "research")
"""What a member lets a meter's readings be used for; the first binds the meter to the member."""

CONSENT_GRANULARITIES = ("half-hour", "day", "month")
"""How finely readings may be seen, from the finest on."""


def a_kind(kind: str) -> str:
    """Return a kind with its article.

    >>> a_kind("ask"), a_kind("transfer")
    ('an ask', 'a transfer')
    """
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


_TEXT = text(FREE_TEXT_CHARACTERS_MAX)
_FLOOR = integer(-UNITS_MAX, 0)
_AMOUNT = integer(1, UNITS_MAX)
KEYS_MAX = 8
"""Most keys of a member."""

_THRESHOLD = integer(1, KEYS_MAX)
_KEYS = array(HEX_64, KEYS_MAX, 1)
_ORIGIN = text(FREE_TEXT_CHARACTERS_MAX, r"[a-z0-9][a-z0-9.-]*(/[a-z0-9.-]+)*")
_PERIOD = integer(0, PERIOD_MAX)
_TIME_MS = integer(0, INTEGER_MAX)
_UNITS = integer(0, UNITS_MAX)
_FACTOR_PPM = integer(1, 2_000_000)
_TICKS = integer(-PRICE_TICKS_MAX, PRICE_TICKS_MAX)
_VERSION = integer(1, 1_000_000)
_METER = text(64, r"[A-Za-z0-9_.:/-]+")
_SLUG = text(40, r"[a-z0-9][a-z0-9-]*")
_DAY = text(10, r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RUN = text(4, r"[A-Z][A-Z0-9]{1,3}")
_PERIODS = integer(1, 50)
_COUNT = integer(0, INTEGER_MAX)


_CLASS = one_of("household", "generator", "shop", "group")
_BANDS = array(record({"minute": integer(0, 24 * 60 - 1), "ticks": _TICKS}), 48, 1)
_HALF_HOURS = integer(0, 600 * 48)
_TIMETABLE = record(
    {
        "runs": array(
            record(
                {"code": _RUN, "after": _HALF_HOURS, "posts": shape.boolean},
                {"live": shape.boolean},
            ),
            12,
            1,
        ),
        "disputes": record({"code": _RUN, "until": _HALF_HOURS, "least_units": _UNITS}),
    }
)


def _anything(value: Any, _path: str) -> Any:
    """Take what canonical JSON holds: the owner of the field checks it."""
    return value


KINDS: Mapping[str, Mapping[str, shape.Check]] = {
    "roster": {
        "version": _VERSION,
        "log_key": HEX_64,
        "threshold": integer(1, 16),
        "keys": array(
            record({"key": HEX_64, "role": one_of(*ROLES)}),
            64,
            1,
        ),
    },
    "rules": {
        "version": _VERSION,
        "currency": text(10, r"[A-Z][A-Z0-9]{2,9}"),
        "issuance": record(
            {
                "kind": one_of("mutual-credit", "reserve"),
                "promise": _TEXT,
                "floor_units": _FLOOR,
            }
        ),
        "zone": text(64, r"[A-Za-z0-9_+/-]+"),
        "feeder": _SLUG,
        "replay": shape.boolean,
        "market": _anything,
    },
    "account_open": {
        "class": _CLASS,
        "keys": _KEYS,
        "threshold": _THRESHOLD,
        "floor_units": _FLOOR,
    },
    "account_close": {"reason": _TEXT},
    "invitation": {"key": HEX_64, "class": _CLASS, "floor_units": _FLOOR, "last": _PERIOD},
    "invitation_end": {"invitation": HEX_32, "reason": _TEXT},
    "key_change": {
        "by": one_of("keys", "code", "helpers", "operators"),
        "keys": _KEYS,
        "threshold": _THRESHOLD,
        "reason": _TEXT,
    },
    "key_objection": {"change": HEX_32, "reason": _TEXT},
    "freeze": {"frozen": shape.boolean, "reason": _TEXT},
    "till_key": {"key": HEX_64},
    "consent": {
        "meter": _METER,
        "channels": one_of("import", "export", "both"),
        "purpose": one_of(*CONSENT_PURPOSES),
        "granularity": one_of(*CONSENT_GRANULARITIES),
        "wording": _VERSION,
    },
    "offer": {
        "buy_ticks": _TICKS,
        "sell_ticks": _TICKS,
        "import_tariff_ticks": _TICKS,
        "export_tariff_ticks": _TICKS,
    },
    "mandate": {
        "may_debit": one_of("settlement"),
        "wh_period_max": integer(0, WH_MAX),
        "price_ticks_max": _TICKS,
        "units_period_max": _UNITS,
        "units_day_max": _UNITS,
        "first": _PERIOD,
        "last": _PERIOD,
    },
    "mandate_revoke": {"mandate": HEX_32},
    "agreement": {
        "buyer": HEX_32,
        "price_ticks": _TICKS,
        "rank": integer(1, 1_000),
        "first": _PERIOD,
        "last": _PERIOD,
    },
    "agreement_end": {"agreement": HEX_32},
    "gift": {"wh_month": integer(0, WH_MAX)},
    "share": {
        "meter": _METER,
        "holders": array(record({"member": HEX_32, "ppm": integer(1, 1_000_000)}), SHARES_MAX),
    },
    "transfer": {"to": HEX_32, "amount": _AMOUNT, "reference": text(35)},
    "spending_limit": {},
    "standing_order": {
        "to": HEX_32,
        "amount": _AMOUNT,
        "reference": text(35),
        "first": _DAY,
        "every": one_of("week", "month"),
    },
    "standing_end": {"order": HEX_32},
    "standing_payment": {"order": HEX_32, "day": _DAY},
    "donation": {"amount": _AMOUNT, "reference": text(35)},
    "voucher": {"key": HEX_64, "amount": _AMOUNT, "last": _PERIOD},
    "voucher_pay": {"voucher": HEX_32},
    "voucher_end": {"voucher": HEX_32},
    "grant": {"amount": _AMOUNT, "reason": _TEXT},
    "ask": {"amount": _AMOUNT, "reference": text(35), "last": _PERIOD},
    "ask_end": {"ask": HEX_32},
    "dispute": {
        "day": _DAY,
        "run": _RUN,
        "first": _PERIOD,
        "periods": _PERIODS,
        "units": _UNITS,
        "claim": _TEXT,
    },
    "ruling": {"dispute": HEX_32, "upheld": shape.boolean, "reason": _TEXT},
    "act_for": {"does": one_of(*HELPER_KINDS), "fields": _anything, "reason": _TEXT},
    "issue": {"amount": _AMOUNT, "evidence": HEX_64, "note": _TEXT},
    "redeem": {"amount": _AMOUNT, "evidence": HEX_64, "note": _TEXT},
    "reserve_count": {"day": _DAY, "units": _UNITS, "evidence": HEX_64, "note": _TEXT},
    "limit": {"floor_units": _FLOOR, "reason": _TEXT},
    "reversal": {"original": HEX_32, "reason": _TEXT},
    "correction": {
        "original": HEX_32,
        "amount": _AMOUNT,
        "back": shape.boolean,
        "reason": _TEXT,
    },
    "erasure": {
        "entries": array(
            record({"entry": integer(0, INTEGER_MAX), "what": one_of("detail", "fact")}),
            ERASED_MAX,
            1,
        ),
        "reason": _TEXT,
    },
    "opening": {"count": integer(1, INTEGER_MAX), "root": HEX_64},
    "reading_batch": {
        "meter": _METER,
        "channel": one_of("import", "export"),
        "sequence": integer(1, INTEGER_MAX),
        "previous": HEX_64,
        "created_at": _TIME_MS,
        "first": _PERIOD,
        "step": one_of(30),
        "count": integer(1, READINGS_MAX),
        "root": HEX_64,
        "backfill": shape.boolean,
    },
    "meter_key": {
        "key": HEX_64,
        "meter": _METER,
        "channels": one_of("import", "export", "both"),
        "first": _PERIOD,
        "last": _PERIOD,
    },
    "reading_edit": {
        "meter": _METER,
        "channel": one_of("import", "export"),
        "first": _PERIOD,
        "wh": integers(0, WH_MAX, EDITED_MAX, 1),
        "reason": _TEXT,
    },
    "hold": {
        "day": _DAY,
        "run": _RUN,
        "first": _PERIOD,
        "periods": _PERIODS,
        "known_at": _TIME_MS,
        "count": _COUNT,
        "root": HEX_64,
    },
    "run": {"day": _DAY, "run": _RUN, "known_at": _TIME_MS, "after": HEX_64},
    "clearing": {
        "period": _PERIOD,
        "run": _RUN,
        "known_at": _TIME_MS,
        "market": HEX_64,
        "result": HEX_64,
    },
    "settlement": {
        "period": _PERIOD,
        "run": _RUN,
        "known_at": _TIME_MS,
        "clearing": HEX_64,
        "count": _COUNT,
        "root": HEX_64,
        "lines": _COUNT,
        "lines_root": HEX_64,
    },
    "netting": {
        "day": _DAY,
        "run": _RUN,
        "period": _PERIOD,
        "first": _PERIOD,
        "periods": _PERIODS,
        "known_at": _TIME_MS,
        "count": _COUNT,
        "root": HEX_64,
    },
    "seal": {
        "day": _DAY,
        "run": _RUN,
        "known_at": _TIME_MS,
        "periods": _PERIODS,
        "settled": integer(0, 50),
        "totals": HEX_64,
        "balances": HEX_64,
        "previous": HEX_64,
    },
}
"""Fields of each kind, beyond the common ones, that it must have."""

OPTIONAL: Mapping[str, Mapping[str, shape.Check]] = {
    "roster": {"expires": _PERIOD},
    "rules": {
        "losses": record({"import_ppm": _FACTOR_PPM, "export_ppm": _FACTOR_PPM}),
        "charges": record({"network_ticks": _TICKS, "fund_floor_units": _FLOOR}),
        "timetable": _TIMETABLE,
        "vat": record(
            {
                "number": text(20, r"[A-Z0-9 ]+"),
                "rates": array(record({"class": _CLASS, "permille": integer(0, 1_000)}), 4, 1),
            }
        ),
    },
    "account_open": {"recovery": HEX_64, "invitation": HEX_32},
    "key_change": {"recovery": HEX_64, "code_key": HEX_64, "decides": HEX_32},
    "till_key": {"revoked": one_of(True)},
    "consent": {"withdrawn": one_of(True)},
    "offer": {"import_bands": _BANDS, "export_bands": _BANDS},
    "mandate": {"units_month_max": _UNITS},
    "agreement": {"wh_period_max": integer(1, WH_MAX), "share_permille": integer(1, 1_000)},
    "transfer": {"ask": HEX_32, "message": HEX_64},
    "spending_limit": {"payment_max": _UNITS, "day_max": _UNITS, "month_max": _UNITS},
    "standing_order": {"last": _DAY},
    "reading_batch": {"file": HEX_64, "inputs": HEX_64},
    "meter_key": {"revoked": one_of(True)},
    "reading_edit": {"replaces": integer(0, INTEGER_MAX)},
    "voucher": {"note": text(35)},
    "settlement": {"replaces": HEX_64},
    "ask": {"of": HEX_32, "message": HEX_64},
    "dispute": {"evidence": HEX_64},
    "run": {"dispute": HEX_32},
    "seal": {"dispute": HEX_32},
    "erasure": {"request": HEX_32},
}
"""Fields that a kind may have; what is absent says nothing."""

COMMON: Mapping[str, shape.Check] = {
    "v": one_of(1),
    "ledger": _ORIGIN,
    "kind": one_of(*KINDS),
    "account": text(32, rf"[0-9a-f]{{32}}|{COMMUNITY}"),
    "id": HEX_32,
    "seq": integer(1, INTEGER_MAX),
    "not_after": _TIME_MS,
}
"""Fields that every statement has."""

_SHAPES = {kind: record({**COMMON, **fields}, OPTIONAL.get(kind)) for kind, fields in KINDS.items()}
_DEEDS = {kind: record(KINDS[kind], OPTIONAL.get(kind)) for kind in HELPER_KINDS}


def check_body(kind: str, body: Any) -> None:
    """Refuse a body that is not of a known kind's form.

    Raises:
        InputError: names the field.
    """
    _SHAPES[kind](body, kind)
    if is_derived(body["id"]) != (kind in DERIVED_KINDS):
        must = "must" if kind in DERIVED_KINDS else "must not"
        raise InputError(f"{kind}.id: {must} be of version 8, which is for ids that follow")
    if kind == "act_for":
        _DEEDS[body["does"]](body["fields"], f"{kind}.fields")
