"""Web push: encrypted as RFC 8291 has it, signed as RFC 8292 has it, and silent about amounts."""

import json
import struct

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import InputError
from ledger.primitives.money import UNITS_PER_MAJOR
from tests.wallet_api.door.phones import NAMES, phones_of, slug
from tests.wallet_api.door.told import Clock, listening_program, sender_of
from wallet_api.door.sender import Outcome
from wallet_api.door.web_push import (
    base64_of,
    browser_point,
    bytes_of,
    encrypt,
    point_of,
    vapid_header,
    vapid_key,
)

ADA, BEN = NAMES[:2]
LOAF = 3 * UNITS_PER_MAJOR

RFC_8291 = {
    "words": "V2hlbiBJIGdyb3cgdXAsIEkgd2FudCB0byBiZSBhIHdhdGVybWVsb24",
    "server": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "browser": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
    "browser_public": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    "salt": "DGv6ra1nlYgDCS1FRnbzlw",
    "sent": (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    ),
}
"""Appendix A of the RFC."""


def private_of(text):
    return ec.derive_private_key(int.from_bytes(bytes_of(text), "big"), ec.SECP256R1())


def decrypt(body, key, auth):
    """Read a push message as a browser does: RFC 8188 and RFC 8291 from the other side."""
    salt, size, length = body[:16], *struct.unpack(">IB", body[16:21])
    sender, record = body[21 : 21 + length], body[21 + length :]
    assert size >= len(record)
    shared = key.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    )
    info = b"WebPush: info\x00" + point_of(key) + sender
    secret = HKDF(hashes.SHA256(), 32, auth, info).derive(shared)

    def drawn(name, count):
        return HKDF(hashes.SHA256(), count, salt, f"Content-Encoding: {name}\x00".encode()).derive(
            secret
        )

    padded = AESGCM(drawn("aes128gcm", 16)).decrypt(drawn("nonce", 12), record, None)
    words, mark, padding = padded.rpartition(b"\x02")
    assert (mark, set(padding)) == (b"\x02", {0} if padding else set())
    return words


def test_the_vector_of_the_standard():
    vector = {name: bytes_of(text) for name, text in RFC_8291.items()}
    made = encrypt(
        *(vector["words"], vector["browser_public"], vector["auth"], vector["salt"]),
        private_of(RFC_8291["server"]),
        padded=0,
    )
    assert base64_of(made) == RFC_8291["sent"]
    assert decrypt(made, private_of(RFC_8291["browser"]), vector["auth"]) == vector["words"]


def test_all_messages_are_of_one_length():
    browser = ec.generate_private_key(ec.SECP256R1())
    bodies = [
        encrypt(words, point_of(browser), bytes(16), bytes([n] * 16), vapid_key(bytes(32)))
        for n, words in enumerate((b"{}", b'{"title":"Your statement is ready"}'))
    ]
    assert len({len(body) for body in bodies}) == 1
    assert [decrypt(body, browser, bytes(16))[:1] for body in bodies] == [b"{", b"{"]
    with pytest.raises(InputError):
        encrypt(bytes(3_000), point_of(browser), bytes(16), bytes(16), vapid_key(bytes(32)))


@pytest.mark.parametrize("data", [b"", bytes(65), b"\x04" + bytes(64), bytes(33), b"\x04" * 65])
def test_what_is_no_key_of_a_browser_is_refused(data):
    with pytest.raises(InputError, match="p256dh"):
        browser_point(data)


def vapid_of(header):
    """Return the claims and the key of an Authorization, its signature checked."""
    scheme, _, rest = header.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    head, claims, signature = parts["t"].split(".")
    data = bytes_of(signature)
    r, s = (int.from_bytes(half, "big") for half in (data[:32], data[32:]))
    key = browser_point(bytes_of(parts["k"]))
    key.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert (scheme, json.loads(bytes_of(head))["alg"]) == ("vapid", "ES256")
    return json.loads(bytes_of(claims)), parts["k"]


