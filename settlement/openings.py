"""Opening balances: what members bring from an earlier system, before anything else moves.

All amounts of a file sum to zero, as every ledger does: what some bring in credit, others or the
community's fund owe. Each comes from the fund or goes to it, in order of account, so that the
same file always makes the same transfers. Two operators sign; the audit makes them again.

>>> [opened] = opening_transfers(bytes(16), {"community/fees BRM/7": -5}, 989737)
>>> opened.debit, opened.credit, opened.amount
('community/fees BRM/7', 'community/fund BRM/7', 5)
"""

from collections.abc import Mapping
from typing import Any

from ledger.accounts import fees, fund, wallet
from ledger.errors import InputError, RefusedError
from ledger.primitives.money import UNITS_MAX, format_money
from ledger.primitives.shape import array, integer, record, text
from ledger.records import Kind, Transfer
from settlement.postings import transfer_id
from settlement.state import CommunityState

MOVING_KINDS = ("transfer", "donation", "voucher", "issue", "hold", "standing_payment")
"""Kinds after which no balance is opened any more."""

OPENINGS_MAX = 100_000
"""Most balances in one statement: they are one piece of detail."""

_DETAIL = array(
    record({"account": text(120), "units": integer(-UNITS_MAX, UNITS_MAX)}), OPENINGS_MAX, 1
)


def check_openings(balances: Mapping[str, int], asset: str) -> None:
    """Refuse balances that do not sum to zero, or of which none is other than zero.

    Raises:
        InputError: says by how much.
    """
    if not any(balances.values()):
        raise InputError("There is no balance other than zero: nothing to open.")
    total = sum(balances.values())
    if total:
        raise InputError(
            f"The balances in {asset.partition('/')[0]} sum to {format_money(total)} "
            f"({total} units), not to zero. Whatever members have, somebody owes: add a line for "
            "community/fund that makes up the difference."
        )


def opening_transfers(batch: bytes, balances: Mapping[str, int], period: int) -> list[Transfer]:
    """Return the transfers that give accounts their opening balances: pure.

    Each account has one, from or to the community's fund, so that no member is paired with
    another; what is left in the fund is its own opening balance, as all sum to zero.
    """
    moves = [(account, units) for account, units in sorted(balances.items()) if units]
    return [
        Transfer(
            transfer_id(batch, index),
            Kind.POST,
            *((between, account) if units > 0 else (account, between)),
            abs(units),
            period,
        )
        for index, (account, units, between) in enumerate(
            (account, units, fund(account.partition(" ")[2]))
            for account, units in moves
            if account != fund(account.partition(" ")[2])
        )
    ]


def openings_to_detail(balances: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the balances as the statement's detail has them, in order of account."""
    return [{"account": account, "units": units} for account, units in sorted(balances.items())]


def openings_from_detail(value: Any, state: CommunityState) -> dict[str, int]:
    """Return the balances of a detail, checked against what was agreed.

    Raises:
        InputError: not in order, or not of that form, or the sum is not zero.
        RefusedError: an account is nobody's.
    """
    _DETAIL(value, "balances")
    balances = {item["account"]: item["units"] for item in value}
    if openings_to_detail(balances) != value:
        raise InputError("the balances are not in order of account, or one stands twice")
    asset = state.rules_now.asset
    allowed = {fund(asset), fees(asset), *(wallet(member, asset) for member in state.members)}
    for account in balances:
        if account not in allowed:
            raise RefusedError(f"{account} is not an account that can have an opening balance.")
    check_openings(balances, asset)
    return balances
