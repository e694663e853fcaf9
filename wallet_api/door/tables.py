"""What the server remembers of those who use it: sessions, and statements that wait for signatures.

None of it is part of the ledger or the log. Rows change and are deleted; losing them all loses nothing
but some minutes: everybody signs in again.

>>> SessionRow.__tablename__
'session'
"""

from typing import Any, ClassVar

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


CHANGING = ("secret", "session", "used_challenge", "proposal", "passkey")
"""Every table of this module: the working role changes and deletes their rows."""
