"""Appending to the log when a statement, a commit or its answer fails, and two who append at once."""

from contextlib import ExitStack
from unittest import mock

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger import log_store
from ledger.db import Database
from ledger.errors import LogError
from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import Verifier
from ledger.log.tiles import verify_tiles
from ledger.store import LedgerStore
from tests.ledger.sequencers import (
    A_TURN,
    DEVICES,
    draft,
    drafts_of_a_newcomer,
    found_log,
    open_log,
    process,
    record,
    whole,
)
from tests.ledger.statement_examples import DEVICE, LOG, MEMBER, SECOND_DEVICE
from tests.ledger.stores import (
    ENGINES,
    BrokenError,
    at_once,
    failing_commit,
    failing_statement,
    go,
    prepared_database,
)


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with prepared_database(request.param, tmp_path_factory.mktemp("sequencers")) as value:
        yield value


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def writer(database, keys):
    return found_log(database, keys)


def append(writer, drafts):
    with writer.transaction() as connection:
        return writer.record(connection, drafts)


# One sequencer.


def test_an_error_at_any_statement_leaves_nothing_and_a_retry_appends_once(database, keys):
    writer = found_log(database, keys)
    drafts = drafts_of_a_newcomer(writer)
    with failing_statement(database, 10**6) as seen:
        append(writer, drafts)
    assert len(seen) > 10
    for at in range(len(seen)):
        writer = found_log(database, keys)
        drafts = drafts_of_a_newcomer(writer)
        before = whole(writer)
        with pytest.raises(BrokenError), failing_statement(database, at):
            append(writer, drafts)
        assert whole(writer) == before
        assert append(writer, drafts) == [2, 3, 4]
        assert append(writer, drafts[::-1]) == [4, 3, 2]
        assert whole(writer) == before + [one.envelope for one in drafts]


@pytest.mark.parametrize("after", [False, True])
def test_a_commit_that_fails_or_whose_answer_is_lost(writer, after):
    drafts, before = drafts_of_a_newcomer(writer), whole(writer)
    logged = before + [one.envelope for one in drafts]
    with pytest.raises(BrokenError), failing_commit(writer.database, after=after):
        append(writer, drafts)
    assert whole(writer) == (logged if after else before)
    assert append(writer, drafts) == [2, 3, 4]
    assert whole(writer) == logged
    assert append(writer, drafts_of_a_newcomer(writer)[2:]) == [5]


@pytest.mark.parametrize("database", ENGINES[1:], indirect=True)
def test_a_connection_that_the_server_cuts(writer):
    drafts, before = drafts_of_a_newcomer(writer), whole(writer)
    with pytest.raises(DBAPIError), writer.transaction() as connection:  # noqa: PT012 - the cut
        writer.record(connection, drafts)
        with writer.database.write() as other:
            me = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            other.execute(text("SELECT pg_terminate_backend(:me, 5000)"), {"me": me})
    writer.database.close()
    assert whole(writer) == before
    assert append(writer, drafts) == [2, 3, 4]


def test_one_statement_twice_in_one_call_is_refused_in_words(writer):
    drafts, before = drafts_of_a_newcomer(writer), whole(writer)
    with pytest.raises(LogError, match=r"or one is given twice\. Nothing was written"):
        append(writer, [drafts[2], drafts[2]])
    assert whole(writer) == before
    assert append(writer, drafts) == [2, 3, 4]


# Two at once.


def test_two_writers_in_two_threads_take_turns(writer):
    others = [open_log(writer.database, writer.origin, writer.keyring.folder) for _ in range(2)]

    def work(pair):
        other, device = pair
        positions = []
        for _ in range(15):
            with other.transaction() as connection:
                positions.append(record(other, connection, "offer", MEMBER, [device]))
        return positions

    one, two = at_once(work, list(zip(others, (DEVICE, SECOND_DEVICE), strict=True)))
    assert sorted(one + two) == list(range(2, 32))
    assert len(whole(writer)) == 32


