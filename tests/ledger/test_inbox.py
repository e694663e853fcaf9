"""The inbox on PostgreSQL: many processes write through the one that holds the lease."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger import inbox
from ledger.errors import RefusedError, SetupError
from ledger.inbox import InboxClient, InboxWorker
from ledger.lease import Lease, LeaseLostError
from ledger.status import Status
from tests.ledger.books import ADA, BEN, RESERVE, id_of, move
from tests.ledger.inboxes import (
    answer,
    asked,
    client_of,
    expire_lease,
    pay,
    serving,
    take,
    waiting,
    worker_of,
)
from tests.ledger.stores import (
    BrokenError,
    batch,
    decode,
    encode,
    failing_commit,
    fold,
    go,
    handler,
    new_ledger,
    prepared_database,
    program,
    until,
)

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with prepared_database("postgresql", tmp_path_factory.mktemp("inbox")) as value:
        yield value


@pytest.fixture
def ledger(database):
    """A community in which Ada has 100."""
    made = new_ledger(database)
    made.submit(batch(0, move(10**6, RESERVE, ADA, 100)))
    return made


def test_a_client_gets_its_answers_in_order_and_refusals_are_answers(ledger):
    with serving(worker_of(ledger)), client_of(ledger) as client:
        sent = [pay(1, 60), pay(2, 60), pay(3, 40)]
        assert client.submit([encode(one) for one in sent]) == [
            answer(Status.CREATED),
            answer(Status.BELOW_FLOOR),
            answer(Status.CREATED),
        ]
        assert client.submit([encode(sent[0])]) == [answer(Status.CREATED, repeated=True)]
        assert client.submit([]) == []
    assert ledger.states()[ADA] == (0, 0, 0)
    assert ledger.rows("*", "inbox") == []


def test_only_the_holder_of_the_lease_drains_and_another_takes_over(ledger):
    one, other = worker_of(ledger, "one"), worker_of(ledger, "other")
    assert take(one)
    assert not take(other)
    assert take(one)  # renewed
    assert one.lease.epoch == 1
    with asked(ledger, [pay(1)]) as coming:
        with pytest.raises(LeaseLostError, match="nothing was written here"):
            other.drain()
        assert waiting(ledger) == 1
        # The first one dies: its lease runs out and nobody gives it up.
        expire_lease(ledger)
        assert take(other)
        assert other.lease.epoch == 2
        with pytest.raises(LeaseLostError):
            one.drain()
        assert not take(one)
        assert other.drain() == 1
        assert coming.result(10) == [answer(Status.CREATED)]
    assert other.drain() == 0


def test_a_short_lease_runs_out_by_itself_and_one_given_up_at_once(ledger):
    one, other = Lease(ledger.community, "one"), Lease(ledger.community, "other")

    def take(lease, length_ms):
        with ledger.database.write() as connection:
            return lease.take(connection, length_ms)

    assert take(one, 1)
    until(lambda: take(other, 60_000))
    assert (one.epoch, other.epoch) == (1, 2)
    assert not take(one, 60_000)
    with ledger.database.write() as connection:
        one.give_up(connection)  # which is not its own any more
        with pytest.raises(LeaseLostError):
            one.check(connection)
    assert not take(one, 60_000)
    with ledger.database.write() as connection:
        other.give_up(connection)
    assert other.epoch is None
    assert take(one, 60_000)
    assert one.epoch == 3


def test_while_two_serve_one_stops_and_the_other_goes_on(ledger, monkeypatch):
    monkeypatch.setattr(inbox, "LEASE_MS", 30)
    monkeypatch.setattr(inbox, "LOOK_S", 0.02)
    did = []

    def noting(name):
        real = handler(ledger)

        def handle(connection, requests):
            did.append(name)
            return real(connection, requests)

        return handle

    workers = [worker_of(ledger, name, noting(name)) for name in ("one", "other")]
    with serving(*workers) as stops, client_of(ledger) as client:
        for number in range(1, 11):
            assert client.submit([encode(pay(number))]) == [answer(Status.CREATED)]
        assert len(set(did)) == 1
        stops[["one", "other"].index(did[0])].set()
        for number in range(11, 21):
            assert client.submit([encode(pay(number))]) == [answer(Status.CREATED)]
    assert len(set(did)) == 2
    assert did == sorted(did) or did == sorted(did, reverse=True)
    assert ledger.states()[ADA] == (80, 0, 0)


def test_who_lost_the_lease_in_mid_transaction_writes_nothing(ledger):
    """Fencing: while one writes nobody can take its lease; who was overtaken is refused."""
    one, other = worker_of(ledger, "one"), worker_of(ledger, "other")
    assert take(one)
    steps = []

    def slow(connection, requests):
        overtake(ledger, steps)
        return handler(ledger)(connection, requests)

    one._handle = slow
    with asked(ledger, [pay(1)]) as coming:
        assert one.drain() == 1  # its check came first, so the taker had to wait
        assert coming.result(10) == [answer(Status.CREATED)]
    assert steps == ["blocked"]
    # Now the other one comes between the beginning of the transaction and the check.
    before = ledger.states()
    with ledger.database.write() as late:
        late.execute(text("SELECT 1"))
        expire_lease(ledger)
        assert take(other)
        with pytest.raises(LeaseLostError):
            one.lease.check(late)
    with asked(ledger, [pay(2)]) as coming:
        with pytest.raises(LeaseLostError):
            one.drain()
        assert ledger.states() == before
        assert other.drain() == 1
        assert coming.result(10) == [answer(Status.CREATED)]
    assert [row[1] for row in ledger.rows("holder, epoch", "lease", "community")] == [2]


def overtake(ledger, steps):
    """Try to change the lease while another transaction has checked it."""
    words = "UPDATE lease SET epoch = epoch + 1 WHERE community = :me"
    with ledger.database.write() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(OperationalError) as caught:
            connection.execute(text(words), {"me": ledger.community})
        assert isinstance(caught.value.orig, psycopg.errors.LockNotAvailable)
        connection.rollback()
    steps.append("blocked")


def test_a_poison_request_has_an_error_and_the_others_succeed(ledger):
    worker = worker_of(ledger)
    take(worker)
    poison = batch(3, move(3, ADA, BEN, 2**70), atomic=False)
    with asked(ledger, [pay(1), pay(2), poison, pay(4)]) as coming:
        until(lambda: not waiting(ledger), worker.drain)
        answers = coming.result(10)
    assert [answers[at] for at in (0, 1, 3)] == [answer(Status.CREATED)] * 3
    assert isinstance(answers[2], RefusedError)
    assert "does not fit into 64 bits" in str(answers[2])
    assert [one.id for one in ledger.transfers()[1:]] == [id_of(at) for at in (1, 2, 4)]
    assert ledger.states()[ADA] == (97, 0, 0)


def test_what_the_database_refuses_is_an_error_for_its_caller_alone(ledger):
    real = handler(ledger)

    def handle(connection, requests):
        if any(decode(one).id == pay(2).id for one in requests):
            connection.execute(text("UPDATE balance SET pending_in = -1"))
        return real(connection, requests)

    worker = worker_of(ledger, handle=handle)
    take(worker)
    with asked(ledger, [pay(1), pay(2), pay(3)]) as coming:
        until(lambda: not waiting(ledger), worker.drain)
        answers = coming.result(10)
    assert answers[::2] == [answer(Status.CREATED)] * 2
    assert "balance_pending" in str(answers[1])
    assert ledger.states() == fold(ledger.transfers())


def test_a_database_that_goes_away_is_nobodys_refusal(ledger):
    def handle(connection, requests):
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    worker = worker_of(ledger, handle=handle)
    take(worker)
    with asked(ledger, [pay(1), pay(2)]) as coming:
        with pytest.raises(DBAPIError):
            worker.drain()
        assert waiting(ledger) == 2
        worker._handle = handler(ledger)
        assert worker.drain() == 2
        assert coming.result(10) == [answer(Status.CREATED)] * 2


def test_what_nobody_took_in_time_is_taken_back_and_a_retry_is_safe(ledger):
    worker = worker_of(ledger)
    take(worker)
    with client_of(ledger) as client:
        [late] = client.submit([encode(pay(1))], timeout_s=0.01)
        assert str(late).endswith("Nothing was written: try again.")
        assert waiting(ledger) == 0
        assert worker.drain() == 0
        assert ledger.states()[ADA] == (100, 0, 0)
        with serving(worker):
            assert client.submit([encode(pay(1))]) == [answer(Status.CREATED)]
    assert ledger.states()[ADA] == (99, 0, 0)


def test_what_is_being_done_when_the_time_is_over_is_waited_for(ledger):
    """The worker has the row; the client's taking back waits and finds the answer."""
    real, begun, timed_out = handler(ledger), threading.Event(), threading.Event()

    def handle(connection, requests):
        begun.set()
        timed_out.wait(10)
        return real(connection, requests)

    worker = worker_of(ledger, handle=handle)
    take(worker)
    with client_of(ledger) as client, ThreadPoolExecutor(2) as pool:
        asking = pool.submit(client.submit, [encode(pay(1))], 0.3)
        until(lambda: waiting(ledger) == 1)
        working = pool.submit(worker.drain)
        begun.wait(10)
        until(lambda: is_blocked(ledger))
        timed_out.set()
        assert working.result(10) == 1
        assert asking.result(10) == [answer(Status.CREATED)]
    assert ledger.states()[ADA] == (99, 0, 0)


