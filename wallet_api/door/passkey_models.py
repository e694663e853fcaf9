"""What goes to and comes from a browser's passkeys.

>>> AssertionIn.model_config["extra"]
'ignore'
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wallet_api.door.passkeys import PROOF_TYPE
from wallet_api.door.wire import Model, Time

_PART = r"^[A-Za-z0-9_-]+$"


class FromBrowser(BaseModel):
    """What a browser makes: of its fields those that count; browsers add more each year."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


CredentialId = Annotated[
    str, Field(pattern=_PART, max_length=1_366, examples=["nE4vRkRqKJzDdTyOZQm0pA"])
]
"""A passkey's id, of 1,023 bytes at most, in base64url."""

Part = Annotated[str, Field(pattern=_PART, max_length=12_000, examples=["eyJ0eXBlIjoid2ViYXV0…"])]
"""Bytes in base64url."""


class AttestationIn(FromBrowser):
    """What an authenticator said of a new passkey."""

    clientDataJSON: Part  # noqa: N815 - the standard's names
    attestationObject: Part  # noqa: N815


class AssertionIn(FromBrowser):
    """What an authenticator signed."""

    clientDataJSON: Part  # noqa: N815
    authenticatorData: Part  # noqa: N815
    signature: Part
    userHandle: str | None = Field(  # noqa: N815
        default=None, max_length=100, description="Of the person.", examples=["b3duZXI"]
    )


class NewCredentialIn(FromBrowser):
    """The answer of ``navigator.credentials.create``, by its ``toJSON()``."""

    id: CredentialId
    rawId: CredentialId  # noqa: N815
    type: Literal["public-key"] = Field(examples=["public-key"])
    response: AttestationIn = Field(examples=[{"clientDataJSON": "…", "attestationObject": "…"}])


class CredentialIn(FromBrowser):
    """The answer of ``navigator.credentials.get``, by its ``toJSON()``."""

    id: CredentialId
    rawId: CredentialId  # noqa: N815
    type: Literal["public-key"] = Field(examples=["public-key"])
    response: AssertionIn = Field(examples=[{"clientDataJSON": "…", "signature": "…"}])


class NewPasskeyIn(Model):
    """A passkey to be kept."""

    name: str = Field(
        min_length=1, max_length=40, description="What you call it.", examples=["My laptop"]
    )
    credential: NewCredentialIn = Field(examples=[{"id": "…", "type": "public-key"}])
    proof: str = Field(
        pattern=r"^[0-9a-f]{128}$",
        description="The Ed25519 signature, in hexadecimal, of this session's device key. It signs, as a statement "
        f"is signed, canonical JSON of the type `{PROOF_TYPE}`: `account`, `attestation` (the SHA-256 of the "
        "attestation object's bytes, in hexadecimal), `challenge` (the text that `options.challenge` is in "
        "base64url), `ledger`, and `v`, which is 1.",
        examples=["00" * 64],
    )


class PasskeyAnswerIn(Model):
    """A passkey's answer to a challenge."""

    credential: CredentialIn = Field(examples=[{"id": "…", "type": "public-key"}])
    cookie: bool = Field(
        default=False,
        description="True for a page of this site: the session is then in a cookie.",
        examples=[True],
    )


class PasskeyChallengeOut(Model):
    """What a page hands to the browser."""

    options: dict[str, Any] = Field(
        description="For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`."
    )
    expires_at: Time = Field(description="Until when it may be answered.")


class PasskeyOut(Model):
    """A passkey."""

    id: CredentialId
    name: str = Field(description="What you called it.", examples=["My laptop"])
    key_id: str = Field(description="The device key that registered it; it ends with that key.")
    created_at: Time
    used_at: Time | None = Field(default=None, description="When it was used last.")
    counts: bool = Field(
        description="False: its device key does not count any more, so neither does it."
    )


class PasskeysOut(Model):
    """The passkeys of an account, the oldest first."""

    items: list[PasskeyOut]
