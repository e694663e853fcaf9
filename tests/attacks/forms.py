"""Cross-ledger replay, malleability and weak keys: signed bytes that mean something else.

>>> malleability_larger_s.__name__
'malleability_larger_s'
"""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha512

from ledger.primitives.canonical import encode
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import Envelope, key_id_of, seal_envelope
from ledger.statements import Statement, payload_type
from tests.attacks.catalogue import attack
from tests.attacks.members import (
    founded,
    hamlet,
    opening_fields,
    roster_fields,
)
from tests.attacks.village import (
    OPERATORS,
    Logged,
    Village,
    key,
    member,
)

CROSS_LEDGER, MALLEABILITY, WEAK_KEYS = "cross-ledger replay", "malleability", "weak keys"
SIGNATURES = "keys and signatures"
ENVELOPE = "not the envelope's one encoding"
CANONICAL = "not in canonical form"
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of Ed25519's group: S and S + this pass a lax verifier alike."""

IDENTITY = bytes([1]) + bytes(31)
"""The neutral point's encoding."""


@attack(CROSS_LEDGER, SIGNATURES, "is for meadow.example/ledger/1, not for")
def cross_ledger_payment() -> Village:
    """A payment that Ben signed for another community is logged in this one."""
    village = hamlet()
    village.pay("ben", "ada", 70, ledger="meadow.example/ledger/1")
    return village


@attack(CROSS_LEDGER, SIGNATURES, "the payload type is not that of a transfer")
def cross_ledger_other_type() -> Village:
    """What Ben signed as a claim is logged as a payment."""
    village = hamlet()
    body = Statement.decode(village.entries[-1].envelope).envelope.body
    village.entries[-1].envelope = seal_envelope(payload_type("ask"), body, [key("ben")])
    return village


@attack(CROSS_LEDGER, SIGNATURES, "the signature does not hold")
def cross_ledger_type_swapped() -> Village:
    """The type of a payment is written over that of a claim, which Ben signed."""
    village = hamlet()
    body = Statement.decode(village.entries[-1].envelope).envelope.body
    claim = Envelope.decode(seal_envelope(payload_type("ask"), body, [key("ben")]))
    village.entries[-1].envelope = replace(claim, payload_type=payload_type("transfer")).encode()
    return village


@attack(CROSS_LEDGER, SIGNATURES, "the leaf calls a transfer an ask")
def cross_ledger_leaf_of_another_kind() -> Village:
    """The log's leaf calls a payment a claim, so that whoever counts leaves counts wrong."""
    village = hamlet()
    village.entries[-1].kind = "ask"
    return village


def last(village: Village, change: Callable[[Logged], bytes]) -> Village:
    """Change the bytes of the last entry's envelope."""
    village.entries[-1].envelope = change(village.entries[-1])
    return village


@attack(MALLEABILITY, SIGNATURES, "the signature does not hold")
def malleability_larger_s() -> Village:
    """The signature's S is made larger by the group's order: other bytes for the same statement."""

    def larger(entry: Logged) -> bytes:
        envelope = Envelope.decode(entry.envelope)
        [(key_id, signature)] = envelope.signatures
        s = int.from_bytes(signature[32:], "little") + ORDER
        other = signature[:32] + s.to_bytes(32, "little")
        return replace(envelope, signatures=((key_id, other),)).encode()

    return last(hamlet(), larger)


def resigned(change: Callable[[bytes], bytes]) -> Callable[[Logged], bytes]:
    """Return what changes the bytes of a body and has Ben sign them."""

    def sign_again(entry: Logged) -> bytes:
        body = change(Envelope.decode(entry.envelope).body)
        return seal_envelope(payload_type("transfer"), body, [key("ben")])

    return sign_again


@attack(MALLEABILITY, SIGNATURES, CANONICAL)
def malleability_spaces_in_body() -> Village:
    """Ben's program signs his payment with spaces in it: another hash, and no other meaning."""
    return last(hamlet(), resigned(lambda body: json.dumps(json.loads(body)).encode()))


@attack(MALLEABILITY, SIGNATURES, CANONICAL)
def malleability_duplicate_key() -> Village:
    """The amount stands twice in a signed body: one reader takes the first, another the last."""
    return last(
        hamlet(), resigned(lambda body: body.replace(b'"amount":', b'"amount":7,"amount":'))
    )


@attack(MALLEABILITY, SIGNATURES, "transfer: unknown field 'tip'")
def malleability_unknown_field() -> Village:
    """A signed payment has a field that no version of the form knows."""
    return last(hamlet(), resigned(lambda body: encode({**json.loads(body), "tip": 5})))


