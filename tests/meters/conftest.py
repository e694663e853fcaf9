"""Where the real sample files are."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real sample files; skips the test loudly where it is absent."""
    folder = Path(os.environ.get("COMMONWATT_SHARED") or REPOSITORY.parent / "shared")
    if not (folder / "data" / "meters").is_dir():
        pytest.skip(
            f"SKIPPED: checks against real meter files, which are not at {folder};"
            " set COMMONWATT_SHARED to their folder"
        )
    return folder
