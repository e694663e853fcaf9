"""Paying what is due: several at once, or one that is stopped anywhere, pay each payment once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.db import Database
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from settlement import pay_due as runner
from settlement.enrol import open_community
from settlement.pay_due import pay_due
from settlement.payment_deeds import add_standing
from tests.engines import fresh_url
from tests.prepared import found, reopen
from tests.settlement.test_deeds import people, sound
from tests.settlement.test_standing import START, at, street, units_of

__all__ = ["street"]

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.mark.parametrize("engine", ENGINES)
def test_several_at_once_pay_each_once(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        street = reopen(url, tmp_path / "keys")
        at(street, START)
        ada, ben, *_ = people(street)
        for number in range(10):
            add_standing(street, ada, ben, 500, f"no. {number}", START, "week")
        before = units_of(street, ben)

        def client(_number):
            clock = FixedClock(street.writer.clock.now_ms())
            community = open_community(Database(url), Keyring(tmp_path / "keys"), clock)
            try:
                return pay_due(community)
            finally:
                community.writer.database.close()

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(client, range(4)))
        assert [outcome.waits for outcome in outcomes] == [[], [], [], []]
        assert sum(len(outcome.paid) for outcome in outcomes) == 10
        assert units_of(street, ben) == before + 5_000
        sound(street, tmp_path)
        street.writer.database.close()


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("step", ["before", "logged", "after"])
def test_stopped_anywhere_and_started_again_it_pays_each_once(street, tmp_path, monkeypatch, step):
    ada, ben, *_ = people(street)
    for number in range(3):
        add_standing(street, ada, ben, 500, f"no. {number}", START, "week")
    before, calls = units_of(street, ben), []
    accept, pay_one = type(street).accept, runner._pay

    def stop_at_second():
        calls.append(1)
        if len(calls) == 2:
            raise StoppedError

    def accepting(self, connection, drafts, *more):
        if step == "before":
            stop_at_second()
        positions = accept(self, connection, drafts, *more)
        if step == "logged":
            stop_at_second()
        return positions

    def paying(*arguments):
        done = pay_one(*arguments)
        if step == "after":
            stop_at_second()
        return done

    with monkeypatch.context() as patch:
        patch.setattr(type(street), "accept", accepting)
        patch.setattr(runner, "_pay", paying)
        with pytest.raises(StoppedError):
            pay_due(street)
    assert units_of(street, ben) == before + (1_000 if step == "after" else 500)
    pay_due(street)
    assert units_of(street, ben) == before + 1_500
    sound(street, tmp_path)
