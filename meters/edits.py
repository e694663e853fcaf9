"""Edits: two operators say what a meter should have said. Pure, for the operator and the audit.

An edit names the log entry of the version that counted until then, and outranks it, and every
later delivery: what comes after an edit counts only once another edit takes it over.

>>> check_replaced({"replaces": 7}, 7, 989737)
>>> check_replaced({}, None, 989737)
"""

from collections.abc import Mapping
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.periods import start_text
from meters.readings import Quality

EDITED = Quality.EDITED.letter
"""The letter of an edited reading in the store; no adapter may sign it."""


def check_replaced(body: Mapping[str, Any], counts: int | None, period: int) -> None:
    """Refuse an edit that does not name the version that counts.

    Args:
        body: of the ``reading_edit``.
        counts: log position of what brought the version that counts; None where there is none.
        period: the half-hour.

    Raises:
        RefusedError: it names another one.
    """
    if body.get("replaces") != counts:
        now = "there is no reading" if counts is None else f"it is that of log entry {counts}"
        raise RefusedError(
            f"The edit does not name the version of {start_text(period)} that counts: {now}."
        )
