"""New databases with all tables, copied from one: a test need not run every migration again."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from ledger.db import Database
from wallet_api import database as migrations


def upgrade(database: Database) -> None:
    """Bring a database to the current revision; a new SQLite file is a copy of such a one."""
    file = database.file
    if file is None or file.exists():
        migrations.upgrade(database)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_empty(), file)


@cache
def _empty() -> Path:
    """Make the file that is copied, once in each process."""
    folder = tempfile.TemporaryDirectory(prefix="commonwatt-empty-")
    _folders.append(folder)
    database = Database(f"sqlite:///{folder.name}/empty.sqlite")
    migrations.upgrade(database)
    database.close()
    return database.file


_folders: list[tempfile.TemporaryDirectory] = []
"""Deleted when the process ends."""
