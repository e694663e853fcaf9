"""Signed statements: the kinds, what each carries, and their strict decoder.

A statement is canonical JSON in a DSSE envelope whose payload type names the kind.
``docs/spec/statements.md`` is the specification.

>>> body = make_body("offer", "riverside.example/ledger/1", "0f" * 16, "1e" * 16, 1, 10**12,
...     {"buy_ticks": 2450, "sell_ticks": 410, "import_tariff_ticks": 2450,
...      "export_tariff_ticks": 410})
>>> Statement.decode(sign(body, [SigningKey.from_seed(bytes(32))])).body["sell_ticks"]
410
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from ledger.errors import CanonicalError
from ledger.primitives import shape
from ledger.primitives.canonical import (
    FREE_TEXT_CHARACTERS_MAX,
    INTEGER_MAX,
    decode,
    encode,
)
from ledger.primitives.energy import WH_MAX
from ledger.primitives.money import PRICE_TICKS_MAX, UNITS_MAX
from ledger.primitives.periods import PERIOD_MAX
from ledger.primitives.shape import HEX_32, HEX_64, array, integer, one_of, record, text
from ledger.primitives.signing import Envelope, SigningKey, seal_envelope

COMMUNITY = "community"
"""The account of statements that operators make for everybody."""

READINGS_MAX = 1500
"""Most readings in one batch: a month of half-hours."""

_ORIGIN = text(FREE_TEXT_CHARACTERS_MAX, r"[a-z0-9][a-z0-9.-]*(/[a-z0-9.-]+)*")
_PERIOD = integer(0, PERIOD_MAX)
_TIME_MS = integer(0, INTEGER_MAX)
_UNITS = integer(0, UNITS_MAX)
_TICKS = integer(-PRICE_TICKS_MAX, PRICE_TICKS_MAX)
_VERSION = integer(1, 1_000_000)
_METER = text(64, r"[A-Za-z0-9_.:/-]+")
_SLUG = text(40, r"[a-z0-9][a-z0-9-]*")
_DAY = text(10, r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RUN = one_of("SF")


def _anything(value: Any, _path: str) -> Any:
    """Take what canonical JSON holds: the owner of the field checks it."""
    return value


KINDS: Mapping[str, Mapping[str, shape.Check]] = {
    "roster": {
        "version": _VERSION,
        "log_key": HEX_64,
        "threshold": integer(1, 16),
        "keys": array(
            record({"key": HEX_64, "role": one_of("operator", "settlement", "adapter")}), 64, 1
        ),
    },
    "rules": {
        "version": _VERSION,
        "currency": text(10, r"[A-Z][A-Z0-9]{2,9}"),
        "issuance": record(
            {
                "kind": one_of("mutual-credit"),
                "promise": text(FREE_TEXT_CHARACTERS_MAX),
                "floor_units": integer(-UNITS_MAX, 0),
            }
        ),
        "zone": text(64, r"[A-Za-z0-9_+/-]+"),
        "feeder": _SLUG,
        "replay": shape.boolean,
        "market": _anything,
    },
    "account_open": {
        "class": one_of("household", "generator", "shop", "group"),
        "keys": array(HEX_64, 8, 1),
        "threshold": integer(1, 8),
        "floor_units": integer(-UNITS_MAX, 0),
    },
    "consent": {
        "meter": _METER,
        "channels": one_of("import", "export", "both"),
        "purpose": one_of("settlement"),
        "granularity": one_of("half-hour"),
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
    "transfer": {"to": HEX_32, "amount": integer(1, UNITS_MAX), "reference": text(35)},
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
    "hold": {
        "day": _DAY,
        "run": _RUN,
        "known_at": _TIME_MS,
        "count": integer(0, INTEGER_MAX),
        "root": HEX_64,
    },
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
        "count": integer(0, INTEGER_MAX),
        "root": HEX_64,
    },
    "seal": {
        "day": _DAY,
        "run": _RUN,
        "periods": integer(1, 50),
        "totals": HEX_64,
        "balances": HEX_64,
        "previous": HEX_64,
    },
}
"""Fields of each kind, beyond the common ones; all are required."""

_COMMON: Mapping[str, shape.Check] = {
    "v": one_of(1),
    "ledger": _ORIGIN,
    "kind": one_of(*KINDS),
    "account": text(32, r"[0-9a-f]{32}|community"),
    "id": HEX_32,
    "seq": integer(1, INTEGER_MAX),
    "not_after": _TIME_MS,
}

_SHAPES = {kind: record({**_COMMON, **fields}) for kind, fields in KINDS.items()}


def payload_type(kind: str) -> str:
    """Return the DSSE payload type of a kind: it separates the kinds' signatures."""
    return f"application/vnd.commonwatt.{kind}.v1+json"


def make_body(
    kind: str,
    ledger: str,
    account: str,
    statement_id: str,
    seq: int,
    not_after: int,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a checked body.

    Raises:
        InputError: names the field that is wrong.
    """
    body = {
        "v": 1,
        "ledger": ledger,
        "kind": kind,
        "account": account,
        "id": statement_id,
        "seq": seq,
        "not_after": not_after,
        **fields,
    }
    _SHAPES[kind](body, kind)
    return body


def sign(body: Mapping[str, Any], keys: Sequence[SigningKey]) -> bytes:
    """Return the envelope of a body, signed by every key; the first one's ``seq`` it is."""
    return seal_envelope(payload_type(body["kind"]), encode(dict(body)), keys)


@dataclass(frozen=True)
class Statement:
    """A decoded statement. That it is well-formed says nothing yet about who signed it."""

    envelope: Envelope
    body: Mapping[str, Any]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an envelope and its statement, strictly.

        Raises:
            CanonicalError: another encoding, an unknown kind, field or version.
            InputError: names the field that is wrong.
        """
        envelope = Envelope.decode(data)
        body = decode(envelope.body)
        kind = body.get("kind") if isinstance(body, dict) else None
        if not isinstance(kind, str) or kind not in _SHAPES:
            raise CanonicalError(f"unknown kind of statement {kind!r}")
        if envelope.payload_type != payload_type(kind):
            raise CanonicalError(f"the payload type is not that of a {kind}")
        _SHAPES[kind](body, kind)
        return cls(envelope, body)

    @property
    def kind(self) -> str:
        """The kind of statement."""
        return str(self.body["kind"])

    @property
    def id(self) -> str:
        """The client-made id: the idempotency key."""
        return str(self.body["id"])

    @property
    def account(self) -> str:
        """Member id, or ``community``."""
        return str(self.body["account"])

    @property
    def key_id(self) -> str:
        """The first signer's key id: ``seq`` counts for this key."""
        return self.envelope.signatures[0][0]

    @cached_property
    def tx_id(self) -> str:
        """SHA-256 of the signed bytes."""
        return self.envelope.tx_id
