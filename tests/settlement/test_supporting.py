"""A helper sees of a member's readings what the member allowed when each half-hour began, and no more."""

from datetime import UTC, datetime

import pytest

from ledger.primitives.periods import SECONDS, load_zone, of_local_day
from meters.readings import Channel
from settlement import deeds
from settlement.enrol import Terms, add_member
from settlement.intake import import_readings
from settlement.supporting import support_day
from tests.prepared import DAY
from tests.streets import SITES, ZONE, add_meters, new_community, street_readings

SITE = SITES[0]
PERIODS = of_local_day(DAY, load_zone(ZONE))
NOON = PERIODS.start + 24
"""The half-hour in which something is said: it binds the one after."""


def seen(folder, said):
    """Return what a helper sees of a day in which the member said some things, and the readings."""
    community = new_community(folder, datetime(2026, 6, 20, 12, tzinfo=UTC))
    member = add_member(community, "Ada", "household", Terms())
    add_meters(community, member, SITE)
    clock = community.writer.clock
    for period, granularity in said:
        clock.set_ms(max(clock.now_ms(), period * SECONDS * 1000 + 1))
        if granularity is None:
            deeds.withdraw_consent(community, member, SITE.meter, "support")
        else:
            deeds.allow(community, member, SITE.meter, "support", granularity)
    clock.set_ms((PERIODS.stop + 100) * SECONDS * 1000)
    read = [r for r in street_readings([SITE], [DAY]) if r.meter == SITE.meter]
    import_readings(community, read)
    with community.reading() as connection:
        shown, hidden = support_day(community, connection, member, str(DAY))
    community.writer.database.close()
    mine = [each for each in shown if (each.meter, each.channel) == (SITE.meter, Channel.IMPORT)]
    assert (SITE.meter in hidden) == (not mine)
    return mine, {r.period: r.wh for r in read}


EARLY = PERIODS.start - 48


@pytest.mark.parametrize(
    ("said", "granularity", "first", "stop"),
    [
        ([], None, None, None),
        ([(EARLY, "month")], None, None, None),
        ([(EARLY, "day")], "day", None, None),
        ([(EARLY, "half-hour")], "half-hour", PERIODS.start, PERIODS.stop),
        ([(NOON, "half-hour")], "half-hour", NOON + 1, PERIODS.stop),
        ([(NOON, "day")], None, None, None),  # a part's sum would be a part's
        ([(EARLY, "half-hour"), (NOON, None)], "half-hour", PERIODS.start, NOON + 1),
        ([(EARLY, "day"), (NOON, "half-hour")], "day", None, None),
        (
            [(EARLY, "half-hour"), (PERIODS.stop + 1, None)],
            "half-hour",
            PERIODS.start,
            PERIODS.stop,
        ),
    ],
)
def test_it_is_what_was_allowed_when_the_half_hour_began(tmp_path, said, granularity, first, stop):
    found, read = seen(tmp_path, said)
    if granularity is None:
        assert found == []
        return
    [shown] = found
    assert shown.granularity == granularity
    if granularity == "day":
        assert shown.readings is None
        assert shown.wh == sum(read.values())
        return
    span = range(first, stop)
    assert [(p, wh) for p, wh, _ in shown.readings] == [(p, read[p]) for p in span]
    assert shown.wh == sum(read[p] for p in span)
