"""A witness's file: threads and processes at once, kills, what triggers refuse."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.errors import LogError, SetupError
from ledger.log.fork import ForkProof
from ledger.log.note import Verifier
from ledger.log.witness import Seen, add_checkpoint, log_id
from ledger.primitives.signing import SigningKey
from ledger.witness_store import SqliteWitnessStore
from tests.ledger.heads import LOG, NOW_S, ORIGIN, Log, witness_key

TRUE, FALSE = Log(40), Log(40, changed_from=3)
NAME = "w1.example/witness"
PROCESSES_SECONDS_MAX = 60
ROOT = Path(__file__).parents[2]
"""Programs start here, so that they import this code."""


def seen(log, size, time_s=NOW_S):
    return Seen(size, log.checkpoint(size).root, log.note(size), time_s)


@pytest.fixture
def store(tmp_path):
    store = SqliteWitnessStore.create(tmp_path / "w" / "witness.sqlite", NAME)
    store.add_log(LOG)
    return store


def ask(store, request):
    return add_checkpoint(request, store, NAME, witness_key(1), lambda: NOW_S)


def test_what_was_written_is_there_for_whoever_opens_the_file(store):
    assert store.advance(ORIGIN, None, seen(TRUE, 7))
    again = SqliteWitnessStore(store._path)
    assert again.name == NAME
    assert again.seen(ORIGIN) == seen(TRUE, 7)
    [log] = again.logs()
    assert (log.verifier, log.seen, log.fork) == (LOG, seen(TRUE, 7), None)
    assert again.log(log_id(ORIGIN)) == log
    assert again.log("other") is None


def test_only_the_last_state_can_be_replaced_and_never_after_a_fork(store):
    assert not store.advance(ORIGIN, seen(TRUE, 6), seen(TRUE, 7))
    assert store.advance(ORIGIN, None, seen(TRUE, 7))
    assert not store.advance(ORIGIN, None, seen(TRUE, 8))
    first = ForkProof(TRUE.note(7), FALSE.note(7))
    store.keep_fork(ORIGIN, first, NOW_S)
    store.keep_fork(ORIGIN, ForkProof(TRUE.note(8), FALSE.note(8)), NOW_S + 1)
    assert store.fork(ORIGIN) == first
    assert store.logs()[0].fork_time_s == NOW_S
    assert not store.advance(ORIGIN, seen(TRUE, 7), seen(TRUE, 8))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE seen SET size = 6",
        "UPDATE seen SET root = zeroblob(32)",
        "UPDATE seen SET time_s = time_s - 1",
        "DELETE FROM seen",
        "INSERT OR REPLACE INTO seen SELECT origin, 0, root, note, time_s FROM seen",
        "UPDATE fork SET proof = x'00'",
        "DELETE FROM fork",
        "UPDATE log SET vkey = 'x'",
        "DELETE FROM log",
    ],
)
def test_triggers_say_it_once_more(store, sql):
    store.advance(ORIGIN, None, seen(TRUE, 7))
    store.keep_fork(ORIGIN, ForkProof(TRUE.note(7), FALSE.note(7)), NOW_S)
    before = store.logs()
    with pytest.raises(SetupError, match="refused"), store._writing() as connection:
        connection.execute(sql)
    assert store.logs() == before


def test_the_disk_is_synced_at_each_commit(store):
    with store._open() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_log_never_changes_its_key(store):
    assert not store.add_log(LOG)
    assert store.add_log(Verifier("other.example", LOG.public_key))
    with pytest.raises(SetupError, match="another key"):
        store.add_log(Verifier(ORIGIN, SigningKey.generate().public))
    with pytest.raises(LogError, match="origin"):
        store.add_log(Verifier("caf\u00e9", LOG.public_key))


def test_a_file_that_is_missing_there_already_or_not_a_witnesss_is_said(store, tmp_path):
    with pytest.raises(SetupError, match="already"):
        SqliteWitnessStore.create(store._path, NAME)
    with pytest.raises(SetupError, match="witness init"):
        SqliteWitnessStore(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("x" * 5000)
    with pytest.raises(SetupError, match="refused"):
        SqliteWitnessStore(tmp_path / "text.sqlite")
    with pytest.raises(LogError, match="key name"):
        SqliteWitnessStore.create(tmp_path / "new.sqlite", "a b")
    with store._writing() as connection:
        connection.execute("UPDATE witness SET version = 2")
    with pytest.raises(SetupError, match="another version"):
        SqliteWitnessStore(store._path)
    assert sorted(path.name for path in store._path.parent.iterdir()) == ["witness.sqlite"]


def test_two_threads_that_show_two_histories_get_one_cosigned(store):
    for size in range(4, 24):
        answers, start = {}, threading.Barrier(2)

        def show(log, size=size, answers=answers, start=start):
            start.wait()
            answers[log] = ask(store, log.request(size - 1 if size > 4 else 0, size)).status

        threads = [threading.Thread(target=show, args=(log,)) for log in (TRUE, FALSE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(answers.values()).count(200) <= 1
        if store.fork(ORIGIN):
            break
    assert store.fork(ORIGIN).check(LOG).size == size == 4


RACE = """
import pathlib, sys
from ledger.log.witness import add_checkpoint
from ledger.witness_store import SqliteWitnessStore
from tests.ledger.heads import NOW_S, Log, witness_key

log = Log(40, changed_from=int(sys.argv[2]))
store = SqliteWitnessStore(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
cosigned = []
for size in range(1, 41):
    seen = store.seen(log.origin)
    old_size = seen.size if seen else 0
    if old_size <= size:
        request = log.request(old_size, size)
        answer = add_checkpoint(request, store, store.name, witness_key(1), lambda: NOW_S)
        if answer.status == 200:
            cosigned.append(size)
print(*cosigned)
"""


def test_two_processes_that_show_two_histories_never_get_both_cosigned(store):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(store._path), str(changed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for changed in (40, 3)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    true, false = (
        {int(size) for size in racer.communicate(timeout=PROCESSES_SECONDS_MAX)[0].split()}
        for racer in racers
    )
    assert [racer.returncode for racer in racers] == [0, 0]
    assert true | false
    true_forked = {size for size in true if size > 3}
    false_forked = {size for size in false if size > 3}
    assert not (true_forked and false_forked)


KILLED = """
import os, pathlib, signal, sys
from ledger.log.witness import add_checkpoint
from ledger.witness_store import SqliteWitnessStore
from tests.ledger.heads import NOW_S, Log, witness_key

class Killed(SqliteWitnessStore):
    def advance(self, *arguments):
        super().advance(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

store = Killed(pathlib.Path(sys.argv[1]))
add_checkpoint(Log(40).request(0, 7), store, store.name, witness_key(1), lambda: NOW_S)
print("answered")
"""


def test_a_witness_killed_between_its_write_and_its_answer_remembers(store):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(store._path)],
        capture_output=True,
        timeout=PROCESSES_SECONDS_MAX,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (-9, b"")
    assert store.seen(ORIGIN).root == TRUE.checkpoint(7).root
    assert ask(store, FALSE.request(7, 7)).status == 422
    assert store.fork(ORIGIN).check(LOG).size == 7


def test_another_process_that_holds_the_file_is_waited_for(store):
    connection = sqlite3.connect(store._path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, connection.execute, ["COMMIT"])
    release.start()
    assert ask(store, TRUE.request(0, 7)).status == 200
    release.join()
    connection.close()
