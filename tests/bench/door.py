"""Payments and the first screen over HTTP: how many a second, and how long each waits."""

import http.client
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.db import Database
from ledger.keyring import Keyring
from ledger.primitives.clock import SystemClock
from ledger.primitives.ids import IdMaker
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from ledger.statements import make_body, sign
from market.model import PriceRule, Rules
from settlement.enrol import Charter, Terms, add_member, found_community
from tests.bench.loopback import Load, Request, load, server
from tests.bench.page import verdict
from tests.bench.streets import engines_here
from tests.engines import fresh_url
from wallet_api.database import upgrade
from wallet_api.door.sign_in import answer

CLIENTS, PAYMENTS = 32, 60
"""Clients that wait for each answer, and payments of each."""

READS = 60
PORT = 8_293
ORIGIN = "bench.example/ledger/1"
WANTED = {"SQLite FULL": 350, "SQLite NORMAL": 800}
WANTED_P99_MS = 150
WANTED_HOME_MS, WANTED_HOME_BYTES = 10, 20_000
WHATS = ("empty answer", "verify and insert", "payments", "first screen")


def door_section() -> list[str]:
    """Return the page's section on payments and first screens over HTTP."""
    rows, met = [], []
    for engine in engines_here():
        for workers in (1, 2):
            with _prepared(engine) as (url, folder, keys, members):
                found = {}
                for what in WHATS:
                    with server(
                        PORT, "tests.bench.door", what, engine, url, str(folder), str(workers)
                    ):
                        found[what] = _measured(what, keys, members)
                    result = found[what]
                    times = found["empty answer"].rate / result.rate
                    rows.append(
                        f"| {engine} | {workers} | {what} | {result.rate:,.0f} | {result.p50_ms:.0f} ms |"
                        f" {result.p99_ms:.0f} ms | {times:.1f} |"
                    )
                    print(rows[-1])
            if workers == 1 and engine in WANTED:
                paid = found["payments"]
                met.append(verdict(engine, paid.rate, WANTED[engine], "payments/s", least=True))
                met.append(verdict(f"{engine}, p99", paid.p99_ms, WANTED_P99_MS, "ms"))
    return [*HEAD, *rows, "", *met, *_home_alone()]


HEAD = [
    "## Payments and first screens over HTTP",
    "",
    f"{CLIENTS} clients that wait for each answer, on this machine's two cores with the server's processes:",
    f"{CLIENTS * PAYMENTS:,} signed payments by {CLIENTS} members, each checked, logged, posted and durable when answered, with the",
    f"signed head; and {CLIENTS * READS:,} first screens, each with a session. *Verify and insert* is the practical limit: one",
    "signature and one row committed a request; an *empty answer* reads the body and says OK.",
    "",
    "| engine | workers | what | a second | p50 | p99 | times an empty answer |",
    "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
]


@contextmanager
def _prepared(engine: str) -> Iterator[tuple[str, Path, list[SigningKey], list[str]]]:
    """Yield a community's URL, folder, its members' keys and their ids."""

    kind = "postgresql" if engine == "PostgreSQL" else "sqlite"
    with tempfile.TemporaryDirectory() as name, fresh_url(kind, Path(name)) as url:
        folder = Path(name)
        database = Database(url)
        upgrade(database)
        rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
        charter = Charter(
            ORIGIN,
            "Bench",
            "Europe/London",
            "LWD",
            "s",
            rules,
            "x",
            floor_units=-(10**4) * UNITS_PER_MAJOR,
        )
        community = found_community(database, Keyring(folder / "keys"), SystemClock(), charter)
        keys = [SigningKey.from_seed((7_000 + n).to_bytes(32)) for n in range(CLIENTS)]
        members = [
            add_member(community, f"m{n}", "household", Terms(), key) for n, key in enumerate(keys)
        ]
        database.close()
        yield url, folder, keys, members


def _measured(what: str, keys: list[SigningKey], members: list[str]) -> Load:
    if what == "first screen":
        headers = [_session(key, member) for key, member in zip(keys, members, strict=True)]
        return load(PORT, [[("GET", "/v1/home", None, each)] * READS for each in headers])
    ids = IdMaker(SystemClock().now_ms)
    return load(
        PORT,
        [
            [_payment(ids, key, members, place, n) for n in range(PAYMENTS)]
            for place, key in enumerate(keys)
        ],
    )


def _payment(ids: IdMaker, key: SigningKey, members: list[str], place: int, number: int) -> Request:
    fields = {
        "to": members[
            (place + 1 + number) % len(members) if (1 + number) % len(members) else place - 1
        ],
        "amount": 1 + number,
        "reference": f"bread {number}",
    }
    body = make_body("transfer", ORIGIN, members[place], ids(), 100 + number, 2**52, fields)
    return "POST", "/v1/statements", sign(body, [key]), {}


