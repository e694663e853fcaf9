"""Upgrades: an older database with a settled day becomes what a new one would be."""

import pytest
from alembic import command
from sqlalchemy import inspect, text

from ledger import history
from ledger.db import Database
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from wallet_api.database import APPEND_ONLY, _config, check, guards, metadata, upgrade

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

FIRST_GUARDED = tuple(table for table in APPEND_ONLY if table not in ("limit_change", "history"))
"""Tables that the first revision had and guarded."""


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def rows_of(database, table):
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    with database.read() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM {table.name}"))  # noqa: S608 - our names
        return sorted(map(repr, rows))


def at_first_revision(database, settled):
    """Fill a database of the first revision with what a settled street holds."""
    with database.write() as connection:
        command.upgrade(_config(connection), "0001")
        guards.install(connection, FIRST_GUARDED)
    there = {"limit_change", "history", "lease", "inbox"}
    with database.write() as connection, settled.read() as source:
        for table in metadata().sorted_tables:
            if table.name in there:
                continue
            old = [column["name"] for column in inspect(connection).get_columns(table.name)]
            new = ["original" if name == "hold" else name for name in old]
            columns = ", ".join(f'"{name}"' for name in new)
            rows = source.execute(text(f"SELECT {columns} FROM {table.name}")).all()  # noqa: S608 - our names
            marks = ", ".join(f":{name}" for name in old)
            insert = f"INSERT INTO {table.name} ({', '.join(old)}) VALUES ({marks})"  # noqa: S608 - our names
            if rows:
                connection.execute(text(insert), [dict(zip(old, row, strict=True)) for row in rows])


def test_a_first_database_becomes_what_a_new_one_is(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url, fresh_url("sqlite", tmp_path / "keys") as new_url:
        (tmp_path / "keys").mkdir()
        found(new_url, tmp_path / "keys/ring").writer.database.close()
        community = reopen(new_url, tmp_path / "keys/ring")
        settle_day(community, DAY)
        settled, database = community.writer.database, Database(url)
        at_first_revision(database, settled)
        upgrade(database)
        check(database)
        for table in metadata().sorted_tables:
            assert rows_of(database, table) == rows_of(settled, table), table.name
        database.close()
        settled.close()


def test_an_upgrade_fills_history_as_posting_would(engine, tmp_path, monkeypatch):
    """The migration's own query, over chunks that are full."""
    with fresh_url(engine, tmp_path) as url, fresh_url("sqlite", tmp_path / "keys") as new_url:
        (tmp_path / "keys").mkdir()
        monkeypatch.setattr(history, "CHUNK_TRANSFERS", 64)
        found(new_url, tmp_path / "keys/ring").writer.database.close()
        community = reopen(new_url, tmp_path / "keys/ring")
        settle_day(community, DAY)
        settled, database = community.writer.database, Database(url)
        at_first_revision(database, settled)
        monkeypatch.setattr("ledger.history.CHUNK_TRANSFERS", 64)
        with database.write() as connection:
            config = _config(connection)
            config.attributes["chunk_transfers"] = 64
            command.upgrade(config, "head")
        table = metadata().tables["history"]
        assert len(rows_of(settled, table)) > 100
        assert rows_of(database, table) == rows_of(settled, table)
        database.close()
        settled.close()
