"""One attempt of each way out: words by a messenger, a signed webhook, an encrypted push.

Webhooks are signed as Standard Webhooks has it (https://www.standardwebhooks.com). A webhook's secret is made
of the server's own and the webhook's id, so there is no table of secrets to lose.

>>> sign_webhook(webhook_secret(bytes(32), "0f" * 16), "msg_1", 1_782_000_000, b"{}")[:11]
'v1,KJWjkIU2'
"""

import base64
import hmac
import json
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection

from ledger.entropy import Entropy
from wallet_api.door import session_store
from wallet_api.door.contact_store import Contact, Way
from wallet_api.door.messengers import Channels, Words
from wallet_api.door.outgoing_store import Outgoing
from wallet_api.door.posting import post
from wallet_api.door.web_push import SALT_BYTES, bytes_of, encrypt, vapid_header, vapid_key

SECRET_PREFIX = "whsec_"  # noqa: S105 - it marks a secret, so that a scanner for leaked ones finds it

PUSH_TTL_S = 24 * 3_600
"""How long a push service keeps what a browser that is off has not fetched."""


class Keys(NamedTuple):
    """What a server signs with, beyond its log."""

    webhook: bytes
    push: ec.EllipticCurvePrivateKey


def keys_of(connection: Connection, community: int, entropy: Entropy) -> Keys:
    """Return the server's keys; they are made where there are none. A write transaction."""
    return Keys(
        session_store.secret(connection, community, "webhook", entropy),
        vapid_key(session_store.secret(connection, community, "vapid", entropy)),
    )


def webhook_secret(secret: bytes, contact_id: str) -> bytes:
    """Return the 32 bytes with which one webhook is signed."""
    named = b"commonwatt/webhook/v1\x00" + contact_id.encode()
    return hmac.new(secret, named, "sha256").digest()


def shown_secret(secret: bytes) -> str:
    """Return a secret as its holder is shown it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def sign_webhook(secret: bytes, message_id: str, now_s: int, body: bytes) -> str:
    """Return the signature of a delivery."""
    signed = f"{message_id}.{now_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, "sha256").digest()).decode()


def webhook(contact: Contact, message: Outgoing, keys: Keys, now_s: int, *, private: bool) -> int:
    """Deliver to a webhook, and return the status of its answer.

    Raises:
        PeerError: there was none.
    """
    secret, name = webhook_secret(keys.webhook, contact.id), f"msg_{message.id}"
    headers = {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(now_s),
        "webhook-signature": sign_webhook(secret, name, now_s, message.body),
    }
    return post(contact.address, message.body, headers, private=private).status


def push(
    contact: Contact,
    message: Outgoing,
    keys: Keys,
    now_s: int,
    channels: Channels,
    entropy: Entropy,
) -> int:
    """Deliver to a browser's push service, and return the status of its answer.

    Raises:
        PeerError: there was none.
    """
    subscription = json.loads(contact.address)
    draw = f"push/{message.id}/{message.attempts}"
    body = encrypt(
        message.body,
        bytes_of(subscription["p256dh"]),
        bytes_of(subscription["auth"]),
        entropy(f"{draw}/salt", SALT_BYTES),
        vapid_key(entropy(f"{draw}/key", 32)),
    )
    endpoint = subscription["endpoint"]
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(PUSH_TTL_S),
        "Urgency": "normal",
        "Authorization": vapid_header(endpoint, keys.push, channels.push_contact, now_s),
    }
    return post(endpoint, body, headers, private=channels.private).status


def send_words(contact: Contact, message: Outgoing, channels: Channels) -> None:
    """Hand words to a messenger.

    Raises:
        PeerError: not now.
    """
    said = json.loads(message.body)
    words = Words(said["subject"], said["text"], message.id)
    messenger = channels.mail if contact.way is Way.EMAIL else channels.text
    messenger.send(contact.address, words)