def test_processes_that_append_and_publish_at_once(writer, tmp_path):
    """Two append, another and this one publish to a folder, in which one log is seen to grow."""
    folder, sizes = tmp_path / "log", []
    verifier = Verifier(writer.origin, LOG.public)

    def look():
        head = open_checkpoint((folder / "checkpoint").read_bytes(), verifier)
        sizes.append(head.size)
        return list(verify_tiles(lambda name: (folder / name).read_bytes(), head.size, head.root))

    with ExitStack() as stack:
        words = [*(("append", name, 25) for name in DEVICES), ("publish", folder, 25)]
        workers = [stack.enter_context(process(writer, *one)) for one in words]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n", worker.stderr.read()
        lines = [[], [], []]
        for _ in range(25 // A_TURN):
            for worker in workers:
                go(worker)
            told_first = [worker.stdout.readline() for worker in workers]
            writer.publish(folder)  # while they go on
            look()
            for worker, first, some in zip(workers, told_first, lines, strict=True):
                some += [first, *(worker.stdout.readline() for _ in range(A_TURN - 1))]
        assert [worker.stderr.read() for worker in workers] == [""] * 3
        writer.publish(folder)
    told = dict(line.split() for line in lines[0] + lines[1])
    logged = whole(writer)
    assert {int(at): bytes.fromhex(one) for at, one in told.items()} == dict(
        enumerate(logged[2:], start=2)
    )
    theirs = list(map(int, lines[2]))
    assert theirs == sorted(theirs)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 25 // A_TURN
    with writer.database.read() as connection:
        assert look() == log_store.leaves(connection, writer.community, 0, 52)


# Two, and one ignores the lock.


def without_lock(writer):
    """Return another writer of the log, as of a program that takes no lock of any kind."""
    database = Database(writer.database.url.render_as_string(hide_password=False))
    database.write = database.engine.begin
    return open_log(database, writer.origin, writer.keyring.folder)


def after_head(work):
    """Do something right after the next look at the head."""
    real = log_store.head

    def head(*args):
        found = real(*args)
        patch.stop()
        work()
        return found

    patch = mock.patch.object(log_store, "head", head)
    patch.start()


def test_a_second_sequencer_that_ignores_the_lock_is_refused_and_nothing_is_lost(writer):
    other = without_lock(writer)
    before, logged = whole(writer), []

    def meanwhile():
        with writer.transaction() as connection:
            made = draft(writer, connection, "offer", MEMBER, [DEVICE])
            writer.record(connection, [made])
            logged.append(made.envelope)

    wanted = {
        "sqlite": (OperationalError, "database is locked"),
        "postgresql": (LogError, "Another writer moved the log's head from 2 entries"),
    }
    error, sentence = wanted[writer.database.dialect]
    with mock.patch.object(LedgerStore, "lock"):
        with pytest.raises(error, match=sentence), other.transaction() as connection:  # noqa: PT012
            mine = draft(other, connection, "offer", MEMBER, [SECOND_DEVICE])
            after_head(meanwhile)
            other.record(connection, [mine])
        assert whole(writer) == before + logged
        assert append(other, [mine]) == [3]
    assert whole(writer) == [*before, *logged, mine.envelope]
    other.database.close()


def test_the_swap_refuses_a_head_that_moved_though_no_position_is_taken(writer):
    before = whole(writer)
    move = text("UPDATE log_head SET frontier = :other WHERE community = :c")
    values = {"other": b"another", "c": writer.community}
    refused = pytest.raises(LogError, match="Another writer moved the log's head")
    with refused as caught, writer.transaction() as connection:
        mine = draft(writer, connection, "offer", MEMBER, [DEVICE])
        after_head(lambda: connection.execute(move, values))
        writer.record(connection, [mine])
    assert caught.value.__cause__ is None  # no unique key did it
    assert whole(writer) == before
    assert append(writer, [mine]) == [2]


@pytest.mark.parametrize("column", ["frontier", "note"])
def test_a_head_that_is_not_the_signed_one_is_never_signed_again(writer, database, keys, column):
    append(writer, drafts_of_a_newcomer(writer)[2:])
    twin = found_log(database, keys)
    append(twin, drafts_of_a_newcomer(twin)[2:])
    change = text(
        f"UPDATE log_head SET {column} = (SELECT {column} FROM log_head WHERE community = :twin)"  # noqa: S608
        " WHERE community = :mine"
    )
    refused = pytest.raises(LogError, match="is not the one that was signed last")
    with refused, writer.transaction() as connection:
        connection.execute(change, {"twin": twin.community, "mine": writer.community})
        record(writer, connection, "offer", MEMBER, [DEVICE])
    assert len(whole(writer)) == 3


# A backup.


@pytest.mark.parametrize("database", ENGINES[:1], indirect=True)
def test_a_restored_backup_publishes_only_beside_the_newer_files(database, keys, tmp_path):
    writer = found_log(database, keys)
    backup = Database(f"sqlite:///{tmp_path}/backup.sqlite")
    with database.engine.connect() as source, backup.engine.connect() as target:
        source.connection.driver_connection.backup(target.connection.driver_connection)
    restored = open_log(backup, writer.origin, keys)
    assert whole(restored) == whole(writer)
    append(writer, drafts_of_a_newcomer(writer))
    newest = writer.publish(tmp_path / "log").checkpoint
    for sentence, first in (
        (r"are ahead of the database \(5 entries against 2\)", 0),
        ("another history: the database's head of 5 entries does not extend the 5", 2),
        ("another history: the database's head of 6 entries does not extend the 5", 2),
    ):
        with pytest.raises(LogError, match=sentence):
            restored.publish(tmp_path / "log")
        append(restored, drafts_of_a_newcomer(restored)[first:])
    assert writer.publish(tmp_path / "log").checkpoint == newest
    (tmp_path / "log").rename(tmp_path / "evidence")
    assert restored.publish(tmp_path / "log").checkpoint.size == len(whole(restored)) > newest.size
    backup.close()
