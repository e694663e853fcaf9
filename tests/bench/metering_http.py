"""Signed batches over HTTP: how many a second one worker takes, and how long each waits."""

import os
import sqlite3
import sys
import tempfile
import threading
from array import array
from pathlib import Path

from ledger.db import Database
from ledger.keyring import Keyring
from ledger.kinds import COMMUNITY
from ledger.primitives.clock import SystemClock
from ledger.primitives.signing import SigningKey
from market.model import PriceRule, Rules
from meters.adapter import Adapter
from meters.outbox import Outbox
from meters.pages import Run
from meters.readings import Channel
from settlement import deeds
from settlement.community import Community
from settlement.enrol import Charter, Terms, add_member, add_meter, found_community
from settlement.signers import operator_keys
from settlement.state import METERS_MAX
from tests.bench.loopback import Load, load, server
from tests.bench.page import verdict
from wallet_api.database import upgrade

METERS, BATCHES = 64, 30
CLIENTS = 32
PORT = 8_291
WANTED = {"NORMAL": 700, "FULL": 300}
WANTED_P99_MS = 150

HEADER = "| synchronous | what | batches/s | p50 | p99 | times an empty answer |"


def http_section() -> list[str]:
    """Return the page's section on signed batches over HTTP."""
    rows, met = [], []
    for synchronous, wanted in WANTED.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            url = f"sqlite:///{folder}/c.sqlite"
            sets = prepared(url, folder)
            speeds = {}
            for what in ("empty answer", "verify and insert", "ours"):
                rate, p50, p99 = _measure(what, synchronous, url, folder, sets)
                speeds[what] = rate
                rows.append(
                    f"| {synchronous} | {what} | {rate:,.0f} | {p50:.0f} ms | {p99:.0f} ms |"
                    f" {speeds['empty answer'] / rate:.1f} |"
                )
                print(rows[-1])
            met.append(verdict(synchronous, rate, wanted, "batches/s", least=True))
            met.append(verdict(f"{synchronous}, p99", p99, WANTED_P99_MS, "ms"))
    return [*HEAD, *rows, "", *met]


HEAD = [
    "## Signed batches over HTTP",
    "",
    f"{METERS * BATCHES:,} batches of 48 readings, {METERS} meters with a key each, {CLIENTS} clients that wait for each",
    "answer, on this machine's two cores with the server: one uvicorn worker, SQLite. *Ours* checks, logs and",
    "stores a batch durably, and answers with a signed receipt. *Verify and insert* is the practical limit: the",
    "same server checks one signature and commits one row a request; an *empty answer* reads the body and says OK.",
    "",
    HEADER,
    "| --- | --- | ---: | ---: | ---: | ---: |",
]


def prepared(url: str, folder: Path) -> list[list[bytes]]:
    """Found a community with meters that have keys, and return each meter's batches."""
    database = Database(url)
    upgrade(database)
    rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
    charter = Charter(
        "bench.example/ledger/1", "Bench", "Europe/London", "LWD", "s", rules, "x", replay=False
    )
    community = found_community(database, Keyring(folder / "keys"), SystemClock(), charter)
    sets = [_batches(community, folder, number) for number in range(METERS)]
    database.close()
    return sets


_members: dict[int, str] = {}


def _batches(community: Community, folder: Path, number: int) -> list[bytes]:
    """Add a meter with its key, and return signed batches of it."""
    if number % METERS_MAX == 0:
        device = SigningKey.from_seed(bytes([number // METERS_MAX]) * 32)
        _members[0] = add_member(community, f"m{number}", "household", Terms(), device)
    meter, key = f"meter{number}", SigningKey.from_seed((1_000 + number).to_bytes(32))
    add_meter(community, _members[0], meter, "both")
    fields = {"key": key.public.hex(), "meter": meter, "channels": "both", "first": 0}
    deeds.say(community, "meter_key", COMMUNITY, fields | {"last": 4_000_000}, operator_keys)
    with community.reading() as connection:
        log_key = community.log_verifier(connection).public_key
    told = Adapter(community.writer.origin, log_key, _members[0], meter, (Channel.IMPORT,), "")
    box = Outbox(folder / f"queue{number}", told, key)
    box._database.execute("PRAGMA synchronous=OFF")
    now_ms = community.writer.clock.now_ms()
    first = now_ms // 1_800_000 - BATCHES * 48
    for day in range(BATCHES):
        wh = array("i", [(number * 7 + day * 13 + place * 31) % 1500 for place in range(48)])
        box.add((meter, Channel.IMPORT), Run(first + day * 48, wh, "A" * 48), now_ms)
    made = [batch.encode() for batch in box.waiting_batches()]
    box.close()
    return made


def _measure(what: str, synchronous: str, url: str, folder: Path, sets: list[list[bytes]]) -> Load:
    """Return batches a second, and the median and the 99th percentile of answers in ms."""
    posts = [[("POST", "/v1/readings", batch, {}) for batch in each] for each in sets]
    clients = [[post for one in posts[n::CLIENTS] for post in one] for n in range(CLIENTS)]
    with server(PORT, "tests.bench.metering_http", what, synchronous, url, str(folder)):
        return load(PORT, clients)


def serve(what: str, synchronous: str, url: str, folder: str) -> None:
    """Serve one of the three, until it is stopped."""
    import uvicorn  # noqa: PLC0415 - only the server's process needs it
    from fastapi import FastAPI, Request, Response  # noqa: PLC0415 - as above
    from fastapi.concurrency import run_in_threadpool  # noqa: PLC0415 - as above
    from sqlalchemy import event  # noqa: PLC0415 - as above
    from sqlalchemy.engine import Engine  # noqa: PLC0415 - as above

    from wallet_api.cli.context import Settings  # noqa: PLC0415 - as above
    from wallet_api.http import create_app  # noqa: PLC0415 - as above

    if what == "ours":
        if synchronous == "NORMAL":
            event.listen(Engine, "connect", _normal)
        app = create_app(Settings(url, Path(folder) / "keys"))
    else:
        app = FastAPI()
        work = _bare_work(synchronous, folder) if what == "verify and insert" else None

        @app.post("/v1/readings")
        async def take(request: Request) -> Response:
            body = await request.body()
            if work is not None:
                await run_in_threadpool(work, body)
            return Response(b"ok")

    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error")


def _normal(connection: object, _record: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]


def _bare_work(synchronous: str, folder: str):
    """Return what checks one signature and commits one row."""
    from ledger.primitives.signing import verify  # noqa: PLC0415 - only one server needs it

    path = f"{folder}/bare{os.getpid()}.sqlite"
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute("CREATE TABLE b (n INTEGER PRIMARY KEY, body BLOB)")
    lock, key = threading.Lock(), SigningKey.from_seed(bytes(32))
    signature = key.sign(b"x" * 1_000)

    def work(body: bytes) -> None:
        verify(key.public, signature, b"x" * 1_000)
        with lock:
            database.execute("INSERT INTO b (body) VALUES (?)", (body,))

    return work


if __name__ == "__main__":
    serve(*sys.argv[1:])
