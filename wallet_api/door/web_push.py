"""Web push: a few words to a browser that is closed, which the push service between cannot read.

RFC 8291 and RFC 8188 (`aes128gcm`) encrypt what is sent for the browser's own key; RFC 8292 (VAPID) tells the
push service by a signature who sends. The standard library and `cryptography` do all of it.

>>> vapid_key((5).to_bytes(32, "big")).private_numbers().private_value
6
"""

import base64
import json
import struct
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import InputError

RECORD_BYTES = 4096
"""The size of a record that is said; there is one, and it is shorter."""

PADDED_BYTES = 192
"""What is sent is filled up to this, so that its length says nothing."""

TOKEN_S = 12 * 3600
"""How long a signature for a push service counts; RFC 8292 allows a day."""

POINT_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def encrypt(
    words: bytes,
    browser_key: bytes,
    auth: bytes,
    salt: bytes,
    key: ec.EllipticCurvePrivateKey,
    *,
    padded: int = PADDED_BYTES,
) -> bytes:
    """Return the body for a push service (RFC 8291).

    Args:
        words: what the browser gets.
        browser_key: its public key, an uncompressed point.
        auth: its 16 secret bytes.
        salt: 16 random bytes.
        key: made for this one message.
        padded: bytes of `words` with what fills them up.

    Raises:
        InputError: no such key, or too many words.
    """
    if len(words) > RECORD_BYTES // 2:
        raise InputError("A push message holds a few words.")
    mine = point_of(key)
    shared = key.exchange(ec.ECDH(), browser_point(browser_key))
    info = b"WebPush: info\x00" + browser_key + mine
    secret = _hkdf(shared, auth, info, 32)
    content_key = _hkdf(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _hkdf(secret, salt, b"Content-Encoding: nonce\x00", 12)
    record = words + b"\x02" + bytes(max(0, padded - len(words)))
    head = salt + struct.pack(">IB", RECORD_BYTES, len(mine)) + mine
    return head + AESGCM(content_key).encrypt(nonce, record, None)


def browser_point(data: bytes) -> ec.EllipticCurvePublicKey:
    """Read a browser's public key.

    Raises:
        InputError: not a point of P-256.
    """
    try:
        if len(data) == POINT_BYTES:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except (ValueError, InvalidKey) as error:
        raise InputError("p256dh is no public key of P-256.") from error
    raise InputError("p256dh is no public key of P-256.")


def vapid_key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """Return this server's key for push services, from one of its secrets."""
    number = int.from_bytes(secret, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a public key as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def vapid_header(endpoint: str, key: ec.EllipticCurvePrivateKey, contact: str, now_s: int) -> str:
    """Return the `Authorization` for a push service (RFC 8292).

    Args:
        endpoint: of the subscription.
        key: of this server.
        contact: where the service finds whoever sends: mailto: or https.
        now_s: Unix seconds.
    """
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": now_s + TOKEN_S,
        "sub": contact,
    }
    signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = base64_of(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={base64_of(point_of(key))}"


def base64_of(data: bytes) -> str:
    """Return bytes in the alphabet of addresses, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def bytes_of(text: str) -> bytes:
    """Read what `base64_of` wrote; padding may be there.

    Raises:
        InputError: not base64.
    """
    plain = text.rstrip("=")
    try:
        data = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError as error:
        raise InputError("This is not base64 in the alphabet of addresses.") from error
    if base64_of(data) != plain:
        raise InputError("This is not base64 in the alphabet of addresses.")
    return data


def _part(value: dict[str, object]) -> str:
    return base64_of(json.dumps(value, separators=(",", ":")).encode())


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
