"""Tenants of a database: each community has one ledger and one log.

>>> community_number("riverside.example/ledger/1")
6577334621571254224
"""

from sqlalchemy import Connection, Row, insert, select

from ledger.errors import ConflictError, SetupError
from ledger.primitives.hashing import tagged_hash
from ledger.tables import CommunityRow

_communities = CommunityRow.__table__  # type: ignore[attr-defined]


def community_number(origin: str) -> int:
    """Return a community's number: the first 63 bits of a hash of its origin.

    It is the same in every database, so that a community can move between them.
    """
    return int.from_bytes(tagged_hash("commonwatt/community/v1", origin.encode())[:8]) >> 1


def create_community(connection: Connection, origin: str, name: str, now_ms: int) -> int:
    """Add a community and return its number.

    Raises:
        ConflictError: there is one of this origin.
    """
    number = community_number(origin)
    if find_community(connection, origin) is not None:
        raise ConflictError(f"There is a community {origin} in this database already.", "origin")
    connection.execute(
        insert(_communities).values(community=number, origin=origin, name=name, created_at=now_ms)
    )
    return number


def find_community(connection: Connection, origin: str | None) -> Row[tuple[int, str, str]] | None:
    """Return (community, origin, name) of an origin, or of the only community there is."""
    query = select(_communities.c.community, _communities.c.origin, _communities.c.name)
    if origin is not None:
        return connection.execute(query.where(_communities.c.origin == origin)).one_or_none()
    rows = connection.execute(query.limit(2)).all()
    if len(rows) > 1:
        raise SetupError("This database has several communities: say which with --community.")
    return rows[0] if rows else None
