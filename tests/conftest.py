"""Shared by all tests: seeded examples, and one small settled street."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from sqlalchemy import Connection

from ledger.collector import calm
from ledger.history import last_number
from ledger.invariants import check_balances
from ledger.records import MOVES
from ledger.store import LedgerStore
from tests.prepared import copy, prepared
from tests.streets import Street, build_street

__all__ = ["copy", "prepared", "settled_street"]

settings.register_profile("commonwatt", derandomize=True, deadline=None)
settings.load_profile("commonwatt")


def pytest_collection_finish() -> None:
    """Let the collector be as it is in commands: all tests and their modules are alive now."""
    calm()


FULL_CHECK_TRANSFERS_MAX = 2_000
"""Up to this many transfers in a ledger, all of it is added up again after each batch."""


def invariants_hold(connection: Connection, store: LedgerStore) -> None:
    """Check a ledger after a batch, in the transaction that wrote it."""
    balances = store.balances(connection)
    check_balances(balances)
    if last_number(connection, store.community) <= FULL_CHECK_TRANSFERS_MAX:
        posted = dict.fromkeys(balances, 0)
        for transfer, _ in store.transfers(connection):
            if transfer.kind in MOVES:
                posted[transfer.debit] -= transfer.amount
                posted[transfer.credit] += transfer.amount
        assert posted == {name: balance.posted for name, balance in balances.items()}


@pytest.fixture(autouse=True, scope="session")
def invariants_after_every_batch() -> Iterator[None]:
    """Whatever a test posts, in whatever store: the invariants are checked before the commit."""
    LedgerStore.after_write = invariants_hold
    yield
    LedgerStore.after_write = None


@pytest.fixture(scope="session")
def settled_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A street after two settled days. Read it only; `build_street` makes one to change."""
    street = build_street(tmp_path_factory.mktemp("street"))
    yield street
    street.community.writer.database.close()
