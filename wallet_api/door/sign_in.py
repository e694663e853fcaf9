"""Signing in: the server asks, and a device's key answers. Pure.

A challenge says when it was made and carries the server's own mark, so that asking costs the server
nothing to remember; an answered one is remembered until it would have been too old anyway. The answer is
a DSSE envelope of a type that no log takes, so it is never a statement, and no statement is an answer.

>>> secret = bytes(32)
>>> challenge = new_challenge(secret, bytes(16), 1_000_000)
>>> check_challenge(secret, challenge, 1_000_000)
Challenge(nonce='00000000000000000000000000000000', expires_ms=1120000)
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.errors import InputError, SignatureError
from ledger.kinds import COMMON
from ledger.primitives.canonical import decode, encode
from ledger.primitives.shape import HEX_64, boolean, one_of, record, text
from ledger.primitives.signing import Envelope, SigningKey

CHALLENGE_MS = 120_000
"""How long a challenge may be answered: a phone on a slow line signs within seconds."""

PAYLOAD_TYPE = "application/vnd.commonwatt.sign_in.v1+json"
"""What is signed; no kind of statement has this name."""

ANSWER_BYTES_MAX = 2_000
"""Longest answer: one signature and five short fields."""

NONCE_BYTES = 16
_MARK_DIGITS = 64
_TIME_DIGITS = 12
_CHALLENGE = text(2 * NONCE_BYTES + _TIME_DIGITS + _MARK_DIGITS, r"[0-9a-f]+")

_BODY = record(
    {
        "v": one_of(1),
        "ledger": COMMON["ledger"],
        "account": COMMON["account"],
        "challenge": _CHALLENGE,
        "cookie": boolean,
    }
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a good challenge says."""

    nonce: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of which the form is good, and nothing else is known.

    Attributes:
        account: who says they sign in: a member's id, or ``community``.
        ledger: the log that they mean.
        key_id: of the key that signed.
        challenge: what they answer.
        cookie: whether the session is for a page and goes into a cookie.
        envelope: with the signature.
    """

    account: str
    ledger: str
    key_id: str
    challenge: str
    cookie: bool
    envelope: Envelope


def new_challenge(secret: bytes, nonce: bytes, now_ms: int) -> str:
    """Return a challenge that may be answered for two minutes."""
    head = nonce.hex() + format(now_ms + CHALLENGE_MS, f"0{_TIME_DIGITS}x")
    return head + _mark(secret, head)


def check_challenge(secret: bytes, challenge: str, now_ms: int) -> Challenge:
    """Return what a challenge of this server says.

    Raises:
        SignatureError: not of this server, or too old.
    """
    head, mark = challenge[:-_MARK_DIGITS], challenge[-_MARK_DIGITS:]
    if len(head) != 2 * NONCE_BYTES + _TIME_DIGITS or not hmac.compare_digest(
        _mark(secret, head), mark
    ):
        raise SignatureError("This challenge is not from here: ask for a new one.")
    expires_ms = int(head[2 * NONCE_BYTES :], 16)
    if now_ms > expires_ms:
        raise SignatureError("This challenge is too old: ask for a new one.")
    return Challenge(head[: 2 * NONCE_BYTES], expires_ms)


def _mark(secret: bytes, head: str) -> str:
    return hmac.new(secret, b"commonwatt/challenge/v1\x00" + head.encode(), "sha256").hexdigest()


def answer(
    key: SigningKey, ledger: str, account: str, challenge: str, *, cookie: bool = False
) -> bytes:
    """Return a device's answer, as a phone makes it."""
    body = {
        "v": 1,
        "ledger": ledger,
        "account": account,
        "challenge": challenge,
        "cookie": cookie,
    }
    return Envelope.seal(PAYLOAD_TYPE, encode(body), [key]).encode()


def read_answer(data: bytes) -> Answer:
    """Read an answer strictly.

    Raises:
        InputError: not of the right form; names the field.
    """
    if len(data) > ANSWER_BYTES_MAX:
        raise InputError(f"An answer to a challenge has at most {ANSWER_BYTES_MAX:,} bytes.")
    envelope = Envelope.decode(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InputError(f"This is no answer to a challenge: its type is not {PAYLOAD_TYPE}.")
    body: Mapping[str, Any] = decode(envelope.body)
    _BODY(body, "sign_in")
    [(key_id, _), *others] = envelope.signatures
    if others:
        raise InputError("One key signs in at a time.")
    HEX_64(key_id, "keyid")
    return Answer(
        body["account"], body["ledger"], key_id, body["challenge"], body["cookie"], envelope
    )
