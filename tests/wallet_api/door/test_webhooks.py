"""Webhooks: signed, sent again with the same id until taken, and never to what stands beside the server."""

import base64
import contextlib
import hmac
import json
import socket
import threading

import pytest

from ledger.errors import InputError, PeerError
from ledger.primitives.money import UNITS_PER_MAJOR
from tests.wallet_api.door.phones import NAMES, phones_of, slug
from tests.wallet_api.door.told import Clock, listening_program, sender_of, shop_of
from wallet_api.door import posting
from wallet_api.door.contact_store import CONTACTS_MAX
from wallet_api.door.messengers import Channels
from wallet_api.door.outgoing_store import WAITS_S
from wallet_api.door.posting import check_url, is_public, post
from wallet_api.door.posts import sign_webhook
from wallet_api.door.sender import Outcome, Sender

ADA, BEN = NAMES[:2]
LOAF = 3 * UNITS_PER_MAJOR
EVENTS = ["payment", "ask", "keys"]


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, "operator-1"):
        found[name].sign_in()
    return found


@pytest.fixture
def clock(client):
    return Clock(client.app.state.desk)


@pytest.fixture
def shop(client, phones, clock):
    return shop_of(client, phones)


@pytest.fixture
def sender(client, clock, shop, tmp_path):
    return sender_of(client, clock, tmp_path / "outbox")


@pytest.fixture
def program():
    with listening_program() as server:
        yield server


def test_a_signature_is_that_of_the_standards_own_libraries():
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    assert sign_webhook(secret, *signed) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def made(phone, url, events=EVENTS):
    got = phone.post("/v1/webhooks", json={"url": url, "events": events})
    assert got.status_code == 201, got.text
    return got.json()


def listed(phone):
    phone.sign_in()
    return phone.get("/v1/webhooks").json()["items"]


