"""The log as files: tiles, entry bundles and the checkpoint, as any web server can serve them.

A checkpoint is never on the disk before the tiles it names, whatever stops where. The order:

1. The database commits.
2. Before anything is written here: the head extends the published checkpoint, shown by the
   published tiles and the database's new leaves; files that no checkpoint names yet, left by a
   crash, agree with the database.
3. What a crash left under a temporary name is removed.
4. Each bundle and tile is written whole to a temporary name, synced, and linked to its own name;
   none is ever rewritten.
5. Every folder they are in, up to the log's, is synced; the tiles are read again and give the
   head's root.
6. The checkpoint is written to a temporary name, synced, renamed over the old one, and the log's
   folder is synced.

So files may be behind the database, and the next call finishes them. Files ahead of it or of
another history are refused, and nothing is written: a backup was restored, or somebody wrote here.

>>> import tempfile
>>> write_once(Path(tempfile.mkdtemp()), "tile/0/000.p/1", bytes(32))
True
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import Verifier
from ledger.log.tiles import (
    TILE_WIDTH,
    Tile,
    encode_bundle,
    entries_path,
    frontier_of_tiles,
    grown_tiles,
    read_tile,
    tile_path,
)
from ledger.log.tree import EMPTY_ROOT, leaf_hash

if sys.platform != "win32":
    import fcntl

ENTRIES_A_STEP = 65_536
"""Most entries read from the database at once: bounds the memory of a first publication."""

Leaves = Callable[[int, int], Sequence[bytes]]
"""Returns the leaves of positions first to end - 1."""

_SEE = "Nothing was written; see 'Files ahead' in docs/spec/log.md."


def publish(
    folder: Path,
    verifier: Verifier,
    note: bytes,
    leaves: Leaves,
    after_write: Callable[[Path], None] = lambda _path: None,
    *,
    show: bool = True,
) -> Checkpoint:
    """Bring a folder's files up to a signed head.

    Args:
        folder: the log's folder.
        verifier: the log's key.
        note: the signed head from the database.
        leaves: returns the leaves of positions first to end - 1.
        after_write: called after each file; tests stop here.
        show: replace the checkpoint too; if not, `show_checkpoint` does, once witnesses cosigned.

    Returns:
        The head's checkpoint.

    Raises:
        LogError: the files are ahead of the database, of another history or of another log;
            another process writes them now; or the disk refused.
    """
    wanted = open_checkpoint(note, verifier)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            published = _published(folder, verifier)
            _check(folder, published or Checkpoint(wanted.origin, 0, EMPTY_ROOT), wanted, leaves)
            for left in folder.glob(".publish-*.tmp"):
                left.unlink()
            if published is None:
                _sync_folder(folder.parent)
            _grow(folder, published.size if published else 0, wanted, leaves, after_write)
            if show and published != wanted:
                _replace_checkpoint(folder, note)
            _sync_folder(folder)
            if show and published != wanted:
                after_write(folder / "checkpoint")
    except OSError as error:
        raise LogError(
            f"The log's files could not be read or written: {error}. The database is whole, and what was "
            "published before still stands. Mend the cause (make room, if the disk is full), then "
            "publish again."
        ) from error
    return wanted


def show_checkpoint(folder: Path, verifier: Verifier, note: bytes) -> bool:
    """Replace the checkpoint by one whose tiles are published, as one with cosignatures.

    Returns:
        Whether it was replaced: not by an older one, nor by one with fewer lines.

    Raises:
        LogError: the tiles do not give its root, or another process writes the files now.
    """
    wanted = open_checkpoint(note, verifier)
    with _alone(folder):
        published = _published(folder, verifier)
        size = published.size if published else -1
        if size > wanted.size or (size == wanted.size and _lines_of(folder) >= note.count(b"\n")):
            return False
        if frontier_of_tiles(wanted.size, _reader(folder)).root() != wanted.root:
            raise LogError(f"The tiles in {folder} do not give this checkpoint's root.")
        _replace_checkpoint(folder, note)
        _sync_folder(folder)
    return True


def shown_note(folder: Path, verifier: Verifier, note: bytes) -> bytes:
    """Return the published note of a head, with its cosignatures, or the note given.

    Args:
        folder: the log's folder.
        verifier: the log's key.
        note: the signed head from the database.
    """
    try:
        published = (folder / "checkpoint").read_bytes()
        same = open_checkpoint(published, verifier) == open_checkpoint(note, verifier)
    except (OSError, LogError):
        return note
    return published if same else note


def _lines_of(folder: Path) -> int:
    return (folder / "checkpoint").read_bytes().count(b"\n")


def _replace_checkpoint(folder: Path, note: bytes) -> None:
    with _temporary(folder, note) as temporary:
        temporary.replace(folder / "checkpoint")


# Before anything is written.


def _published(folder: Path, verifier: Verifier) -> Checkpoint | None:
    try:
        data = (folder / "checkpoint").read_bytes()
    except FileNotFoundError:
        return None
    try:
        return open_checkpoint(data, verifier)
    except LogError as error:
        raise LogError(
            f"The checkpoint in {folder} is not one that the key of {verifier.name} signed: "
            f"{error}. A log needs a folder of its own. {_SEE}"
        ) from error


def _check(folder: Path, published: Checkpoint, wanted: Checkpoint, leaves: Leaves) -> None:
    """Check that the files can grow into those of the head.

    Raises:
        LogError: they cannot; says why.
    """
    size, read = published.size, _reader(folder)
    if size > wanted.size:
        raise LogError(
            f"The files in {folder} are ahead of the database ({size} entries against "
            f"{wanted.size}). A backup was restored, or another database wrote here. {_SEE}"
        )
    frontier = frontier_of_tiles(size, read)
    if frontier.root() != published.root:
        raise LogError(
            f"The tiles in {folder} do not give the root of the checkpoint beside them: a file "
            f"was changed. {_SEE}"
        )
    same = True
    for first, entries in _blocks(size, wanted.size, leaves):
        hashes = list(map(leaf_hash, entries))
        known = max(0, size - first)  # of these entries, so many are published
        if known:
            same &= read_tile(read, Tile(0, first // TILE_WIDTH, known)) == b"".join(hashes[:known])
        for value in hashes[known:]:
            frontier.append(value)
        _check_unnamed(folder, first, known, entries)
    if not same or frontier.root() != wanted.root:
        raise LogError(
            f"The files in {folder} show another history: the database's head of {wanted.size} "
            f"entries does not extend the {size} that are published. A backup was restored and "
            "went on in another way, another database wrote here, or entries were changed in the "
            f"database ('commonwatt ledger check' would say so). {_SEE}"
        )


def _check_unnamed(folder: Path, first: int, known: int, entries: Sequence[bytes]) -> None:
    """Check the files of one tile that no checkpoint names: a crash may have left them.

    Args:
        folder: the log's folder.
        first: position of the tile's first entry.
        known: so many of its entries are published.
        entries: the database's entries from there on, at most a tile's.

    Raises:
        LogError: they are ahead of the database, or hold other bytes.
    """
    index = first // TILE_WIDTH
    for path in (entries_path(index), tile_path(0, index)):
        full, partial = folder / path, folder / f"{path}.p"
        names = os.listdir(partial) if partial.is_dir() else []  # noqa: PTH208 - names alone
        found = {int(name): partial / name for name in names if name.isdecimal()}
        if full.exists():
            found[TILE_WIDTH] = full
        for width, file in sorted(found.items()):
            if width <= known:
                continue
            if width > len(entries):
                raise LogError(
                    f"{file} is ahead of the database: it ends after entry {first + width - 1}, "
                    f"and the database has {first + len(entries)} entries. A backup was restored, "
                    f"or the file is of another log. {_SEE}"
                )
            some = entries[:width]
            mine = encode_bundle(some) if file.is_relative_to(folder / "tile/entries") else None
            if file.read_bytes() != (mine or b"".join(map(leaf_hash, some))):
                raise LogError(
                    f"{file} holds other entries than the database. A backup was restored and went "
                    f"on in another way, or the file is of another log. {_SEE}"
                )


def _blocks(size: int, end: int, leaves: Leaves) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield the entries by tiles, from the tile that position ``size`` falls into.

    The last has fewer than a whole tile's, perhaps none.
    """
    for start in range(size - size % TILE_WIDTH, end + 1, ENTRIES_A_STEP):
        entries = leaves(start, min(end, start + ENTRIES_A_STEP))
        for first in range(start, min(end + 1, start + ENTRIES_A_STEP), TILE_WIDTH):
            yield first, entries[first - start : first - start + TILE_WIDTH]


