"""A file that is whole or not there: written under another name, then renamed.

A command that is stopped, or fails, leaves what was there before under the wanted name; at worst
a hidden file that ends in ``.tmp`` stays behind.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     with written(Path(folder, "a.txt")) as file:
...         _ = file.write(b"all of it")
...     Path(folder, "a.txt").read_text()
'all of it'
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ledger.errors import SetupError

KILOBYTE, MEGABYTE = 1_000, 1_000_000
"""Bytes, as disks are sold."""


@contextmanager
def written(wanted: Path) -> Iterator[BinaryIO]:
    """Open a file to write; it gets the wanted name at the end of the block, if nothing failed.

    A pipe or a device is written to as it is.

    Raises:
        SetupError: the folder is missing, or a folder has this name.
    """
    path = wanted.resolve()  # a link stays a link to the new content
    if path.is_dir():
        raise SetupError(f"{wanted} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise SetupError(f"There is no folder {wanted.parent} to write {wanted.name} in; make it.")
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            if path.exists():
                shutil.copymode(path, temporary)  # what only its owner read stays so
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def size_text(size: int) -> str:
    """Write a file's size as people read it, in powers of a thousand.

    >>> size_text(999), size_text(1_000), size_text(2_345_678), size_text(3 * 10**9)
    ('999 bytes', '1.0 kB', '2.3 MB', '3,000.0 MB')
    """
    if size < KILOBYTE:
        return f"{size} bytes"
    if size < MEGABYTE:
        return f"{size / KILOBYTE:.1f} kB"
    return f"{size / MEGABYTE:,.1f} MB"
