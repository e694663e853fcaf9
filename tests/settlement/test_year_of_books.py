"""The real year in the store and in three other programs: they agree on every balance.

It takes minutes, so it runs where everything is required (CI), or where COMMONWATT_TEST_YEAR=1.
"""

import pytest

from ledger import history
from ledger.batches import Batch
from ledger.check import check_ledger
from ledger.communities import create_community
from ledger.db import Database
from ledger.log_store import create_log
from ledger.primitives.signing import SigningKey
from ledger.store import LedgerStore
from tests.engines import minutes
from tests.settlement.other_books import as_they_say, beancount_says, hledger_says
from tests.settlement.real_year import ORIGIN, accounts_of, agreed, read_year, settled_days
from wallet_api.database import upgrade


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """Yield (database, store) with the year posted day by day."""
    minutes("the year's books were not checked")
    readings = read_year()
    state = agreed(readings)
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('year')}/year.sqlite")
    upgrade(database)
    with database.write() as connection:
        number = create_community(connection, ORIGIN, "Fontana 17", 0)
        create_log(connection, number, ORIGIN, SigningKey.from_seed(bytes(32)))
        store = LedgerStore(number)
        store.chart.open(connection, accounts_of(state), 0)
    count, posted_ms = 0, 1_600_000_000_000
    for _, batches in settled_days(state, readings):
        posted_ms += 86_400_000
        with database.write() as connection:
            store.lock(connection)
            made = [
                Batch(batch_id, tuple(transfers), count + index)
                for index, (batch_id, transfers) in enumerate(batches)
            ]
            store.post(connection, made, posted_ms)
        count += len(batches)
    yield database, store
    database.close()


@pytest.fixture(scope="module")
def balances(year):
    database, store = year
    with database.read() as connection:
        return {name: balance.posted for name, balance in store.balances(connection).items()}


@pytest.mark.shared
def test_the_ledger_is_sound_and_looks_back(year, balances):
    database, store = year
    with database.read() as connection:
        report = check_ledger(connection, store.community, with_log=False)
        assert report.failure is None, report.failure
        for account, posted in balances.items():
            number = store.chart.number_of(connection, account)
            assert history.balance_at(connection, store.community, number) == posted
    assert sum(1 for posted in balances.values() if posted) > 50


@pytest.mark.shared
@pytest.mark.parametrize("says", [hledger_says, beancount_says])
def test_other_programs_accept_the_year_and_agree_on_every_balance(year, balances, tmp_path, says):
    assert says(*year, tmp_path) == as_they_say(balances)