# Writing.


def _grow(
    folder: Path,
    size: int,
    wanted: Checkpoint,
    leaves: Leaves,
    after_write: Callable[[Path], None],
) -> None:
    """Write what is missing of the tiles, sync their folders, and read the root from them.

    Raises:
        LogError: a file has other bytes, or the tiles do not give the root.
    """
    if size == wanted.size:
        return
    folders: set[Path] = set()
    while size < wanted.size:
        end = min(wanted.size, (size // ENTRIES_A_STEP + 1) * ENTRIES_A_STEP)
        for name, data in _grown_files(size, end, leaves, _reader(folder)):
            if write_once(folder, name, data):
                after_write(folder / name)
            # Also where it was there: whoever wrote it may have stopped before this.
            folders.update(Path(name).parents)
        size = end
    for one in sorted(folders):
        _sync_folder(folder / one)
    if frontier_of_tiles(size, _reader(folder)).root() != wanted.root:
        raise LogError(f"The tiles in {folder} do not give the database's root; nothing published.")


def _grown_files(
    size: int, end: int, leaves: Leaves, read: Callable[[str], bytes]
) -> Iterator[tuple[str, bytes]]:
    start = size - size % TILE_WIDTH
    entries = leaves(start, end)
    for first in range(start, end, TILE_WIDTH):
        some = entries[first - start : first - start + TILE_WIDTH]
        yield entries_path(first // TILE_WIDTH, len(some)), encode_bundle(some)
    hashes = [leaf_hash(entry) for entry in entries[size - start :]]
    for tile, data in grown_tiles(size, hashes, read):
        yield tile.path, data


def write_once(folder: Path, name: str, data: bytes) -> bool:
    """Write a file that never changes; return whether it was new.

    Raises:
        LogError: it is there with other bytes.
    """
    path = folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(folder, data) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass
            else:
                return True
    if path.read_bytes() != data:
        raise LogError(f"{path} is there already with other bytes; it was not overwritten.")
    return False


@contextmanager
def _temporary(folder: Path, data: bytes) -> Iterator[Path]:
    """Write a file under a temporary name, synced; it is gone at the end of the block.

    All lie in the log's folder itself, so that what a crash leaves is found at once.
    """
    path = folder / f".publish-{os.getpid()}.tmp"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk; Windows has no call for it."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes of this computer from writing here, even from another database.

    The database's lock serves all that write from one database. Nobody waits for this one, as
    who does would hold up the community.

    Raises:
        LogError: another process writes here now.
    """
    if sys.platform == "win32":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LogError(
                f"Another process writes the log's files in {folder} now. Nothing was written; "
                "publish again when it is done."
            ) from None
        yield
    finally:
        os.close(handle)


def _reader(folder: Path) -> Callable[[str], bytes]:
    return lambda path: (folder / path).read_bytes()