@attack(MALLEABILITY, SIGNATURES, "fraction or exponent")
def malleability_fraction() -> Village:
    """An amount is written 700.0: an integer to one reader and not to another."""
    return last(hamlet(), resigned(lambda body: body.replace(b'"amount":700', b'"amount":700.0')))


@attack(MALLEABILITY, SIGNATURES, ENVELOPE)
def malleability_spaces_in_envelope() -> Village:
    """The envelope, which nobody signs, has a space."""
    return last(hamlet(), lambda entry: entry.envelope.replace(b'":"', b'": "', 1))


@attack(MALLEABILITY, SIGNATURES, ENVELOPE)
def malleability_key_after_signature() -> Village:
    """A second payload stands at the end of the envelope, after the one that was signed."""
    return last(
        hamlet(), lambda entry: entry.envelope[:-1] + b',"payload":"' + b64encode(b"{}") + b'"}'
    )


@attack(MALLEABILITY, SIGNATURES, ENVELOPE)
def malleability_base64() -> Village:
    """The signature is written in base64 with other unused bits: it decodes to the same bytes."""
    return last(hamlet(), lambda entry: _other_bits(entry.envelope))


def _other_bits(envelope: bytes) -> bytes:
    """Return an envelope whose last base64 digit has its unused bits set."""
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = envelope.rindex(b'=="}') - 1
    return envelope[:at] + digits[digits.index(envelope[at]) + 1 :][:1] + envelope[at + 1 :]


@attack(MALLEABILITY, SIGNATURES, "the same key signed twice")
def malleability_signed_twice() -> Village:
    """One operator's signature stands twice where two operators must sign."""
    village = hamlet()
    fields = {"floor_units": -50_000, "reason": "By one of us."}
    village.say("limit", member("ben"), fields, [OPERATORS[0], OPERATORS[0]])
    return village


@dataclass(frozen=True)
class Forger:
    """Whoever signs under a public key of small order: no secret is needed."""

    public: bytes = IDENTITY

    @property
    def key_id(self) -> str:
        return key_id_of(self.public)

    def sign(self, _message: bytes) -> bytes:
        """Return S B and S: whatever the message, S B = R + k A where A is the neutral point."""
        secret = key("forger")
        scalar = _scalar("forger") % ORDER
        return secret.public + scalar.to_bytes(32, "little")


@dataclass(frozen=True)
class SmallR:
    """A member whose signatures have the neutral point for R: they show that S is k times a."""

    name: str

    @property
    def key_id(self) -> str:
        return key(self.name).key_id

    def sign(self, message: bytes) -> bytes:
        """Return R = 0 and S = k a, which a verifier that looks at the equation alone takes."""
        hashed = sha512(IDENTITY + key(self.name).public + message).digest()
        s = int.from_bytes(hashed, "little") * _scalar(self.name) % ORDER
        return IDENTITY + s.to_bytes(32, "little")


def _scalar(name: str) -> int:
    """Return the secret scalar of the key that goes by a name."""
    digest = bytearray(sha512(tagged_hash("attack-key", name.encode())).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    return int.from_bytes(digest, "little")


WEAK = "a public key of small order is refused"


@attack(WEAK_KEYS, SIGNATURES, WEAK)
def weak_key_of_an_account() -> Village:
    """An account is opened under a key for which anybody can make signatures."""
    village, forger = founded(), Forger()
    fields = opening_fields("ben", keys=[IDENTITY.hex()])
    village.say("account_open", member("ben"), fields, [forger, *OPERATORS])  # type: ignore[list-item]
    return village


@attack(WEAK_KEYS, SIGNATURES, WEAK)
def weak_key_of_settlement() -> Village:
    """A new roster names a settlement key for which anybody can make signatures."""
    village = hamlet()
    keys = [*roster_fields()["keys"], {"key": IDENTITY.hex(), "role": "settlement"}]
    village.say("roster", "community", roster_fields(2, keys=keys), OPERATORS)
    return village


@attack(WEAK_KEYS, SIGNATURES, WEAK)
def weak_key_of_another_phone() -> Village:
    """Ben's phone is made to add a key for which anybody can make signatures."""
    village = hamlet()
    keys = [key("ben").public.hex(), IDENTITY.hex()]
    fields = {"by": "keys", "keys": keys, "threshold": 1, "reason": "A tablet."}
    village.say("key_change", member("ben"), fields, [key("ben"), Forger()])  # type: ignore[list-item]
    return village


@attack(WEAK_KEYS, SIGNATURES, "the signature does not hold")
def weak_r_of_a_payment() -> Village:
    """A payment's signature has a point of small order for R: verifiers differ over it."""
    village = hamlet()
    village.say(
        "transfer",
        member("ben"),
        {"to": member("ada"), "amount": 70, "reference": "bread"},
        [SmallR("ben")],  # type: ignore[list-item]
    )
    return village
