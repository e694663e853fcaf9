"""Writing a bundle for auditors, as a folder or a .zip.

>>> POLICY.format(vkey="log.example+ab+cd").splitlines()
['log log.example+ab+cd', 'quorum none']
"""

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import SetupError
from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import Verifier
from ledger.log.policy import Policy
from ledger.log.tiles import TILE_WIDTH, encode_bundle, entries_path, grown_tiles
from ledger.log.tree import leaf_hash
from ledger.log_files import shown_note
from ledger.statements import Statement
from settlement.audit.bundle import FACTS_A_FILE, Fact, encode_fact, encode_manifest, facts_path
from settlement.community import Community

POLICY = "log {vkey}\nquorum none\n"
"""Witness policy of a group that asks no witness yet."""

OTHER_ARCHIVES = frozenset({".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
"""Endings of a name that ask for what is not made here: it would become a folder of that name."""

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The time written into a .zip, so that the same ledger gives the same bytes."""


class _Output:
    """Writes files into a folder or a .zip under a temporary name, and remembers their hashes."""

    def __init__(self, target: Path) -> None:
        if target.exists():
            raise SetupError(f"{target} is there already; choose another name for the bundle.")
        if target.suffix.lower() in OTHER_ARCHIVES:
            raise SetupError(f"{target}: a bundle is a folder or a .zip; choose a name like that.")
        self._target = target
        self._temporary = target.with_name(f".{target.name}.tmp")
        self.files: dict[str, tuple[int, str]] = {}
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> Self:
        target = self._temporary
        self._clear()
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._target.suffix.lower() == ".zip":
            self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._zip is not None:
            self._zip.close()
        if kind is None:
            self._temporary.rename(self._target)
        else:
            self._clear()

    def _clear(self) -> None:
        """Remove what an export that was stopped left behind."""
        if self._temporary.is_dir():
            shutil.rmtree(self._temporary)
        else:
            self._temporary.unlink(missing_ok=True)

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = (len(data), hashlib.sha256(data).hexdigest())
        if self._zip is not None:
            info = zipfile.ZipInfo(path, ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            self._zip.writestr(info, data)
        else:
            file = self._temporary / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def export_bundle(
    community: Community,
    target: Path,
    progress: Callable[[int, int], None] = lambda _d, _a: None,
    *,
    policy: Policy | None = None,
    log_folder: Path | None = None,
) -> int:
    """Write the whole log with its facts and return the number of entries.

    Args:
        community: open for work.
        target: a folder to make, or a file ending in .zip.
        progress: told (entries done, entries in all).
        policy: the group's witnesses; none if left out.
        log_folder: the published log, whose checkpoint may carry cosignatures.

    Raises:
        SetupError: the target is there already.
    """
    writer = community.writer
    verifier = Verifier(writer.origin, writer.keyring.load("log").public)
    with _Output(target) as output, writer.database.read() as connection:
        size, _, note = log_store.head(connection, writer.community)
        open_checkpoint(note, verifier)
        if log_folder is not None:
            note = shown_note(log_folder, verifier, note)
        output.write("log.vkey", f"{verifier.vkey}\n".encode())
        default = POLICY.format(vkey=verifier.vkey).encode()
        output.write("policy", default if policy is None else policy.encode())
        _write_facts(connection, writer.community, size, output, progress)
        _write_tiles(connection, writer.community, size, output)
        output.write("log/checkpoint", note)
        output.write("manifest.json", encode_manifest(writer.origin, size, output.files))
    return size


def _write_facts(
    connection: Connection,
    community: int,
    size: int,
    output: _Output,
    progress: Callable[[int, int], None],
) -> None:
    lines: list[bytes] = []
    for position, kind, entry in log_store.stored_facts(connection, community):
        if position >= size:
            break
        fact = Fact(position, None, None, None)
        if entry is not None:
            fact = Fact(position, entry.envelope, entry.salt, entry.detail)
        lines.append(encode_fact(fact))
        if entry is not None and kind in ("roster", "rules"):
            version = Statement.decode(entry.envelope).body["version"]
            output.write(f"{kind}/{version:04d}.json", entry.envelope)
        if len(lines) == FACTS_A_FILE or position == size - 1:
            output.write(facts_path(position), b"".join(lines))
            lines = []
            progress(position + 1, size)


def _write_tiles(connection: Connection, community: int, size: int, output: _Output) -> None:
    hashes: list[bytes] = []
    for first in range(0, size, TILE_WIDTH):
        entries = log_store.leaves(connection, community, first, min(first + TILE_WIDTH, size))
        output.write(
            f"log/{entries_path(first // TILE_WIDTH, len(entries))}", encode_bundle(entries)
        )
        hashes += [leaf_hash(entry) for entry in entries]
    for tile, data in grown_tiles(0, hashes, _nothing_yet):
        output.write(f"log/{tile.path}", data)


def _nothing_yet(path: str) -> bytes:
    raise FileNotFoundError(path)
