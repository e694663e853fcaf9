"""Shared by all tests: seeded examples, and one small settled street."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.prepared import copy, prepared
from tests.streets import Street, build_street

__all__ = ["copy", "prepared", "settled_street"]

settings.register_profile("commonwatt", derandomize=True, deadline=None)
settings.load_profile("commonwatt")


@pytest.fixture(scope="session")
def settled_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A street after two settled days. Read it only; `build_street` makes one to change."""
    street = build_street(tmp_path_factory.mktemp("street"))
    yield street
    street.community.writer.database.close()
