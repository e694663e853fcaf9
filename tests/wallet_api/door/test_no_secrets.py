"""What is written into logs and answers, at the loudest: no token, no key, no words, no name."""

import base64
import logging
import threading
import time

import httpx2
import pytest
import uvicorn
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ledger.primitives.signing import SigningKey
from ledger.recovery import INVITATION, key_of_code
from settlement.enrol import Terms, add_member
from tests.prepared import reopen
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, served
from wallet_api.cli.app import run
from wallet_api.door.sign_in_routes import SessionOut

NAME = "Zephyrine Quattlebaum"
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
REFERENCE = "for the quiltings of May"
OURS = (
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
    "fastapi",
    "starlette",
    "ledger",
    "wallet_api",
)


class Loopback(httpx2.Client):
    """A client over a real socket, which phones use as any other."""

    def __init__(self, app, port):
        super().__init__(base_url=f"http://127.0.0.1:{port}")
        self.app = app


@pytest.fixture
def loud(copy, capfd):
    """A named street on a socket, and all that is logged of it."""
    url, keys = copy()
    community = reopen(url, keys)
    key = SigningKey.generate()
    member = add_member(community, NAME, "household", Terms(), key)
    community.writer.database.close()
    with served(url, keys) as client:
        config = uvicorn.Config(
            client.app, port=0, log_level="trace", log_config=None, lifespan="off"
        )
        lines = []
        handler = logging.Handler()
        failed = threading.Event()

        def emit(record):
            lines.append(logging.Formatter().format(record))
            if record.exc_info:
                failed.set()

        handler.emit = emit
        for name in OURS:
            logging.getLogger(name).addHandler(handler)
            logging.getLogger(name).setLevel(1)
        server = uvicorn.Server(config)
        running = threading.Thread(target=server.run)
        running.start()
        while not server.started:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        with Loopback(client.app, port) as line:
            yield line, Phone(line, member, key), lines, failed
        server.should_exit = True
        running.join()
        for name in OURS:
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(logging.NOTSET)


def secrets_of(*keys):
    for key in keys:
        seed = key.private.private_bytes_raw()
        yield from (seed.hex(), base64.b64encode(seed).decode().rstrip("="))


def test_nothing_secret_is_logged_or_answered(loud, capfd):
    line, mine, lines, failed = loud
    others = phones_of(line)
    said = []

    def answered(got, status):
        assert got.status_code == status, got.text
        said.append(got.text if status >= 400 else "")

    answered(mine.sign_in(), 200)
    token = mine.token
    answered(mine.sign_in(cookie=True), 200)
    mine.token, cookie = token, dict(line.cookies)
    answered(Phone(line, mine.account, others[NAMES[0]].key).sign_in(), 403)
    answered(mine.pay(others[NAMES[0]], 500, REFERENCE), 201)
    answered(mine.pay(others[NAMES[0]], 10**15, REFERENCE), 422)
    answered(line.get("/v1/home", headers={"Authorization": f"Bearer {token}x"}), 401)
    answered(line.post("/v1/payments/check", json={"token": token}, headers=mine.headers), 422)
    code = key_of_code(WORDS, INVITATION)
    with line.app.state.desk.here.reading() as (community, _):
        now, floor = community.writer.now_period(), community.state.rules_now.floor_units
    fields = {"key": code.public.hex(), "class": "household", "floor_units": floor}
    operators = others["operator-1"], others["operator-2"]
    got = operators[0].say("invitation", fields | {"last": now + 9}, keys=[operators[1].key])
    answered(got, 201)
    new = Phone(line, "0b" * 16, SigningKey.generate())
    opening = {"class": "household", "keys": [new.key.public.hex()], "threshold": 1}
    opening |= {"floor_units": floor, "invitation": got.json()["id"]}
    answered(new.say("account_open", opening), 403)
    answered(new.say("account_open", opening, keys=[code]), 201)
    desk = line.app.state.desk
    secret, here = desk.challenge_secret, desk.here
    desk.here = None
    answered(line.get("/v1/home", headers=mine.headers), 500)
    desk.here = here
    assert failed.wait(10)  # it is logged after it was answered

    printed = capfd.readouterr()
    everything = "\n".join([*lines, printed.out, printed.err, *said])
    assert "AttributeError" in everything  # the failure itself is there, for the operators
    assert '"POST /v1/sign-in HTTP/1.1" 403' in everything
    keys = (mine.key, new.key, code, *(each.key for each in others.values()))
    wanted = [token, *cookie.values(), secret.hex(), base64.b64encode(secret).decode()]
    wanted += [*secrets_of(*keys), WORDS, NAME, REFERENCE, "PRIVATE KEY"]
    wanted += [repr(secret)[2:-1]]
    for each in wanted:
        assert each not in everything, each[:12]


def test_a_statement_that_the_database_refuses_does_not_show_its_values(client):
    with (
        client.app.state.desk.here.reading() as (_, connection),
        pytest.raises(SQLAlchemyError) as failed,
    ):
        connection.execute(text("SELECT nothing FROM person WHERE sealed = :s"), {"s": NAME})
    assert NAME not in str(failed.value)


def test_an_answer_that_does_not_fit_its_model_does_not_show_its_values():
    with pytest.raises(ValueError, match="SessionOut") as failed:
        SessionOut(account="x", role="king", key_id="y", expires_at=-1, token=["cws_secret"])
    assert "cws_secret" not in str(failed.value)


@pytest.mark.parametrize("mischief", ["cut", "garbage", "another", "passphrase"])
def test_a_command_that_cannot_read_a_key_does_not_show_it(copy, capfd, monkeypatch, mischief):
    url, keys = copy()
    file = keys / "settlement.key"
    whole = file.read_bytes()
    body = whole.splitlines()[1].decode()
    if mischief == "cut":
        file.write_bytes(whole[:70])
    elif mischief == "garbage":
        file.write_bytes(body.encode() * 3)
    elif mischief == "another":
        (keys / "log.key").replace(file)
    else:
        monkeypatch.setenv("COMMONWATT_KEY_PASSPHRASE", "open sesame")
    options = ["--database", url, "--keys", str(keys)]
    for command in (["settle", "--day", "2026-06-30"], ["settle", "--help"], ["--help"]):
        run([*command, *options])
    printed = capfd.readouterr()
    assert printed.out
    for secret in (body, "open sesame", "PRIVATE KEY"):
        assert secret not in printed.out + printed.err
