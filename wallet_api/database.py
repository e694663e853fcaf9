"""Databases of the whole product: every package's tables, their revision, their guards.

>>> database = Database("sqlite://")
>>> upgrade(database, in_memory=True)
'0010'
>>> check(database)
'0010'
"""

import re
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, MetaData, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

import ledger.tables
import meters.tables
import settlement.tables
import wallet_api.door.tables
from ledger import guards
from ledger.db import Database
from ledger.errors import SetupError

APPEND_ONLY = (
    *ledger.tables.APPEND_ONLY,
    *meters.tables.APPEND_ONLY,
    *settlement.tables.APPEND_ONLY,
)
"""Every table whose rows never change."""

ERASABLE = (*ledger.tables.ERASABLE, *meters.tables.ERASABLE, *settlement.tables.ERASABLE)
"""Every table whose rows may be deleted."""


READ_BACK = (*meters.tables.ERASABLE, *settlement.tables.ERASABLE)
"""Those that no log and no ledger depends on: the working role deletes their rows, too."""


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
        _check_schema(connection)
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
        owners = text(
            "SELECT bool_or(pg_has_role(:role, relowner, 'MEMBER'))"
            " OR pg_has_role(:role, 'pg_write_all_data', 'MEMBER') FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        if found or connection.scalar(owners, {"role": role}):
            raise SetupError(f"{role} stands above the guards (owner or superuser): take another.")
        for statement in _grants(f'"{role}"'):
            connection.exec_driver_sql(statement)
        left = text(
            "SELECT string_agg(relname, ', ') FROM pg_class WHERE relname = ANY(:tables)"
            " AND relnamespace = 'public'::regnamespace"
            " AND has_table_privilege(:role, oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
        )
        may = connection.scalar(left, {"role": role, "tables": list(APPEND_ONLY)})
        if may:
            raise SetupError(f"{role} may still edit {may}, by a role that it belongs to.")


def _grants(role: str) -> list[str]:
    tables = [table.name for table in metadata().sorted_tables]
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}, PUBLIC",
        f"REVOKE CREATE ON SCHEMA public FROM {role}, PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT ON {', '.join(tables)} TO {role}",
        f"GRANT SELECT ON alembic_version TO {role}",
        # Limits are not among the columns of a balance that the daily work changes.
        f"GRANT UPDATE (posted, pending_out, pending_in, version) ON balance TO {role}",
        f"GRANT UPDATE (size, frontier, note) ON log_head TO {role}",
        f"GRANT UPDATE ON lease, inbox TO {role}",
        f"GRANT UPDATE, DELETE ON {', '.join(wallet_api.door.tables.CHANGING)} TO {role}",
        f"GRANT DELETE ON inbox, {', '.join(READ_BACK)} TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ]


def _check_schema(connection: Connection) -> None:
    """Refuse a database of which a table, index or check was made anew with other rules.

    Raises:
        SetupError: names it.
    """
    if connection.dialect.name == "sqlite":
        query = text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        new = Database("sqlite://")
        upgrade(new, in_memory=True)
        with new.read() as other:
            wanted = set(map(tuple, other.execute(query)))
        new.close()
        there = set(map(tuple, connection.execute(query)))
        for kind, name, _ in sorted(wanted ^ there, key=str):
            raise SetupError(
                f"The {kind} {name} is not as this version makes it. Audit the ledger."
            )
        return
    query = text(
        "SELECT conname FROM pg_constraint WHERE contype = 'c' AND convalidated"
        " AND connamespace = 'public'::regnamespace"
    )
    present = set(connection.scalars(query))
    for table in metadata().sorted_tables:
        for constraint in table.constraints:
            named = isinstance(constraint, CheckConstraint) and constraint.name
            if named and constraint.name not in present:
                raise SetupError(f"The check {constraint.name} is missing. Audit the ledger.")


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
