"""The page on the interface: its worked answer, its addresses and its limits are those of the program."""

import re
from pathlib import Path

from fastapi.routing import APIRoute

from ledger.primitives.signing import ENVELOPE_BYTES_MAX, SigningKey
from wallet_api.bodies import BODY_SECONDS_MAX
from wallet_api.door.desk import USUAL
from wallet_api.door.identity import Role
from wallet_api.door.pages import PAGE_MAX
from wallet_api.door.passkeys import PROOF_TYPE, proof_bytes
from wallet_api.door.session_store import SESSION_MS
from wallet_api.door.sign_in import CHALLENGE_MS, PAYLOAD_TYPE, answer

PAGE = Path(__file__).parents[1] / "docs" / "api.md"


def text():
    return PAGE.read_text(encoding="utf-8")


def test_the_worked_answer_is_what_a_phone_makes():
    key, origin = SigningKey.from_seed(bytes(32)), "riverside.example/ledger/1"
    made = answer(key, origin, "0f" * 16, "0" * 108).decode()
    told = text().split("<!-- sign-in: a test keeps it true -->\n```text\n")[1].split("\n```")[0]
    assert told == made
    assert PAYLOAD_TYPE in text()


def test_the_worked_proof_of_a_passkey_is_what_a_phone_makes():
    key = SigningKey.from_seed(bytes(32))
    signed = proof_bytes("riverside.example/ledger/1", "0f" * 16, "0" * 108, b"")
    told = text().split("<!-- passkey: a test keeps it true -->\n```text\n")[1].split("\n```")[0]
    assert told == key.sign(signed).hex()
    assert PROOF_TYPE in text()


def test_every_address_on_the_page_is_there():
    from wallet_api.http import ROUTES  # noqa: PLC0415 - their routes alone

    paths = {
        re.sub(r"\{\w+\}", "{}", route.path)
        for module in ROUTES
        for route in module.router.routes
        if isinstance(route, APIRoute)
    } | {"/v1/readings"}
    named = {re.sub(r"\{\w+\}", "{}", path) for path in re.findall(r"/v1/[\w/{}-]+", text())}
    assert named - paths == set()
    assert len(named) > 12


def test_the_limits_are_those_of_the_program():
    said = " ".join(text().split())
    assert f"an envelope has {ENVELOPE_BYTES_MAX:,} bytes" in said
    assert BODY_SECONDS_MAX == 10
    assert "within ten seconds" in said
    at_once, per_second = int(USUAL.requests.at_once), int(USUAL.requests.per_second)
    assert f"ask {per_second} times a second and {at_once} times at once" in said
    assert (USUAL.sign_ins.per_second, USUAL.statements) == (1, (2, 100))
    assert f"pages of up to {PAGE_MAX}" in said
    assert (SESSION_MS, CHALLENGE_MS) == (30 * 60_000, 120_000)
    for role in Role:
        assert f"`{role.value}`" in said
