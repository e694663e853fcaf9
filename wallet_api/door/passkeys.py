"""Passkeys: a browser's way to sign in without the device key, for looking and nothing else (W3C WebAuthn level 2).

What a browser answers is checked by a library, which is loaded when the first passkey is used. A challenge is
made as for a device key, under a mark of its own, so that neither is good for the other.

>>> site_of("https://street.example"), site_of("http://localhost:8000").rp_id
(Site(rp_id='street.example', origin='https://street.example'), 'localhost')
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ledger.errors import InputError, SignatureError
from ledger.primitives.canonical import encode
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import pre_authentication_encoding

LOCAL = ("localhost", "127.0.0.1")
"""Hosts of which browsers take passkeys without HTTPS; an address in numbers has none at all."""

TIMEOUT_MS = 120_000
"""How long a browser waits for a person."""

PROOF_TYPE = "application/vnd.commonwatt.passkey.v1+json"
"""What a device signs of a new passkey; no kind of statement has this name."""

NOT_GOOD = (
    "This passkey's answer does not hold: ask for a new challenge, or sign in with the device."
)
COPIED = (
    "This passkey counted backwards: it may have been copied. Remove it, and register a new one."
)

Answered = TypeVar("Answered")


class Site(NamedTuple):
    """Whom passkeys are for: the host's name, and where its pages come from."""

    rp_id: str
    origin: str


class Registered(NamedTuple):
    """A new passkey: its id, its public key in COSE's form, and how often it was used."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def site_of(public_url: str) -> Site:
    """Return the site of a server's public address.

    Raises:
        InputError: not https://HOST, with a port or without.
    """
    parts = urlsplit(public_url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL)
    whole = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if not (secure and whole and host):
        raise InputError(
            f"COMMONWATT_PUBLIC_URL is {public_url!r}: it is as https://street.example"
        )
    return Site(host, f"{parts.scheme}://{host}" + ("" if port is None else f":{port}"))


def secret_for(secret: bytes, purpose: str) -> bytes:
    """Return the key that marks challenges of one purpose.

    >>> secret_for(bytes(32), "a") == secret_for(bytes(32), "b")
    False
    """
    return hmac.new(secret, b"commonwatt/passkey/v1\x00" + purpose.encode(), "sha256").digest()


def user_handle(account: str, key_id: str) -> bytes:
    """Return what an authenticator knows a person by: it tells nobody who that is."""
    return tagged_hash("commonwatt/passkey/user", f"{account} {key_id}".encode())


def proof_bytes(ledger: str, account: str, challenge: str, attestation: bytes) -> bytes:
    """Return what a device key signs when it takes a passkey for its own: DSSE's encoding of canonical JSON.

    Args:
        ledger: the log's origin.
        account: the member's id, or ``community``.
        challenge: that the passkey answers.
        attestation: the attestation object, of which the SHA-256 is signed: it names the passkey and its key.
    """
    body = {
        "v": 1,
        "ledger": ledger,
        "account": account,
        "challenge": challenge,
        "attestation": hashlib.sha256(attestation).hexdigest(),
    }
    return pre_authentication_encoding(PROOF_TYPE, encode(body))


def registration_options(
    site: Site, challenge: str, handle: bytes, name: str, known: list[bytes]
) -> dict[str, Any]:
    """Return what a page hands to ``navigator.credentials.create``.

    Args:
        site: whom it is for.
        challenge: as it was made.
        handle: of the person.
        name: what the authenticator shows them.
        known: ids of passkeys that they have.
    """
    from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415 - see above
    from webauthn.helpers import structs  # noqa: PLC0415

    made = generate_registration_options(
        rp_id=site.rp_id,
        rp_name="Commonwatt",
        user_name=name,
        user_id=handle,
        challenge=challenge.encode(),
        timeout=TIMEOUT_MS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=each) for each in known],
        supported_pub_key_algs=_algorithms(),
    )
    options: dict[str, Any] = json.loads(options_to_json(made))
    return options


def sign_in_options(site: Site, challenge: str) -> dict[str, Any]:
    """Return what a page hands to ``navigator.credentials.get``: any passkey of this site will do."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415
    from webauthn.helpers import structs  # noqa: PLC0415

    made = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge.encode(),
        timeout=TIMEOUT_MS,
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    options: dict[str, Any] = json.loads(options_to_json(made))
    return options


def challenge_in(client_data: str) -> str:
    """Return the challenge that a browser says it answered; nothing is known of it yet.

    Raises:
        InputError: it says none.
    """

    def read() -> str:
        from webauthn.helpers import base64url_to_bytes, parse_client_data_json  # noqa: PLC0415

        return parse_client_data_json(base64url_to_bytes(client_data)).challenge.decode("ascii")

    return _guarded(read, InputError("clientDataJSON is not what a browser makes."))


def check_registration(site: Site, credential: dict[str, Any], challenge: str) -> Registered:
    """Return a new passkey.

    Raises:
        SignatureError: not of this site, not for this challenge, or its owner was not asked.
    """

    def read() -> Registered:
        from webauthn import verify_registration_response  # noqa: PLC0415

        found = verify_registration_response(
            credential=credential,
            expected_challenge=challenge.encode(),
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=_algorithms(),
        )
        return Registered(found.credential_id, found.credential_public_key, found.sign_count)

    return _guarded(read, SignatureError(NOT_GOOD))


def check_answer(site: Site, credential: dict[str, Any], challenge: str, public_key: bytes) -> int:
    """Return how often a passkey was used by its own count; it answered rightly.

    Raises:
        SignatureError: not of this site, not for this challenge, another key, or its owner was not asked.
    """

    def read() -> int:
        from webauthn import verify_authentication_response  # noqa: PLC0415

        found = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge.encode(),
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,  # compared in the transaction that stores the new one
            require_user_verification=True,
        )
        return found.new_sign_count

    return _guarded(read, SignatureError(NOT_GOOD))


def counts_on(before: int, after: int) -> bool:
    """Return whether a count goes on: forwards, or always 0 where an authenticator does not count.

    >>> counts_on(0, 0), counts_on(3, 4), counts_on(4, 4), counts_on(4, 0)
    (True, True, False, False)
    """
    return after > before or before == after == 0


def _algorithms() -> list[Any]:
    from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm  # noqa: PLC0415

    return [Algorithm.EDDSA, Algorithm.ECDSA_SHA_256]


def _guarded(read: Callable[[], Answered], error: InputError | SignatureError) -> Answered:
    try:
        return read()
    except Exception as cause:  # whatever a library of parsers raises for bytes from outside
        raise error from cause
