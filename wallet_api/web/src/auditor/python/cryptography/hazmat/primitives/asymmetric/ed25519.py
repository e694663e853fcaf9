"""Ed25519, as the page's script checks it."""

from typing import Self

from pyodide.ffi import to_js
from signature_of_page import holds  # the page registers it before anything is imported

from cryptography.exceptions import InvalidSignature


class Ed25519PrivateKey:
    """There is none: an audit signs nothing, and the page's key stays with the browser."""


class Ed25519PublicKey:
    """A public key of 32 bytes."""

    def __init__(self, public_key: bytes) -> None:
        self._public_key = to_js(public_key)

    @classmethod
    def from_public_bytes(cls, public_key: bytes) -> Self:
        """Return the key; that it is a point is seen when a signature is checked."""
        return cls(public_key)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise `InvalidSignature` where the signature does not hold."""
        if not holds(self._public_key, to_js(message), to_js(signature)):
            raise InvalidSignature
