"""Runs against real databases: no-op, killed anywhere, two at once, two engines, any order."""

import random
import threading

import pytest

from ledger import log_store
from ledger.invariants import check_balances, check_pools_empty
from ledger.log.note import Verifier
from settlement.errors import RunRefusedError
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen, seeded_key
from tests.settlement.later import KilledError, count_writes


def head(community):
    with community.writer.database.read() as connection:
        size, frontier, _ = log_store.head(connection, community.writer.community)
        balances = community.writer.ledger.balances(connection)
    check_balances(balances)
    check_pools_empty(balances, balances)
    return size, frontier, {name: balance.posted for name, balance in balances.items()}


@pytest.fixture
def settled(copy):
    community = reopen(*copy())
    summary = settle_day(community, DAY)
    result = head(community)
    community.writer.database.close()
    return summary, result


def test_a_settled_day_matches_energy_and_books_it(settled):
    summary, (_, _, balances) = settled
    assert summary.matched_wh > 1000
    assert summary.missing == 0
    assert balances["community/fees LWD/7"] == summary.matched_wh * 20


def test_the_same_day_twice_posts_nothing(copy, settled):
    community = reopen(*copy())
    assert settle_day(community, DAY) == settle_day(community, DAY) == settled[0]
    assert head(community) == settled[1]
    community.writer.database.close()


def test_a_run_before_it_is_due_is_refused(copy):
    url, keys = copy()
    community = reopen(url, keys)
    community.writer.clock = type(community.writer.clock)(0)
    before = head(community)
    with pytest.raises(RunRefusedError, match="is due on 2026-07-07 23:00 UTC"):
        settle_day(community, DAY)
    assert head(community) == before
    community.writer.database.close()


def test_a_day_without_readings_is_refused(copy):
    community = reopen(*copy())
    community.writer.clock.set_ms(community.writer.clock.now_ms() + 40 * 86_400_000)
    with pytest.raises(RunRefusedError, match="not one reading"):
        settle_day(community, DAY.replace(day=29))
    community.writer.database.close()


def test_readings_in_any_order_give_the_same_log(tmp_path, prepared, settled):
    shuffled = random.Random(7)
    url = f"sqlite:///{tmp_path}/street.sqlite"
    found(url, tmp_path / "keys", shuffle=shuffled.shuffle).writer.database.close()
    community = reopen(url, tmp_path / "keys")
    settle_day(community, DAY)
    assert head(community) == settled[1]
    community.writer.database.close()


def test_killed_before_any_write_and_started_again_gives_the_same_root(copy, settled):
    community = reopen(*copy())
    seen = count_writes(community)
    settle_day(community, DAY)
    community.writer.database.close()
    assert seen[0] > 20
    for number in range(1, seen[0] + 1):
        url, keys = copy()
        community = reopen(url, keys)
        count_writes(community, stop_at=number)
        with pytest.raises(KilledError):
            settle_day(community, DAY)
        community.writer.database.close()
        again = reopen(url, keys)
        assert settle_day(again, DAY) == settled[0], number
        assert head(again) == settled[1], number
        again.writer.database.close()


@pytest.mark.parametrize("step", range(3))
def test_killed_after_a_commit_and_started_again_gives_the_same_root(copy, settled, step):
    url, keys = copy()
    community = reopen(url, keys)
    steps = []

    def kill(name):
        steps.append(name)
        if len(steps) == step + 1:
            raise KilledError

    with pytest.raises(KilledError):
        settle_day(community, DAY, after_step=kill)
    community.writer.database.close()
    again = reopen(url, keys)
    settle_day(again, DAY)
    assert head(again) == settled[1]
    again.writer.database.close()


def test_files_killed_after_any_write_are_finished(copy, tmp_path, settled):
    community = reopen(*copy())
    settle_day(community, DAY)
    written = []
    checkpoint = community.writer.publish(tmp_path / "whole", written.append).checkpoint
    assert checkpoint.size == settled[1][0]
    assert len(written) >= 3
    for number in range(1, len(written) + 1):
        folder = tmp_path / f"log{number}"
        seen = []

        def kill(path, number=number, seen=seen):
            seen.append(path)
            if len(seen) == number:
                raise KilledError

        with pytest.raises(KilledError):
            community.writer.publish(folder, kill)
        assert community.writer.publish(folder).checkpoint == checkpoint
        for path in (tmp_path / "whole").rglob("*"):
            if path.is_file():
                twin = folder / path.relative_to(tmp_path / "whole")
                assert twin.read_bytes() == path.read_bytes()
    community.writer.database.close()


@pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_two_processes_settle_the_same_day_once(engine, tmp_path, settled):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        workers = [reopen(url, tmp_path / "keys") for _ in range(2)]
        start, failures = threading.Barrier(2), []

        def work(community):
            start.wait()
            try:
                settle_day(community, DAY)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        size, _, balances = head(workers[0])
        assert (size, balances) == (settled[1][0], settled[1][2])
        for worker in workers:
            worker.writer.database.close()


@pytest.mark.postgresql
def test_postgresql_gives_the_same_root_as_sqlite(tmp_path, settled):
    with fresh_url("postgresql", tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        community = reopen(url, tmp_path / "keys")
        settle_day(community, DAY)
        assert head(community) == settled[1]
        community.writer.database.close()


def test_the_verifier_in_the_roster_is_the_log_key(copy):
    community = reopen(*copy())
    with community.reading() as connection:
        verifier = community.log_verifier(connection)
    assert verifier == Verifier("ladywood.example/ledger/1", seeded_key("log").public)
    community.writer.database.close()
