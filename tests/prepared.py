"""A street before its first settled day, to be settled by tests in many ways."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import SigningKey
from market.model import PriceRule, Rules
from settlement.community import Community
from settlement.enrol import ROLE_KEYS, Charter, Terms, add_member, found_community, open_community
from settlement.intake import import_readings
from settlement.timetable import first_due_ms
from tests.fresh import upgrade
from tests.streets import JUNE_30, SITES, add_meters, street_readings

CHARTER = Charter(
    "ladywood.example/ledger/1",
    "Ladywood Street Power",
    "Europe/London",
    "LWD",
    "street",
    Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410, charge_ticks=20),
    "All wallets together always sum to zero.",
    replay=True,
)
ENTROPY = seeded_entropy(b"test street")
DAY = JUNE_30


def seeded_key(name):
    return SigningKey.from_seed(tagged_hash("test-key", name.encode()))


def ms(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


def found(url, keys: Path, shuffle=None) -> Community:
    """Found the street with its readings in, nothing settled yet."""
    database = Database(url)
    upgrade(database)
    clock = FixedClock(ms(2026, 6, 28, 12))
    community = found_community(
        database,
        Keyring(keys),
        clock,
        CHARTER,
        entropy=ENTROPY,
        keys={name: seeded_key(name) for name in ROLE_KEYS},
    )
    for site in SITES:
        member = add_member(community, site.meter, "household", Terms(), seeded_key(site.meter))
        add_meters(community, member, site)
    clock.set_ms(ms(2026, 7, 3, 5))
    readings = street_readings(SITES, [DAY])
    if shuffle is not None:
        shuffle(readings)
    import_readings(community, readings)
    return community


def reopen(url, keys: Path) -> Community:
    """Open the street as a process does that starts when the day's run is due."""
    clock = FixedClock(first_due_ms(DAY, CHARTER.zone))
    return open_community(Database(url), Keyring(keys), clock, entropy=ENTROPY)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with a street that is ready to be settled; copy it before use."""
    folder = tmp_path_factory.mktemp("prepared")
    found(f"sqlite:///{folder}/street.sqlite", folder / "keys").writer.database.close()
    return folder


@pytest.fixture
def copy(prepared, tmp_path):
    """Return a function that copies the prepared street and returns (url, keys folder)."""
    count = 0

    def make():
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        shutil.copytree(prepared, folder)
        return f"sqlite:///{folder}/street.sqlite", folder / "keys"

    return make
