"""Accounts that are closed: who lived behind one is forgotten, and nothing new begins there. Pure.

An account is never gone: what a later run finds owed still comes to its wallet, and its keys still pay out
what is in it. What ends is the link to a person, and whatever would make more of it.

>>> check_open({"0f" * 16: 989_737}, "gift", "0f" * 16, {})
Traceback (most recent call last):
    ...
ledger.errors.RefusedError: This account is closed: nothing new begins there.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ledger.errors import RefusedError

if TYPE_CHECKING:
    from settlement.state import CommunityState

CLOSED = "This account is closed: nothing new begins there."

BEGINNING_KINDS = frozenset(
    {
        *("account_close", "consent", "offer", "mandate", "agreement", "gift", "share", "till_key"),
        *("ask", "voucher", "voucher_pay", "standing_order", "issue", "grant"),
    }
)
"""Kinds that a closed account takes no part in; a consent may be withdrawn all the same."""


def check_open(closed: Mapping[str, int], kind: str, account: str, body: Mapping[str, Any]) -> None:
    """Refuse what would begin something new with a closed account.

    Args:
        closed: in which half-hour each closed account was closed.
        kind: of the deed.
        account: whose.
        body: the deed's fields.

    Raises:
        RefusedError: the account is closed, or the other side's is.
    """
    if kind not in BEGINNING_KINDS or "withdrawn" in body:
        return
    check_still_open(closed, account, *_others(body))


def check_named(
    closed: Mapping[str, int], kind: str, account: str, body: Mapping[str, Any]
) -> None:
    """Refuse a deed that names a closed account and could never be logged, before others are asked to sign it.

    Args:
        closed: in which half-hour each closed account was closed.
        kind: of the deed.
        account: whose.
        body: the deed's fields.

    Raises:
        RefusedError: it begins something with a closed account, or pays into one.
    """
    check_open(closed, kind, account, body)
    if kind == "transfer":
        check_payee(closed, body["to"])


def check_still_open(closed: Mapping[str, int], *accounts: str) -> None:
    """Refuse where one of some accounts is closed.

    Raises:
        RefusedError: one is.
    """
    if any(account in closed for account in accounts):
        raise RefusedError(CLOSED)


def _others(body: Mapping[str, Any]) -> list[str]:
    """Return whom something that begins would bind or give to, beside the account whose deed it is."""
    named = [body[field] for field in ("buyer", "to", "of") if field in body]
    return named + [holder["member"] for holder in body.get("holders", ())]


def check_closing(state: "CommunityState", member: str) -> None:
    """Refuse to close an account in which something still goes on.

    Raises:
        RefusedError: says what to end first.
    """
    going = [
        (state.meters_of(member), "withdraw the consent to its meters"),
        (state.payments.standing.of(member), "end its standing orders"),
        (state.vouchers.open_of(member), "take its vouchers back"),
    ]
    lacking = [words for found, words in going if found]
    if lacking:
        raise RefusedError(f"Before this account is closed: {', '.join(lacking)}.")


def check_payee(closed: Mapping[str, int], payee: str) -> None:
    """Refuse a payment into a closed account: nobody is there to see it.

    Raises:
        RefusedError: it is closed.
    """
    if payee in closed:
        raise RefusedError("The payee's account is closed: nobody would see the payment.")
