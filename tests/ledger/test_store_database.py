"""What the database itself refuses, whatever the code does, and how SQLite finds things."""

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from ledger.records import Kind
from ledger.store import LedgerStore
from tests.ledger.books import ADA, BEN, FUND, PERIOD, RESERVE, hold, id_of, move
from tests.ledger.stores import ENGINES, batch, fold, new_ledger, prepared_database


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with prepared_database(request.param, tmp_path_factory.mktemp("store")) as value:
        yield value


@pytest.fixture(scope="module")
def ledger(database):
    """Ada has 100, of which 10 are set aside; a hold was voided, a movement reversed."""
    made = new_ledger(database)
    made.submit(
        batch(1, move(1, RESERVE, ADA, 100), move(2, RESERVE, FUND, 50), hold(3, ADA, BEN, 10)),
        batch(2, hold(4, ADA, BEN, 5), move(5, ADA, BEN, 5, Kind.VOID_HOLD, of=4)),
        batch(3, move(6, ADA, BEN, 7), move(7, BEN, ADA, 7, Kind.REVERSE, of=6)),
    )
    return made


def refused(ledger, statement, **values):
    before = ledger.rows("*", "balance", "account"), ledger.rows("*", "transfer")
    with pytest.raises(DBAPIError) as caught, ledger.database.write() as connection:
        connection.execute(text(statement), {"me": ledger.community, **values})
    assert (ledger.rows("*", "balance", "account"), ledger.rows("*", "transfer")) == before
    return str(caught.value.orig)


@pytest.mark.parametrize(
    ("account", "change", "check"),
    [
        (ADA, "posted = 9", "balance_floor"),
        (ADA, "pending_out = 101", "balance_floor"),
        (ADA, "floor = 91", "balance_floor"),
        (FUND, "posted = 121", "balance_ceiling"),
        (FUND, "pending_in = 71", "balance_ceiling"),
        (FUND, "ceiling = 49", "balance_ceiling"),
        (BEN, "pending_out = -1", "balance_pending"),
        (BEN, "pending_in = -1", "balance_pending"),
    ],
)
def test_no_balance_beyond_its_limits_can_be_written(ledger, account, change, check):
    number = next(n for n, name in ledger.rows("number, name", "account") if name == account)
    words = f"UPDATE balance SET {change} WHERE community = :me AND account = :account"  # noqa: S608 - our own words
    assert check in refused(ledger, words, account=number)


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({"id": id_of(6)}, ["transfer_community_id_key", "has this key already"]),
        ({"kind": 4, "original": id_of(4)}, ["transfer_one_resolution", "has this key already"]),
        ({"kind": 5, "original": id_of(4)}, ["transfer_one_resolution", "has this key already"]),
        ({"kind": 6, "original": id_of(6)}, ["transfer_one_resolution", "has this key already"]),
        ({"number": 6}, ["transfer_pkey", "has this key already"]),
        ({"amount": 0}, ["transfer_amount"]),
        ({"amount": -1}, ["transfer_amount"]),
        ({"credit": 1}, ["transfer_accounts"]),
        ({"expires": PERIOD + 9}, ["transfer_expires"]),
    ],
)
def test_no_second_resolution_or_reversal_or_senseless_transfer_can_be_written(
    ledger, change, checks
):
    row = {"number": 99, "id": id_of(99), "batch": 3, "kind": 1, "debit": 1, "credit": 2}
    row |= {"amount": 1, "effective": PERIOD, "original": None, "expires": None, **change}
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    statement = f"INSERT INTO transfer (community, {columns}) VALUES (:me, {values})"  # noqa: S608 - our own words
    message = refused(ledger, statement, **row)
    assert any(check in message for check in checks), message


def test_no_second_batch_of_an_id_or_number_can_be_written(ledger):
    columns = 'content, position, recorded_at, period, "first", "count"'
    for number, made in ((1, id_of(9)), (9, ledger.rows("id", "batch")[0][0])):
        message = refused(
            ledger,
            f"INSERT INTO batch (community, number, id, {columns})"  # noqa: S608 - our own words
            f" SELECT community, :number, :id, {columns} FROM batch"
            " WHERE community = :me AND number = 1",
            number=number,
            id=made,
        )
        assert "has this key already" in message or "batch_" in message


def test_sqlite_uses_an_index_for_every_lookup_of_a_thousand_values(tmp_path, monkeypatch):
    monkeypatch.setattr(LedgerStore, "after_write", None)
    with prepared_database("sqlite", tmp_path) as database:
        homes = [f"member/{at:032x}/wallet BRM/7" for at in range(1_000)]
        ledger = new_ledger(database, dict.fromkeys([RESERVE, *homes], (None, None)))
        first = [move(6_000 + at, RESERVE, home, 2) for at, home in enumerate(homes)]
        first += [hold(1_000 + at, RESERVE, home, 1) for at, home in enumerate(homes)]
        first += [
            hold(2_000 + at, RESERVE, home, 1, expires=PERIOD + 1) for at, home in enumerate(homes)
        ]
        second = [
            move(3_000 + at, home, RESERVE, 2, Kind.REVERSE, of=6_000 + at)
            for at, home in enumerate(homes)
        ]
        second += [
            move(4_000 + at, RESERVE, home, 1, Kind.VOID_HOLD, of=1_000 + at)
            for at, home in enumerate(homes)
        ]
        ledger.submit(batch(1, *first))
        asked = set()

        def remember(_connection, _cursor, statement, values, *_):
            first = values[0] if isinstance(values, list) else values
            if statement.startswith(("SELECT", "WITH", "UPDATE", "INSERT")):
                asked.add((statement, first))

        event.listen(database.engine, "before_cursor_execute", remember)
        answers = ledger.submit(batch(2, *second), *map(batch, range(3, 1_002)))
        assert all(answer.refusal is None for answer in answers)
        ledger.pass_periods(1)
        ledger.submit(batch(5_000))
        event.remove(database.engine, "before_cursor_execute", remember)
        assert ledger.states() == fold(ledger.transfers(), [RESERVE, *homes])

        thousands = 0
        with database.read() as connection:
            for statement, values in asked:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                details = [row[3] for row in plan]
                thousands += len(values) == 1_000
                last_row = "max(" in statement or "LIMIT" in statement
                for detail in details:
                    words = detail.split()
                    read_whole = words[0] == "SCAN" and words[1] in SQLModel.metadata.tables
                    assert not read_whole, (statement, details)
                    # The community alone is no key: all its rows would be read.
                    assert last_row or not detail.endswith("(community=?)"), (statement, details)
        assert thousands >= 7
