"""What docs/security.md claims of every answer, of sessions, and of what is written down."""

import asyncio
import csv
import io
import json
import logging
import zipfile

import pytest
from fastapi.testclient import TestClient

from tests.wallet_api.door.phones import AMPLE, NAMES, Phone, phones_of, served, slug
from wallet_api.door import watch
from wallet_api.door.access import COOKIE
from wallet_api.door.everything import _csv
from wallet_api.door.guard import HEADERS
from wallet_api.door.rate import Buckets, Rate
from wallet_api.door.sign_in import answer
from wallet_api.door.watch import NAME, Watch, line
from wallet_api.http import GZIP_BYTES_MIN
from wallet_api.serving import configured, log_config

ADA, BEN = NAMES[:2]
GIVEN = {name.decode() for name, _ in HEADERS}


def policy(got):
    """Return a Content-Security-Policy by its directives."""
    parts = got.headers["content-security-policy"].split(";")
    return {name: rest for name, *rest in map(str.split, parts)}


def failing(client):
    """Return an answer of 500."""
    here = client.app.state.desk.here
    client.app.state.desk.here = None
    got = TestClient(client.app, raise_server_exceptions=False).get(f"/v1/statements/{'0' * 32}")
    client.app.state.desk.here = here
    return got


def every(client, phones):
    """Yield answers of every kind, by what they are."""
    ada = phones[ADA]
    yield "a sign-in", ada.sign_in()
    yield "a member's page", ada.get("/v1/home")
    yield "a download", ada.get("/v1/everything")
    yield "nothing", ada.delete("/v1/session")
    yield "no session", client.get("/v1/home")
    yield "no address", client.get("/v1/nowhere")
    yield "no method", client.request("TRACE", "/v1/health")
    yield "no body", client.post("/v1/statements", content=b"{}")
    yield "too long", client.post("/v1/statements", content=b"x" * 200_000)
    yield "the first page", client.get("/")
    yield "the description", client.get("/docs")
    yield "open data", client.get("/open")
    yield "a failure", failing(client)


def test_every_answer_tells_browsers_what_not_to_do(client, phones):
    statuses = set()
    for what, got in every(client, phones):
        statuses.add(got.status_code)
        open_data = {"cross-origin-resource-policy"} if what == "open data" else set()
        assert GIVEN - open_data <= set(got.headers), what
        assert got.headers["x-content-type-options"] == "nosniff", what
        assert got.headers["referrer-policy"] == "no-referrer", what
        age, *more = got.headers["strict-transport-security"].split("; ")
        assert int(age.removeprefix("max-age=")) >= 365 * 24 * 3600, what
        assert more == ["includeSubDomains"], what
        said = policy(got)
        for name in ("default-src", "object-src", "base-uri", "form-action", "frame-ancestors"):
            assert said[name] == ["'none'"], (what, name)
        assert "script-src" not in said, what
        assert "server" not in got.headers, what
    assert statuses >= {200, 204, 400, 401, 404, 405, 413, 500}


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/home/", "/open/", "/.git/config", "/log", "/log/", "/log/tile/"),
        *("/log/../keys/log.key", "/log/%2e%2e/keys/log.key", "/log/tile/0/../../../keys/log.key"),
        *("/v1/", "/static/", "/..%2f..%2fetc/passwd"),
    ],
)
def test_nobody_is_sent_elsewhere_and_no_folder_is_shown(client, path):
    got = client.get(path, follow_redirects=False, headers={"Host": "evil.example"})
    assert got.status_code == 404
    assert "location" not in got.headers


def test_a_token_in_the_address_opens_nothing(client, phones):
    ada = phones[ADA]
    ada.sign_in()
    for name in ("token", "access_token", "session", COOKIE):
        assert client.get("/v1/home", params={name: ada.token}).status_code == 401


def test_what_is_downloaded_has_a_name_of_ours(phones):
    ada = phones[ADA]
    ada.sign_in()
    got = ada.get("/v1/everything")
    assert got.headers["content-disposition"] == 'attachment; filename="commonwatt.zip"'


