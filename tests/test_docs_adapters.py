"""The page for adapter makers: its program runs, and a batch is made from the pages' words alone."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from ledger.db import Database
from ledger.keyring import Keyring
from ledger.primitives.clock import SystemClock
from market.model import PriceRule, Rules
from meters.adapter import Adapter
from meters.readings import Channel
from settlement.enrol import Charter, Terms, add_member, add_meter, found_community
from tests.fresh import upgrade
from tests.prepared import seeded_key
from tests.settlement.batches import bind
from wallet_api.cli.context import Settings
from wallet_api.http import create_app

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")
[PROGRAM] = re.findall(r"<!-- a test runs this -->\n```python\n(.*?)```", PAGE, re.DOTALL)
METER = "roof-7"


@pytest.fixture
def street(tmp_path):
    """A community of today, with a meter."""
    database = Database(f"sqlite:///{tmp_path}/c.sqlite")
    upgrade(database)
    rules = Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410)
    charter = Charter(
        "street.example/1", "Street", "Europe/London", "LWD", "s", rules, "x", replay=False
    )
    community = found_community(database, Keyring(tmp_path / "keys"), SystemClock(), charter)
    add_meter(
        community,
        add_member(community, "Ada", "household", Terms(), seeded_key("ada")),
        METER,
        "import",
    )
    yield community, Settings(f"sqlite:///{tmp_path}/c.sqlite", tmp_path / "keys")
    database.close()


@pytest.fixture
def served(street):
    config = uvicorn.Config(create_app(street[1]), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    [address] = [s.getsockname() for part in server.servers for s in part.sockets]
    yield f"http://127.0.0.1:{address[1]}/v1/readings"
    server.should_exit = True
    thread.join()


def told(community, url):
    with community.reading() as connection:
        log_key = community.log_verifier(connection).public_key
    member = community.state.meters[METER][-1][1].member
    return Adapter(community.writer.origin, log_key, member, METER, (Channel.IMPORT,), url)


def test_the_program_of_the_page_delivers(street, served, tmp_path):
    folder = tmp_path / "gateway"
    key = Keyring(folder).create("gateway")
    bind(street[0], key, METER)
    (folder / "gateway.json").write_bytes(told(street[0], served).encode())
    (folder / "adapter.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for expected in ("1 delivered, 0 waiting", "0 delivered, 0 waiting"):
        done = subprocess.run(
            [sys.executable, "adapter.py"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert expected in done.stdout
        assert " logged" in done.stdout
    with street[0].reading() as connection:
        first = street[0].writer.now_period() - 4
        known = street[0].readings.known(connection, range(first, first + 5), meters=[METER])
    assert [stored.wh for stored in known.values()] == [412, 380, 291]


def sha256(data):
    return hashlib.sha256(data).digest()


def tree(hashes):
    """RFC 6962's root, as its own text has it."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + tree(hashes[:split]) + tree(hashes[split:]))


def written(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def made_by_hand(adapter, key, wh, first, sequence=1, previous="0" * 64):
    """A batch from the words of docs/spec/statements.md, with cryptography and json alone."""
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = sha256(public).hex()
    seed, letters = os.urandom(32), "A" * len(wh)
    leaves = []
    for index, (value, letter) in enumerate(zip(wh, letters, strict=True)):
        salt = sha256(seed + index.to_bytes(8, "big"))[:16]
        numbers = (first + index).to_bytes(8, "big") + value.to_bytes(8, "big")
        record = b"commonwatt/reading/v1\x00" + numbers + letter.encode()
        leaves.append(sha256(b"\x00" + salt + record))
    parts = (adapter.origin, METER, "import", key_id, str(sequence))
    made = bytearray(sha256("\x00".join(("commonwatt/id/reading_batch/v1", *parts)).encode())[:16])
    made[6], made[8] = made[6] & 0x0F | 0x80, made[8] & 0x3F | 0x80
    now_ms = time.time_ns() // 1_000_000
    body = written(
        {
            "v": 1,
            "ledger": adapter.origin,
            "kind": "reading_batch",
            "account": adapter.member,
            "id": made.hex(),
            "seq": sequence,
            "not_after": now_ms + 86_400_000,
            "meter": METER,
            "channel": "import",
            "sequence": sequence,
            "previous": previous,
            "created_at": now_ms,
            "first": first,
            "step": 30,
            "count": len(wh),
            "root": tree(leaves).hex(),
            "backfill": False,
        }
    )
    kind = b"application/vnd.commonwatt.reading_batch.v1+json"
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)
    signature = base64.b64encode(key.sign(signed)).decode()
    envelope = {
        "payload": base64.b64encode(body).decode(),
        "payloadType": kind.decode(),
        "signatures": [{"keyid": key_id, "sig": signature}],
    }
    lines = [
        json.dumps(envelope, separators=(",", ":")).encode(),
        written({"quality": letters, "seed": seed.hex(), "wh": wh}),
    ]
    return b"\n".join(lines) + b"\n", sha256(signed).hex()


def test_a_batch_made_from_the_specification_alone_is_taken(street):
    community, settings = street
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    class Held:
        pass

    held = Held()
    held.public = public
    bind(community, held, METER)
    adapter = told(community, "")
    first = community.writer.now_period() - 5
    with TestClient(create_app(settings)) as client:
        data, tx_id = made_by_hand(adapter, key, [412, 380, 291], first)
        answer = client.post("/v1/readings", content=data)
        assert (answer.status_code, answer.json()["results"][0]["tx_id"]) == (200, tx_id)
        data, _ = made_by_hand(adapter, key, [7], first + 3, 2, tx_id)
        assert client.post("/v1/readings", content=data).status_code == 200
