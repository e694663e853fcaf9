"""Every body by every mischief: refused with a problem, never a failure, and nothing is written.

The routes with a body are found from the description, so a new one must say here what a good body is.
"""

import base64
import copy as copies
import json
import logging
import random
import shutil
import socket
import sqlite3
import threading
import time

import pytest
import uvicorn
from fastapi.testclient import TestClient

from ledger.primitives.canonical import encode
from ledger.primitives.signing import Envelope
from tests.prepared import CHARTER
from tests.wallet_api.door.authenticators import ORIGIN, packed
from tests.wallet_api.door.phones import AMPLE, LATER, NAMES, phones_of, served, slug
from wallet_api.cli.context import Settings
from wallet_api.door.passkeys import site_of
from wallet_api.door.sign_in import PAYLOAD_TYPE
from wallet_api.http import create_app

SEED = 20_260_615
SURROGATE, NUL = "\ud800", "\x00"
HUGE = 10**400
WRONG = (
    *(None, True, -1, 0, 1.5, 1e300, HUGE, -HUGE, 2**53, 2**63, 2**64, "", "x" * 50_000),
    *(
        [],
        {},
        [[]],
        {"": {}},
        NUL,
        SURROGATE,
        "\uff12",
        "é",
        "0" * 32,
        "../../etc/passwd",
        "' OR 1=1 --",
    ),
)
"""In the place of each value of a good body."""


def paths_with_a_body():
    app = create_app(Settings("sqlite:///nowhere.sqlite"), AMPLE)
    app.state.desk.here.close()
    return sorted(
        (path, method.upper())
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    )


PATHS = paths_with_a_body()


