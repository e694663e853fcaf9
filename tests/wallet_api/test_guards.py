"""Guards that look intact and are not: ``db check`` names each."""

import pytest

from ledger.db import Database
from ledger.errors import SetupError
from tests.engines import fresh_url
from wallet_api.database import check, upgrade

HOLLOW = "CREATE FUNCTION hollow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
AGAIN = "CREATE TRIGGER batch_append_only BEFORE {} ON batch FOR EACH ROW {} EXECUTE FUNCTION {}()"
OURS = "commonwatt_append_only"
NONE_LEFT = "DROP TRIGGER batch_append_only ON batch"
DECOY = (
    "CREATE SCHEMA decoy",
    "CREATE TABLE decoy.batch (community int)",
    (
        "CREATE TRIGGER batch_append_only BEFORE UPDATE OR DELETE ON decoy.batch"
        f" FOR EACH ROW EXECUTE FUNCTION {OURS}()"
    ),
    "ALTER TABLE decoy.batch ENABLE ALWAYS TRIGGER batch_append_only",
)
ALWAYS = "ALTER TABLE batch ENABLE ALWAYS TRIGGER batch_append_only"

POSTGRESQL = {
    "gone": [NONE_LEFT],
    "not always": ["ALTER TABLE batch ENABLE TRIGGER batch_append_only"],
    "decoy in another schema": [NONE_LEFT, *DECOY],
    "never when": [NONE_LEFT, AGAIN.format("UPDATE OR DELETE", "WHEN (false)", OURS), ALWAYS],
    "delete only": [NONE_LEFT, AGAIN.format("DELETE", "", OURS), ALWAYS],
    "one column": [NONE_LEFT, AGAIN.format("UPDATE OF id OR DELETE", "", OURS), ALWAYS],
    "on insert": [NONE_LEFT, AGAIN.format("INSERT", "", OURS), ALWAYS],
    "another function": [HOLLOW, NONE_LEFT, AGAIN.format("UPDATE OR DELETE", "", "hollow"), ALWAYS],
    "a hollow function": [HOLLOW.replace("hollow", OURS).replace("CREATE", "CREATE OR REPLACE")],
    "a trigger that loses rows": [
        HOLLOW,
        "CREATE TRIGGER loses BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION hollow()",
    ],
    "a rule": ["CREATE RULE loses AS ON INSERT TO batch DO INSTEAD NOTHING"],
    "a child": ["CREATE TABLE child () INHERITS (batch)"],
    "a check dropped": ["ALTER TABLE balance DROP CONSTRAINT balance_floor"],
}
SQLITE = {
    "gone": ["DROP TRIGGER batch_no_update"],
    "hollow": [
        "DROP TRIGGER batch_no_update",
        "CREATE TRIGGER batch_no_update BEFORE UPDATE ON batch BEGIN SELECT 1; END",
    ],
    "a trigger that loses rows": [
        "CREATE TRIGGER loses BEFORE INSERT ON batch BEGIN SELECT RAISE(IGNORE); END"
    ],
    "an index without rows": [
        "DROP INDEX transfer_one_resolution",
        (
            "CREATE UNIQUE INDEX transfer_one_resolution ON transfer (community, original)"
            " WHERE kind = 99"
        ),
    ],
    "a table made anew": ["DROP TABLE lease", "CREATE TABLE lease (community INTEGER)"],
}


def spoofed(url, statements):
    database = Database(url)
    upgrade(database)
    check(database)
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    try:
        with pytest.raises(SetupError, match=r"udit the ledger"):
            check(database)
    finally:
        database.close()


@pytest.mark.parametrize("spoof", SQLITE)
def test_sqlite(spoof, tmp_path):
    with fresh_url("sqlite", tmp_path) as url:
        spoofed(url, SQLITE[spoof])


@pytest.mark.postgresql
@pytest.mark.parametrize("spoof", POSTGRESQL)
def test_postgresql(spoof, tmp_path):
    with fresh_url("postgresql", tmp_path) as url:
        spoofed(url, POSTGRESQL[spoof])


def test_a_row_that_the_database_loses_is_noticed_at_once(tmp_path):
    """SQLite says how many rows it took."""
    from tests.ledger.books import ADA, RESERVE, move  # noqa: PLC0415 - this test alone
    from tests.ledger.stores import batch, new_ledger  # noqa: PLC0415 - as above

    with fresh_url("sqlite", tmp_path) as url:
        database = Database(url)
        upgrade(database)
        ledger = new_ledger(database)
        with database.write() as connection:
            for statement in SQLITE["a trigger that loses rows"]:
                connection.exec_driver_sql(statement)
        with pytest.raises(Exception, match="did not take all rows of batch"):
            ledger.submit(batch(1, move(1, RESERVE, ADA, 5)))
        database.close()
