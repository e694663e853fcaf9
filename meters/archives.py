r"""Zip archives: every file in one is read as if it lay beside it, within limits.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     archive = Path(folder) / "march.zip"
...     with zipfile.ZipFile(archive, "w") as writer:
...         writer.writestr("a.csv", "meter,channel,start,wh\n")
...     with unpacked(archive) as files:
...         [name for name, _ in files]
['march.zip/a.csv']
"""

import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import InputError
from meters.files import FILE_BYTES_MAX, shown_name

DAMAGED = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError),
    *(zlib.error, lzma.LZMAError, OSError, ValueError),
)
"""What the standard library raises for an archive that is damaged or encrypted."""

MEMBERS_MAX = 10_000
"""Most files in an archive."""

_BLOCK_BYTES = 1 << 20
_MAGIC = b"PK\x03\x04"


@contextmanager
def unpacked(path: Path) -> Iterator[list[tuple[str, Path]]]:
    """Yield (name, path) of the files in an archive, or of the file itself if it is none.

    Raises:
        InputError: the archive is damaged, encrypted, or beyond a limit.
    """
    with path.open("rb") as stream:
        is_archive = stream.read(len(_MAGIC)) == _MAGIC
    if not is_archive:
        yield [(shown_name(path.name), path)]
        return
    with tempfile.TemporaryDirectory(prefix="commonwatt-") as folder:
        yield _unpack(path, Path(folder))


def _unpack(path: Path, folder: Path) -> list[tuple[str, Path]]:
    files: list[tuple[str, Path]] = []
    left = FILE_BYTES_MAX
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            if any(item.filename == "[Content_Types].xml" for item in members):
                raise InputError(f"{path.name}: an Excel workbook: save the sheet as CSV")
            if len(members) > MEMBERS_MAX:
                raise InputError(f"{path}: has more than {MEMBERS_MAX:,} files; split it")
            for number, member in enumerate(members):
                # Names inside an archive are never used as paths: they may point anywhere.
                target = folder / str(number)
                with archive.open(member) as source, target.open("wb") as sink:
                    while block := source.read(_BLOCK_BYTES):
                        left -= len(block)
                        if left < 0:
                            raise InputError(
                                f"{path}: holds more than {FILE_BYTES_MAX:,} bytes; split it"
                            )
                        sink.write(block)
                files.append((shown_name(f"{path.name}/{member.filename}"), target))
    except DAMAGED as error:
        raise InputError(
            f"{path}: the archive cannot be read ({error}); unpack it first"
        ) from error
    if not files:
        raise InputError(f"{path}: the archive is empty")
    return files
