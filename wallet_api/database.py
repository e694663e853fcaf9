"""Databases of the whole product: every package's tables, their revision, their guards.

>>> database = Database("sqlite://")
>>> upgrade(database, in_memory=True)
'0002'
>>> check(database)
'0002'
"""

import re
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

import ledger.tables
import meters.tables
import settlement.tables
from ledger import guards
from ledger.db import Database
from ledger.errors import SetupError

APPEND_ONLY = (
    *ledger.tables.APPEND_ONLY,
    *meters.tables.APPEND_ONLY,
    *settlement.tables.APPEND_ONLY,
)
"""Every table whose rows never change."""


def metadata() -> MetaData:
    """Return the tables of every package."""
    return SQLModel.metadata


def upgrade(database: Database, *, in_memory: bool = False) -> str:
    """Bring a database to the current revision, with every guard in place; return it."""
    if database.file is None and database.dialect == "sqlite" and not in_memory:
        raise SetupError("This URL names no file: write sqlite:///folder/name.sqlite")
    if database.file is not None:
        database.file.parent.mkdir(parents=True, exist_ok=True)
    with _connected(database), database.write() as connection:
        command.upgrade(_config(connection), "head")
        guards.install(connection, APPEND_ONLY)
        return _revision(connection) or ""


def check(database: Database) -> str:
    """Check that a database is at the current revision, unaltered and guarded; return it.

    Raises:
        SetupError: says what is wrong and what to do.
    """
    require_current(database)
    with database.read() as connection:
        guards.check(connection, APPEND_ONLY)
        differences = compare_metadata(MigrationContext.configure(connection), metadata())
        if differences:
            raise SetupError(f"The database differs from this version's tables: {differences[0]}")
        return _revision(connection) or ""


_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


def grant(database: Database, role: str) -> None:
    """Let a role of PostgreSQL work with the tables, and change nothing that is append only.

    Args:
        database: opened as the tables' owner.
        role: is there already and owns nothing here.

    Raises:
        SetupError: not PostgreSQL, no such role, or a role that would stay above the guards.
    """
    if database.dialect != "postgresql":
        raise SetupError("Roles are PostgreSQL's; on SQLite whoever has the file has it all.")
    if _ROLE.fullmatch(role) is None:
        raise SetupError(f"{role!r} is not a role's name.")
    with database.write() as connection:
        found = connection.execute(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :role"),
            {"role": role},
        ).scalar()
        if found is None:
            raise SetupError(f'There is no role {role}. Make it: CREATE ROLE "{role}" LOGIN')
        if found or connection.scalar(text("SELECT current_user")) == role:
            raise SetupError(f"{role} stands above the guards (owner or superuser): take another.")
        for statement in _grants(f'"{role}"'):
            connection.exec_driver_sql(statement)


def _grants(role: str) -> list[str]:
    tables = [table.name for table in metadata().sorted_tables]
    rewritten = ", ".join(ledger.tables.REWRITTEN)
    erasable = ", ".join(ledger.tables.ERASABLE)
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"REVOKE CREATE ON SCHEMA public FROM {role}, PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT ON {', '.join(tables)} TO {role}",
        f"GRANT SELECT ON alembic_version TO {role}",
        f"GRANT UPDATE ON {rewritten} TO {role}",
        f"GRANT DELETE ON {erasable}, inbox TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ]


def could_remove_guards(database: Database) -> bool:
    """Return whether this connection's role could take the append-only guards away."""
    if database.dialect != "postgresql":
        return True
    query = (
        "SELECT EXISTS (SELECT 1 FROM pg_class JOIN pg_roles ON pg_roles.rolname = current_user"
        " WHERE relname = 'transfer' AND relkind = 'r'"
        " AND (pg_has_role(relowner, 'MEMBER') OR rolsuper))"
    )
    with database.read() as connection:
        return bool(connection.scalar(text(query)))


def require_current(database: Database) -> None:
    """Refuse a database that is missing or of another revision.

    Raises:
        SetupError: says how to make or upgrade it.
    """
    if database.file is not None and not database.file.exists():
        raise SetupError(
            f"There is no database at {database.file}. Run 'make demo' (or 'commonwatt demo') for "
            "a street to try, or make an empty one with 'commonwatt db upgrade'."
        )
    with _connected(database), database.read() as connection:
        found, wanted = _revision(connection), _head(connection)
    if found != wanted:
        raise SetupError(
            f"The database is at revision {found or 'none'}, this version needs {wanted}. "
            "Run 'commonwatt db upgrade' (after a backup)."
        )


class _connected:  # noqa: N801 - reads as a word in a with statement
    """Turns a failure to connect into a sentence."""

    def __init__(self, database: Database) -> None:
        self._url = database.url.render_as_string(hide_password=True)

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise a SetupError for an operational error."""
        if isinstance(error, OperationalError):
            raise SetupError(f"The database {self._url} does not answer: {error.orig}") from error


def _config(connection: Connection) -> Config:
    config = Config()
    inside = Path(__file__).parent / "migrations"
    folder = inside if inside.exists() else Path(__file__).parent.parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata()
    return config


def _head(connection: Connection) -> str | None:
    return ScriptDirectory.from_config(_config(connection)).get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
