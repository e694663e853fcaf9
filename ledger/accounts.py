"""The chart of accounts: one for money and for energy.

An account is a name and an asset, written together as ``pool/street WH/0``; its balance is
what came in less what went out, in the asset's smallest unit.

>>> wallet("0f" * 16, "BRM/7")
'member/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f/wallet BRM/7'
>>> parse_account("pool/street WH/0").asset
'WH/0'
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from ledger.errors import InputError
from ledger.primitives.hashing import tagged_hash

WH = "WH/0"
"""The asset of energy: whole watt-hours."""

CURRENCY_SCALE = 7
"""Decimals of a currency asset, as in ``BRM/7``."""

_SLUG = r"[a-z0-9][a-z0-9-]{0,39}"
_NAME = re.compile(
    rf"member/[0-9a-f]{{32}}/(wallet|receivable)|meter/[A-Za-z0-9_.:/-]{{1,64}}/(import|export)"
    rf"|pool/{_SLUG}|losses/{_SLUG}|community/(fund|fees|network|receivable|vouchers)|issuer/reserve|grid/(import|export)"
)
_ASSET = re.compile(r"WH/0|[A-Z][A-Z0-9]{2,9}/7")


@dataclass(frozen=True, slots=True)
class Account:
    """A parsed account: ``name`` in the chart, and ``asset`` with its scale."""

    name: str
    asset: str


@lru_cache(maxsize=100_000)
def parse_account(text: str) -> Account:
    """Return the account that a text names.

    Raises:
        InputError: not of the chart.
    """
    name, _, asset = text.partition(" ")
    if _NAME.fullmatch(name) is None or _ASSET.fullmatch(asset) is None:
        raise InputError(f"{text!r} is not an account of the chart (docs/spec/ledger.md)")
    if name.startswith(("meter/", "losses/", "grid/")) and asset != WH:
        raise InputError(f"{text!r}: this account holds energy, not money")
    if name.startswith(("member/", "community/", "issuer/")) and asset == WH:
        raise InputError(f"{text!r}: this account holds money, not energy")
    return Account(name, asset)


@lru_cache(maxsize=100_000)
def account_hash(text: str) -> bytes:
    """Return the 32 bytes that stand for an account in a transfer's record."""
    return tagged_hash("commonwatt/account/v1", text.encode())


def currency_asset(code: str) -> str:
    """Return the asset of a currency code: three to ten capitals and digits."""
    asset = f"{code}/{CURRENCY_SCALE}"
    if _ASSET.fullmatch(asset) is None or asset == WH:
        raise InputError(f"{code!r} is not a currency code like BRM")
    return asset


@lru_cache(maxsize=100_000)
def wallet(member: str, asset: str) -> str:
    """Return a member's spending account."""
    return f"member/{member}/wallet {asset}"


@lru_cache(maxsize=100_000)
def meter_account(meter: str, channel: str) -> str:
    """Return the account of one channel of a meter.

    What was imported is the balance of ``import``; minus what was exported that of ``export``.
    """
    return f"meter/{meter}/{channel} {WH}"


def pool(feeder: str, asset: str) -> str:
    """Return a feeder's pool: empty after every period."""
    return f"pool/{feeder} {asset}"


def losses(feeder: str) -> str:
    """Return the account of what a feeder's network loses, or what its meters and the grid differ in."""
    return f"losses/{feeder} {WH}"


def fees(asset: str) -> str:
    """Return the account that takes the community's charge."""
    return f"community/fees {asset}"


def fund(asset: str) -> str:
    """Return the account that belongs to everybody: gifts, and what nobody else has or owes."""
    return f"community/fund {asset}"


def network(asset: str) -> str:
    """Return the account that takes the network charge, to be passed on."""
    return f"community/network {asset}"


def receivable(member: str, asset: str) -> str:
    """Return a member's claims: below zero is owed by the member, above zero to the member."""
    return f"member/{member}/receivable {asset}"


def carried(asset: str) -> str:
    """Return the community's claims on members whose debts its fund paid."""
    return f"community/receivable {asset}"


def vouchers(asset: str) -> str:
    """Return the account of what members put into vouchers that are neither paid nor taken back."""
    return f"community/vouchers {asset}"


def is_claim(account: str) -> bool:
    """Return whether an account holds claims and no money.

    >>> is_claim("community/receivable BRM/7"), is_claim("community/fund BRM/7")
    (True, False)
    """
    return account.partition(" ")[0].endswith("/receivable")


def reserve(asset: str) -> str:
    """Return the account that mirrors the money outside: below zero by what circulates."""
    return f"issuer/reserve {asset}"


def grid(channel: str) -> str:
    """Return the account of the residual with the members' suppliers."""
    return f"grid/{channel} {WH}"
