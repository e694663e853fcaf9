"""What the server remembers of those who use it: sessions, statements that wait, contacts.

None of it is part of the ledger or the log. Rows change and are deleted; losing them all loses no money:
everybody signs in again, and says again where to reach them.

>>> SessionRow.__tablename__
'session'
"""

from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import SQLModel

from ledger.tables import STRICT, big, blob, key, text_column, text_key


class SecretRow(SQLModel, table=True):
    """A random secret of this server, by its purpose."""

    __tablename__ = "secret"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    name: str = text_key()
    value: bytes = blob()


class SessionRow(SQLModel, table=True):
    """A session: ``token`` is the SHA-256 of what its holder shows; times in Unix milliseconds.

    ``passkey`` is the id of the passkey that began it, if it was one.
    """

    __tablename__ = "session"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    token: str = text_key()
    account: str = text_column()
    key_id: str = text_column()
    cookie: int = big()
    created_at: int = big()
    expires_at: int = big()
    passkey: str | None = text_column(nullable=True)


class UsedChallengeRow(SQLModel, table=True):
    """A challenge that was answered: nobody answers it twice."""

    __tablename__ = "used_challenge"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    nonce: str = text_key()
    expires_at: int = big()


class ProposalRow(SQLModel, table=True):
    """A statement that lacks signatures: its envelope so far, and where it stands in the log in the end."""

    __tablename__ = "proposal"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    id: str = text_key()
    account: str = text_column()
    kind: str = text_column()
    envelope: bytes = blob()
    created_at: int = big()
    expires_at: int = big()
    entry: int | None = big(nullable=True)


class LookRow(SQLModel, table=True):
    """Who looked into a member's account, when and why."""

    __tablename__ = "look"
    __table_args__: ClassVar[Any] = (
        Index("look_account", "community", "account", "number"),
        STRICT,
    )
    community: int = key()
    number: int = key()
    account: str = text_column()
    role: str = text_column()
    key_id: str = text_column()
    what: str = text_column()
    reason: str = text_column()
    seen_at: int = big()


class ContactRow(SQLModel, table=True):
    """Where somebody wants to be told of things: an address, sealed under a key of its own.

    ``kind`` is email, sms, webhook or push; ``events`` are the occasions, by spaces; ``code`` is what a
    confirming code is compared with; ``key_id`` is of the key that put it up or confirmed it last. Rows are
    deleted when their owner or an erasure says so, or their key counts no more.
    """

    __tablename__ = "contact"
    __table_args__: ClassVar[Any] = (Index("contact_account", "community", "account"), STRICT)
    community: int = key()
    id: str = text_key()
    account: str = text_column()
    kind: str = text_column()
    secret: bytes = blob()
    sealed: bytes = blob()
    events: str = text_column()
    created_at: int = big()
    confirmed_at: int | None = big(nullable=True)
    code: bytes | None = blob(nullable=True)
    code_until: int | None = big(nullable=True)
    tries: int = big()
    disabled_at: int | None = big(nullable=True)
    reason: str | None = text_column(nullable=True)
    key_id: str | None = text_column(nullable=True)


class OutgoingRow(SQLModel, table=True):
    """A message on its way out: to a contact, about one thing (``mark``), once.

    ``due_at`` is null when nothing is left to do; the body is emptied then. Whoever holds the ``claim`` sends it,
    until ``claimed_until``.
    """

    __tablename__ = "outgoing"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("community", "recipient", "mark"),
        Index("outgoing_due", "community", "due_at"),
        Index("outgoing_account", "community", "account", "created_at"),
        STRICT,
    )
    community: int = key()
    id: str = text_key()
    recipient: str = text_column()
    mark: str = text_column()
    account: str = text_column()
    kind: str = text_column()
    occasion: str = text_column()
    body: bytes = blob()
    created_at: int = big()
    due_at: int | None = big(nullable=True)
    attempts: int = big()
    claim: str | None = text_column(nullable=True)
    claimed_until: int = big()
    result: str | None = text_column(nullable=True)


class NotifiedRow(SQLModel, table=True):
    """Up to which log entry messages were queued."""

    __tablename__ = "notified"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    position: int = big()


class PasskeyRow(SQLModel, table=True):
    """A passkey: ``id`` is its credential id in base64url, ``public_key`` is in COSE's form."""

    __tablename__ = "passkey"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    id: str = text_key()
    account: str = text_column()
    key_id: str = text_column()
    public_key: bytes = blob()
    sign_count: int = big()
    name: str = text_column()
    created_at: int = big()
    used_at: int | None = big(nullable=True)


CHANGING = (
    *("secret", "session", "used_challenge", "proposal"),
    *("contact", "outgoing", "notified", "look", "passkey"),
)
"""Every table of this module: the working role changes and deletes their rows."""
