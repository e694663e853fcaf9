"""A log without a database, and a disk that fails, stops or loses power at any call."""

import enum
import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from ledger.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.log.note import Verifier
from ledger.log.tiles import verify_tiles
from ledger.log.tree import leaf_hash, root_of
from ledger.log_files import publish
from ledger.primitives.signing import SigningKey

ORIGIN = "riverside.example/ledger/1"
KEY = SigningKey.from_seed(bytes(32))
VERIFIER = Verifier(ORIGIN, KEY.public)

CALLS = ("mkdir", "open", "write", "fsync", "link", "replace", "unlink")


def entries_of(count: int, word: str = "entry", first: int = 0) -> list[bytes]:
    return [f"{word} {number}".encode() for number in range(first, first + count)]


def head_of(entries: list[bytes], origin: str = ORIGIN, key: SigningKey = KEY) -> bytes:
    root = root_of(map(leaf_hash, entries))
    return sign_checkpoint(Checkpoint(origin, len(entries), root), key)


def publish_entries(folder: Path, entries: list[bytes], **options: Any) -> Checkpoint:
    """Publish as a database does that holds these entries."""
    made = entries[:]
    return publish(folder, VERIFIER, head_of(made), lambda first, end: made[first:end], **options)


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def served(folder: Path) -> list[bytes]:
    """Return the entries that a stranger reads from the folder, having checked every tile."""
    path = folder / "checkpoint"
    if not path.exists():
        return []
    head = open_checkpoint(path.read_bytes(), VERIFIER)
    return list(verify_tiles(lambda name: (folder / name).read_bytes(), head.size, head.root))


class StoppedError(BaseException):
    """Stands for the end of the process; nobody catches it."""


class Fault(enum.Enum):
    """What a call does: fail; fail although it was done (a write: by half); end the process; or
    write half and say so."""

    FAILED = "failed"
    PERSISTED = "failed but persisted"
    STOPPED = "stopped"
    SHORT = "short"


class Disk:
    """What was asked of the disk below a folder, and what of it a loss of power cannot take.

    Attributes:
        calls: names and paths, in order.
        kept: by folder, the names in it when it was last synced; of a file its bytes if they were
            synced, else none; of a folder None.
    """

    def __init__(self, root: Path, at: int = 0, how: Fault = Fault.FAILED) -> None:
        self.root, self.at, self.how = root, at, how
        self.error = errno.EIO
        self.stopped = False
        self.calls: list[tuple[str, str]] = []
        self.kept: dict[Path, Mapping[str, bytes | None]] = {}
        self._opened: dict[int, Path] = {}
        self._synced = {path.stat().st_ino for path in root.rglob("*") if path.is_file()}
        for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
            self._keep(folder)

    def call(self, name: str, real: Any, *args: Any, **options: Any) -> Any:
        """Do what the operating system is asked for, or the fault."""
        path = self._opened.get(args[0]) if name in ("write", "fsync") else Path(args[0])
        if path is None or not path.is_relative_to(self.root):
            return real(*args, **options)
        if self.stopped:
            raise StoppedError
        named = Path(args[1]) if name in ("link", "replace") else path
        self.calls.append((name, str(named.relative_to(self.root))))
        if len(self.calls) != self.at:
            return self._really(name, real, path, *args, **options)
        if self.how is Fault.STOPPED:
            self.stopped = True
            raise StoppedError
        if name == "write" and self.how in (Fault.PERSISTED, Fault.SHORT):
            done = real(args[0], bytes(args[1])[: len(args[1]) // 2])
            if self.how is Fault.SHORT:
                return done
        elif self.how is Fault.SHORT:
            return self._really(name, real, path, *args, **options)
        elif self.how is Fault.PERSISTED:
            result = None
            with suppress(*[FileNotFoundError] * (name == "unlink")):
                result = self._really(name, real, path, *args, **options)
            if name == "open":
                os.close(result)
        raise OSError(self.error, os.strerror(self.error), str(named))

    def _really(self, name: str, real: Any, path: Path, *args: Any, **options: Any) -> Any:
        if name == "fsync":  # the model keeps what a disk would; the real one is not waited for
            if path.is_dir():
                self._keep(path)
            else:
                self._synced.add(path.stat().st_ino)
            return None
        result = real(*args, **options)
        if name == "open":
            self._opened[result] = path
            if path.is_file():
                self._synced.discard(path.stat().st_ino)  # a new file may reuse a number
        return result

    def _keep(self, folder: Path) -> None:
        self.kept[folder] = {one.name: self._bytes_of(one) for one in folder.iterdir()}

    def _bytes_of(self, path: Path) -> bytes | None:
        if path.is_dir():
            return None
        return path.read_bytes() if path.stat().st_ino in self._synced else b""

    def after_power_loss(self, into: Path) -> list[Path]:
        """Rebuild the folder in those of three ways that a disk may choose and that differ.

        The least: only what was synced. The worst: that, and the last checkpoint all the same.
        The names: every name is there, but bytes that were not synced are not.
        """
        least, worst, names = into / "least", into / "worst", into / "names"
        self._rebuild(self.root, least)
        for path in self.root.rglob("checkpoint"):
            data = self._bytes_of(path)
            if self.kept.get(path.parent, {}).get(path.name) != data:
                self._rebuild(self.root, worst)
                there = worst / path.relative_to(self.root)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.write_bytes(data or b"")
        names.mkdir()
        for path in sorted(self.root.rglob("*")):
            there, data = names / path.relative_to(self.root), self._bytes_of(path)
            if data is None:
                there.mkdir()
            else:
                there.write_bytes(data)
        return [root for root in (least, worst, names) if root.exists()]

    def _rebuild(self, folder: Path, into: Path) -> None:
        into.mkdir(parents=True)
        for name, data in self.kept.get(folder, {}).items():
            if data is None:
                self._rebuild(folder / name, into / name)
            else:
                (into / name).write_bytes(data)


@contextmanager
def watching(disk: Disk) -> Iterator[Disk]:
    """Send every call that writes below the disk's root through it."""

    def through(name: str, real: Any) -> Any:
        return lambda *args, **options: disk.call(name, real, *args, **options)

    patches = [mock.patch.object(os, name, through(name, getattr(os, name))) for name in CALLS]
    for patch in patches:
        patch.start()
    try:
        yield disk
    finally:
        for patch in patches:
            patch.stop()