def test_the_push_service_is_told_who_sends():
    key = vapid_key(b"a secret of thirty-two bytes ...")
    header = vapid_header("https://push.example:444/4f59", key, "mailto:us@our.example", 1_000)
    claims, shown = vapid_of(header)
    assert claims == {
        "aud": "https://push.example:444",
        "exp": 1_000 + 43_200,
        "sub": "mailto:us@our.example",
    }
    assert bytes_of(shown) == point_of(key)


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN):
        found[name].sign_in()
    return found


@pytest.fixture
def clock(client):
    return Clock(client.app.state.desk)


@pytest.fixture
def sender(client, phones, clock, tmp_path):
    return sender_of(client, clock, tmp_path / "outbox", push_contact="mailto:us@our.example")


@pytest.fixture
def program():
    with listening_program() as server:
        yield server


BROWSER, AUTH = ec.generate_private_key(ec.SECP256R1()), bytes(range(16))


def subscribed(phone, url, **more):
    keys = {"p256dh": base64_of(point_of(BROWSER)), "auth": base64_of(AUTH)} | more
    body = {"endpoint": url, "keys": keys, "events": ["payment"]}
    return phone.client.put("/v1/push", json=body, headers=phone.headers)


def test_a_closed_browser_is_told_and_the_push_service_learns_nothing(
    phones, sender, program, clock
):
    ada = phones[ADA]
    key = ada.get("/v1/push").json()["public_key"]
    for _ in range(2):  # again: in its place
        assert subscribed(ada, program.url).status_code == 204
    entry = phones[BEN].pay(ada, LOAF).json()["log_entry"]
    assert [each.outcome for each in sender.run_once()] == [Outcome.SENT]
    [(_, headers, body)] = program.got
    assert headers["Content-Encoding"] == "aes128gcm"
    assert headers["TTL"] == "86400"
    claims, shown = vapid_of(headers["Authorization"])
    assert (shown, claims["sub"]) == (key, "mailto:us@our.example")
    assert claims["exp"] - clock.now // 1000 == 43_200
    told = json.loads(decrypt(body, BROWSER, AUTH))
    assert told == {"title": "Payment received", "event": "payment", "log_entry": entry}


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_forgotten(phones, sender, program, status):
    assert subscribed(phones[ADA], program.url).status_code == 204
    program.statuses.append(status)
    for _ in range(2):
        phones[BEN].pay(phones[ADA], LOAF)
        sender.run_once()
    assert len(program.got) == 1


def test_each_attempt_has_its_own_key_and_salt(phones, sender, program, clock):
    subscribed(phones[ADA], program.url)
    program.statuses.append(500)
    phones[BEN].pay(phones[ADA], LOAF)
    sender.run_once()
    clock.pass_s(7)
    sender.run_once()
    (_, _, first), (_, _, second) = program.got
    assert first[:86] != second[:86]
    assert decrypt(first, BROWSER, AUTH) == decrypt(second, BROWSER, AUTH)


def test_a_browser_is_told_no_more_when_it_says_so(phones, sender, program):
    subscribed(phones[ADA], program.url)
    for phone, count in ((phones[BEN], 1), (phones[ADA], 1)):
        gone = phone.client.delete(
            "/v1/push", params={"endpoint": program.url}, headers=phone.headers
        )
        assert gone.status_code == 204
        phones[BEN].pay(phones[ADA], LOAF)
        sender.run_once()
        assert len(program.got) == count


def test_a_server_without_a_contact_has_no_web_push(client, phones):
    assert slug(phones[ADA].get("/v1/push")) == "not-found"
    assert slug(subscribed(phones[ADA], "https://push.example/1")) == "not-found"


def test_what_is_no_subscription_is_refused(phones, sender):
    for url in ("http:/x/push", "ftp://push.example/1"):
        assert slug(subscribed(phones[ADA], url)) == "malformed"
    for wrong in ({"auth": "AA"}, {"p256dh": "AA"}, {"auth": "A!"}):
        assert slug(subscribed(phones[ADA], "https://push.example/1", **wrong)) == "malformed"
