"""Real faults: processes that are killed, a disk that is full, two processes at once."""

import collections
import random

import pytest
from sqlalchemy.exc import OperationalError

from ledger.group import commit_batches
from ledger.invariants import check_balances
from ledger.primitives.clock import FixedClock
from ledger.records import Kind
from ledger.status import Status
from tests.ledger.books import ADA, BEN, FUND, RESERVE, hold, id_of, move
from tests.ledger.stores import (
    ENGINES,
    START_MS,
    answers_in,
    batch,
    fold,
    go,
    new_ledger,
    prepared_database,
    program,
)

KILLS = 3


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with prepared_database(request.param, tmp_path_factory.mktemp("faults")) as value:
        yield value


def a_day(rng, count):
    """Return batches of all kinds of transfers, of which some are refused."""
    batches, holds, numbers = [], [], iter(range(1, 10**6))
    for number in range(1, count + 1):
        transfers = []
        for _ in range(rng.randint(1, 12)):
            one, amount = next(numbers), rng.randint(1, 40)
            debit, credit = rng.choice([(RESERVE, ADA), (ADA, BEN), (ADA, FUND), (BEN, ADA)])
            made = move(one, debit, credit, amount)
            if rng.random() < 0.2:
                made = hold(one, debit, credit, amount)
                holds.append(made)
            elif holds and rng.random() < 0.2:
                of = holds.pop(rng.randrange(len(holds)))
                kind = rng.choice((Kind.POST_HOLD, Kind.VOID_HOLD))
                back = int.from_bytes(of.id)
                made = move(one, of.debit, of.credit, of.amount, kind, of=back)
            transfers.append(made)
        batches.append(batch(number, *transfers, atomic=rng.random() < 0.5))
    return batches


def whole(ledger, sent):
    """Check what a killed process left."""
    with ledger.writing():  # on PostgreSQL, its last transaction may take a moment to end
        pass
    transfers = ledger.transfers()
    assert ledger.states() == fold(transfers)
    check_balances(ledger.balances())
    rows = ledger.rows('number, id, "first", "count", statuses', "batch")
    of_batch = [row[0] for row in ledger.rows("batch", "transfer")]
    assert of_batch == [number for number, _, _, count, _ in rows for _ in range(count)]
    by_id = {one.id: one for one in sent}
    for _, made, first, count, statuses in rows:
        taken = by_id[made].transfers
        if statuses is not None:
            pairs = zip(taken, statuses[:-32], strict=True)
            taken = [one for one, status in pairs if status == Status.CREATED]
        assert transfers[first - 1 : first - 1 + count] == list(taken)


def test_a_process_killed_at_any_moment_leaves_whole_batches_and_a_retry_ends_alike(
    database, tmp_path
):
    rng = random.Random(7)
    batches = a_day(rng, 60)
    undisturbed, ledger = new_ledger(database), new_ledger(database)
    wanted = [list(map(int, undisturbed.submit(one)[0].statuses)) for one in batches]
    got: list[list[int]] = []
    for kills in range(KILLS + 1):
        with program(ledger, batches[len(got) :], tmp_path) as process:
            go(process)
            lines = []
            if kills < KILLS:
                lines += [process.stdout.readline() for _ in range(rng.randint(10, 120))]
                process.kill()
            lines += process.stdout.readlines()
        got += [statuses for _, statuses in answers_in(lines)]
        whole(ledger, batches)
        assert len(got) < len(batches) or kills == KILLS
    assert got == wanted
    assert ledger.transfers() == undisturbed.transfers()
    assert ledger.balances() == undisturbed.balances()
    assert ledger.rows("number, id, statuses", "batch") == undisturbed.rows(
        "number, id, statuses", "batch"
    )
    kept = {row[0] for row in ledger.rows("id", "batch")}
    for one, statuses in zip(batches, wanted, strict=True):
        if one.id in kept:
            answer = ledger.submit(one)[0]
            assert (answer.repeated, list(answer.statuses)) == (True, statuses)


def test_two_processes_never_take_more_than_there_is(database, tmp_path):
    ledger, rng = new_ledger(database), random.Random(3)
    ledger.submit(batch(0, move(1, RESERVE, ADA, 500)))
    amounts = {number: rng.randint(2, 9) for number in range(1_000, 1_300)}
    sent = [batch(number, move(number, ADA, BEN, amount)) for number, amount in amounts.items()]
    halves = sent[:150], sent[150:]
    with (
        program(ledger, halves[0], tmp_path) as one,
        program(ledger, halves[1], tmp_path) as other,
    ):
        with ledger.writing():  # so that both wait, and then begin together
            for process in (one, other):
                go(process)
                assert process.stdout.readline() == "statement\n"
        outputs = [process.communicate(timeout=60) for process in (one, other)]
    assert [errors for _, errors in outputs] == ["", ""]
    assert one.returncode == other.returncode == 0
    paid, refused = [], []
    for half, (lines, _) in zip(halves, outputs, strict=True):
        for made, (repeated, statuses) in zip(half, answers_in(lines.splitlines()), strict=True):
            assert not repeated
            assert statuses in ([Status.CREATED], [Status.BELOW_FLOOR])
            (paid if statuses == [Status.CREATED] else refused).append(made.transfers[0])
    assert sorted(one.id for one in paid) == sorted(one.id for one in ledger.transfers()[1:])
    left = 500 - sum(one.amount for one in paid)
    assert ledger.states()[ADA] == (left, 0, 0)
    # Nothing came in, so what was refused would not fit now either.
    assert 0 <= left < min(one.amount for one in refused)


def test_a_full_disk_is_said_and_loses_nothing_and_space_lets_it_go_on(tmp_path):
    with prepared_database("sqlite", tmp_path) as database:
        ledger = new_ledger(database)
        commit = commit_batches(database, ledger.store, FixedClock(START_MS))
        batches = [
            batch(at, *(move(100 * at + one, RESERVE, ADA, one + 1) for one in range(50)))
            for at in range(1, 200)
        ]

        def pages(most):
            with database.engine.connect() as connection:
                return connection.exec_driver_sql(f"PRAGMA max_page_count = {most}").scalar()

        with database.read() as connection:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar()
        assert pages(used + 12) == used + 12
        waiting = iter(batches)
        with pytest.raises(OperationalError, match="database or disk is full"):
            collections.deque(commit([one]) for one in waiting)
        done = len(batches) - len(list(waiting)) - 1
        assert done > 0
        before = ledger.transfers()
        assert len(before) == 50 * done
        assert ledger.states() == fold(before)
        with pytest.raises(OperationalError, match="database or disk is full"):
            commit(batches[done : done + 3])
        assert ledger.transfers() == before
        pages(used + 10_000)
        answers = [commit([one])[0] for one in batches]
        assert [answer.repeated for answer in answers] == [at < done for at in range(199)]
        assert ledger.states() == fold(ledger.transfers())
        assert ledger.transfers()[: len(before)] == before
        assert id_of(19_949) == ledger.transfers()[-1].id
