"""The log's files, whatever the disk does: every call fails, stops, or is the last before dark."""

import errno
import fcntl
import os
import shutil

import pytest

from ledger import log_files
from ledger.errors import LogError
from ledger.log_files import publish, write_once
from tests.ledger.disks import (
    VERIFIER,
    Disk,
    Fault,
    StoppedError,
    entries_of,
    files_in,
    head_of,
    publish_entries,
    served,
    watching,
)

GROWTHS = {"first": (0, 257), "later": (300, 513)}
"""Entries that are published before, and then."""

SAID = "could not be read or written: .*Input/output error.*what was published before still stands"


class KilledError(Exception):
    """Stands for the process being killed."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No power goes off here, but in the model: the real disk need not be waited for."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(params=GROWTHS.values(), ids=GROWTHS.keys())
def growth(request, tmp_path):
    """Return the entries, a function that makes the folder as it is before, and its end."""
    before, after = request.param
    entries = entries_of(after)
    if before:
        publish_entries(tmp_path / "before/log", entries[:before])
    else:
        (tmp_path / "before").mkdir()
    shutil.copytree(tmp_path / "before", tmp_path / "whole")
    publish_entries(tmp_path / "whole/log", entries)
    count = iter(range(10**6))

    def make():
        return shutil.copytree(tmp_path / "before", tmp_path / f"try{next(count)}")

    return entries, make, files_in(tmp_path / "whole/log")


def calls_of(growth):
    entries, make, _ = growth
    with watching(Disk(make())) as disk:
        publish_entries(disk.root / "log", entries)
    return disk.calls


@pytest.mark.parametrize("how", [Fault.FAILED, Fault.PERSISTED, Fault.SHORT])
def test_every_call_may_fail_and_the_next_publication_ends_alike(growth, how):
    entries, make, whole = growth
    calls = calls_of(growth)
    assert {name for name, _ in calls} >= {"open", "write", "fsync", "link", "replace", "unlink"}
    for at, (name, path) in enumerate(calls, start=1):
        if how is Fault.SHORT and name != "write":
            continue
        with watching(Disk(make(), at, how)) as disk:
            folder = disk.root / "log"
            there = name == "mkdir" and (how is Fault.PERSISTED or (folder.parent / path).exists())
            if how is Fault.SHORT or there:
                publish_entries(folder, entries)  # nothing is wrong: it goes on
            else:
                with pytest.raises(LogError, match=SAID):
                    publish_entries(folder, entries)
        assert served(folder) == entries[: len(served(folder))], (name, path)
        assert publish_entries(folder, entries).size == len(entries)
        assert files_in(folder) == whole, (at, name, path)
        shutil.rmtree(disk.root)


def test_process_or_power_may_go_at_every_call_and_no_checkpoint_lacks_a_tile(growth, tmp_path):
    entries, make, whole = growth
    before = len(served(make() / "log"))
    calls = [("", ""), *calls_of(growth)]
    for at, (last, _) in enumerate(calls, start=1):
        if last == "open":
            continue  # nothing was written or synced since the stop before this one
        with watching(Disk(make(), at, Fault.STOPPED)) as disk:
            try:
                publish_entries(disk.root / "log", entries)
            except StoppedError:
                pass
            else:
                before = len(entries)  # it was answered, so it is there for good
        for root in [disk.root, *disk.after_power_loss(tmp_path / f"dark{at}")]:
            there = served(root / "log")
            assert len(there) in (before, len(entries)), (at, root.name)
            assert there == entries[: len(there)]
            publish_entries(root / "log", entries)
            assert files_in(root / "log") == whole, (at, root.name)
            shutil.rmtree(root)
    assert before == len(entries)


def test_a_second_attempt_syncs_what_the_first_only_wrote(growth, tmp_path):
    """Stopped before any folder was synced, it finds every tile there: they are not durable yet."""
    entries, make, whole = growth
    calls = calls_of(growth)
    last_link = max(at for at, (name, _) in enumerate(calls, start=1) if name == "link")
    with watching(Disk(make(), last_link + 2, Fault.STOPPED)) as disk, pytest.raises(StoppedError):
        publish_entries(disk.root / "log", entries)
    disk.stopped, disk.at = False, 0
    with watching(disk):
        publish_entries(disk.root / "log", entries)
    for root in disk.after_power_loss(tmp_path / "dark"):
        assert files_in(root / "log") == whole, root.name


def test_the_order_of_syncs_links_and_the_checkpoint(tmp_path):
    with watching(Disk(tmp_path)) as disk:
        publish_entries(tmp_path / "log", entries_of(257))
    temporary = ("fsync", f"log/.publish-{os.getpid()}.tmp")
    steps = [step for step in disk.calls if step[0] in ("fsync", "link", "replace")]
    files = [
        "log/tile/entries/000",
        "log/tile/entries/001.p/1",
        "log/tile/0/000",
        "log/tile/0/001.p/1",
        "log/tile/1/000.p/1",
    ]
    folders = [
        "log",
        "log/tile",
        "log/tile/0",
        "log/tile/0/001.p",
        "log/tile/1",
        "log/tile/1/000.p",
        "log/tile/entries",
        "log/tile/entries/001.p",
    ]
    assert steps == [
        ("fsync", "."),
        *(step for file in files for step in (temporary, ("link", file))),
        *(("fsync", folder) for folder in folders),
        temporary,
        ("replace", "log/checkpoint"),
        ("fsync", "log"),
    ]


def test_a_publication_without_news_writes_nothing(tmp_path):
    publish_entries(tmp_path / "log", entries_of(300))
    with watching(Disk(tmp_path)) as disk:
        publish_entries(tmp_path / "log", entries_of(300))
    assert disk.calls == [("mkdir", "log"), ("open", "log"), ("open", "log"), ("fsync", "log")]


def test_a_full_disk_is_said_and_the_files_stand_until_there_is_room(tmp_path):
    folder, entries = tmp_path / "log", entries_of(600)
    publish_entries(folder, entries[:300])
    before = files_in(folder)
    disk = Disk(tmp_path, 5, Fault.PERSISTED)
    disk.error = errno.ENOSPC
    with (
        watching(disk),
        pytest.raises(LogError, match=r"No space left on device.*database is whole.*make room"),
    ):
        publish_entries(folder, entries)
    assert [name for name, _ in disk.calls[-3:]] == ["open", "write", "unlink"]
    assert files_in(folder) == before
    publish_entries(folder, entries)
    assert served(folder) == entries


def test_what_a_crash_left_is_removed_and_other_files_are_not(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / ".publish-1.tmp").write_bytes(b"half a ti")
    (folder / f".publish-{os.getpid()}.tmp").write_bytes(b"half a ti")
    (folder / "README").write_bytes(b"This is our log.")
    publish_entries(folder, entries_of(3))
    names = [path.name for path in folder.iterdir()]
    assert sorted(names) == ["README", "checkpoint", "tile"]


def test_the_files_are_for_everybody_to_read(tmp_path):
    publish_entries(tmp_path / "log", entries_of(300))
    mask = os.umask(0)
    os.umask(mask)
    modes = {
        path.stat().st_mode & 0o777 for path in (tmp_path / "log").rglob("*") if path.is_file()
    }
    assert modes == {0o666 & ~mask}


def test_a_first_publication_in_steps_is_finished_from_any_file(tmp_path, monkeypatch):
    entries = entries_of(1_100)
    publish_entries(tmp_path / "once", entries)
    monkeypatch.setattr(log_files, "ENTRIES_A_STEP", 512)
    written = []
    publish_entries(tmp_path / "whole", entries, after_write=written.append)
    assert served(tmp_path / "whole") == entries
    assert files_in(tmp_path / "once").items() <= files_in(tmp_path / "whole").items()
    for number in range(1, len(written) + 1):
        left = iter(range(number - 1))

        def kill(_path, left=left):
            if next(left, None) is None:
                raise KilledError

        folder = tmp_path / str(number)
        with pytest.raises(KilledError):
            publish_entries(folder, entries, after_write=kill)
        publish_entries(folder, entries)
        assert files_in(folder) == files_in(tmp_path / "whole")


def test_another_process_that_writes_here_is_told_and_not_waited_for(tmp_path):
    publish_entries(tmp_path, entries_of(3))
    before = files_in(tmp_path)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(LogError, match="Another process writes the log's files in"):
        publish_entries(tmp_path, entries_of(5))
    os.close(handle)
    assert files_in(tmp_path) == before
    publish_entries(tmp_path, entries_of(5))


def test_a_file_of_other_bytes_is_never_overwritten(tmp_path):
    assert write_once(tmp_path, "tile/0/000.p/1", b"one")
    assert not write_once(tmp_path, "tile/0/000.p/1", b"one")
    with pytest.raises(LogError, match="is there already with other bytes"):
        write_once(tmp_path, "tile/0/000.p/1", b"two")
    assert files_in(tmp_path) == {"tile/0/000.p/1": b"one"}


def test_a_head_of_another_key_or_log_is_not_published(tmp_path):
    note = head_of(entries_of(3), origin="meadow.example/ledger/1")
    with pytest.raises(LogError, match="no known key signed this note"):
        publish(tmp_path / "log", VERIFIER, note, lambda *_: entries_of(3))
    assert not (tmp_path / "log").exists()
