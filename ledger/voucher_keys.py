"""The keys of vouchers that are open: each signs one statement, which pays what it is worth.

What a voucher is worth, and to whom it went, is the agreements' (`settlement.vouchers`).

>>> VoucherKeys().keys
{}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.errors import SignatureError
from ledger.primitives.signing import check_public_key
from ledger.statements import Statement

VOUCHER_KINDS = ("voucher", "voucher_pay", "voucher_end")
"""Kinds that make a voucher, pay with it, and take it back."""


class VoucherKey(NamedTuple):
    """The public key of a voucher, and the last half-hour in which it pays."""

    key: bytes
    last: int


@dataclass
class VoucherKeys:
    """The keys of a community's open vouchers, by the id of the voucher."""

    keys: dict[str, VoucherKey] = field(default_factory=dict)

    def of(self, body: Mapping[str, Any]) -> VoucherKey:
        """Return the key of the voucher that a ``voucher_pay`` or ``voucher_end`` names.

        Raises:
            SignatureError: it is not open.
        """
        found = self.keys.get(body["voucher"])
        if found is None:
            raise SignatureError(
                "no voucher of this id is open: it was paid or taken back, or never made"
            )
        return found

    def id_of(self, key: bytes) -> str | None:
        """Return the id of the open voucher of a public key."""
        return next((each for each, found in self.keys.items() if found.key == key), None)

    def apply(self, statement: Statement) -> None:
        """Take over a checked statement of one of `VOUCHER_KINDS`."""
        body = statement.body
        if statement.kind == "voucher":
            self.keys[statement.id] = VoucherKey(bytes.fromhex(body["key"]), body["last"])
        else:
            del self.keys[body["voucher"]]


def check_voucher_key(body: Mapping[str, Any], used: set[bytes]) -> None:
    """Refuse a voucher whose key is weak, or somebody's.

    Raises:
        SignatureError: says which.
    """
    key = bytes.fromhex(body["key"])
    check_public_key(key)
    if key in used:
        raise SignatureError("a voucher has a key of its own: this one is in use, or was")
