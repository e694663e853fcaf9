"""The log in the database, and the limits: whatever is edited there, the check says so."""

import shutil

import pytest

from ledger.check import check_ledger
from ledger.db import Database
from settlement.run import settle_day
from tests.prepared import DAY, reopen


@pytest.fixture(scope="module")
def settled(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("entries")
    shutil.copytree(prepared, folder / "street")
    community = reopen(f"sqlite:///{folder}/street/street.sqlite", folder / "street/keys")
    settle_day(community, DAY)
    community.writer.database.close()
    return folder / "street/street.sqlite", community.writer.community


LAST = "(SELECT account FROM limit_change ORDER BY number DESC LIMIT 1)"
RAISED = (
    f"INSERT INTO limit_change SELECT community, number + 1, account, floor - 5, NULL, 49, NULL,"  # noqa: S608 - ours
    f" recorded_at FROM limit_change WHERE account = {LAST}"
)
OTHER_LEAF = (
    "UPDATE log_entry SET leaf = (SELECT leaf FROM log_entry WHERE position = 5) WHERE position = 3"
)
EDITS = {
    "a limit raised": (
        f"UPDATE balance SET floor = floor - 5 WHERE account = {LAST}",  # noqa: S608 - ours
        RAISED,
        "a limit of member/",
    ),
    "a limit dropped": (
        f"UPDATE balance SET floor = NULL WHERE account = {LAST}",  # noqa: S608 - ours
        f"DELETE FROM limit_change WHERE account = {LAST}",  # noqa: S608 - ours
        "has no limit, and one was signed",
    ),
    "a fact removed": ("DELETE FROM fact WHERE position = 3", "is gone, and no erasure"),
    "an entry removed": ("DELETE FROM log_entry WHERE position = 0", "log entry 0 is gone"),
    "a statement removed": ("DELETE FROM statement WHERE position = 3", "log entry 3 is gone"),
    "another kind": ("UPDATE statement SET kind = 'offer' WHERE position = 2", "entry 2"),
    "another signer": (
        "UPDATE statement SET signer = 'f' || substr(signer, 2) WHERE position = 2",
        "what the database says of log entry 2",
    ),
    "another number": ("UPDATE statement SET seq = seq + 500 WHERE position = 2", "entry 2"),
    "a statement's hash": ("UPDATE statement SET tx_id = zeroblob(32) WHERE position = 2", "2"),
    "a shorter head": ("UPDATE log_head SET size = 3", "head says 3 entries"),
    "another head": ("UPDATE log_head SET note = CAST('x' AS BLOB)", "that its head signs"),
    "no head": ("DELETE FROM log_head", "has no head"),
    "a leaf": (OTHER_LEAF, "log entry 3"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_owners_edit_of_the_log_is_named(settled, edit, tmp_path):
    file, community = settled
    shutil.copy(file, tmp_path / "street.sqlite")
    database = Database(f"sqlite:///{tmp_path}/street.sqlite")
    *statements, words = EDITS[edit]
    with database.write() as connection:
        assert check_ledger(connection, community).failure is None
        triggers = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).scalars()
        for name in list(triggers):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount == 1
    with database.read() as connection:
        failure = check_ledger(connection, community).failure
    database.close()
    assert failure is not None
    assert words in failure[0].lower() + failure[1:]
