"""Append only, enforced by the database itself.

SQLite: triggers refuse UPDATE and DELETE, and an insert guard on every unique key refuses the
silent replacement that ``INSERT OR REPLACE`` would do past the other two. PostgreSQL: a row
trigger and a TRUNCATE trigger, both ENABLE ALWAYS. An owner can drop triggers; the signed log
notices that. `install` runs after every migration, because some of them drop triggers.

>>> [name for name, _ in sqlite_guards("batch", [Key(("community", "number"))])]
['batch_no_update', 'batch_no_delete', 'batch_no_replace_0']
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

from ledger.errors import SetupError

_PG_BODY = """
BEGIN
  RAISE EXCEPTION 'append only: % of % is refused', TG_OP, TG_TABLE_NAME;
END """

_PG_FUNCTION = (
    "CREATE OR REPLACE FUNCTION commonwatt_append_only() RETURNS trigger LANGUAGE plpgsql "
    f"AS $${_PG_BODY}$$"
)


@dataclass(frozen=True, slots=True)
class Key:
    """A unique key: its columns, and which rows it is over where it is not all."""

    columns: tuple[str, ...]
    where: str | None = None


def sqlite_guards(table: str, keys: Iterable[Key]) -> list[tuple[str, str]]:
    """Return (name, SQL) of a table's guards on SQLite."""
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append only: a row of {table} is never changed'); END"
    guards = [
        (f"{table}_no_{verb.lower()}", f"BEFORE {verb} ON {table} {refuse}")
        for verb in ("UPDATE", "DELETE")
    ]
    for index, key in enumerate(keys):
        same = " AND ".join(f"{column} = NEW.{column}" for column in key.columns)
        if key.where is not None:
            # As the index has it, or SQLite would not use the index.
            same += f" AND {key.where}"
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - our own names
        refuse = f"BEGIN SELECT RAISE(ABORT, 'append only: {table} has this key already'); END"
        if key.where is not None:
            there = f"NEW.{key.where} AND {there}"
        guards.append(
            (f"{table}_no_replace_{index}", f"BEFORE INSERT ON {table} WHEN {there} {refuse}")
        )
    return guards


def install(connection: Connection, tables: Iterable[str]) -> None:
    """Put every guard in place on the named tables, in the form of this version."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_PG_FUNCTION))
    for table in tables:
        if connection.dialect.name == "sqlite":
            for name, body in sqlite_guards(table, _unique_keys(connection, table)):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
                connection.exec_driver_sql(f"CREATE TRIGGER {name} {body}")
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
    present = _present(connection)
    for table in tables:
        wanted = _wanted(connection, table)
        for name, body in wanted.items():
            if present.get((table, name)) != body:
                state = "does not do what it should" if (table, name) in present else "is missing"
                raise _changed(f"The append-only guard {name} of the database {state}")
        for other, name in present:
            if other == table and name not in wanted:
                raise _changed(f"The table {table} has something that is not ours, {name}")


def _changed(what: str) -> SetupError:
    return SetupError(
        f"{what}. Somebody changed it: audit the ledger, then run 'commonwatt db upgrade' "
        "(what is not ours must be dropped by hand)."
    )


def _wanted(connection: Connection, table: str) -> dict[str, str]:
    """Return the text of every guard that a table must have, by its name."""
    if connection.dialect.name == "sqlite":
        guards = sqlite_guards(table, _unique_keys(connection, table))
        return {name: f"CREATE TRIGGER {name} {body}" for name, body in guards}
    run = "EXECUTE FUNCTION commonwatt_append_only()"
    return {
        f"{table}_append_only": f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR UPDATE ON "
        f"public.{table} FOR EACH ROW {run} {_PG_BODY}",
        f"{table}_no_truncate": f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON "
        f"public.{table} FOR EACH STATEMENT {run} {_PG_BODY}",
    }


_PG_PRESENT = """
SELECT relname, tgname, CASE WHEN tgenabled = 'A' THEN pg_get_triggerdef(pg_trigger.oid) END
  || ' ' || prosrc
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
UNION ALL
SELECT relname, rulename, 'a rule' FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL
SELECT pg_class.relname, child.relname, 'a table that inherits' FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhparent JOIN pg_class AS child ON child.oid = inhrelid
WHERE pg_class.relnamespace = 'public'::regnamespace
"""


def _present(connection: Connection) -> dict[tuple[str, str], str]:
    """Return what acts on tables, by table and name; a disabled trigger is without text."""
    query = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
    if connection.dialect.name == "postgresql":
        query = _PG_PRESENT
    return {(str(t), str(name)): str(body) for t, name, body in connection.execute(text(query))}


def _unique_keys(connection: Connection, table: str) -> list[Key]:
    inspector = inspect(connection)
    keys = [Key(tuple(inspector.get_pk_constraint(table)["constrained_columns"]))]
    uniques = inspector.get_unique_constraints(table)
    keys += [Key(tuple(unique["column_names"])) for unique in uniques]
    for index in inspector.get_indexes(table):
        if index["unique"]:
            where = index.get("dialect_options", {}).get("sqlite_where")
            columns = tuple(str(column) for column in index["column_names"])
            keys.append(Key(columns, None if where is None else str(where)))
    return keys