def checked(secret, headers, body):
    """Return what a delivery says, checked as Standard Webhooks has it."""
    named = {name.lower(): value for name, value in headers.items()}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{named['webhook-id']}.{named['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert named["webhook-signature"] == f"v1,{wanted}"
    assert named["content-type"] == "application/json"
    return named["webhook-id"], int(named["webhook-timestamp"]), json.loads(body)


def test_a_shops_program_is_told_what_a_till_may_know_and_who_it_is_from(
    phones, shop, sender, program, clock
):
    webhook = made(shop, program.url)
    with shop.client.app.state.desk.here.reading() as (community, _):
        last = community.writer.now_period() + 2
    fields = {"amount": LOAF, "reference": "two loaves", "last": last}
    ask = shop.say("ask", fields).json()["id"]
    entry = phones[ADA].pay(shop, LOAF, ask=ask).json()["log_entry"]
    assert [each.outcome for each in sender.run_once()] == [Outcome.SENT] * 2
    found = {}
    for path, headers, body in program.got:
        name, moment, told = checked(webhook["secret"], headers, body)
        assert (path, moment) == ("/hook?shop=1", clock.now // 1000)
        assert name.startswith("msg_")
        assert phones[ADA].account not in body.decode()
        assert "available" not in body.decode()
        found[told["type"]] = told["data"]
    assert found == {
        "payment.received": {"log_entry": entry, "kind": "transfer", "units": LOAF},
        "ask.paid": {
            "log_entry": entry,
            "ask": ask,
            "standing": "paid",
            "units": LOAF,
            "reference": "two loaves",
        },
    }


def test_a_failed_delivery_comes_again_with_its_id(phones, shop, sender, program, clock):
    webhook = made(shop, program.url)
    program.statuses += [500, 302]
    phones[ADA].pay(shop, LOAF)
    assert [each.outcome for each in sender.run_once()] == [Outcome.AGAIN]
    assert listed(shop)[0]["last_problem"] == "it answered 500"
    assert sender.run_once() == []
    clock.pass_s(7)
    [redirected] = sender.run_once()
    assert (redirected.outcome, len(program.got)) == (Outcome.AGAIN, 2)
    assert "redirects are not followed" in redirected.said
    clock.pass_s(400)
    assert [each.outcome for each in sender.run_once()] == [Outcome.SENT]
    ids, moments, told = zip(
        *(checked(webhook["secret"], *rest) for _, *rest in program.got), strict=True
    )
    assert (len(set(ids)), len(set(moments)), told[0]) == (1, 3, told[2])
    assert "last_problem" not in listed(shop)[0]
    assert sender.run_once() == []


def test_a_program_that_is_away_for_a_day_is_told_no_more_and_the_list_says_why(
    phones, shop, sender, program, clock
):
    webhook = made(shop, program.url)
    program.statuses += [503] * 50
    phones[ADA].pay(shop, LOAF)
    phones[ADA].pay(shop, LOAF)
    attempts = len(sender.run_once())
    for wait in WAITS_S:
        clock.pass_s(wait * 1.3)
        attempts += len(sender.run_once())
    assert attempts == 2 * (len(WAITS_S) + 1)
    [mine] = listed(shop)
    assert (mine["last_problem"], mine["disabled_at"]) == ("it answered 503", clock.now)
    phones[ADA].pay(shop, LOAF)
    clock.pass_s(10**6)
    assert sender.run_once() == []
    shop.sign_in()
    assert slug(shop.post(f"/v1/webhooks/{webhook['id']}/test")) == "refused"


def test_a_program_that_says_it_is_gone_is_told_nothing_more(phones, shop, sender, program):
    made(shop, program.url)
    program.statuses.append(410)
    for _ in range(2):
        phones[ADA].pay(shop, LOAF)
        sender.run_once()
    assert len(program.got) == 1
    assert "410" in listed(shop)[0]["last_problem"]
    assert listed(shop)[0]["disabled_at"]


def test_a_webhook_is_listed_tried_and_deleted_by_its_owner_alone(
    client, phones, shop, sender, program
):
    webhook = made(shop, program.url, ["ask"])
    other = shop_of(client, phones, "0d")
    path = f"/v1/webhooks/{webhook['id']}"
    assert other.get("/v1/webhooks").json()["items"] == []
    assert [slug(other.delete(path)), slug(other.post(f"{path}/test"))] == ["not-found"] * 2
    assert shop.post(f"{path}/test").status_code == 202
    sender.run_once()
    [(_, headers, body)] = program.got
    assert checked(webhook["secret"], headers, body)[2]["type"] == "test"
    [mine] = shop.get("/v1/webhooks").json()["items"]
    assert mine == {name: webhook[name] for name in ("id", "url", "events", "created_at")}
    shop.post(f"{path}/test")
    assert shop.delete(path).status_code == 204
    sender.run_once()
    assert len(program.got) == 1
    assert shop.get("/v1/webhooks").json()["items"] == []
    secrets = {made(shop, program.url)["secret"] for _ in range(CONTACTS_MAX)}
    assert len(secrets | {webhook["secret"]}) == CONTACTS_MAX + 1
    full = shop.post("/v1/webhooks", json={"url": program.url, "events": []})
    assert slug(full) == "refused"


def test_households_have_none_and_operators_may(phones, sender, program):
    body = {"url": program.url, "events": ["day"]}
    assert slug(phones[ADA].post("/v1/webhooks", json=body)) == "refused"
    assert slug(phones[ADA].get("/v1/webhooks")) == "refused"
    assert phones["operator-1"].post("/v1/webhooks", json=body).status_code == 201


@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example/hook", "ftp://shop.example/", "https://", "https://[::1"),
        *("https://us:secret@shop.example/", "https://shop.example/#x", "https://shop.example/ x"),
        *("https://shop.example:0/", "https://shöp.example/", "https://shop.example:99999/"),
    ],
)
def test_what_is_no_address_of_https_is_refused(url):
    with pytest.raises(InputError):
        check_url(url)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),  # noqa: S104
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1"),
        *("64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1"),
        *("::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::a00:1", "fec0::1"),
    ],
)
def test_an_address_beside_the_server_is_not_public(address):
    assert not is_public(address)


