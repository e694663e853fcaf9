"""Every split goes through here, and sums to its total.

>>> apportion(10, [1, 1, 1], ["c", "b", "a"].__getitem__)
[3, 3, 4]
"""

from collections.abc import Callable, Sequence
from typing import Any


def apportion(total: int, weights: Sequence[int], tie_key: Callable[[int], Any]) -> list[int]:
    """Split ``total`` in proportion to ``weights``, by the largest remainder.

    Args:
        total: what is split, not negative.
        weights: one not negative integer a share; their sum is positive unless total is 0.
        tie_key: a sortable value for the index of a share; among equal remainders the lower
            key rounds up first. Distinct keys make the result independent of the order of
            shares. It is asked only where remainders tie at the boundary.

    Returns:
        One integer a share, each the exact share floored or that plus one, summing to
        ``total``. Where ``total <= sum(weights)`` no share exceeds its weight.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise AssertionError("apportion takes values that are not negative")
    whole = sum(weights)
    if total == 0:
        return [0] * len(weights)
    if whole == 0:
        raise AssertionError("something to split, and nobody to take it")
    if total == whole:
        return list(weights)
    pairs = [divmod(total * weight, whole) for weight in weights]
    shares = [share for share, _ in pairs]
    missing = total - sum(shares)
    if missing:
        boundary = sorted((remainder for _, remainder in pairs), reverse=True)[missing - 1]
        above = [index for index, (_, rest) in enumerate(pairs) if rest > boundary]
        tied = [index for index, (_, rest) in enumerate(pairs) if rest == boundary]
        if len(tied) > missing - len(above):
            tied.sort(key=tie_key)
        for index in above + tied[: missing - len(above)]:
            shares[index] += 1
    return shares
