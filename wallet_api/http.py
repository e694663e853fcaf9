"""The HTTP interface: composition root, and the first page, health and the log's files.

>>> from wallet_api.cli.context import Settings
>>> create_app(Settings()).title
'Commonwatt'
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Annotated

from fastapi import FastAPI, Path, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from ledger import log_store
from ledger.db import Database
from ledger.errors import CommonwattError, SetupError
from meters.wire import REQUEST_BYTES_MAX
from settlement.community import Community
from settlement.open_data_store import OpenDay, OpenDays, total_matched_wh
from settlement.reception import Taken
from wallet_api.apps_http import apps_router
from wallet_api.cli.context import Settings, open_here
from wallet_api.disputes_http import disputes_router
from wallet_api.door import (
    bundle_routes,
    charter_routes,
    contact_routes,
    event_routes,
    member_routes,
    own_routes,
    paper_routes,
    passkey_routes,
    payment_routes,
    proposal_routes,
    push_routes,
    roster_routes,
    running_routes,
    sign_in_routes,
    statement_routes,
    webhook_routes,
)
from wallet_api.door.describe import DESCRIPTION, describe
from wallet_api.door.desk import USUAL, Desk, Limits
from wallet_api.door.guard import Guard
from wallet_api.door.here import Here
from wallet_api.door.live import Live
from wallet_api.door.messengers import Channels
from wallet_api.door.passkeys import site_of
from wallet_api.door.rate import Buckets
from wallet_api.door.sender import Sender
from wallet_api.door.watch import LINES, Watch
from wallet_api.door.wire import bytes_in
from wallet_api.forecast_http import Outlook, forecast_router
from wallet_api.open_http import OpenShelf, open_router
from wallet_api.page import CONTENT_POLICY, first_page, interface_page
from wallet_api.problems import install_problem_handlers, problems
from wallet_api.readings_door import ReadingsDoor
from wallet_api.readings_http import readings_router

ROUTES = (
    *(sign_in_routes, passkey_routes, paper_routes, statement_routes, proposal_routes),
    *(member_routes, payment_routes),
    *(own_routes, event_routes, contact_routes, webhook_routes, push_routes),
    *(roster_routes, running_routes, charter_routes, bundle_routes),
)
"""Addresses of the door, in the order in which they are described."""

_LOG_FILE = re.compile(r"tile/(entries|[0-6])/(x\d{3}/)*\d{3}(\.p/\d{1,3})?")

GZIP_BYTES_MIN = 1_000
"""Shorter answers are not worth packing."""

HEAD_HEADERS = {"Cache-Control": "no-cache"}
TILE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
"""Tiles never change; the checkpoint always may."""


class HealthOut(BaseModel):
    """Whether the server can answer."""

    model_config = ConfigDict(strict=True, extra="forbid")
    status: str


class CommunityOut(BaseModel):
    """What anybody may know of the community; ``matched_wh`` is null where nothing is published."""

    model_config = ConfigDict(strict=True, extra="forbid")
    name: str
    origin: str
    log_key: str
    zone: str
    asset: str
    replay: bool
    members: int
    days_settled: int
    matched_wh: int | None
    log_entries: int
    now: int = Field(description="The half-hour that it is for this community.", examples=[989736])


def create_app(
    settings: Settings, limits: Limits = USUAL, channels: Channels | None = None
) -> FastAPI:
    """Return the application for the database that the settings name.

    Args:
        settings: where the database, the keys and the log are.
        limits: how much is taken from one caller.
        channels: the ways out to people; without them messages wait for 'commonwatt send'.
    """
    database = Database(settings.database_url)
    door = ReadingsDoor(lambda: open_here(settings, Database(settings.database_url)))
    desk, live = _desk(settings, database, limits)
    desk.channels = channels
    desk.site = None if settings.public_url is None else site_of(settings.public_url)
    app = FastAPI(
        lifespan=_lifespan(door, desk, live),
        title="Commonwatt",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a caller's Host would say where to
    )
    app.state.desk, app.state.live, app.state.settings = desk, live, settings
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_BYTES_MIN)
    gateways = {"/v1/readings": Buckets(limits.deliveries)}
    lengths = {"/v1/readings": REQUEST_BYTES_MAX}
    app.add_middleware(
        Guard,
        buckets=Buckets(limits.requests),
        paths=gateways,
        lengths=lengths,
        watch=Watch(Buckets(LINES)),
    )
    install_problem_handlers(app)
    describe(app)
    for module in ROUTES:
        app.include_router(module.router)
    app.include_router(readings_router(door))
    app.include_router(disputes_router(desk))
    days = OpenDays()
    app.include_router(open_router(OpenShelf(settings, desk.here.lent, days)))

    outlook = Outlook(desk.here.lent, days)
    app.include_router(forecast_router(outlook))

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home() -> HTMLResponse:
        coming, _ = outlook.of()
        with desk.here.lent() as here:
            page = first_page(here, days.of(here), coming)
        return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_POLICY})

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(
            interface_page(app.openapi()), headers={"Content-Security-Policy": CONTENT_POLICY}
        )

    @app.get(
        "/v1/health",
        summary="Is the server able to answer?",
        tags=["Anybody"],
        responses=problems("busy", "not-ready"),
    )
    def health() -> HealthOut:
        """For whoever watches the server: the database answers and is of this version."""
        with desk.here.reading():
            return HealthOut(status="ok")

    @app.get(
        "/v1/community",
        summary="Name, rules' zone and currency, and how far the log is",
        tags=["Anybody"],
        responses=problems("busy", "not-ready"),
    )
    def community() -> CommunityOut:
        """What anybody may know of the community."""
        return _community(desk, days)

    @app.get(
        "/log.vkey",
        response_class=PlainTextResponse,
        summary="The log's public key",
        tags=["The log"],
        responses=problems("busy", "not-ready"),
    )
    def vkey() -> PlainTextResponse:
        """As a verifier of signed notes; compare it with what the community shows elsewhere."""
        return PlainTextResponse(_community(desk, days).log_key + "\n")

    @app.get(
        "/log/checkpoint",
        response_class=PlainTextResponse,
        summary="The signed head",
        tags=["The log"],
        responses=problems("not-found", "busy", "not-ready"),
    )
    def checkpoint() -> PlainTextResponse:
        """A C2SP checkpoint: keep the latest, and the next must extend it."""
        return PlainTextResponse(_log_file(settings, "checkpoint"), headers=HEAD_HEADERS)

    @app.get(
        "/log/{path:path}",
        summary="A tile or entry bundle (C2SP tlog-tiles)",
        tags=["The log"],
        response_class=Response,
        responses={
            **bytes_in("The file.", "application/octet-stream"),
            **problems("not-found", "busy", "not-ready"),
        },
    )
    def tile(
        path: Annotated[str, Path(description="As the standard has it.", examples=["tile/0/000"])],
    ) -> Response:
        """Tiles never change, so they may be kept for ever."""
        if _LOG_FILE.fullmatch(path) is None:
            raise HTTPException(404)
        return Response(
            _log_file(settings, path), media_type="application/octet-stream", headers=TILE_HEADERS
        )

    app.include_router(apps_router())
    return app


def _warm(desk: Desk, door: ReadingsDoor) -> None:
    desk.here.warm()
    door.warm()


def _desk(settings: Settings, database: Database, limits: Limits) -> tuple[Desk, Live]:
    """Return what all addresses share, and the streams: they are told of what is written here at once."""

    def wake(_taken: Sequence[Taken]) -> None:
        live.wake()

    desk = Desk(Here(lambda: open_here(settings, database), wake), limits)
    live = Live(desk)
    return desk, live


def _lifespan(
    door: ReadingsDoor, desk: Desk, live: Live
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what begins and ends with a server: its threads."""

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        # A server that cannot open its community says so to whoever asks, and may become able to.
        with suppress(CommonwattError, SQLAlchemyError):
            await run_in_threadpool(_warm, desk, door)
        sender = None if desk.channels is None else Sender(desk.here, desk.channels)
        if sender is not None:
            sender.start()
        yield
        live.close()
        if sender is not None:
            sender.close()
        door.close()
        desk.here.close()

    return running


def _community(desk: Desk, days: OpenDays) -> CommunityOut:
    with desk.here.reading() as (community, connection):
        size, _, _ = log_store.head(connection, community.writer.community)
        key = community.log_verifier(connection).vkey
        published = days.of(community)
        return _told(community, key, size, published)


def _told(community: Community, key: str, size: int, published: Sequence[OpenDay]) -> CommunityOut:
    rules = community.state.rules_now
    return CommunityOut(
        name=community.name,
        origin=community.writer.origin,
        log_key=key,
        zone=rules.zone,
        asset=rules.asset,
        replay=rules.replay,
        members=len(community.state.members),
        days_settled=len(published),
        matched_wh=total_matched_wh(published),
        log_entries=size,
        now=community.writer.now_period(),
    )


def _log_file(settings: Settings, name: str) -> bytes:
    path = settings.log_folder / name
    if not settings.log_folder.exists():
        raise SetupError("The log is not published yet: 'commonwatt settle' publishes it.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise HTTPException(404) from error