@pytest.fixture(scope="module")
def street(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies") / "street"
    shutil.copytree(prepared, folder)
    with served(f"sqlite:///{folder}/street.sqlite", folder / "keys") as client:
        client.app.state.desk.site = site_of(ORIGIN)
        phones = phones_of(client)
        phones[NAMES[0]].sign_in()
        quiet = TestClient(client.app, raise_server_exceptions=False)
        yield quiet, phones, folder / "street.sqlite"


def good_bodies(phones):
    """Return for each path a kind, fields that are signed, and who signs; or plain JSON."""
    ada, ben = phones[NAMES[0]], phones[NAMES[1]]
    common = {"v": 1, "ledger": CHARTER.origin, "account": ada.account}
    common |= {"id": "0b" * 16, "seq": 9_000, "not_after": LATER}
    payment = {"to": ben.account, "amount": 10**14, "reference": "bread"}
    answer = {"v": 1, "ledger": CHARTER.origin, "account": ada.account}
    answer |= {"challenge": ada.challenge()["challenge"], "cookie": False}
    keys = [ada.key.public.hex(), ben.key.public.hex()]
    change = {"by": "keys", "keys": keys, "threshold": 1, "reason": "a tablet"}
    dispute = {"day": "2026-06-29", "run": "SF", "first": 989_000, "periods": 1}
    dispute |= {"units": 5, "claim": "wrong"}
    client_data = packed(json.dumps({"type": "x", "challenge": "AA", "origin": "x"}).encode())
    credential = {"id": "AA", "rawId": "AA", "type": "public-key"}
    made = {"clientDataJSON": client_data, "attestationObject": "AA"}
    used = {"clientDataJSON": client_data, "authenticatorData": "AA", "signature": "AA"}
    batch = {"meter": NAMES[0], "channel": "import", "sequence": 1, "previous": "0" * 64}
    batch |= {"created_at": 1_782_000_000_000, "first": 989_000, "step": 30, "count": 1}
    batch |= {"root": "0" * 64, "backfill": False}
    return {
        "/v1/statements": ("transfer", common | {"kind": "transfer"} | payment),
        "/v1/proposals": ("key_change", common | {"kind": "key_change"} | change),
        "/v1/proposals/{proposal_id}/signatures": (
            *("key_change", common | {"kind": "key_change"} | change),
        ),
        "/v1/disputes": ("dispute", common | {"kind": "dispute"} | dispute),
        "/v1/sign-in": ("sign_in", answer),
        "/v1/readings": ("reading_batch", common | {"kind": "reading_batch"} | batch),
        "/v1/payments/check": (None, {"to": ben.account, "units": 1}),
        "/v1/name": (None, {"name": "Ada"}),
        "/v1/members/{account_id}/name": (None, {"name": "Ada"}),
        "/v1/contacts": (None, {"kind": "sms", "address": "+447700900123", "events": ["ask"]}),
        "/v1/contacts/{contact_id}/code": (None, {"code": "123456"}),
        "/v1/webhooks": (None, {"url": "https://shop.example/hook", "events": []}),
        "/v1/push": (
            None,
            {
                "endpoint": "https://push.example/1",
                "keys": {"p256dh": "BA", "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
                "events": [],
            },
        ),
        "/v1/passkeys": (
            None,
            {"name": "x", "credential": credential | {"response": made}, "proof": "00" * 64},
        ),
        "/v1/sign-in/passkey": (None, {"credential": credential | {"response": used}}),
    }


OTHERWISE_GOOD = ("/v1/name", "/v1/members/{account_id}/name", "/v1/contacts")
"""Bodies that a changed letter leaves as good as they were, and which write."""

IDS = dict.fromkeys(("proposal_id", "account_id", "contact_id"), "0b" * 16)


AS_GOOD = {
    "/v1/payments/check": {"to", "units"},
    "/v1/sign-in": {"cookie"},
    "/v1/proposals": {"id", "reason", "seq", "threshold", "not_after"},
}
"""Values that may also be others: these bodies are not refused, whatever stands there."""

REFUSED = {
    "/v1/statements": "refused",
    "/v1/proposals/{proposal_id}/signatures": "not-found",
    "/v1/disputes": "refused",
    "/v1/readings": "malformed",
}
"""What becomes of the bodies before any mischief: well formed, and yet they cannot be."""


def test_every_address_with_a_body_is_here(street):
    assert sorted(good_bodies(street[1])) == sorted(path for path, _ in PATHS)


@pytest.mark.parametrize(("path", "wanted"), REFUSED.items())
def test_before_any_mischief_a_body_is_refused_for_what_it_says(street, path, wanted):
    client, phones, _ = street
    kind, fields = good_bodies(phones)[path]
    body = sealed(kind, encode(fields), phones[NAMES[0]].key)
    got = client.post(path.format(proposal_id="0b" * 16), content=body)
    assert slug(got) == wanted, got.text


def sealed(kind, body, key):
    """Return the bytes of a body, signed if it is of a kind."""
    if kind is None:
        return body
    media = PAYLOAD_TYPE if kind == "sign_in" else f"application/vnd.commonwatt.{kind}.v1+json"
    envelope = Envelope.seal(media, body, [key]).encode()
    return envelope + b'\n{"quality":"A"}\n' if kind == "reading_batch" else envelope


def mutated_fields(fields, rng, keep):
    """Yield the bodies in which one value is another, one lacks, or one too many is there."""
    for name in sorted(set(fields) - keep):
        for wrong in rng.sample(WRONG, 12):
            if type(wrong) is not type(fields[name]) or isinstance(wrong, str):
                yield {**fields, name: wrong}
    for name in fields:
        yield {each: value for each, value in fields.items() if each != name}
    yield {**fields, "more": 1}


def mutated_bytes(good, rng):
    """Yield bytes that are no good body any more, or hardly."""
    for _ in range(12):
        place = rng.randrange(len(good))
        yield good[:place] + bytes([good[place] ^ (1 << rng.randrange(8))]) + good[place + 1 :]
    for _ in range(6):
        yield good[: rng.randrange(len(good))]
    yield from (b"", b"{}", b"[]", b"null", b"NaN", b"\xff\xfe", b"\x00", good + b"x", b" " + good)
    yield b"\xef\xbb\xbf" + good
    yield good.decode().encode("utf-16")
    yield b"[" * 1_500
    yield b'{"a":' * 1_500
    yield b"[" * 90_000
    yield good.replace(b"{", b'{"to":"x","payload":"e30=",', 1)
    yield good.replace(b":", b": ", 1)
    yield b'{"payload":NaN,"payloadType":Infinity,"signatures":[-Infinity]}'
    yield b'{"to":"\\ud800","units":1}'
    yield b'{"to":"' + b"0" * 32 + b'","units":' + b"9" * 5_000 + b"}"
    yield b"x" * 2_000_000


def mutated_envelopes(good, rng):
    """Yield envelopes of which a part is of another type."""
    if b"signatures" not in good:
        return
    first, _, rest = good.partition(b"\n")
    whole = json.loads(first)
    for name in whole:
        for wrong in rng.sample(WRONG, 12):
            yield {**whole, name: wrong}, rest
    for name in whole["signatures"][0]:
        for wrong in rng.sample(WRONG, 12):
            changed = copies.deepcopy(whole)
            changed["signatures"][0][name] = wrong
            yield changed, rest
    yield {**whole, "signatures": whole["signatures"] * 2}, rest
    yield {**whole, "signatures": whole["signatures"] * 17}, rest
    yield {**whole, "signatures": []}, rest


def plain_of(kind, fields):
    """Return a body's bytes before it is signed; canonical where it is signed."""
    return json.dumps(fields, separators=(",", ":")).encode() if kind is None else encode(fields)


def mischief(kind, fields, key, rng, keep):
    good = sealed(kind, plain_of(kind, fields), key)
    yield from mutated_bytes(good, rng)
    for whole, rest in mutated_envelopes(good, rng):
        yield json.dumps(whole, separators=(",", ":")).encode() + (b"\n" + rest if rest else b"")
    for changed in mutated_fields(fields, rng, keep):
        yield sealed(kind, json.dumps(changed, sort_keys=True, separators=(",", ":")).encode(), key)
    plain = plain_of(kind, fields)
    # Signed, but not in the one form: a member twice, a space, a number with an exponent.
    yield sealed(kind, plain.replace(b"{", b'{"v":1,', 1), key)
    yield sealed(kind, plain.replace(b",", b", ", 1), key)
    yield sealed(kind, plain.replace(b'"v":1', b'"v":1e0'), key)
    yield sealed(kind, plain.replace(b'"v":1', b'"v":NaN'), key)
    yield sealed(kind, b"[" * 20_000, key)
    yield sealed(kind, b'{"a":' * 9_000, key)


@pytest.mark.parametrize(("path", "method"), PATHS)
def test_a_bad_body_is_refused_with_a_problem_and_nothing_is_written(street, path, method):
    client, phones, file = street
    ada = phones[NAMES[0]]
    kind, fields = good_bodies(phones)[path]
    address = path.format(**IDS)
    watch = sqlite3.connect(file)
    before = watch.execute("PRAGMA data_version").fetchone()
    types = ("application/json", "text/plain", "application/x-www-form-urlencoded", "")
    rng, keep = random.Random(SEED), AS_GOOD.get(path, set())
    told = set()
    for number, body in enumerate(mischief(kind, fields, ada.key, rng, keep)):
        headers = {**ada.headers, "Content-Type": types[number % 4 if kind else 0]}
        client.app.state.desk.failures._left.clear()  # nobody is sent away for guessing
        got = client.request(method, address, content=body, headers=headers)
        if got.status_code in (200, 201, 204) and kind is None:
            assert path in (*OTHERWISE_GOOD, "/v1/payments/check"), body[:300]
            continue  # another amount, or another name, is as good
        assert 400 <= got.status_code < 500, (got.text, body[:300])
        assert len(got.content) < 2_000, "an answer repeats what was sent"
        told.add(slug(got))
    assert told <= {
        "malformed",
        "invalid-input",
        "not-signed",
        "refused",
        "too-long",
        "not-found",
        "not-allowed",
        *(["busy"] if path == "/v1/contacts" else []),  # so many codes an hour
    }
    unchanged = watch.execute("PRAGMA data_version").fetchone() == before
    assert unchanged or path in OTHERWISE_GOOD
    watch.close()


def test_the_watch_sees_a_write(street):
    _, phones, file = street
    watch = sqlite3.connect(file)
    before = watch.execute("PRAGMA data_version").fetchone()
    assert phones[NAMES[0]].pay(phones[NAMES[1]], 1).status_code == 201
    assert watch.execute("PRAGMA data_version").fetchone() != before
    watch.close()


@pytest.mark.parametrize(("path", "method"), PATHS)
def test_a_body_without_end_is_cut_before_it_fills_the_memory(street, path, method):
    """Said in the length, or in pieces that never end: whoever reads it, no more is kept."""
    client, _, _ = street
    address = path.format(**IDS)

    def pieces():
        for _ in range(100):
            yield b"[" * 100_000

    headers = {"Content-Type": "application/json"}
    got = client.request(method, address, content=pieces(), headers=headers)
    assert slug(got) in ("malformed", "too-long", "not-signed-in")
    headers["Content-Length"] = str(10**12)
    got = client.request(method, address, content=b"{}", headers=headers)
    assert slug(got) == "too-long"


def test_other_types_of_content_are_not_taken_for_json(street):
    client, phones, _ = street
    ada = phones[NAMES[0]]
    body = json.dumps({"to": phones[NAMES[1]].account, "units": 1})
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        headers = {**ada.headers, "Content-Type": media}
        got = client.post("/v1/payments/check", content=body, headers=headers)
        assert slug(got) == "invalid-input"


@pytest.fixture
def port(street):
    """The street on a real socket."""
    server = uvicorn.Server(
        uvicorn.Config(street[0].app, port=0, log_level="warning", lifespan="off")
    )
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    running.join()


HEAD = b"POST /v1/statements HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LIES = {
    "shorter than said": HEAD + b"Content-Length: 500\r\n\r\n{}",
    "longer than said": HEAD + b"Content-Length: 2\r\n\r\n{}" + b"x" * 500,
    "less than nothing": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "more digits than Python counts": HEAD + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n{}",
    "no number": HEAD + b"Content-Length: many\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "length and pieces": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a piece of no length": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a huge piece": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    "an endless header": HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_lies_about_length_are_refused_and_the_server_goes_on(street, port, caplog, lie):
    _, _, file = street
    watch = sqlite3.connect(file)
    before = watch.execute("PRAGMA data_version").fetchone()
    with caplog.at_level(logging.WARNING), socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(10)
        try:
            line.sendall(lie)
            line.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: line.recv(65_536), b""))
        except OSError:  # it was cut off
            answer = b""
    for status in answer.split(b"HTTP/1.1 ")[1:]:
        assert status.startswith((b"400", b"413", b"431"))
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert line.recv(65_536).startswith(b"HTTP/1.1 200")
    assert "Traceback" not in caplog.text
    assert watch.execute("PRAGMA data_version").fetchone() == before
    watch.close()


def test_other_forms_of_a_good_signature_are_refused(street):
    """Base64 whose spare bits are set, and S + L: the same signature in other words."""
    client, phones, _ = street
    ada = phones[NAMES[0]]
    good = json.loads(
        ada.signed("transfer", {"to": phones[NAMES[1]].account, "amount": 1, "reference": "x"})
    )
    sig = good["signatures"][0]["sig"]
    raw = base64.b64decode(sig)
    order = 2**252 + 27742317777372353535851937790883648493
    higher = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = sig[:-3] + alphabet[alphabet.index(sig[-3]) ^ 1] + "=="
    for other in (base64.b64encode(raw[:32] + higher).decode(), spare, sig[:-1], sig + "="):
        good["signatures"][0]["sig"] = other
        data = json.dumps(good, separators=(",", ":")).encode()
        assert slug(client.post("/v1/statements", content=data)) in ("malformed", "not-signed")
