"""A forecast from what is published, and from nothing else: so it tells nobody more. Pure.

>>> open_history([])
{}
"""

from collections.abc import Iterable

from settlement.forecast_days import Total
from settlement.open_data import OpenRow


def open_history(rows: Iterable[OpenRow]) -> dict[int, Total]:
    """Return totals by half-hour, as far as published half-hours tell them.

    A half-hour of which it may not be told what was taken is unknown; what may not be told to have
    been given, because nobody gave or too few did, counts as nothing. Prices are left to the rules.

    Args:
        rows: of published days.
    """
    known = {}
    for row in rows:
        if row.import_wh is None:
            continue
        given_wh = row.export_wh or 0
        near_wh = min(row.matched_wh or 0, row.import_wh, given_wh)
        known[row.period] = Total(near_wh, row.import_wh - near_wh, given_wh - near_wh)
    return known
