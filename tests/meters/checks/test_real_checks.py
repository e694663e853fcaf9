"""A year of seventeen real homes: how often the rules speak where nothing is known to be wrong."""

from collections import Counter

import pytest

from ledger.primitives.periods import load_zone, local_date, of_local_day
from meters.checks.context import DayContext
from meters.checks.day import check_day
from meters.checks.delivery import check_delivery
from meters.checks.limits import DEFAULTS
from meters.checks.sun import Site, is_night
from meters.pages import Delivery
from tests.engines import minutes
from tests.meters.checks.days import stored
from tests.settlement.real_year import ZONE, read_year

FONTANA = Site(34_092_200, -117_435_000)


@pytest.mark.shared
def test_the_rules_are_quiet_about_a_year_of_real_homes():
    minutes("the checks of readings did not look at a real year")
    delivery, zone, counts, days_checked = Delivery(), load_zone(ZONE), Counter(), 0
    for reading in read_year():
        delivery.add_reading(reading)
    for slot in delivery.slots():
        (run,) = delivery.runs(slot)
        assert check_delivery(slot, run, DEFAULTS) == ([run], [])
        known = dict(zip(run.periods, map(stored, run.wh), strict=True))
        for day in sorted({local_date(period, zone) for period in run.periods}):
            periods = of_local_day(day, zone)
            context = DayContext(*slot, periods, known, run.first, site=FONTANA)
            for found in check_day(context, DEFAULTS):
                counts[found.code.value] += 1
                if found.code.value == "night":
                    # The file's hours were halved: the sun is up in the hour's other half.
                    other = found.first ^ 1
                    assert found.count == 1
                    assert not is_night(other, FONTANA, DEFAULTS.sun_height_mdeg)
            days_checked += 1
    assert days_checked == 12_444
    assert counts == {"night": 912, "grid": 68}
