"""``/v1/events``: what happens to an account, as it happens, as server-sent events.

>>> frame("balance", {"units": 5}, 41).splitlines()
[b'event: balance', b'data: {"units":5}', b'id: 41', b'']
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ledger import log_store
from wallet_api.door.access import Allowed, Entry
from wallet_api.door.happenings import Happening
from wallet_api.door.identity import MEMBERS, Role, Who
from wallet_api.door.live import MARK_S, Listener, Live, Missed, Note, Over
from wallet_api.problems import problems

RETRY_MS = 3_000
"""How long a browser waits before it comes back."""

SEND_S = 30.0
"""How long a reader may take nothing of what was sent, before its stream is given up."""

GAP = "Something was left out: look at your account, then go on from here."

EVENTS = Allowed(*MEMBERS, Role.TILL, Role.OPERATOR)

router = APIRouter(prefix="/v1", tags=["Live"])

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until one side closes; `retry`, `id` and comments as browsers know them.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "description": "Lines, as browsers know them; each event's `data` is JSON."
                },
                "example": 'event: ask\ndata: {"ask":"4f59…","standing":"paid","units":42000000}\nid: 1041\n\n',
            }
        },
    }
}


class EventStream(StreamingResponse):
    """A stream that gives up on whoever takes nothing for a while.

    Args:
        live: all streams of this process.
        listener: whose this is.
        before: what it begins with.
    """

    media_type = "text/event-stream"

    def __init__(self, live: Live, listener: Listener, before: Sequence[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_lines(listener, before), headers=headers)
        self._live, self._listener = live, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until one side closes; however it ends, nobody listens afterwards."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._live.leave(self._listener)

    async def stream_response(self, send: Send) -> None:
        """Send what there is, each part within a time."""

        async def soon(message: Any) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        with contextlib.suppress(TimeoutError):
            await super().stream_response(soon)


@router.get(
    "/events",
    response_class=Response,
    summary="What happens, as it happens",
    responses={
        **_STREAM,
        **problems("invalid-input", "not-signed-in", "not-allowed", "busy", "not-ready"),
    },
)
async def events(
    request: Request,
    entry: Annotated[Entry, Depends(EVENTS)],
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=20,
            description="The `id` that came last: what happened since is told first.",
            examples=["1041"],
        ),
    ] = None,
    *,
    follow: Annotated[
        bool,
        Query(
            description="False: only what happened since `Last-Event-ID`, then the end.",
            examples=[True],
        ),
    ] = True,
) -> Response:
    """Tell of money that moved, requests to be paid, days worked out, and keys, each once it is in the log."""
    live: Live = request.app.state.live
    after = _position(last_event_id)
    who = await run_in_threadpool(_let_in, entry)
    if not follow:
        parts = await run_in_threadpool(_since, live, entry, who, after)
        return Response(b"".join(parts), media_type=EventStream.media_type)
    listener = Listener(who, entry.token, asyncio.get_running_loop())
    first = await run_in_threadpool(live.join, listener)
    try:
        before = await run_in_threadpool(_before, live, who, after, first)
    except BaseException:
        live.leave(listener)
        raise
    return EventStream(live, listener, before)


def frame(name: str | None, told: Mapping[str, Any], seen: int | None = None) -> bytes:
    """Return an event as it is sent.

    Args:
        name: of the event; None: only how far the stream is.
        told: what happened.
        seen: position of the last log entry that is told whole with it.
    """
    lines = [] if name is None else [f"event: {name}", f"data: {_json(told)}"]
    if seen is not None and seen >= 0:
        lines.append(f"id: {seen}")
    return ("\n".join(lines) + "\n\n").encode()


def frames(happened: Sequence[Happening], seen: int) -> list[bytes]:
    """Return events as they are sent; an entry's id comes with the last thing that it means."""
    found = []
    for place, each in enumerate(happened):
        following = happened[place + 1].entry if place + 1 < len(happened) else None
        told = dict(each.told) if each.entry < 0 else {"log_entry": each.entry, **each.told}
        is_whole = following is not None and following != each.entry and each.entry >= 0
        found.append(frame(each.what.value, told, each.entry if is_whole else None))
    found.append(frame(None, {}, seen))
    return found


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _position(said: str | None) -> int | None:
    """Return the log position that somebody knows, or None: what is no number is no position."""
    return int(said) if said is not None and said.isascii() and said.isdigit() else None


def _let_in(entry: Entry) -> Who:
    with entry.open() as visit:
        return visit.who


def _since(live: Live, entry: Entry, who: Who, after: int | None) -> list[bytes]:
    with entry.open() as visit:
        end, _, _ = log_store.head(visit.connection, visit.community.writer.community)
    return _before(live, who, after, end)


def _before(live: Live, who: Who, after: int | None, first: int) -> list[bytes]:
    """Return what a stream begins with: what happened while its reader was away."""
    head = [f"retry: {RETRY_MS}\n\n".encode()]
    if after is None or after == first - 1:
        return [*head, frame(None, {}, first - 1)]
    found, is_all = live.again(who, after, first)
    if not is_all:
        return [*head, _gap(first - 1)]
    return [*head, *frames(found, first - 1)]


def _gap(seen: int) -> bytes:
    return frame("gap", {"detail": GAP}, seen)


async def _lines(listener: Listener, before: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield b"".join(before)
    while True:
        try:
            async with asyncio.timeout(2 * MARK_S):
                note = await listener.notes.get()
        except TimeoutError:  # the log cannot be looked at: the line is kept all the same
            yield b": here\n\n"
            continue
        yield _said(note)
        if isinstance(note, Over):
            return


def _said(note: Note) -> bytes:
    if isinstance(note, Over):
        return frame("end", {"detail": note.why})
    if isinstance(note, Missed):
        return _gap(note.seen)
    return b"".join(frames(note.happened, note.seen))
