"""Group commit: what several callers wrote goes into one transaction, and each has its answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from ledger.errors import InputError, RefusedError, SetupError
from ledger.group import ATTEMPTS, GroupCommit, commit_batches, retried
from ledger.primitives.clock import FixedClock
from ledger.status import Status
from tests.ledger.books import ADA, BEN, RESERVE, id_of, move
from tests.ledger.stores import (
    ENGINES,
    START_MS,
    BrokenError,
    batch,
    failing_commit,
    fold,
    new_ledger,
    prepared_database,
)


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with prepared_database(request.param, tmp_path_factory.mktemp("group")) as value:
        yield value


class Gate:
    """A commit that waits until a test opens it, so that a group gathers behind it."""

    def __init__(self, work=lambda items: [item * 2 for item in items]):
        self.groups = []
        self.work = work
        self.inside, self.open = threading.Event(), threading.Event()

    def __call__(self, items):
        self.groups.append(list(items))
        self.inside.set()
        assert self.open.wait(10)
        return self.work(items)


def behind(gate, group, items, first=0):
    """Begin one item, and others while it is being committed; let them go; return the futures."""
    futures = [group.begin(first)]
    assert gate.inside.wait(10)
    futures += [group.begin(item) for item in items]
    gate.open.set()
    return futures


def test_order_is_kept_and_each_caller_gets_its_own_result():
    gate = Gate()
    with GroupCommit(gate) as group:
        futures = behind(gate, group, range(1, 50))
        assert [future.result(10) for future in futures] == [item * 2 for item in range(50)]
    assert gate.groups == [[0], list(range(1, 50))]


def test_no_group_is_larger_than_allowed():
    gate = Gate()
    with GroupCommit(gate, items_max=7) as group:
        futures = behind(gate, group, range(1, 31))
        assert [future.result(10) for future in futures] == [item * 2 for item in range(31)]
    assert [len(items) for items in gate.groups] == [1, 7, 7, 7, 7, 2]
    assert [item for items in gate.groups for item in items] == list(range(31))


@pytest.mark.parametrize("error", [RefusedError("no"), IntegrityError("no", None, Exception())])
def test_one_poison_item_does_not_fail_the_others(error):
    def work(items):
        if 3 in items:
            raise error
        return items

    gate = Gate(work)
    with GroupCommit(gate) as group:
        futures = behind(gate, group, range(1, 6))
        for item, future in enumerate(futures):
            if item == 3:
                assert future.exception(10) is error
            else:
                assert future.result(10) == item
        assert group.submit(9) == 9
    assert gate.groups == [[0], [1, 2, 3, 4, 5], [1], [2], [3], [4], [5], [9]]


@pytest.mark.parametrize("error", [OperationalError("gone", None, Exception()), MemoryError()])
def test_when_the_database_fails_every_caller_hears_and_the_next_are_served(error):
    def work(items):
        if 3 in items:
            raise error
        return items

    gate = Gate(work)
    with GroupCommit(gate) as group:
        futures = behind(gate, group, range(1, 6))
        assert futures[0].result(10) == 0
        assert {future.exception(10) for future in futures[1:]} == {error}
        assert group.submit(9) == 9


def test_too_few_results_are_an_error_for_those_that_have_none():
    gate = Gate(lambda items: items[:2])
    with GroupCommit(gate) as group:
        futures = behind(gate, group, range(1, 5))
        assert [future.result(10) for future in futures[:3]] == [0, 1, 2]
        assert all(isinstance(future.exception(10), ValueError) for future in futures[3:])


def test_a_caller_that_gave_up_is_not_written_and_harms_nobody():
    gate = Gate()
    with GroupCommit(gate) as group:
        first = group.begin(0)
        assert gate.inside.wait(10)
        assert not first.cancel()  # it is being written: nobody can say that it was not
        others = [group.begin(item) for item in (1, 2, 3)]
        assert others[1].cancel()
        alone = group.begin(4)
        gate.open.set()
        assert [one.result(10) for one in (first, others[0], others[2], alone)] == [0, 2, 6, 8]
        gate.open.clear()
        gate.inside.clear()
        futures = [group.begin(5)]
        assert gate.inside.wait(10)
        lonely = group.begin(6)
        assert lonely.cancel()
        gate.open.set()
        assert futures[0].result(10) == 10
        assert group.submit(7) == 14
    assert gate.groups == [[0], [1, 3, 4], [5], [7]]


def test_closing_commits_what_waits_and_then_nothing_more():
    gate = Gate()
    group = GroupCommit(gate)
    futures = [group.begin(0)]
    assert gate.inside.wait(10)
    futures += [group.begin(item) for item in range(1, 20)]
    closing = threading.Thread(target=group.close)
    closing.start()
    gate.open.set()
    closing.join(10)
    assert [future.result(0) for future in futures] == [item * 2 for item in range(20)]
    with pytest.raises(SetupError, match="stopping; nothing was written"):
        group.submit(1)
    group.close()


class StoppedError(Exception):
    sqlstate = "40P01"


def test_a_transaction_that_was_stopped_for_another_is_tried_again_a_few_times():
    tried = []

    def work(times):
        tried.append(1)
        if len(tried) < times:
            raise OperationalError("", None, StoppedError())
        return len(tried)

    assert retried(lambda: work(ATTEMPTS)) == ATTEMPTS
    tried.clear()
    with pytest.raises(OperationalError):
        retried(lambda: work(ATTEMPTS + 1))
    assert len(tried) == ATTEMPTS


# With a store.


def test_a_hot_account_makes_few_commits_and_its_floor_holds(database):
    """64 callers take from one account, which has enough for some: few commits, no overdraft."""
    ledger = new_ledger(database)
    ledger.submit(batch(0, move(10**6, RESERVE, ADA, 100)))
    commits = []
    real = commit_batches(database, ledger.store, FixedClock(START_MS))

    def commit(batches):
        commits.append(len(batches))
        return real(batches)

    def pay(number):
        return group.submit(batch(number, move(number, ADA, BEN, 3)))

    with GroupCommit(commit) as group, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(pay, range(1, 257)))
    statuses = [answer.statuses[0] for answer in answers]
    assert statuses.count(Status.CREATED) == 33
    assert set(statuses) == {Status.CREATED, Status.BELOW_FLOOR}
    assert ledger.states()[ADA] == (1, 0, 0)
    assert ledger.states() == fold(ledger.transfers())
    assert sum(commits) == 256
    assert len(commits) < 256 / 4
    assert ledger.rows("version", "balance", "version DESC")[0][0] <= len(commits) + 2


@pytest.mark.parametrize("after", [False, True])
def test_a_failed_commit_is_told_to_all_and_a_retry_writes_once(database, after):
    ledger = new_ledger(database)
    batches = [batch(at, move(at, RESERVE, ADA, at)) for at in range(1, 9)]
    with GroupCommit(commit_batches(database, ledger.store, FixedClock(START_MS))) as group:
        with failing_commit(database, after=after):
            futures = [group.begin(one) for one in batches]
            errors = [future.exception(10) for future in futures]
        heard = sum(isinstance(error, BrokenError) for error in errors)
        assert heard >= 1
        answers = [group.submit(one) for one in batches]
        assert all(answer.statuses == (Status.CREATED,) for answer in answers)
        repeated = sum(answer.repeated for answer in answers)
        assert repeated == (8 if after else 8 - heard)
    assert [one.id for one in ledger.transfers()] == sorted(id_of(at) for at in range(1, 9))
    assert ledger.states()[ADA] == (36, 0, 0)


def test_a_batch_that_cannot_be_hashed_fails_alone(database):
    ledger = new_ledger(database)
    gate = Gate(commit_batches(database, ledger.store, FixedClock(START_MS)))
    good = [batch(at, move(at, RESERVE, ADA, 1)) for at in range(1, 6)]
    poison = batch(9, move(9, RESERVE, ADA, 1), replace(move(10, RESERVE, ADA, 1), id=b"short"))
    with GroupCommit(gate) as group:
        futures = behind(gate, group, [*good[1:3], poison, *good[3:]], good[0])
        with pytest.raises(InputError, match="not an id of 16 bytes"):
            futures.pop(3).result(10)
        assert [future.result(10).statuses for future in futures] == [(Status.CREATED,)] * 5
    assert [len(items) for items in gate.groups] == [1, 5, 1, 1, 1, 1, 1]
    assert ledger.states()[ADA] == (5, 0, 0)