def is_blocked(ledger):
    with ledger.database.read() as connection:
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        return connection.exec_driver_sql(query).scalar() > 0


def test_answers_that_nobody_collects_are_removed_in_the_end(ledger, monkeypatch):
    monkeypatch.setattr("ledger.inbox.UNCOLLECTED_S", 0)
    worker = worker_of(ledger)
    take(worker)
    with ledger.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO inbox (community, request, answer) VALUES (%s, '', '')",
            (ledger.community,),
        )
        connection.exec_driver_sql(
            "INSERT INTO inbox (community, request) VALUES (%s, '')", (ledger.community,)
        )
        worker._tidy(connection)
        worker._tidy(connection)
        left = connection.exec_driver_sql(
            "SELECT answer FROM inbox WHERE community = %s", (ledger.community,)
        ).all()
        connection.exec_driver_sql("DELETE FROM inbox WHERE community = %s", (ledger.community,))
    assert left == [(None,)]


@pytest.mark.parametrize("after", [False, True])
def test_a_commit_that_fails_or_whose_answer_is_lost_writes_once(ledger, after):
    worker = worker_of(ledger)
    take(worker)
    with asked(ledger, [pay(1)]) as coming:
        with failing_commit(ledger.database, after=after), pytest.raises(BrokenError):
            worker.drain()
        assert waiting(ledger) == (0 if after else 1)
        assert worker.drain() == (0 if after else 1)
        assert coming.result(10) == [answer(Status.CREATED)]
    with serving(worker), client_of(ledger) as client:
        assert client.submit([encode(pay(1))]) == [answer(Status.CREATED, repeated=True)]
    assert ledger.states()[ADA] == (99, 0, 0)


