"""A bundle: what an auditor gets, as a folder or a .zip.

::

    log.vkey            the log's public key
    policy              which witnesses' cosignatures are asked for
    log/checkpoint      the signed head
    log/tile/...        tiles and entry bundles (C2SP tlog-tiles)
    roster/0001.json    signed rosters, copies for reading: compared with the log
    rules/0001.json     signed rules, likewise
    facts/000000.jsonl  1,000 facts a file: what each log entry commits to
    manifest.json       names, sizes and hashes of all files

>>> facts_path(2345)
'facts/000002.jsonl'
"""

import hashlib
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.errors import InputError
from ledger.log.leaf import SALT_BYTES
from ledger.primitives.canonical import INTEGER_MAX, decode, encode, encode_trusted
from ledger.primitives.shape import HEX_64, array, integer, one_of, record, text
from settlement.errors import AuditError

FACTS_A_FILE = 1_000
"""Facts in one file: a few megabytes."""

FACT_BYTES_MAX = 250_000_000
"""Longest line of a facts file: a city's half-hour."""

FILE_BYTES_MAX = 2_000_000_000
"""Largest file of a bundle that is read: a .zip cannot grow without end."""

MANIFEST = "manifest.json"

MANIFEST_BYTES_MAX = 50_000_000
"""Longest manifest."""

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    NotImplementedError,
)
"""What the standard library raises for a damaged .zip."""

_PATH = r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)*(/[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)*)*"

