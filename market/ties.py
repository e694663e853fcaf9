"""What decides between orders that are alike: a hash that changes every half-hour.

>>> tie_key(7, "m1").hex()[:16]
'3c59044ad0bf91d0'
"""

import hashlib

from ledger.primitives.canonical import encode_trusted


def tie_key(period: int, order_id: str) -> bytes:
    """Return what decides equal remainders: SHA-256 of canonical ``[period, order id]``.

    It changes every half-hour, so that over a year each rounds up as often as the others.
    """
    return hashlib.sha256(encode_trusted([period, order_id])).digest()
