"""A file of a private key: PKCS #8 PEM, under a passphrase stretched with scrypt. Pure.

The form is RFC 8018's PBES2 with RFC 7914's scrypt and AES-256 in CBC mode: what
``openssl pkcs8 -topk8 -scrypt`` writes, so any tool reads it. The library writes PBKDF2 with 2,048
rounds, which a graphics card tries by the million; such files of before are still read.

>>> key = SigningKey.from_seed(bytes(32))
>>> data = write_key(key, "six random words")
>>> protection_of(data), read_key(data, "six random words").public == key.public
(<Protection.STRONG: 'encrypted'>, True)
"""

import base64
import secrets
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.errors import SetupError
from ledger.primitives.signing import SigningKey

SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_TIMES = 2**14, 8, 5
"""16 MiB and about a tenth of a second a guess.

OWASP's password storage sheet counts this as strong as a cost of 2¹⁷ once; the openssl program
refuses what needs more than 32 MiB.
"""

_SALT_BYTES, _BLOCK_BYTES = 16, 16
_BEGIN, _END = b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"-----END ENCRYPTED PRIVATE KEY-----"
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_LONG_FORM = 0x80


class Protection(StrEnum):
    """What stands between a copied file and its key."""

    NONE = "in clear"
    WEAK = "encrypted weakly"
    STRONG = "encrypted"


def write_key(key: SigningKey, passphrase: str | None) -> bytes:
    """Return a key's file, encrypted where there is a passphrase."""
    if not passphrase:
        return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    plain = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt, start = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_BLOCK_BYTES)
    stretch = Scrypt(salt, 32, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=SCRYPT_TIMES)
    encryptor = Cipher(AES(stretch.derive(passphrase.encode())), CBC(start)).encryptor()
    padder = PKCS7(8 * _BLOCK_BYTES).padder()
    hidden = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    numbers = (SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_TIMES)
    stretching = _der(_SEQUENCE, _der(_OCTETS, salt), *map(_der_integer, numbers))
    scheme = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _SCRYPT, stretching),
        _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, start)),
    )
    der = _der(_SEQUENCE, _der(_SEQUENCE, _PBES2, scheme), _der(_OCTETS, hidden))
    text = base64.b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([_BEGIN, *lines, _END, b""])


def read_key(data: bytes, passphrase: str | None) -> SigningKey:
    """Read PKCS #8 PEM, however its passphrase is stretched.

    Raises:
        SetupError: not an Ed25519 key, or the passphrase is missing or wrong.
    """
    try:
        key = load_pem_private_key(data, passphrase.encode() if passphrase else None)
    except TypeError as error:
        hint = "set" if passphrase is None else "unset"
        raise SetupError(f"This key file's passphrase does not fit: {hint} it.") from error
    except ValueError as error:
        raise SetupError("Not a key file, or the wrong passphrase.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SetupError("The key file does not hold an Ed25519 key.")
    return SigningKey(key)


def protection_of(data: bytes) -> Protection:
    """Return how a file is protected; of one that is damaged, as far as it can be seen."""
    if b"ENCRYPTED" not in data:
        return Protection.NONE
    text = b"".join(line for line in data.splitlines() if not line.startswith(b"-"))
    try:
        return Protection.STRONG if _SCRYPT in base64.b64decode(text) else Protection.WEAK
    except ValueError:
        return Protection.WEAK


def _der(tag: int, *parts: bytes) -> bytes:
    """Return a DER value of fewer than 256 bytes, which every value here is."""
    body = b"".join(parts)
    length = bytes([len(body)] if len(body) < _LONG_FORM else [_LONG_FORM | 1, len(body)])
    return bytes([tag]) + length + body


def _der_integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