def _session(key: SigningKey, member: str) -> dict[str, str]:

    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request("POST", "/v1/sign-in/challenge")
    asked = json.loads(connection.getresponse().read())
    connection.request("POST", "/v1/sign-in", answer(key, ORIGIN, member, asked["challenge"]))
    token = json.loads(connection.getresponse().read())["token"]
    connection.close()
    return {"Authorization": f"Bearer {token}"}


def _home_alone() -> list[str]:
    """Return what one first screen of a street with its week settled takes, without HTTP's clients."""

    from tests.bench.auditing import settled  # noqa: PLC0415 - only here
    from wallet_api.door.home import ShownSums, home_of  # noqa: PLC0415 - only here

    with tempfile.TemporaryDirectory() as name:
        community = settled(Path(name), 200)
        sums, times = ShownSums(), []
        for member in sorted(community.state.members)[:100]:
            begun = time.perf_counter()
            with community.reading() as connection:
                home_of(community, connection, member, sums)
            times.append(1e3 * (time.perf_counter() - begun))
        community.writer.database.close()
    return [
        "",
        f"What it needs is gathered in {statistics.median(times):.1f} ms, the slowest of 100 in {max(times):.1f} ms",
        "(200 homes, some days settled).",
        verdict("a first screen, server time", statistics.median(times), WANTED_HOME_MS, "ms"),
    ]


def serve(what: str, engine: str, url: str, folder: str, workers: str) -> None:
    """Serve one of the four, until it is stopped."""
    from wallet_api.serving import run  # noqa: PLC0415 - only the server's process needs it

    os.environ |= {
        "COMMONWATT_DATABASE_URL": url,
        "COMMONWATT_KEYS": f"{folder}/keys",
        "COMMONWATT_REQUESTS_PER_SECOND": "100000",
        "BENCH_WHAT": what,
        "BENCH_ENGINE": engine,
        "BENCH_FOLDER": folder,
    }
    run("tests.bench.door:app", "127.0.0.1", PORT, int(workers))


def app():
    """Return the application of one worker."""
    from sqlalchemy import event  # noqa: PLC0415 - only the server's process needs it
    from sqlalchemy.engine import Engine  # noqa: PLC0415 - as above

    from wallet_api import asgi  # noqa: PLC0415 - as above

    what, engine = os.environ["BENCH_WHAT"], os.environ["BENCH_ENGINE"]
    if what in ("payments", "first screen"):
        if engine == "SQLite NORMAL":
            event.listen(Engine, "connect", _normal)
        return asgi.app()
    return _bare(what, engine)


def _normal(connection: object, _record: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]


def _bare(what: str, engine: str):
    """Return an application that does as little as can be."""
    from fastapi import FastAPI, Request, Response  # noqa: PLC0415 - only the server needs it
    from fastapi.concurrency import run_in_threadpool  # noqa: PLC0415 - as above

    app = FastAPI()
    work = _bare_work(engine) if what == "verify and insert" else None

    @app.post("/v1/statements")
    async def take(request: Request) -> Response:
        body = await request.body()
        if work is not None:
            await run_in_threadpool(work, body)
        return Response(b"ok")

    return app


def _bare_work(engine: str):
    """Return what checks one signature and commits one row."""
    from ledger.primitives.signing import verify  # noqa: PLC0415 - only one server needs it

    insert = _bare_insert(engine)
    lock, key = threading.Lock(), SigningKey.from_seed(bytes(32))
    signature = key.sign(b"x" * 500)

    def work(body: bytes) -> None:
        verify(key.public, signature, b"x" * 500)
        with lock:
            insert(body)

    return work


def _bare_insert(engine: str):
    """Return what commits one row."""
    if engine == "PostgreSQL":
        import psycopg  # noqa: PLC0415 - only here

        postgres = psycopg.connect(
            os.environ["COMMONWATT_DATABASE_URL"].replace("+psycopg", ""), autocommit=True
        )
        postgres.execute("CREATE TABLE IF NOT EXISTS bare (n serial PRIMARY KEY, body bytea)")
        return lambda body: postgres.execute("INSERT INTO bare (body) VALUES (%s)", (body,))
    file = sqlite3.connect(
        f"{os.environ['BENCH_FOLDER']}/bare.sqlite", isolation_level=None, check_same_thread=False
    )
    file.execute("PRAGMA busy_timeout=20000")
    file.execute("PRAGMA journal_mode=WAL")
    file.execute(f"PRAGMA synchronous={engine.rpartition(' ')[2]}")
    file.execute("CREATE TABLE IF NOT EXISTS b (n INTEGER PRIMARY KEY, body BLOB)")
    return lambda body: file.execute("INSERT INTO b (body) VALUES (?)", (body,))


if __name__ == "__main__":
    serve(*sys.argv[1:])
