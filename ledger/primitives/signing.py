"""Ed25519 keys and DSSE envelopes.

A signature covers the DSSE pre-authentication encoding of the payload type and the body, so
a statement of one kind can never pass for another. ``docs/spec/statements.md`` is the
specification. The 14 encodings of low-order points are refused for public keys and for the
signature's R, after which OpenSSL, libsodium and dalek's strict verifier agree.

>>> key = SigningKey.from_seed(bytes(32))
>>> envelope = seal_envelope("application/vnd.commonwatt.offer.v1+json", b'{"v":1}', [key])
>>> Envelope.decode(envelope).verified_by([key.public])
[0]
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import CanonicalError, SignatureError

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
SIGNATURES_MAX = 16
"""Most signatures on one envelope: the largest threshold a roster may ask for."""

ENVELOPE_BYTES_MAX = 100_000
"""Longest envelope: a statement of 60,000 bytes in base64, with its signatures."""

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_KEY_ID = re.compile(r"[0-9a-f]{64}")
_FIELD_PRIME = 2**255 - 19


def _low_order_encodings() -> frozenset[bytes]:
    """Return the 14 encodings of the eight points of small order.

    Canonical y coordinates 0, 1, p - 1 and the two of order eight; y + p where that still
    fits in 255 bits; each with either sign bit.
    """
    order_eight = (
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    )
    ordinates = (0, 1, _FIELD_PRIME - 1, _FIELD_PRIME, _FIELD_PRIME + 1, *order_eight)
    return frozenset(
        (ordinate | sign << 255).to_bytes(32, "little") for ordinate in ordinates for sign in (0, 1)
    )


LOW_ORDER_ENCODINGS = _low_order_encodings()
"""Refused as a public key and as a signature's R."""


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Return the key of a 32-byte seed: for tests and simulations."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @cached_property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @cached_property
    def key_id(self) -> str:
        """The key's id: see `key_id_of`."""
        return key_id_of(self.public)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature."""
        return self.private.sign(message)


def key_id_of(public_key: bytes) -> str:
    """Return the key's id: the SHA-256 of its 32 bytes, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


@lru_cache(maxsize=4096)
def _load_public(public_key: bytes) -> Ed25519PublicKey:
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise SignatureError(f"a public key has 32 bytes, not {len(public_key)}")
    if public_key in LOW_ORDER_ENCODINGS:
        raise SignatureError("a public key of small order is refused")
    return Ed25519PublicKey.from_public_bytes(public_key)


def check_public_key(public_key: bytes) -> None:
    """Refuse a public key of the wrong length or of small order.

    Raises:
        SignatureError: names which.
    """
    _load_public(public_key)


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether the signature holds under the strict rule; never raises for bad bytes."""
    if len(signature) != SIGNATURE_BYTES or signature[:32] in LOW_ORDER_ENCODINGS:
        return False
    try:
        _load_public(public_key).verify(signature, message)
    except (InvalidSignature, SignatureError, ValueError):
        return False
    return True


def pre_authentication_encoding(payload_type: str, body: bytes) -> bytes:
    """Return DSSE's PAE: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def seal_envelope(payload_type: str, body: bytes, keys: Sequence[SigningKey]) -> bytes:
    """Sign a body and return the envelope's bytes."""
    return Envelope.seal(payload_type, body, keys).encode()


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope: body, its type, and (key id, signature) pairs."""

    payload_type: str
    body: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @classmethod
    def seal(cls, payload_type: str, body: bytes, keys: Sequence[SigningKey]) -> Self:
        """Sign a body."""
        message = pre_authentication_encoding(payload_type, body)
        return cls(payload_type, body, tuple((key.key_id, key.sign(message)) for key in keys))

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that the signatures cover."""
        return pre_authentication_encoding(self.payload_type, self.body)

    @property
    def tx_id(self) -> str:
        """SHA-256 of the signed bytes, in hexadecimal: names the statement, signatures apart."""
        return hashlib.sha256(self.signed_bytes).hexdigest()

    def encode(self) -> bytes:
        """Return the envelope's one encoding: JSON in DSSE's field order, without spaces."""
        return _ENCODER.encode(
            {
                "payload": base64.b64encode(self.body).decode(),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": key_id, "sig": base64.b64encode(signature).decode()}
                    for key_id, signature in self.signatures
                ],
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an envelope, and refuse any bytes but its one encoding.

        Raises:
            CanonicalError: too long, not an envelope, or another encoding of one.
        """
        if len(data) > ENVELOPE_BYTES_MAX:
            raise CanonicalError(f"an envelope of {len(data):,} bytes is too long")
        try:
            value = json.loads(data)
            envelope = cls(
                value["payloadType"],
                base64.b64decode(value["payload"], validate=True),
                tuple(
                    (item["keyid"], base64.b64decode(item["sig"], validate=True))
                    for item in value["signatures"]
                ),
            )
            again = envelope.encode()
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            binascii.Error,
        ) as error:
            raise CanonicalError("not a DSSE envelope") from error
        if again != data:
            raise CanonicalError("not the envelope's one encoding (see docs/spec/statements.md)")
        if not 1 <= len(envelope.signatures) <= SIGNATURES_MAX:
            raise CanonicalError(f"an envelope has 1 to {SIGNATURES_MAX} signatures")
        key_ids: list[object] = [key_id for key_id, _ in envelope.signatures]
        for key_id in key_ids:
            if not isinstance(key_id, str) or _KEY_ID.fullmatch(key_id) is None:
                raise CanonicalError("a key id has 64 hexadecimal digits")
        return envelope

    def verified_by(self, public_keys: Sequence[bytes]) -> list[int]:
        """Return the indexes of the public keys whose signature is there and holds."""
        message = self.signed_bytes
        found = dict(self.signatures)
        if len(found) != len(self.signatures):
            raise SignatureError("the same key signed twice on one envelope")
        return [
            index
            for index, public_key in enumerate(public_keys)
            if verify(public_key, found.get(key_id_of(public_key), b""), message)
        ]
