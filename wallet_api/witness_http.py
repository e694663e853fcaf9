"""A witness over HTTP: C2SP tlog-witness, and one address of our own where others find evidence.

``POST /add-checkpoint`` and ``GET /<SHA-256 of the origin>/checkpoint``, the last one cosigned,
are the standard's; ``GET /<SHA-256 of the origin>/fork`` gives the proof that the log told two
histories. All answers are short; nothing needs a password, because only checkpoints that a known
log signed are ever kept.

>>> import tempfile
>>> from pathlib import Path
>>> store = SqliteWitnessStore.create(Path(tempfile.mkdtemp()) / "w.sqlite", "witness.example/w1")
>>> create_witness_app(store, SigningKey.generate()).title
'Commonwatt witness'
"""

import time
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from ledger.log.cosignature import Cosigner
from ledger.log.witness import REQUEST_BYTES_MAX, Answer, add_checkpoint
from ledger.primitives.signing import SigningKey
from ledger.witness_store import KnownLog, SqliteWitnessStore
from wallet_api.bodies import read_body
from wallet_api.problems import install_problem_handlers, problem

SLUGS = {
    400: "malformed",
    403: "not-trusted",
    404: "unknown-log",
    422: "not-consistent",
    503: "busy",
}
"""Problem names of the answers that are not the standard's own text."""


def create_witness_app(
    store: SqliteWitnessStore,
    key: SigningKey,
    now_s: Callable[[], int] = lambda: int(time.time()),
) -> FastAPI:
    """Return the application of one witness.

    Args:
        store: its name, and what it remembers.
        key: the witness's key.
        now_s: the time in Unix seconds.
    """
    app = FastAPI(
        title="Commonwatt witness",
        version="1",
        description="Cosigns checkpoints of the logs it knows (C2SP tlog-witness).",
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
    )
    install_problem_handlers(app)

    @app.post("/add-checkpoint", summary="Cosign a checkpoint (C2SP tlog-witness)")
    async def add(request: Request) -> Response:
        body = await read_body(request, REQUEST_BYTES_MAX)
        if isinstance(body, Response):
            return body
        return _response(
            await run_in_threadpool(add_checkpoint, body, store, store.name, key, now_s)
        )

    @app.get("/", response_class=PlainTextResponse, summary="The witness's public key")
    def vkey() -> PlainTextResponse:
        return PlainTextResponse(Cosigner(store.name, key.public).vkey + "\n")

    @app.get("/{log}/checkpoint", summary="The last checkpoint cosigned for a log")
    def checkpoint(log: str) -> PlainTextResponse:
        known = _known(store, log)
        if known.seen is None:
            raise HTTPException(404)
        return PlainTextResponse(known.seen.note)

    @app.get("/{log}/fork", summary="Proof that a log told two histories")
    def fork(log: str) -> PlainTextResponse:
        known = _known(store, log)
        if known.fork is None:
            raise HTTPException(404)
        return PlainTextResponse(known.fork.encode())

    return app


def _response(answer: Answer) -> Response:
    slug = SLUGS.get(answer.status)
    if slug is not None:
        return problem(answer.status, slug, answer.body.decode().strip())
    # Given as a header, because Starlette would add a character set to any text type.
    return Response(answer.body, answer.status, headers={"Content-Type": answer.content_type})


def _known(store: SqliteWitnessStore, log: str) -> KnownLog:
    known = store.log(log)
    if known is None:
        raise HTTPException(404)
    return known
