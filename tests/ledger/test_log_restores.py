"""Restored backups, foreign folders and any life of a log: refused in words, nothing written."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.note import Verifier
from ledger.log_files import publish
from ledger.primitives.signing import SigningKey
from tests.ledger.disks import (
    KEY,
    ORIGIN,
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

SIZES = (1, 3, 255, 256, 257, 300, 512, 600)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No power goes off here."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def refused(folder, entries, sentence):
    """Publish, be refused with a sentence, and find no byte changed."""
    before = files_in(folder)
    with pytest.raises(LogError, match=sentence) as caught:
        publish_entries(folder, entries)
    assert "Nothing was written; see 'Files ahead' in docs/spec/log.md." in str(caught.value)
    assert files_in(folder) == before


def stopped_before_the_checkpoint(folder, entries):
    """Publish, and stop when all is written but the checkpoint."""
    with watching(Disk(folder)), pytest.MonkeyPatch.context() as patch:

        def stop(*_args):
            raise StoppedError

        patch.setattr(os, "replace", stop)
        with pytest.raises(StoppedError):
            publish_entries(folder, entries)


# A backup was restored.


@pytest.mark.parametrize("size", SIZES)
def test_files_ahead_of_the_database_stay_as_they_are(tmp_path, size):
    entries = entries_of(size + 1)
    publish_entries(tmp_path, entries)
    refused(tmp_path, entries[:size], rf"are ahead of the database \({size + 1} entries against")
    assert served(tmp_path) == entries
    publish_entries(tmp_path, entries_of(size + 2))  # the newer database is found, and goes on


@pytest.mark.parametrize("more", [0, 1, 44, 300])
@pytest.mark.parametrize("size", SIZES)
def test_a_restored_database_that_went_on_in_another_way_is_refused(tmp_path, size, more):
    entries = entries_of(size)
    publish_entries(tmp_path, entries)
    other = entries[: size * 2 // 3] + entries_of(size - size * 2 // 3 + more, "other")
    refused(
        tmp_path,
        other,
        f"another history: the database's head of {size + more} entries does not extend the {size}",
    )
    assert served(tmp_path) == entries
    shutil.move(tmp_path, f"{tmp_path}-evidence")
    publish_entries(tmp_path, other)
    assert served(tmp_path) == other
    shutil.rmtree(f"{tmp_path}-evidence")


@pytest.mark.parametrize("size", SIZES)
def test_files_older_than_the_database_are_finished(tmp_path, size):
    entries = entries_of(size + 300)
    publish_entries(tmp_path, entries[:size])
    publish_entries(tmp_path, entries)
    assert served(tmp_path) == entries


@pytest.mark.parametrize(("reached", "restored"), [(310, 305), (310, 320), (600, 320), (512, 511)])
def test_tiles_of_a_head_that_was_never_published_and_then_lost_are_refused(
    tmp_path, reached, restored
):
    folder, entries = tmp_path / "log", entries_of(reached)
    publish_entries(folder, entries[:300])
    stopped_before_the_checkpoint(folder, entries)
    other = entries[:302] + entries_of(restored - 302, "other")
    refused(folder, other, "is ahead of the database|holds other entries than the database")
    publish_entries(folder, entries)
    assert served(folder) == entries


# Something was changed.


def test_an_entry_changed_in_the_database_does_not_reach_the_files(tmp_path):
    entries = entries_of(310)
    publish_entries(tmp_path, entries[:300])
    before = files_in(tmp_path)
    for place in (260, 305):  # in the bundle that is written again, and among the new ones
        changed = [*entries[:place], b"changed", *entries[place + 1 :]]
        with pytest.raises(LogError, match="entries were changed in the database"):
            publish(tmp_path, VERIFIER, head_of(entries), lambda a, b, c=changed: c[a:b])
        assert files_in(tmp_path) == before


def test_a_changed_or_missing_tile_is_named_before_it_is_built_upon(tmp_path):
    publish_entries(tmp_path, entries_of(300))
    tile = tmp_path / "tile/0/001.p/44"
    data = tile.read_bytes()
    tile.write_bytes(bytes(32) + data[32:])
    refused(tmp_path, entries_of(310), "do not give the root of the checkpoint beside them")
    tile.unlink()
    with pytest.raises(LogError, match=r"tile/0/001 is missing"):
        publish_entries(tmp_path, entries_of(310))


def test_partial_tiles_may_be_deleted_once_the_full_one_is_there(tmp_path):
    publish_entries(tmp_path, entries_of(300))
    publish_entries(tmp_path, entries_of(512))
    for path in list(tmp_path.rglob("*.p")):
        if path.with_suffix("").exists():
            shutil.rmtree(path)
    publish_entries(tmp_path, entries_of(600))
    assert served(tmp_path) == entries_of(600)


@pytest.mark.parametrize("data", [b"", b"riverside.example/ledger/1\n3\n", bytes(100)])
def test_a_checkpoint_that_cannot_be_read_is_not_overwritten(tmp_path, data):
    publish_entries(tmp_path, entries_of(3))
    (tmp_path / "checkpoint").write_bytes(data)
    refused(tmp_path, entries_of(5), "is not one that the key of riverside.example/ledger/1 signed")


# A new log in a folder that is not empty.


@pytest.mark.parametrize("count", [0, 2, 300])
@pytest.mark.parametrize(
    ("origin", "key"),
    [
        ("meadow.example/ledger/1", KEY),
        ("meadow.example/ledger/1", SigningKey.from_seed(bytes([7]) * 32)),
        (ORIGIN, SigningKey.from_seed(bytes([7]) * 32)),
    ],
)
def test_a_log_in_the_folder_of_another_log_is_refused(tmp_path, origin, key, count):
    theirs = entries_of(2, "theirs")
    note = head_of(theirs, origin, key)
    publish(tmp_path, Verifier(origin, key.public), note, lambda a, b: theirs[a:b])
    refused(tmp_path, entries_of(count), "A log needs a folder of its own")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 256, 300])
@pytest.mark.parametrize("theirs", [2, 256, 300])
def test_a_new_log_where_files_lie_without_a_checkpoint_is_refused(tmp_path, theirs, count):
    publish_entries(tmp_path, entries_of(theirs, "theirs"))
    (tmp_path / "checkpoint").unlink()
    refused(
        tmp_path,
        entries_of(count),
        "A backup was restored(, or| and went on in another way, or) the file is of another log",
    )


def test_a_log_founded_again_under_the_same_origin_and_key_is_refused(tmp_path):
    publish_entries(tmp_path, entries_of(2, "first"))
    refused(tmp_path, [], r"ahead of the database \(2 entries against 0\)")
    refused(tmp_path, entries_of(2, "second"), "another history")
    refused(tmp_path, entries_of(30, "second"), "another history")


def test_an_empty_log_has_a_checkpoint_and_grows(tmp_path):
    assert publish_entries(tmp_path, []).size == 0
    assert list(files_in(tmp_path)) == ["checkpoint"]
    publish_entries(tmp_path, entries_of(3))
    assert served(tmp_path) == entries_of(3)


# Any life.


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 290)),
        st.tuples(st.just("publish"), st.just(0)),
        st.tuples(
            st.sampled_from([Fault.FAILED, Fault.PERSISTED, Fault.STOPPED]), st.integers(1, 60)
        ),
        st.tuples(st.just("power"), st.integers(1, 60)),
    ),
    max_size=9,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.randoms(use_true_random=False))
def test_any_life_ends_with_the_files_of_an_undisturbed_one(steps, rng):
    entries: list[bytes] = []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "0").mkdir()
        root, undisturbed, shown = base / "0", base / "undisturbed", 0
        for number, (what, count) in enumerate([*steps, ("publish", 0)], start=1):
            if what == "append":
                entries += entries_of(count, first=len(entries))
                continue
            publish_entries(undisturbed, entries)
            at, how = (0, Fault.FAILED) if what == "publish" else (count, what)
            with watching(Disk(root, at, Fault.STOPPED if what == "power" else how)) as disk:
                try:
                    publish_entries(root / "log", entries)
                except (LogError, StoppedError):
                    assert at
            if what == "power":
                root = rng.choice(disk.after_power_loss(base / str(number)))
            there = served(root / "log")
            assert there == entries[: len(there)]
            assert len(there) >= shown, "the checkpoint went back"
            shown = len(there)
        assert there == entries
        mine, whole = files_in(root / "log"), files_in(undisturbed)
        assert mine.items() <= whole.items()  # but for partial tiles of heads never published
        publish_entries(base / "once", entries)
        assert files_in(base / "once").items() <= mine.items()
