"""What the server remembers of those who use it: sessions, and statements that wait for signatures.

None of it is part of the ledger or the log. Rows change and are deleted; losing them all loses nothing
but some minutes: everybody signs in again.

>>> SessionRow.__tablename__
'session'
"""

from typing import Any, ClassVar

from sqlalchemy import Index
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
    """A session: ``token`` is the SHA-256 of what its holder shows; times in Unix milliseconds."""

    __tablename__ = "session"
    __table_args__: ClassVar[Any] = STRICT
    community: int = key()
    token: str = text_key()
    account: str = text_column()
    key_id: str = text_column()
    cookie: int = big()
    created_at: int = big()
    expires_at: int = big()


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


CHANGING = ("secret", "session", "used_challenge", "proposal", "look")
"""Every table of this module: the working role changes and deletes their rows."""
