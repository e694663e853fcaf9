"""A forecast from what is published, and from nothing else: so it tells nobody more. Pure.

>>> open_history([])
{}
"""

from collections.abc import Iterable

from settlement.forecast_days import Total
from settlement.open_data import OpenRow


def open_history(rows: Iterable[OpenRow]) -> dict[int, Total]:
    """Return totals by half-hour, as far as published half-hours tell them.

    What may not be told, because nobody took or gave or too few did, counts as nothing; where neither
    may be told, the half-hour is unknown. Prices are left to the rules.

    Args:
        rows: of published days.
    """
    known = {}
    for row in rows:
        if row.import_wh is None and row.export_wh is None:
            continue
        taken_wh, given_wh = row.import_wh or 0, row.export_wh or 0
        near_wh = min(row.matched_wh or 0, taken_wh, given_wh)
        known[row.period] = Total(near_wh, taken_wh - near_wh, given_wh - near_wh)
    return known