_FACT = record(
    {
        "i": integer(0, INTEGER_MAX),
        "f": text(FACT_BYTES_MAX),
        "s": text(2 * SALT_BYTES, rf"[0-9a-f]{{{2 * SALT_BYTES}}}"),
    },
    {"d": text(FACT_BYTES_MAX)},
)
_NO_FACT = record({"i": integer(0, INTEGER_MAX)})
_MANIFEST = record(
    {
        "v": one_of(1),
        "origin": text(140),
        "size": integer(0, INTEGER_MAX),
        "files": array(
            record({"path": text(300, _PATH), "bytes": integer(0, INTEGER_MAX), "sha256": HEX_64}),
            1_000_000,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a log entry commits to: signed bytes, salt, and the detail that they bind.

    Envelope and salt are None where the fact is not there: erased, or held back.
    """

    position: int
    envelope: bytes | None
    salt: bytes | None
    detail: bytes | None


def facts_path(position: int) -> str:
    """Return the file that holds the fact of a log position."""
    return f"facts/{position // FACTS_A_FILE:06d}.jsonl"


def encode_fact(fact: Fact) -> bytes:
    """Return a fact's line."""
    value: dict[str, Any] = {"i": fact.position}
    if fact.envelope is not None and fact.salt is not None:
        value |= {"f": fact.envelope.decode(), "s": fact.salt.hex()}
    if fact.detail is not None:
        value["d"] = fact.detail.decode()
    return encode_trusted(value) + b"\n"


class Bundle:
    """Reads a bundle's files.

    Args:
        path: a folder or a .zip.

    Raises:
        InputError: neither, or what is in it is no bundle.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        self._named: dict[str, tuple[int, str]] = {}
        if path.is_file():
            try:
                self._zip = zipfile.ZipFile(path)
            except DAMAGE as error:
                raise InputError(f"{path} is neither a folder nor a .zip file") from error
        elif not path.is_dir():
            raise InputError(f"{path} is not there; make one with 'commonwatt audit export'")
        self._refuse_what_is_none()

    def _refuse_what_is_none(self) -> None:
        """Say what else it may be: whoever names the wrong file should accuse nobody."""
        if self._zip is None:  # a wrong folder may hold all of a computer: only look at its top
            there = (self.path / MANIFEST).exists()
            inner = [path.parent.name for path in self.path.glob(f"*/{MANIFEST}")]
        else:
            names = self._zip.namelist()
            there = MANIFEST in names
            inner = [name.rpartition("/")[0] for name in names if name.endswith(f"/{MANIFEST}")]
        if there:
            return
        if inner:
            raise InputError(
                f"{self.path} is not a bundle, but a folder {min(inner)}/ in it may be one: "
                + ("name that" if self._zip is None else "unzip it and name that")
            )
        raise InputError(f"{self.path} is not a bundle: it has no {MANIFEST}")

    def unnamed(self) -> int:
        """Return how many files are there that the manifest does not name: none is looked at."""
        if self._zip is not None:
            there = {info.filename for info in self._zip.infolist() if not info.is_dir()}
        else:
            there = {
                (Path(folder) / name).relative_to(self.path).as_posix()
                for folder, _, names in os.walk(self.path)
                for name in names
            }
        return len(there - self._named.keys() - {MANIFEST})

    def read(self, name: str) -> bytes:
        """Return a file's bytes, compared with what the manifest says once that was read.

        Raises:
            FileNotFoundError: not in the bundle.
            AuditError: too large, damaged, or other than the manifest says.
        """
        data = self._read(name)
        if name in self._named:
            digest = hashlib.sha256(data).hexdigest()
            if self._named[name] != (len(data), digest):
                raise AuditError("bundle", f"{name} differs from the manifest")
        return data

    def _read(self, name: str) -> bytes:
        try:
            if self._zip is None:
                return self._read_file(name)
            most = MANIFEST_BYTES_MAX if name == MANIFEST else FILE_BYTES_MAX
            length = self._zip.getinfo(name).file_size
            if length > most or length != self._named.get(name, (length, ""))[0]:
                raise AuditError("bundle", f"{name} is too large, or differs from the manifest")
            return self._zip.read(name)
        except AuditError:
            raise
        except (KeyError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise FileNotFoundError(name) from error
        except DAMAGE as error:
            raise AuditError("bundle", f"{name} is damaged: {error}") from error

    def _read_file(self, name: str) -> bytes:
        """Read a regular file inside the bundle's folder, and nothing else."""
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise AuditError("bundle", f"{name} leads out of the bundle")
        if not stat.S_ISREG(path.stat().st_mode):
            raise AuditError("bundle", f"{name} is not a file")
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise AuditError("bundle", f"{name} is too large")
        return data

    def required(self, name: str) -> bytes:
        """Return a file's bytes, or say that the bundle is incomplete."""
        try:
            return self.read(name)
        except FileNotFoundError as error:
            raise AuditError("bundle", f"{name} is missing from the bundle") from error

    def manifest(self) -> Mapping[str, Any]:
        """Return the manifest; from now on each file is compared with it when it is read.

        Raises:
            AuditError: missing or malformed.
        """
        try:
            value = decode(self.required(MANIFEST), MANIFEST_BYTES_MAX)
            _MANIFEST(value, "manifest")
        except InputError as error:
            raise AuditError("bundle", f"manifest.json: {error}") from error
        self._named = {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in value["files"]}
        if len(self._named) != len(value["files"]):
            raise AuditError("bundle", "the manifest names a file twice")
        manifest: Mapping[str, Any] = value
        return manifest

    def check_files(self, prefixes: tuple[str, ...]) -> None:
        """Compare every file whose name begins so with the manifest.

        Raises:
            AuditError: a file is missing or differs.
        """
        for name in self._named:
            if name.startswith(prefixes):
                self.required(name)

    def check_copies(
        self, folders: tuple[str, ...], copies: Mapping[str, bytes], *, whole: bool
    ) -> None:
        """Compare the copies for reading with what stands in the log.

        Args:
            folders: that hold copies.
            copies: what each file must hold.
            whole: whether there are no others.

        Raises:
            AuditError: a copy is another, or of nothing.
        """
        prefixes = tuple(f"{folder}/" for folder in folders)
        for name in self._named:
            if not name.startswith(prefixes) or (name not in copies and not whole):
                continue
            if self.required(name) != copies.get(name):
                raise AuditError("bundle", f"{name} is not the one in the log")

    def facts(self, first: int, size: int) -> Iterator[Fact]:
        """Yield the facts of log positions first to size - 1, in order.

        Raises:
            AuditError: one is missing, out of order or malformed.
        """
        for start in range(first - first % FACTS_A_FILE, size, FACTS_A_FILE):
            name = facts_path(start)
            lines = self.required(name).split(b"\n", FACTS_A_FILE + 1)
            if lines.pop() != b"" or len(lines) != min(FACTS_A_FILE, size - start):
                raise AuditError("bundle", f"{name} holds another number of facts than the log")
            for position, line in enumerate(lines, start=start):
                if position >= first:
                    yield _decode_fact(name, position, line)


def _decode_fact(name: str, position: int, line: bytes) -> Fact:
    try:
        value = decode(line, FACT_BYTES_MAX)
        gone = isinstance(value, dict) and value.keys() == {"i"}
        (_NO_FACT if gone else _FACT)(value, "fact")
    except InputError as error:
        raise AuditError("bundle", f"{name}: the fact of entry {position}: {error}") from error
    if value["i"] != position:
        raise AuditError("bundle", f"{name}: entry {value['i']} stands where {position} belongs")
    if gone:
        return Fact(position, None, None, None)
    detail = value["d"].encode() if "d" in value else None
    return Fact(position, value["f"].encode(), bytes.fromhex(value["s"]), detail)


def encode_manifest(origin: str, size: int, files: Mapping[str, tuple[int, str]]) -> bytes:
    """Return the manifest of (bytes, SHA-256) by path."""
    return encode(
        {
            "v": 1,
            "origin": origin,
            "size": size,
            "files": [
                {"path": path, "bytes": length, "sha256": digest}
                for path, (length, digest) in sorted(files.items())
            ],
        }
    )
