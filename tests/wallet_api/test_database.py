"""Migrations and append-only guards, on both engines, with an insider who tries to edit."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger import history
from ledger.db import Database
from ledger.errors import SetupError
from settlement import payment_deeds
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from wallet_api.database import APPEND_ONLY, check, require_current, upgrade

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=ENGINES)
def url(request, tmp_path):
    with fresh_url(request.param, tmp_path) as value:
        yield value


def test_upgrade_makes_what_the_tables_declare_and_twice_changes_nothing(url):
    database = Database(url)
    with pytest.raises(SetupError, match=r"db upgrade|make demo"):
        require_current(database)
    assert upgrade(database) == upgrade(database) == check(database)
    database.close()


def test_a_removed_guard_is_noticed_and_put_back(url):
    database = Database(url)
    upgrade(database)
    with database.write() as connection:
        if database.dialect == "sqlite":
            connection.execute(text("DROP TRIGGER transfer_no_update"))
        else:
            connection.execute(text("ALTER TABLE transfer DISABLE TRIGGER transfer_append_only"))
    with pytest.raises(SetupError, match="append-only guard transfer_"):
        check(database)
    upgrade(database)
    check(database)
    database.close()


def test_no_settled_row_can_be_changed_removed_or_replaced(url, tmp_path, monkeypatch):
    monkeypatch.setattr(history, "CHUNK_TRANSFERS", 64)
    found(url, tmp_path / "keys").writer.database.close()
    community = reopen(url, tmp_path / "keys")
    settle_day(community, DAY)
    shop, ada, *_ = sorted(community.state.members)
    payment_deeds.end_ask(
        community, shop, payment_deeds.ask(community, shop, 5, "bread", of=ada).id
    )
    database = community.writer.database
    attacks = ["UPDATE {} SET community = community", "DELETE FROM {}"]
    attacks.append(
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0} LIMIT 1"
        if database.dialect == "sqlite"
        else "TRUNCATE {} CASCADE"
    )
    for table in APPEND_ONLY:
        with database.read() as connection:
            count = connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our names
        assert count, table
        for attack in attacks:
            with (
                pytest.raises(DBAPIError, match="append only"),
                database.write() as connection,
            ):
                connection.execute(text(attack.format(table)))
        with database.read() as connection:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == count  # noqa: S608 - our names
    database.close()


def test_replacing_is_refused_even_with_recursive_triggers_off(tmp_path):
    with fresh_url("sqlite", tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        database = Database(url)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA recursive_triggers=OFF")
            connection.commit()
            with pytest.raises(DBAPIError, match="has this key already"):
                connection.exec_driver_sql(
                    "INSERT OR REPLACE INTO transfer SELECT * FROM transfer LIMIT 1"
                    if connection.exec_driver_sql("SELECT count(*) FROM transfer").scalar()
                    else "INSERT OR REPLACE INTO account SELECT * FROM account LIMIT 1"
                )
        database.close()


def test_no_name_stands_in_the_database_in_clear(settled_street):
    file = settled_street.community.writer.database.file
    data = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert b"ladywood.example" in data
    for name in settled_street.members:
        assert name.encode() + b'"' not in data
        if len(name) > 4:
            assert name.encode() not in data
