"""Explanations on both engines: PostgreSQL says what SQLite says."""

import pytest

from meters.readings import Channel, Quality, Reading
from settlement.estimating import estimate_missing
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import due_at_ms
from settlement.why import why
from settlement.why_day import why_day
from settlement.why_day_text import why_day_text
from settlement.why_estimates import why_batch
from settlement.why_reading import why_reading
from settlement.why_reading_text import why_batch_text, why_reading_text
from settlement.why_text import why_text
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from tests.settlement.whys import PERIODS

SUN = ("m-school-pv", Channel.EXPORT)


def pages(url, keys):
    """Return all that is said of a street after SF and R1."""
    found(url, keys).writer.database.close()
    community = reopen(url, keys)
    estimate_missing(community, DAY)
    settle_day(community, DAY)
    import_readings(community, [Reading(*SUN, PERIODS[25], 900, Quality.ACTUAL)])
    rules = community.state.rules_now
    community.writer.clock.set_ms(due_at_ms(rules.timetable.run("R1"), DAY, rules.zone))
    settle_day(community, DAY, code="R1")
    said = []
    with community.reading() as connection:
        for member in sorted(community.state.members):
            for period in (PERIODS[12], PERIODS[25]):
                told = why(community, connection, member, period)
                assert told.differences == []
                said.append(why_text(told))
            said.append(why_day_text(why_day(community, connection, member, DAY)))
        reading = why_reading(community, connection, SUN, PERIODS[25], named=True)
        said.append(why_reading_text(reading))
        entry = reading.versions[1].entry.position
        said.append(why_batch_text(why_batch(community, connection, entry)))
    community.writer.database.close()
    return said


@pytest.mark.postgresql
def test_postgresql_says_what_sqlite_says(tmp_path):
    said = []
    for engine in ("sqlite", "postgresql"):
        folder = tmp_path / engine
        folder.mkdir()
        with fresh_url(engine, folder) as url:
            said.append(pages(url, folder / "keys"))
    assert said[0] == said[1]
