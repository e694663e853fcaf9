"""What every test of the door begins with: a served street and the phones of its people."""

import pytest

from tests.wallet_api.door.phones import phones_of, served


@pytest.fixture
def copied(copy):
    """The street that `client` serves: its URL and its folder of keys."""
    return copy()


@pytest.fixture
def client(copied):
    with served(*copied) as client:
        yield client


@pytest.fixture
def phones(client):
    return phones_of(client)
