"""The log as files: tiles, entry bundles and the checkpoint, as any web server can serve them.

Order of writing: the database commits first; then tiles and bundles, each to a temporary name,
synced and linked, never rewriting other bytes; the checkpoint comes last. A crash leaves files
behind the database, and the next call finishes them. Files ahead of the database, or of another
history, are refused with an explanation: a backup was restored, or somebody wrote here.

>>> import tempfile
>>> write_once(Path(tempfile.mkdtemp()) / "tile" / "0" / "000.p" / "1", bytes(32))
True
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import Verifier
from ledger.log.tiles import (
    TILE_WIDTH,
    encode_bundle,
    entries_path,
    frontier_of_tiles,
    grown_tiles,
)
from ledger.log.tree import leaf_hash

ENTRIES_A_STEP = 65_536
"""Most entries read from the database at once: bounds the memory of a first publication."""


def publish(
    folder: Path,
    verifier: Verifier,
    note: bytes,
    leaves: Callable[[int, int], Sequence[bytes]],
    after_write: Callable[[Path], None] = lambda _path: None,
) -> Checkpoint:
    """Bring a folder's files up to a signed head.

    Args:
        folder: the log's folder.
        verifier: the log's key.
        note: the signed head from the database.
        leaves: returns the leaves of positions first to end - 1.
        after_write: called after each file; tests stop here.

    Returns:
        The published checkpoint.

    Raises:
        LogError: the files are ahead of the database or of another history.
    """
    wanted = open_checkpoint(note, verifier)
    published = _published(folder, verifier)
    read = _reader(folder)
    size = published.size if published else 0
    if size > wanted.size:
        raise LogError(
            f"The files in {folder} are ahead of the database ({size} entries against "
            f"{wanted.size}). A backup was restored or another database wrote here: do not "
            "publish; see 'files ahead' in docs/spec/log.md."
        )
    if published and size == wanted.size and published.root != wanted.root:
        raise LogError(f"The files in {folder} show another history of the same size.")
    while size < wanted.size:
        size = _grow(folder, size, min(wanted.size, _step_end(size)), leaves, after_write)
    if wanted.size and frontier_of_tiles(wanted.size, read).root() != wanted.root:
        raise LogError(f"The tiles in {folder} do not give the database's root; nothing published.")
    if published is None or published.size < wanted.size:
        _replace(folder / "checkpoint", note)
        after_write(folder / "checkpoint")
    return wanted


def _step_end(size: int) -> int:
    return (size // ENTRIES_A_STEP + 1) * ENTRIES_A_STEP


def _grow(
    folder: Path,
    size: int,
    end: int,
    leaves: Callable[[int, int], Sequence[bytes]],
    after_write: Callable[[Path], None],
) -> int:
    start = size - size % TILE_WIDTH
    entries = leaves(start, end)
    for first in range(start, end, TILE_WIDTH):
        some = entries[first - start : first - start + TILE_WIDTH]
        path = folder / entries_path(first // TILE_WIDTH, len(some))
        if write_once(path, encode_bundle(some)):
            after_write(path)
    hashes = [leaf_hash(entry) for entry in entries[size - start :]]
    for tile, data in grown_tiles(size, hashes, _reader(folder)):
        path = folder / tile.path
        if write_once(path, data):
            after_write(path)
    return end


def write_once(path: Path, data: bytes) -> bool:
    """Write a file that never changes; return whether it was new.

    Raises:
        LogError: it is there with other bytes.
    """
    if path.exists():
        if path.read_bytes() != data:
            raise LogError(f"{path} is there already with other bytes; nothing was overwritten.")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _write_temporary(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        if path.read_bytes() != data:
            raise LogError(f"{path} is there already with other bytes.") from None
    finally:
        temporary.unlink()
    return True


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_temporary(path, data).replace(path)


def _write_temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _reader(folder: Path) -> Callable[[str], bytes]:
    return lambda path: (folder / path).read_bytes()


def _published(folder: Path, verifier: Verifier) -> Checkpoint | None:
    path = folder / "checkpoint"
    return open_checkpoint(path.read_bytes(), verifier) if path.exists() else None
