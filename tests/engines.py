"""Database engines for tests: SQLite always, PostgreSQL where a server is named."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.db import Database

POSTGRESQL_VARIABLE = "COMMONWATT_TEST_POSTGRESQL_URL"
REQUIRE_ALL_VARIABLE = "COMMONWATT_TEST_REQUIRE_ALL"
YEAR_VARIABLE = "COMMONWATT_TEST_YEAR"


def minutes(what: str) -> None:
    """Skip loudly what takes minutes, unless it is asked for or everything is required (CI)."""
    if not (os.environ.get(YEAR_VARIABLE) or os.environ.get(REQUIRE_ALL_VARIABLE)):
        pytest.skip(f"{YEAR_VARIABLE}=1 is not set: {what}")


def missing(what: str) -> None:
    """Skip loudly, or fail where everything is required (CI)."""
    if os.environ.get(REQUIRE_ALL_VARIABLE):
        pytest.fail(f"{what} is required here and is not there")
    pytest.skip(f"{what} is not here: these tests did not run")


@contextmanager
def fresh_url(engine: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if engine == "sqlite":
        yield f"sqlite:///{folder}/test.sqlite"
        return
    server = os.environ.get(POSTGRESQL_VARIABLE)
    if not server:
        missing(f"PostgreSQL ({POSTGRESQL_VARIABLE})")
        return
    name = f"commonwatt_{uuid.uuid4().hex[:12]}"
    admin = Database(server)
    options = admin.engine.execution_options(isolation_level="AUTOCOMMIT")
    with options.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield admin.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with options.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.close()
