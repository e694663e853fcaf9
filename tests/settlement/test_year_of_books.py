"""The real year in the store and in three other programs: they agree on every balance.

It takes minutes, so it runs where everything is required (CI), or where COMMONWATT_TEST_YEAR=1.
"""

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import history
from ledger.batches import Batch
from ledger.beancount import write_beancount
from ledger.check import check_ledger
from ledger.communities import create_community
from ledger.db import Database
from ledger.hledger import write_journal
from ledger.log_store import create_log
from ledger.primitives.signing import SigningKey
from ledger.store import LedgerStore
from tests.engines import minutes, missing
from tests.settlement.real_year import ORIGIN, accounts_of, agreed, read_year, settled_days
from wallet_api.database import upgrade

SUM_WITH_BEANCOUNT = """
import sys
from collections import defaultdict
from beancount import loader
from beancount.core import data
entries, errors, _ = loader.load_file(sys.argv[1])
assert not errors, errors[:3]
names, sums = {}, defaultdict(int)
for entry in entries:
    if isinstance(entry, data.Open):
        names[entry.account] = entry.meta["name"]
    elif isinstance(entry, data.Transaction):
        for posting in entry.postings:
            sums[posting.account, posting.units.currency] += posting.units.number
for (account, currency), number in sorted(sums.items()):
    print(names[account], currency, f"{number:f}", sep=",")
"""


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


def written(year, path, write):
    database, store = year
    with database.read() as connection, path.open("w", encoding="utf-8") as out:
        accounts = list(store.balances(connection))
        write(store.transfers(connection), out, title="Fontana 17", accounts=accounts)
    return path


def run(*command):
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def units_of(number, currency):
    whole, _, part = number.partition(".")
    assert len(part) == (0 if currency == "WH" else 7)
    return int(whole + part)


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
def test_hledger_accepts_the_year_and_agrees_on_every_balance(year, balances, tmp_path):
    if shutil.which("hledger") is None:
        missing("hledger (apt-get install hledger)")
    path = written(year, tmp_path / "year.journal", write_journal)
    checked = run("hledger", "-f", path, "check", "--strict")
    assert (checked.returncode, checked.stderr) == (0, "")
    answer = run("hledger", "-f", path, "bal", "-N", "--flat", "-O", "csv", "--layout=bare")
    theirs = {
        (name, currency): units_of(number, currency)
        for name, currency, number in list(csv.reader(io.StringIO(answer.stdout)))[1:]
    }
    ours = {}
    for account, posted in balances.items():
        name, _, asset = account.partition(" ")
        if posted:
            ours[name.replace("/", ":"), asset.partition("/")[0]] = posted
    assert theirs == ours


@pytest.mark.shared
def test_beancount_accepts_the_year_and_agrees_on_every_balance(year, balances, tmp_path):
    program = Path(sys.executable).with_name("bean-check")
    if not program.exists():
        missing("bean-check (make install of the test tools)")
    path = written(year, tmp_path / "year.beancount", write_beancount)
    checked = run(program, path)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    summed = run(sys.executable, "-c", SUM_WITH_BEANCOUNT, path)
    assert summed.returncode == 0, summed.stderr
    theirs = {}
    for name, currency, number in csv.reader(io.StringIO(summed.stdout)):
        theirs[name, currency] = units_of(number, currency)
    ours = {}
    for account, posted in balances.items():
        name, _, asset = account.partition(" ")
        ours[name, asset.partition("/")[0]] = posted
    assert {key: value for key, value in theirs.items() if value} == {
        key: value for key, value in ours.items() if value
    }
