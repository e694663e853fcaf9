"""What a statement says is set aside: all of it while a day is open, and found without long looks."""

import pytest
from sqlalchemy import event

from ledger.primitives.periods import load_zone, of_local_day
from settlement.run import settle_day
from settlement.statement_store import set_aside_units
from tests.prepared import CHARTER, DAY, reopen
from tests.settlement.later import KilledError, killing


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def set_aside(street):
    """Return what is set aside by member, as statements say it and as the book has it."""
    end = of_local_day(DAY, load_zone(CHARTER.zone)).stop
    with street.reading() as connection:
        ledger = street.writer.ledger
        books = ledger.balances(connection)
        wallets = [name for name in books if "/wallet " in name]
        said = {name: set_aside_units(connection, ledger, name, end) for name in wallets}
    return said, {name: books[name].pending_out for name in wallets}


def test_what_an_open_day_set_aside_is_said_until_it_is_sealed(street):
    with pytest.raises(KilledError):
        settle_day(street, DAY, killing(1))
    said, booked = set_aside(street)
    assert said == booked
    assert any(said.values())
    settle_day(street, DAY)
    said, booked = set_aside(street)
    assert said == booked
    assert not any(said.values())


def test_no_hold_is_looked_for_in_all_transfers(street):
    with pytest.raises(KilledError):
        settle_day(street, DAY, killing(1))
    asked = []

    def remember(_connection, _cursor, sql, parameters, *_rest):
        asked.append((sql, parameters))

    engine = street.writer.database.engine
    event.listen(engine, "before_cursor_execute", remember)
    set_aside(street)
    event.remove(engine, "before_cursor_execute", remember)
    [sql, parameters] = next(each for each in asked if "EXISTS" in each[0])
    with street.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all()
    assert any("transfer_one_resolution" in row[-1] for row in plan), plan
