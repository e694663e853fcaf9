"""Readings are taken as far as consent goes: by channel, by half-hour, in the right name."""

import pytest

from meters.readings import Channel, Quality, Reading
from settlement import deeds
from settlement.audit.verify import audit
from settlement.enrol import add_meter
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from tests.prepared import DAY, reopen

HALF_HOUR_MS = 1_800_000


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def reading(meter, period, wh=5, channel=Channel.IMPORT):
    return Reading(meter, channel, period, wh, Quality.ACTUAL)


def later(community, count):
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + count * HALF_HOUR_MS)


def test_a_channel_that_nobody_consented_to_is_not_taken(street):
    period = street.writer.now_period() - 1
    report = import_readings(
        street, [reading("m-ben", period), reading("m-ben", period, channel=Channel.EXPORT)]
    )
    assert (report.accepted, report.uncovered) == (1, 1)


def test_after_a_withdrawal_nothing_more_is_taken_and_the_past_still_is(street, tmp_path):
    ben = street.state.meters["m-ben"][-1][1].member
    ends = street.writer.now_period()
    deeds.withdraw_consent(street, ben, "m-ben")
    later(street, 3)
    report = import_readings(street, [reading("m-ben", ends + step) for step in (-1, 0, 1, 2)])
    assert (report.accepted, report.uncovered) == (2, 2)
    settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    assert audit(tmp_path / "bundle").verdict == "sound"


def test_a_meter_that_passed_on_is_read_in_each_members_name(street, tmp_path):
    ben = street.state.meters["m-ben"][-1][1].member
    other = next(member for member in sorted(street.state.members) if member != ben)
    ends = street.writer.now_period()
    deeds.withdraw_consent(street, ben, "m-ben")
    later(street, 2)
    add_meter(street, other, "m-ben", "import")
    later(street, 3)
    report = import_readings(street, [reading("m-ben", ends + step) for step in range(5)])
    assert (report.accepted, report.uncovered, report.batches) == (3, 2, 2)
    export_bundle(street, tmp_path / "bundle")
    assert audit(tmp_path / "bundle").verdict == "sound"
