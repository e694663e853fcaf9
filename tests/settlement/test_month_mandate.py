"""What a mandate says of a month, where days are funded at once or it is given in a day."""

from datetime import UTC, date, datetime

import pytest

from ledger.primitives.periods import load_zone, of_local_day
from settlement import deeds
from settlement.enrol import Terms, add_member
from settlement.intake import import_readings
from tests.prepared import CHARTER, ms
from tests.settlement.later import KilledError, at, checked, killing, lines, run
from tests.streets import SITES, add_meters, new_community, street_readings

DAYS = tuple(date(2026, 7, number) for number in (1, 2, 3))
SPANS = [of_local_day(day, load_zone(CHARTER.zone)) for day in DAYS]
MONTH_UNITS = 500_000
RICH = Terms(floor_units=-100_000_000, buy_ticks=1_450)


@pytest.fixture
def street(tmp_path):
    """A street of one month's days, before the first of them; Ben's id."""
    community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
    members = {}
    for site in SITES:
        members[site.meter] = add_member(community, site.meter, "household", RICH)
        add_meters(community, members[site.meter], site)
    yield community, members["m-ben"]
    community.writer.database.close()


def allows(community, member, month_units):
    """Have a member sign that settlement takes no more than so much in a month."""
    names = ("wh_period_max", "price_ticks_max", "units_period_max", "units_day_max", "last")
    now = community.state.mandates[member][-1][1]
    fields = {name: getattr(now, name) for name in names} | {"units_month_max": month_units}
    fields |= {"may_debit": "settlement", "first": community.writer.now_period()}
    deeds.say(community, "mandate", member, fields, deeds.by_member(member))


def read(community):
    community.writer.clock.set_ms((SPANS[-1].stop + 48) * 1_800_000)
    import_readings(community, street_readings(SITES, DAYS))
    at(community, "SF", DAYS[-1])


def bought(community, member, *spans):
    found = (lines(community, span).values() for span in spans)
    return sum(each[member].bought_units for some in found for each in some if member in each)


def test_days_that_are_run_one_after_the_other_are_within_the_month(street, tmp_path):
    community, ben = street
    allows(community, ben, MONTH_UNITS)
    read(community)
    for day in DAYS:
        run(community, "SF", day)
    assert 0 < bought(community, ben, *SPANS) <= MONTH_UNITS
    checked(community, tmp_path)


def test_days_that_are_funded_before_one_of_them_is_netted_are_within_the_month(street, tmp_path):
    """A run that was stopped, or another process, has set aside money that the month must count."""
    community, ben = street
    allows(community, ben, MONTH_UNITS)
    read(community)
    for day in DAYS:
        with pytest.raises(KilledError):
            run(community, "SF", day, killing(1, "hold"))
    for day in DAYS:
        run(community, "SF", day)
    checked(community, tmp_path)
    assert 0 < bought(community, ben, *SPANS) <= MONTH_UNITS


def test_half_hours_of_a_mandate_given_in_the_day_are_within_its_month(street, tmp_path):
    """Whoever says at six in the morning that a month is enough with so much pays no more today."""
    community, ben = street
    community.writer.clock.set_ms(ms(2026, 7, 1, 5))
    allows(community, ben, MONTH_UNITS)
    read(community)
    run(community, "SF", DAYS[0])
    checked(community, tmp_path)
    assert 0 < bought(community, ben, SPANS[0][13:]) <= MONTH_UNITS