def test_texts_say_how_they_are_encoded(client, phones):
    for what, got in every(client, phones):
        media, *more = got.headers.get("content-type", "application/json").split("; ")
        if media.startswith("text/") or media.endswith("xml"):
            assert "charset=utf-8" in more, what


def test_what_is_of_one_person_is_kept_by_nobody_on_the_way(client, phones):
    ada = phones[ADA]
    ada.sign_in()
    for path in ("/v1/home", "/v1/session", "/v1/sessions", "/v1/everything", "/v1/looks"):
        said = ada.get(path).headers["cache-control"]
        assert said in ("no-store", "private, no-cache"), path


def test_a_session_that_ends_takes_along_what_the_browser_kept(phones):
    ada = phones[ADA]
    for path in ("/v1/session", "/v1/sessions"):
        ada.sign_in()
        assert ada.delete(path).headers["clear-site-data"] == '"cache"'  # keys are in "storage"


@pytest.mark.parametrize("cookie", [False, True])
def test_who_signs_in_again_has_one_session(client, phones, cookie):
    ada = phones[ADA]
    ada.sign_in(cookie=cookie)
    first = client.cookies[COOKIE] if cookie else ada.token
    asked = ada.challenge()
    again = signed_answer(ada, asked, cookie=cookie)
    headers = {**ada.headers, "Sec-Fetch-Site": "same-origin"}
    got = client.post("/v1/sign-in", content=again, headers=headers)
    second = client.cookies[COOKIE] if cookie else got.json()["token"]
    assert second != first
    client.cookies.clear()
    for token, status in ((first, 401), (second, 200)):
        headers = (
            {"Cookie": f"{COOKIE}={token}"} if cookie else {"Authorization": f"Bearer {token}"}
        )
        assert client.get("/v1/session", headers=headers).status_code == status


def signed_answer(phone, asked, *, cookie):
    return answer(phone.key, asked["ledger"], phone.account, asked["challenge"], cookie=cookie)


def test_no_answer_with_a_secret_is_packed(phones):
    """Packing tells by its length whether what was asked for is like a secret that stands beside it."""
    ada = phones[ADA]
    got = ada.sign_in()
    assert "token" in got.json()
    assert "content-encoding" not in got.headers
    assert len(got.content) < GZIP_BYTES_MIN // 2


def test_a_meters_name_is_no_formula_in_what_one_takes_along(phones):
    row = ("=HYPERLINK(1)", "import", "+1", -5, "@x", "-2")
    [told] = csv.reader(io.StringIO(_csv((), [row]).decode().strip()))
    assert told == ["'=HYPERLINK(1)", "import", "'+1", "-5", "'@x", "'-2"]
    ada = phones[ADA]
    ada.sign_in()
    archive = zipfile.ZipFile(io.BytesIO(ada.get("/v1/everything").content))
    for name in (each for each in archive.namelist() if each.endswith(".csv")):
        for cells in csv.reader(io.StringIO(archive.read(name).decode())):
            for cell in cells:
                assert not cell.startswith(("=", "+", "@", "\t")), (name, cell)


def who_asks():
    """An application that remembers whom it takes a caller for."""

    async def app(scope, _receive, _send):
        if scope["type"] == "http":
            SEEN.append(scope["client"][0])

    return app


SEEN = []


@pytest.mark.parametrize(
    ("peer", "said", "taken"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        (
            "127.0.0.1",
            "198.51.100.1, 203.0.113.7",
            "203.0.113.7",
        ),  # the first part is the caller's own
        ("192.0.2.9", "203.0.113.7", "192.0.2.9"),
    ],
)
def test_only_a_server_before_this_one_says_who_a_caller_is(monkeypatch, peer, said, taken):
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    config = configured(f"{__name__}:who_asks", "127.0.0.1", 0, 1)
    config.load()
    scope = {"type": "http", "client": (peer, 1), "scheme": "http"}
    scope["headers"] = [(b"x-forwarded-for", said.encode())]
    asyncio.run(config.loaded_app(scope, None, None))
    assert SEEN.pop() == taken


