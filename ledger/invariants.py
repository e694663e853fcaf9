"""What must hold after every batch, over any book.

>>> from ledger.book import Book
>>> check_balances(Book().balances)
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ledger.accounts import is_claim
from ledger.book import Balance
from ledger.errors import LogError


def check_balances(balances: Mapping[str, Balance]) -> None:
    """Every asset sums to zero, and no account is beyond its limits.

    Raises:
        LogError: names the asset or account.
    """
    sums: dict[str, int] = defaultdict(int)
    held: dict[str, int] = defaultdict(int)
    for account, balance in balances.items():
        asset = account.partition(" ")[2]
        sums[asset] += balance.posted
        held[asset] += balance.pending_out - balance.pending_in
        if balance.below_floor:
            raise LogError(f"{account} is below its floor of {balance.floor}")
        if balance.above_ceiling:
            raise LogError(f"{account} is above its ceiling of {balance.ceiling}")
        if balance.pending_out < 0 or balance.pending_in < 0:
            raise LogError(f"{account} has less than nothing set aside")
    _check_claims(balances)
    for asset, total in sums.items():
        if total:
            raise LogError(f"all balances in {asset} sum to {total}, not to zero")
    for asset, total in held.items():
        if total:
            raise LogError(f"what is set aside in {asset} differs by {total} from what is coming")


def _check_claims(balances: Mapping[str, Balance]) -> None:
    """Claims sum to zero by asset: what one party owes, another is owed."""
    sums: dict[str, int] = defaultdict(int)
    for account, balance in balances.items():
        if is_claim(account):
            sums[account.partition(" ")[2]] += balance.posted
    for asset, total in sums.items():
        if total:
            raise LogError(f"claims in {asset} sum to {total}: somebody owes what nobody is owed")


def check_pools_empty(balances: Mapping[str, Balance], accounts: Iterable[str]) -> None:
    """Every pool is empty between periods.

    Raises:
        LogError: names the pool.
    """
    for account in accounts:
        if account.startswith("pool/") and balances[account].posted:
            raise LogError(f"{account} holds {balances[account].posted} after the period")