def test_no_more_is_done_at_once_than_allowed(ledger):
    sizes = []
    real = handler(ledger)

    def handle(connection, requests):
        sizes.append(len(requests))
        return real(connection, requests)

    worker = worker_of(ledger, handle=handle)
    take(worker)
    with asked(ledger, [pay(number) for number in range(1, 11)]) as coming:
        until(lambda: not worker.drain(4))
        assert coming.result(10) == [answer(Status.CREATED)] * 10
    assert sizes == [4, 4, 2]


def test_many_clients_go_on_when_the_process_that_writes_is_killed(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(inbox, "LEASE_MS", 30)
    answered, enough = [], threading.Event()

    def ask(at):
        with client_of(ledger) as client:
            sent = [encode(pay(1_000 + 20 * at + one, 2)) for one in range(10)]
            for one in sent:
                answered.append((at, *client.submit([one])))
                if len(answered) > 20:
                    enough.set()
            return client.submit(sent)

    with program(ledger, None, tmp_path) as process, ExitStack() as stack:
        go(process)
        until(lambda: ledger.rows("holder", "lease", "community"))
        stack.enter_context(serving(worker_of(ledger, "second")))
        with ThreadPoolExecutor(8) as pool:
            coming = [pool.submit(ask, at) for at in range(8)]
            assert enough.wait(10)
            process.kill()
            process.wait(10)
            expire_lease(ledger)
            again = [one.result(10) for one in coming]
    assert process.returncode == -signal.SIGKILL
    first = [[one for place, one in answered if place == at] for at in range(8)]
    for once, twice in zip(first, again, strict=True):
        assert set(once) <= {answer(Status.CREATED), answer(Status.BELOW_FLOOR)}
        assert twice == [
            answer(Status.CREATED, repeated=True) if one == answer(Status.CREATED) else one
            for one in once
        ]
    assert sum(once.count(answer(Status.CREATED)) for once in first) == 50
    assert ledger.states()[ADA] == (0, 0, 0)
    assert ledger.states() == fold(ledger.transfers())
    assert ledger.rows("*", "inbox") == []


def test_sqlite_has_no_inbox(tmp_path):
    with prepared_database("sqlite", tmp_path) as database:
        with pytest.raises(SetupError, match="needs PostgreSQL"):
            InboxClient(database, 1)
        with pytest.raises(SetupError, match="needs PostgreSQL"):
            InboxWorker(database, 1, "one", list).serve(threading.Event())
