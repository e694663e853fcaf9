"""Open data over HTTP: a page, the files, and their descriptor, for anybody and from any page.

Only days are asked for (``from``, ``through``); anything else is refused, so that a wrong question
gets no wrong answer. Answers carry the hash of their bytes as ETag, and may be read by other sites'
scripts: these addresses alone.

>>> sorted(MEDIA_TYPES)[:2]
['LICENCE.txt', 'README.md']
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from email.utils import formatdate
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from ledger.errors import InputError
from settlement.community import Community
from settlement.open_data_store import OpenDay, OpenDays
from settlement.open_package import DESCRIPTOR, About
from wallet_api.cli.context import Settings
from wallet_api.door.pages import KNOWN
from wallet_api.door.wire import bytes_in, query_of
from wallet_api.open_data import about_of, day_range, files_of
from wallet_api.open_page import open_page
from wallet_api.page import CONTENT_POLICY
from wallet_api.problems import problems

DAYS_ASKED_MAX = 366
"""Most local days of one answer: a year, some 2 MB as CSV."""

PACKAGES_MAX = 8
"""Packages kept ready: the same few are asked for again and again."""

ANYBODY = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}
"""Any page may read this. Five minutes is how late a new day may be."""

MEDIA_TYPES = {
    "open.csv": "text/csv; charset=utf-8; header=present",
    "open.json": "application/json",
    "open.parquet": "application/vnd.apache.parquet",
    DESCRIPTOR: "application/json",
    "README.md": "text/markdown; charset=utf-8",
    "LICENCE.txt": "text/plain; charset=utf-8",
}

_RESPONSES = {**KNOWN, **problems("malformed", "busy", "not-ready")}
_RANGE = query_of(
    **{"from": "The first local day.", "through": "The last one; at most a year of days."}
)

Lent = Callable[[], AbstractContextManager[Community]]
"""Lends the community, up to date."""

Package = tuple[list[OpenDay], About, dict[str, bytes]]
"""Days, whose they are, and the files that hold them."""


class OpenShelf:
    """Packages of published days, made once and kept while nothing is added to them."""

    def __init__(self, settings: Settings, lent: Lent, days: OpenDays) -> None:
        self._settings, self._lent, self._days = settings, lent, days
        self._kept: OrderedDict[tuple[object, ...], Package] = OrderedDict()
        self._lock = threading.Lock()

    def package(self, first: str | None, last: str | None) -> Package:
        """Return the package of a range of local days; the last year's if nothing is said.

        Raises:
            InputError: the range is none, or too long.
            SetupError: the licence is not one that is known.
        """
        begins, ends = _within(*day_range(first, last, DAYS_ASKED_MAX))
        given = {"from": first, "through": last}
        query = urlencode({name: text for name, text in given.items() if text is not None})
        with self._lent() as community, self._lock:
            about = about_of(self._settings, community, f"?{query}" if query else "")
            days = self._days.of(community, begins, ends)[-DAYS_ASKED_MAX:]
            key = (about, *(day.day for day in days))
            if key not in self._kept:
                rows = [row for day in days for row in day.rows]
                self._kept[key] = days, about, files_of(rows, about)
            self._kept.move_to_end(key)
            while len(self._kept) > PACKAGES_MAX:
                self._kept.popitem(last=False)
            return self._kept[key]


def open_router(shelf: OpenShelf) -> APIRouter:
    """Return the addresses under ``/open``."""
    router = APIRouter(prefix="/open", tags=["Anybody"])

    @router.get(
        "",
        summary="What there is, as a page",
        description="Figures by the half-hour that anybody may have, where they tell nothing of one home.",
        response_class=HTMLResponse,
        responses=_RESPONSES,
        openapi_extra=_RANGE,
    )
    def index(request: Request) -> Response:
        days, about, files = shelf.package(*_asked(request))
        page = open_page(days, files, about).encode()
        return _answer(
            request,
            page,
            "text/html; charset=utf-8",
            days,
            {"Content-Security-Policy": CONTENT_POLICY},
        )

    @router.get(
        "/{name}",
        summary="Half-hours as a file",
        description="As a table, JSON or Parquet; the package's description, and its licence.",
        response_class=Response,
        responses={
            **bytes_in("The file.", *dict.fromkeys(MEDIA_TYPES.values())),
            **_RESPONSES,
            **problems("not-found"),
        },
        openapi_extra=_RANGE,
    )
    def file(
        request: Request, name: Annotated[str, Path(description="Which.", examples=["open.csv"])]
    ) -> Response:
        if name not in MEDIA_TYPES:
            raise HTTPException(404)
        days, _, files = shelf.package(*_asked(request))
        return _answer(request, files[name], MEDIA_TYPES[name], days, {})

    return router


def _asked(request: Request) -> tuple[str | None, str | None]:
    """Return the days that are asked for, as they are written.

    Raises:
        InputError: something else is asked, or one thing twice.
    """
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    for name in names:
        if name not in ("from", "through"):
            raise InputError(
                f"There is no {name[:40]!r} here: say from and through, as 2026-06-15."
            )
        if names.count(name) > 1:
            raise InputError(f"{name} stands there twice: say it once.")
    found = dict(given)
    return found.get("from"), found.get("through")


def _within(begins: date | None, ends: date | None) -> tuple[date | None, date | None]:
    """Return a range of at most a year, where one end is left open."""
    if begins is not None and ends is None and begins < date.max - timedelta(DAYS_ASKED_MAX):
        return begins, begins + timedelta(DAYS_ASKED_MAX - 1)
    return begins, ends


def _answer(
    request: Request, content: bytes, media: str, days: list[OpenDay], more: dict[str, str]
) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**ANYBODY, "ETag": tag, **more}
    if days:
        changed_ms = max(day.recorded_ms for day in days)
        headers["Last-Modified"] = formatdate(changed_ms // 1000, usegmt=True)
    held = request.headers.get("if-none-match", "")
    if held == "*" or tag in {each.strip().removeprefix("W/") for each in held.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(content, headers={**headers, "Content-Type": media})
