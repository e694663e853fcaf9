"""Sharing among orders that tie: exact, whole Wh, and nobody favoured over a year.

>>> share_pro_rata(7, 5, {"m1": 3, "m2": 3})
{'m1': 3, 'm2': 2}
"""

import hashlib

from ledger.primitives.apportion import apportion
from ledger.primitives.canonical import encode_trusted


def tie_key(period: int, order_id: str) -> bytes:
    """Return what decides equal remainders: SHA-256 of canonical ``[period, order id]``.

    It changes every half-hour, so that over a year each rounds up as often as the others.
    """
    return hashlib.sha256(encode_trusted([period, order_id])).digest()


def share_pro_rata(period: int, total_wh: int, offered_wh: dict[str, int]) -> dict[str, int]:
    """Share ``total_wh`` in proportion to what each order offers.

    Args:
        period: the half-hour.
        total_wh: at most the sum of what is offered.
        offered_wh: Wh by order id.

    Returns:
        Wh by order id, in the same order, none above what was offered.
    """
    ids = list(offered_wh)
    shares = apportion(
        total_wh, list(offered_wh.values()), lambda index: tie_key(period, ids[index])
    )
    return dict(zip(ids, shares, strict=True))
