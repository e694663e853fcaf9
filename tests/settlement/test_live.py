"""A run that shows half-hours while the day goes on: what may be seen when, and what is due again."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.errors import InputError, RefusedError
from ledger.primitives.periods import SECONDS, load_zone, of_local_day
from settlement import deeds, shown_store, store
from settlement.due import due_runs
from settlement.enrol import Terms, add_member
from settlement.errors import RunRefusedError
from settlement.intake import import_readings
from settlement.rule_parts import runs_from_text, timetable_text
from settlement.run import settle_day
from settlement.showing import show_day, shown_day
from settlement.timetable import GB, RunPlan, Timetable, due_at_ms, timetable_from_json
from settlement.why import why
from tests.prepared import CHARTER, DAY
from tests.settlement.later import checked
from tests.streets import SITES, add_meters, new_community, street_readings

TODAY = DAY + timedelta(days=1)
PERIODS = of_local_day(TODAY, load_zone(CHARTER.zone))
LIVE = Timetable(
    (RunPlan("II", 1, posts=False, live=True), RunPlan("SF", 1), RunPlan("RF", 90 * 48))
)
HALF_HOUR_MS = SECONDS * 1000


@pytest.fixture
def street(tmp_path):
    """A street whose rules show half-hours live, at the beginning of a day."""
    community = new_community(tmp_path, datetime(2026, 6, 27, 12, tzinfo=UTC))
    for site in SITES:
        add_meters(community, add_member(community, site.meter, "household", Terms()), site)
    fields = deeds.rules_now(community)
    fields["timetable"] = LIVE.to_json()
    deeds.new_rules(community, fields)
    yield community
    community.writer.database.close()


def goes_on(community, place):
    """Let the day come to the end of a half-hour, with its readings in."""
    community.writer.clock.set_ms((PERIODS.start + place + 1) * HALF_HOUR_MS)
    span = PERIODS[: place + 1]
    import_readings(community, [r for r in street_readings(SITES, [TODAY]) if r.period in span])


def due(community):
    with community.reading() as connection:
        shown = shown_store.shown_runs(connection, community.writer.community)
        made = {}
        for day, code in shown:
            made.setdefault(day, []).append(code)
        for run in store.runs(connection, community.writer.community):
            made.setdefault(run.day, []).append(run.code)
    looked = {day: known_at for (day, _), known_at in shown.items()}
    now_ms = community.writer.clock.now_ms()
    return [
        (r.day, r.code) for r in due_runs(lambda _: LIVE, CHARTER.zone, TODAY, made, now_ms, looked)
    ]


def test_each_half_hour_is_shown_one_after_its_end_and_the_day_is_posted_whole(street, tmp_path):
    member = next(iter(street.state.members))
    assert due(street) == []
    for place in (24, 26, 31):
        goes_on(street, place)
        street.writer.clock.set_ms((PERIODS.start + place + 2) * HALF_HOUR_MS)
        assert due(street) == [(TODAY, "II")]
        found = show_day(street, TODAY, "II")
        assert {line.period for line in found.lines} == {*PERIODS[: place + 1]}
        assert due(street) == []
        with street.reading() as connection:
            told = why(street, connection, member, PERIODS[place])
            assert not told.differences
            assert not told.told.posts
            with pytest.raises(InputError, match="II has not shown the half-hour"):
                why(street, connection, member, PERIODS[place + 1])
    before = found
    goes_on(street, 47)
    street.writer.clock.set_ms((PERIODS.stop + 1) * HALF_HOUR_MS)
    assert due(street) == [(TODAY, "SF")]
    settle_day(street, TODAY, code="SF")
    with street.reading() as connection:
        lines = store.lines_by_period(connection, street.writer.ledger, PERIODS)
        assert shown_day(street, connection, TODAY).lines == before.lines
    for line in before.lines:
        assert lines[line.period][line.member] == line
    assert due(street) == []
    checked(street, tmp_path)


def test_what_is_shown_of_half_a_day_posts_nothing(street):
    goes_on(street, 20)
    street.writer.clock.set_ms((PERIODS.start + 22) * HALF_HOUR_MS)
    show_day(street, TODAY, "II")
    with pytest.raises(RunRefusedError, match="is due on"):
        settle_day(street, TODAY, code="SF")


def test_before_the_first_half_hour_is_over_nothing_is_shown(street):
    street.writer.clock.set_ms((PERIODS.start + 1) * HALF_HOUR_MS)
    with pytest.raises(RunRefusedError, match="not due yet"):
        show_day(street, TODAY, "II")


def test_a_live_run_goes_by_the_end_of_each_half_hour():
    day = date(2026, 10, 25)  # fifty half-hours
    periods, plan = of_local_day(day, load_zone("Europe/London")), LIVE.run("II")
    assert due_at_ms(plan, day, "Europe/London") == (periods.start + 2) * HALF_HOUR_MS
    counts = [len(plan.shows(periods, (periods.start + n) * HALF_HOUR_MS)) for n in range(60)]
    assert counts == [*[0] * 2, *range(1, 51), *[50] * 8]


def test_a_timetable_that_is_live_is_read_as_it_was_written():
    text = "II=30m:live,SF=30m,RF=90d"
    table = timetable_from_json({**LIVE.to_json(), "runs": runs_from_text(text)})
    assert table == LIVE
    assert timetable_text(table.to_json()["runs"]) == text
    assert "live" not in str(GB.to_json())
    runs = [{"code": "SF", "after": 1, "posts": True, "live": True}]
    with pytest.raises(RefusedError, match="A run that posts is of whole days"):
        timetable_from_json({**LIVE.to_json(), "runs": runs})
