"""``GET /v1/forecast``: when to wash in the next two days, from published figures alone.

Who reads it learns no more than open data tells, so anybody may. A forecast is made once for a day and
kept while nothing is published that it would rest on.

>>> sorted(NAMES)
['day']
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ledger.errors import InputError
from ledger.primitives.periods import load_zone, local_date, parse_date
from settlement import forecast as forecasts
from settlement.community import Community
from settlement.forecast import HISTORY_DAYS, DayForecast, NotYet
from settlement.forecast_json import forecast_json
from settlement.forecast_open import open_history
from settlement.forecast_text import why_not_published
from settlement.open_data_store import OpenDay, OpenDays
from wallet_api.door.wire import query_of
from wallet_api.problems import problems

NAMES = frozenset({"day"})
"""What may be asked."""

KEPT_MAX = 64
"""Forecasts kept ready."""

AHEAD_MAX = 366
"""How many days before or after today may be asked for: a year either way."""

ANYBODY = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}
"""Any page may read this. Five minutes is how late a new day may be."""

Days = Sequence[DayForecast | NotYet]


class Outlook:
    """Forecasts from a community's published days, each made once."""

    def __init__(
        self, lent: Callable[[], AbstractContextManager[Community]], days: OpenDays
    ) -> None:
        self._lent, self._days = lent, days
        self._kept: OrderedDict[tuple[object, ...], tuple[Days, date | None]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, day: str | None = None) -> tuple[Days, date | None]:
        """Return the forecasts of a local day and the next, and the last published day behind them.

        Args:
            day: the first of them, ``YYYY-MM-DD`` [tomorrow].

        Raises:
            InputError: no day, or one that is far away.
        """
        with self._lent() as community:
            return self._of(community, day)

    def _of(self, community: Community, day: str | None) -> tuple[Days, date | None]:
        rules = community.state.rules_now
        zone = load_zone(rules.zone)
        today = local_date(community.writer.now_period(), zone)
        first = today + timedelta(days=1) if day is None else parse_date(day)
        if abs((first - today).days) > AHEAD_MAX:
            raise InputError(f"day {first} is far away: name one within a year of {today}.")
        known = self._days.of(
            community, first - timedelta(days=HISTORY_DAYS), first - timedelta(days=1)
        )
        key = (community.writer.community, rules.version, first, *_marks(known))
        with self._lock:
            if key not in self._kept:
                rows = (row for each in known for row in each.rows)
                days = [first, first + timedelta(days=1)]
                found = forecasts.forecast(open_history(rows), days, zone, rules.market)
                self._kept[key] = found, known[-1].day if known else None
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
            return self._kept[key]


def _marks(known: Sequence[OpenDay]) -> list[tuple[date, int]]:
    return [(each.day, each.recorded_ms) for each in known]


def forecast_router(outlook: Outlook) -> APIRouter:
    """Return the route of the forecast."""
    router = APIRouter()

    @router.get(
        "/v1/forecast",
        summary="When neighbours will have most to spare",
        description="Two days, worked out of published figures alone; any page may read it.",
        tags=["Anybody"],
        response_class=JSONResponse,
        responses=problems("malformed", "busy", "not-ready"),
        openapi_extra=query_of(day="The first of the two local days; tomorrow if left out."),
    )
    def forecast(request: Request) -> Response:
        days, published_through = outlook.of(_asked(request))
        body: dict[str, Any] = {
            "from": "open data",
            "published_through": None if published_through is None else str(published_through),
            "days": [forecast_json(each, published_through, why_not_published) for each in days],
        }
        return JSONResponse(body, headers=ANYBODY)

    return router


def _asked(request: Request) -> str | None:
    """Return the day that is asked for.

    Raises:
        InputError: something else is asked, or it twice.
    """
    given = request.query_params.multi_items()
    for name, _ in given:
        if name not in NAMES:
            raise InputError(f"There is no {name[:40]!r} here: say day, as 2026-06-15.")
    if len(given) > 1:
        raise InputError("day stands there twice: say it once.")
    return given[0][1] if given else None
