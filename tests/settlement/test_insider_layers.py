"""An owner of the database who makes everything in it agree: only what was signed tells.

Edits that leave something disagreeing are in tests/ledger/test_check.py; the working role, the
guards and the code in tests/wallet_api/test_roles.py, test_database.py and test_append_only.py;
an operator who signs another history in test_audit.py (a checkpoint kept from before).
"""

from datetime import UTC, datetime

import pytest

from ledger import guards
from ledger.check import check_ledger
from ledger.primitives.clock import FixedClock
from ledger.records import content_hash
from ledger.store import LedgerStore
from settlement.audit.verify import audit
from settlement.enrol import Terms, add_member, pay
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from tests.streets import (
    JULY_1,
    JUNE_30,
    NAMES,
    SITES,
    ZONE,
    add_meters,
    new_community,
    street_readings,
)
from wallet_api.database import APPEND_ONLY, check


@pytest.fixture
def street(tmp_path):
    """A street with a payment, one settled day, and the readings of the next."""
    community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
    clock = community.writer.clock
    assert isinstance(clock, FixedClock)
    members = []
    for name, site in zip(NAMES, SITES, strict=True):
        members.append(add_member(community, name, "household", Terms()))
        add_meters(community, members[-1], site)
    clock.set_ms(int(datetime(2026, 6, 29, 9, tzinfo=UTC).timestamp()) * 1000)
    pay(community, members[1], members[0], 36_000_000, "two loaves")
    clock.set_ms(int(datetime(2026, 7, 3, 5, tzinfo=UTC).timestamp()) * 1000)
    import_readings(community, street_readings(SITES, (JUNE_30, JULY_1)))
    settle(community, JUNE_30)
    yield community
    community.writer.database.close()


def settle(community, day):
    community.writer.clock.set_ms(first_due_ms(day, ZONE))
    settle_day(community, day)


def forge(community):
    """Make the payment a unit larger, and let everything that follows from it agree again."""
    database, ledger = community.writer.database, community.writer.ledger
    with database.write() as connection:
        triggers = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).scalars()
        for name in list(triggers):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        row = "number = (SELECT min(number) FROM transfer)"
        connection.exec_driver_sql(f"UPDATE transfer SET amount = amount + 1 WHERE {row}")  # noqa: S608 - ours
        transfer = next(ledger.transfers(connection))[0]
        connection.exec_driver_sql(
            "UPDATE batch SET content = ? WHERE number = 1", (content_hash([transfer]),)
        )
        for account, change in ((transfer.debit, -1), (transfer.credit, 1)):
            number = ledger.chart.number_of(connection, account)
            connection.exec_driver_sql(
                "UPDATE balance SET posted = posted + ? WHERE account = ?", (change, number)
            )
        guards.install(connection, APPEND_ONLY)
    check(database)


def test_a_consistent_forgery_passes_all_but_the_signed_log(street):
    with street.writer.database.read() as connection:
        community = LedgerStore(street.writer.community).community
        assert check_ledger(connection, community).failure is None
    forge(street)
    with street.writer.database.read() as connection:
        assert check_ledger(connection, community, with_log=False).failure is None
        failure = check_ledger(connection, community).failure
    assert failure is not None
    assert "36,000,001" in failure or "36000001" in failure, failure


def test_a_consistent_forgery_spoils_the_next_seal_and_the_audit_says_so(street, tmp_path):
    export_bundle(street, tmp_path / "before")
    assert audit(tmp_path / "before").failed is None
    forge(street)
    settle(street, JULY_1)
    export_bundle(street, tmp_path / "after")
    report = audit(tmp_path / "after")
    assert report.failed == "funds and mandates"
    assert "a wallet's funds" in report.failure