def test_a_name_that_leads_beside_the_server_is_refused_where_it_would_be_dialled(
    monkeypatch, program
):
    place = ("127.0.0.1", program.server_port)
    public, private = ((socket.AF_INET, 1, 6, "", (a, place[1])) for a in ("1.1.1.1", place[0]))
    answers = [[private], [public, private]]
    monkeypatch.setattr(posting.socket, "getaddrinfo", lambda *_a, **_k: answers.pop(0))
    for _ in range(2):
        with pytest.raises(PeerError, match="public internet"):
            post(f"http://shop.example:{place[1]}/", b"{}", {})
    # One look-up, and the connection goes where it led: a second answer is never asked for.
    answers += [[public], [private]]
    dialled = []

    def dial(where):
        dialled.append(where)
        raise OSError("not reached")

    monkeypatch.setattr(posting, "_dial", dial)
    with pytest.raises(PeerError):
        post(f"https://shop.example:{place[1]}/", b"{}", {})
    assert (dialled, len(answers)) == ([(socket.AF_INET, ("1.1.1.1", place[1]))], 1)
    assert program.got == []


def test_a_name_whose_server_is_slow_holds_nobody(monkeypatch):
    monkeypatch.setattr(posting, "NAME_SECONDS_MAX", 0.05)
    answers, done = threading.Event(), threading.Semaphore(0)

    def slow(*_arguments, **_named):
        answers.wait(20)
        done.release()
        raise OSError("no such name")

    monkeypatch.setattr(posting.socket, "getaddrinfo", slow)
    for _ in range(posting.NAMES_AT_ONCE):
        with pytest.raises(PeerError, match="not found in time"):
            post("https://slow.example/", b"{}", {})
    with pytest.raises(PeerError, match="too many"):
        post("https://slow.example/", b"{}", {})
    answers.set()
    for _ in range(posting.NAMES_AT_ONCE):
        assert done.acquire(timeout=20)
    monkeypatch.setattr(posting, "NAME_SECONDS_MAX", 20.0)
    while True:  # each gives its place back right after it answered
        with pytest.raises(PeerError) as error:
            post("https://slow.example/", b"{}", {})
        if "too many" not in str(error.value):
            break
    assert str(error.value) == "no such name"


def test_a_server_as_it_is_usually_reaches_nothing_private(
    phones, shop, sender, program, clock, client, tmp_path
):
    made(shop, program.url)
    phones[ADA].pay(shop, LOAF)
    channels = client.app.state.desk.channels
    usual = Sender(
        client.app.state.desk.here, Channels(channels.mail, channels.text), lambda: clock.now
    )
    [attempt] = usual.run_once()
    assert (attempt.outcome, program.got) == (Outcome.AGAIN, [])
    assert "public internet" in listed(shop)[0]["last_problem"]


def test_a_certificate_of_another_name_is_no_answer(monkeypatch, program):
    with pytest.raises(PeerError):
        post(f"https://127.0.0.1:{program.server_port}/", b"{}", {}, private=True)
    assert program.got == []


def test_a_greeting_that_drips_ends_with_the_delivery(monkeypatch):
    monkeypatch.setattr(posting, "SECONDS_MAX", 0.3)
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            taken, _ = server.accept()
            with taken, contextlib.suppress(OSError):
                taken.sendall(b"\x16\x03\x03\x3f\xff")
                while not enough.wait(0.05):
                    taken.sendall(b"\x02")

        dripping = threading.Thread(target=drip)
        dripping.start()
        cut = threading.Timer(3, enough.set)
        cut.start()
        try:
            with pytest.raises(PeerError, match="in time"):
                post(f"https://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, private=True)
            assert not enough.is_set(), "the other side ended it, not we"
        finally:
            enough.set()
            cut.cancel()
            dripping.join()
