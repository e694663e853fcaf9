"""PostgreSQL: the role that works may read and add; only the owner could take guards away."""

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.db import Database
from ledger.errors import SetupError
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from wallet_api.database import (
    APPEND_ONLY,
    check,
    could_remove_guards,
    grant,
    metadata,
    upgrade,
)

OTHER_FUNCTION = (
    "CREATE OR REPLACE FUNCTION commonwatt_append_only() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RETURN OLD; END $$"
)

pytestmark = pytest.mark.postgresql


@pytest.fixture
def roles(tmp_path):
    """Yield (the owner's database, a role that may work, that role's URL)."""
    with fresh_url("postgresql", tmp_path) as url:
        owner = Database(url)
        role = f"app_{uuid.uuid4().hex[:12]}"
        with owner.write() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        upgrade(owner)
        yield owner, role, owner.url.set(username=role).render_as_string(hide_password=False)
        with owner.write() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
        owner.close()


def test_the_role_does_a_whole_day_and_can_edit_nothing(roles, tmp_path):
    owner, role, url = roles
    grant(owner, role)
    found_by_owner = found(owner.url.render_as_string(hide_password=False), tmp_path / "keys")
    found_by_owner.writer.database.close()
    community = reopen(url, tmp_path / "keys")
    assert settle_day(community, DAY).periods == 48
    database = community.writer.database
    check(database)
    assert not could_remove_guards(database)
    assert could_remove_guards(owner)
    attacks = [
        attack.format(table=table)
        for table in APPEND_ONLY
        for attack in (
            "UPDATE {table} SET community = community",
            "DELETE FROM {table}",
            "TRUNCATE {table}",
            "DROP TRIGGER {table}_append_only ON {table}",
            "ALTER TABLE {table} DISABLE TRIGGER ALL",
            "ALTER TABLE {table} ADD COLUMN more int",
        )
    ]
    attacks += [
        "DELETE FROM balance",
        "DELETE FROM log_head",
        "UPDATE fact SET salt = salt",
        OTHER_FUNCTION,
        "CREATE TABLE more (id int)",
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = '0001'",
    ]
    for attack in attacks:
        with (
            pytest.raises(DBAPIError, match=r"permission denied|must be owner"),
            database.write() as connection,
        ):
            connection.execute(text(attack))
    database.close()


def test_a_grant_takes_back_what_was_given_before(roles):
    owner, role, url = roles
    with owner.write() as connection:
        for table in metadata().sorted_tables:
            connection.exec_driver_sql(f"GRANT ALL ON {table.name} TO {role}")
    grant(owner, role)
    database = Database(url)
    with (
        pytest.raises(DBAPIError, match="permission denied"),
        database.write() as connection,
    ):
        connection.execute(text("DELETE FROM transfer"))
    database.close()


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("no_such_role", "There is no role no_such_role. Make it"),
        ('a"; DROP TABLE transfer; --', "is not a role's name"),
        ("commonwatt", "stands above the guards"),
    ],
)
def test_a_role_that_will_not_do_is_refused(roles, role, words):
    owner, _, _ = roles
    with pytest.raises(SetupError, match=words):
        grant(owner, role)


def test_on_sqlite_there_are_no_roles(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/street.sqlite")
    upgrade(database)
    with pytest.raises(SetupError, match="whoever has the file"):
        grant(database, "app")
    database.close()
