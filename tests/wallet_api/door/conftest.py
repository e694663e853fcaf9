"""What every test of the door begins with: a served street and the phones of its people."""

import pytest

from tests.wallet_api.door.phones import phones_of, served


@pytest.fixture
def client(copy):
    with served(*copy()) as client:
        yield client


@pytest.fixture
def phones(client):
    return phones_of(client)