# What is written down.


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, NAME)
    return lambda: [json.loads(r.getMessage()) for r in caplog.records if r.name == NAME]


def test_who_comes_in_and_who_is_refused_is_written_down(client, phones, lines):
    ada, ben, operator = phones[ADA], phones[BEN], phones["operator-1"]
    assert lines() == []
    ada.sign_in()
    Phone(client, ada.account, ben.key).sign_in()
    ada.get("/v1/members")
    assert slug(client.get("/v1/home")) == "not-signed-in"
    ada.pay(ben, 10**15)
    client.get(f"/v1/statements/{'7' * 32}")
    failing(client)
    operator.sign_in()
    ada.delete("/v1/session")
    ada.get("/v1/health")
    told = [(each["event"], each["asked"], each["status"]) for each in lines()]
    assert told == [
        ("sign-in", "POST /v1/sign-in", 200),
        ("sign-in refused", "POST /v1/sign-in", 403),
        ("refused", "GET /v1/members", 403),
        ("refused", "GET /v1/home", 401),
        ("refused", "POST /v1/statements", 422),
        ("refused", "GET /v1/statements/{statement_id}", 404),
        ("failed", "GET /v1/statements/{statement_id}", 500),
        ("sign-in", "POST /v1/sign-in", 200),
        ("sign-out", "DELETE /v1/session", 204),
    ]
    keys = [each.get("key") for each in lines()]
    mine, theirs, its = (each.key.key_id[:16] for each in (ada, ben, operator))
    assert keys == [mine, theirs, mine, None, None, None, None, its, mine]
    assert {each["from"] for each in lines()} == {"testclient"}
    assert all(each["at"].endswith("Z") for each in lines())


def test_who_guesses_or_floods_is_written_down_too(copy, lines):
    few = AMPLE._replace(requests=Rate(1 / 60, 9))
    with served(*copy(), limits=few) as client:
        phone = phones_of(client)[ADA]
        wrong = Phone(client, "0a" * 16, phone.key)
        for _ in range(4):
            wrong.sign_in()
        assert client.get(f"/v1/proposals/{'5' * 32}").status_code == 404
        assert client.get(f"/v1/proposals/{'5' * 32}").status_code == 429
    told = [(each["event"], each["asked"], each["status"]) for each in lines()]
    assert told[0] == ("sign-in refused", "POST /v1/sign-in", 403)
    assert told[-1] == ("refused", "GET /v1/proposals", 429)  # the id may open something
    assert "5" * 32 not in json.dumps(lines())


def test_what_is_sent_begins_no_line_of_its_own():
    scope = {"path": '/a\n{"event":"sign-in"}\u2028\x1b[2J/b', "method": "GET", "client": None}
    written = line(scope, 404, 1_782_000_000_000)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written)["asked"].startswith("GET /a\n")


def test_one_address_does_not_fill_the_disk(lines):
    seen = Watch(Buckets(Rate(1 / 3600, 3)), lambda: 0)
    for place in ["192.0.2.1"] * 9 + ["192.0.2.2"]:
        seen.saw({"path": "/x", "method": "GET", "client": (place, 1)}, 401)
    assert [each["from"] for each in lines()] == ["192.0.2.1"] * 3 + ["192.0.2.2"]
    assert [each.get("left_out") for each in lines()] == [None] * 3 + [6]


def test_a_server_writes_these_lines_bare_and_from_the_sign_ins_on():
    found = log_config()
    [handler] = found["loggers"][watch.NAME]["handlers"]
    assert found["loggers"][watch.NAME]["level"] == "INFO"
    assert found["formatters"][found["handlers"][handler]["formatter"]] == {"format": "%(message)s"}
