"""Append only, enforced by the database itself.

SQLite: triggers refuse UPDATE and DELETE, and an insert guard on every unique key refuses the
silent replacement that ``INSERT OR REPLACE`` would do past the other two. PostgreSQL: a row
trigger and a TRUNCATE trigger, both ENABLE ALWAYS. An owner can drop triggers; the signed log
notices that. `install` runs after every migration, because some of them drop triggers.

>>> [name for name, _ in sqlite_guards("batch", [("community", "number")])]
['batch_no_update', 'batch_no_delete', 'batch_no_replace_0']
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, inspect, text

from ledger.errors import SetupError

_PG_FUNCTION = """
CREATE OR REPLACE FUNCTION commonwatt_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'append only: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$
"""


def sqlite_guards(table: str, keys: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """Return (name, SQL) of a table's guards on SQLite."""
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append only: a row of {table} is never changed'); END"
    guards = [
        (f"{table}_no_{verb.lower()}", f"BEFORE {verb} ON {table} {refuse}")
        for verb in ("UPDATE", "DELETE")
    ]
    for index, columns in enumerate(keys):
        same = " AND ".join(f"{column} = NEW.{column}" for column in columns)
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - our own names
        refuse = f"BEGIN SELECT RAISE(ABORT, 'append only: {table} has this key already'); END"
        guards.append(
            (f"{table}_no_replace_{index}", f"BEFORE INSERT ON {table} WHEN {there} {refuse}")
        )
    return guards


def install(connection: Connection, tables: Iterable[str]) -> None:
    """Put every guard in place on the named tables; those that are there stay."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_PG_FUNCTION))
    for table in tables:
        if connection.dialect.name == "sqlite":
            for name, body in sqlite_guards(table, _unique_keys(connection, table)):
                connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")
        else:
            for name, events, each in (
                (f"{table}_append_only", "UPDATE OR DELETE", "ROW"),
                (f"{table}_no_truncate", "TRUNCATE", "STATEMENT"),
            ):
                connection.exec_driver_sql(
                    f"CREATE OR REPLACE TRIGGER {name} BEFORE {events} ON {table} "
                    f"FOR EACH {each} EXECUTE FUNCTION commonwatt_append_only()"
                )
                connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def check(connection: Connection, tables: Iterable[str]) -> None:
    """Refuse a database whose guards are not all there.

    Raises:
        SetupError: names the missing guard.
    """
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'"
    present = {str(name) for (name,) in connection.execute(text(query))}
    for table in tables:
        if connection.dialect.name == "sqlite":
            wanted = [name for name, _ in sqlite_guards(table, _unique_keys(connection, table))]
        else:
            wanted = [f"{table}_append_only", f"{table}_no_truncate"]
        for name in wanted:
            if name not in present:
                raise SetupError(
                    f"The append-only guard {name} is missing from the database. Somebody "
                    "removed it: audit the ledger, then run 'commonwatt db upgrade'."
                )


def _unique_keys(connection: Connection, table: str) -> list[list[str]]:
    inspector = inspect(connection)
    keys = [inspector.get_pk_constraint(table)["constrained_columns"]]
    keys += [unique["column_names"] for unique in inspector.get_unique_constraints(table)]
    keys += [
        [str(column) for column in index["column_names"]]
        for index in inspector.get_indexes(table)
        if index["unique"]
    ]
    return keys
