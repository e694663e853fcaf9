"""A browser's passkeys in software: ES256 or Ed25519, honest unless it is told otherwise."""

import base64
import hashlib
import json
import os

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.wallet_api.door.phones import CHARTER
from wallet_api.door.passkeys import proof_bytes

ORIGIN = "https://street.example"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def packed(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_passkey(phone, credential, options, name="My laptop"):
    """Return what a page sends of a new passkey: the device signs for it."""
    attestation = unpacked(credential["response"]["attestationObject"])
    challenge = unpacked(options["challenge"]).decode()
    signed = proof_bytes(CHARTER.origin, phone.account, challenge, attestation)
    return {"name": name, "credential": credential, "proof": phone.key.sign(signed).hex()}


class Authenticator:
    """One passkey, and the browser around it."""

    def __init__(self, algorithm="ES256", origin=ORIGIN, *, counting=True):
        self.origin, self.counting = origin, counting
        self.id, self.count, self.handle = os.urandom(16), 0, None
        self.flags = PRESENT | VERIFIED
        self.rp_id = origin.split("//")[1].split(":")[0]
        if algorithm == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
            point = self.key.public_key().public_numbers()
            self.cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        else:
            self.key = Ed25519PrivateKey.generate()
            raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            self.cose = {1: 1, 3: -8, -1: 6, -2: raw}

    def sign(self, data):
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(data)
        return self.key.sign(data, ec.ECDSA(SHA256()))

    def client_data(self, kind, challenge):
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said, separators=(",", ":")).encode()

    def data(self, flags):
        self.count += self.counting
        return (
            hashlib.sha256(self.rp_id.encode()).digest()
            + bytes([flags])
            + (self.count if self.counting else 0).to_bytes(4)
        )

    def create(self, options):
        """Return what ``navigator.credentials.create`` does."""
        self.handle = options["user"]["id"]
        data = self.data(self.flags | ATTESTED) + bytes(16) + len(self.id).to_bytes(2) + self.id
        attested = {"fmt": "none", "attStmt": {}, "authData": data + cbor2.dumps(self.cose)}
        return self._credential(
            attestationObject=packed(cbor2.dumps(attested)),
            clientDataJSON=packed(self.client_data("webauthn.create", options["challenge"])),
            transports=["internal"],
        )

    def get(self, options):
        """Return what ``navigator.credentials.get`` does."""
        client = self.client_data("webauthn.get", options["challenge"])
        data = self.data(self.flags)
        return self._credential(
            authenticatorData=packed(data),
            clientDataJSON=packed(client),
            signature=packed(self.sign(data + hashlib.sha256(client).digest())),
            userHandle=self.handle,
        )

    def _credential(self, **response):
        return {
            "id": packed(self.id),
            "rawId": packed(self.id),
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": True}},
        }
