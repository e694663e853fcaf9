"""Coefficients: which part of the supply is whose, as in collective self-consumption.

The four keys of the French regime: fixed coefficients; coefficients sent afterwards for each
half-hour; coefficients to each producer; and, without any coefficient, sharing pro rata. What
a member's part leaves unused goes to nobody else, and back to the grid. So coefficients only cap
what orders may trade; the market then matches all that is left.

>>> from market.model import Key
>>> caps((Key("a", 500_000), Key("b", 300_000)), 7, {"s": 100}, {"a": 80, "b": 10})
({'s': 100}, {'a': 50, 'b': 10})
"""

from collections.abc import Mapping, Sequence

from ledger.primitives.apportion import apportion
from market.model import PPM, Key
from market.ties import tie_key

ALL = ""
"""Stands for all supply where keys name no ask: no order has this id."""


def caps(
    keys: Sequence[Key], period: int, asks_wh: Mapping[str, int], bids_wh: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return what each ask may sell and each bid may buy under some keys.

    Args:
        keys: to all supply, or each to one ask.
        period: the half-hour, by which equal remainders are decided.
        asks_wh: Wh that eligible asks offer.
        bids_wh: Wh that eligible bids want.
    """
    by_ask: dict[str, list[Key]] = {}
    for key in sorted(keys, key=lambda key: (key.ask or ALL, key.bid)):
        by_ask.setdefault(key.ask or ALL, []).append(key)
    if ALL in by_ask:
        parts = _split(period, sum(asks_wh.values()), by_ask[ALL])
        return dict(asks_wh), {bid: min(wh, parts.get(bid, 0)) for bid, wh in bids_wh.items()}
    given: dict[str, dict[str, int]] = {bid: {} for bid in bids_wh}
    for ask, of_ask in by_ask.items():
        for bid, wh in _split(period, asks_wh.get(ask, 0), of_ask).items():
            if bid in given:
                given[bid][ask] = wh
    sold, bought = dict.fromkeys(asks_wh, 0), {}
    for bid, each in given.items():
        bought[bid] = min(bids_wh[bid], sum(each.values()))
        # What a buyer leaves unused is left of each producer's part alike.
        for ask, wh in _share(period, bought[bid], each).items():
            if wh:
                sold[ask] += wh
    return sold, bought


def _split(period: int, supply_wh: int, keys: Sequence[Key]) -> dict[str, int]:
    """Split supply by coefficients; what they leave over is nobody's, and rounds up last."""
    rest = PPM - sum(key.ppm for key in keys)
    weights = [*(key.ppm for key in keys), rest]
    names = [key.bid for key in keys]
    hashes = [*(tie_key(period, name) for name in names), b"\xff" * 33]
    return dict(zip(names, apportion(supply_wh, weights, hashes.__getitem__), strict=False))


def _share(period: int, total_wh: int, parts: Mapping[str, int]) -> dict[str, int]:
    names = list(parts)
    shares = apportion(total_wh, list(parts.values()), lambda at: tie_key(period, names[at]))
    return dict(zip(names, shares, strict=True))
