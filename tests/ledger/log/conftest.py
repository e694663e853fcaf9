"""Where the published vectors are: outside this repository, with their own licences."""

import json
import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def vectors_dir():
    shared = Path(os.environ.get("COMMONWATT_SHARED", REPOSITORY.parent / "shared"))
    found = shared / "vectors"
    if not found.is_dir():
        pytest.skip(f"no published vectors: {found} is not there; set COMMONWATT_SHARED")
    return found


@pytest.fixture(scope="session")
def load_vectors(vectors_dir):
    return lambda name: json.loads((vectors_dir / name).read_text())


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY
