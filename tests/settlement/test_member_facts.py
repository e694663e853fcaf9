"""What is said of one member: the month's use, what is set aside and owed, shares, an ended mandate."""

from datetime import date

from ledger.primitives.money import UNITS_PER_MAJOR
from settlement import deeds
from settlement.enrol import Terms, add_member
from settlement.member_facts import MonthUse, Part, can_spend, member_facts
from settlement.netting import Coffers, Purses
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from tests.settlement.test_terms import early
from tests.streets import JUNE_30, SITES, ZONE, street_readings

__all__ = ["early"]
POUND = UNITS_PER_MAJOR
MOST = POUND // 5


def with_month(community, members):
    now = community.writer.now_period()
    fields = {"may_debit": "settlement", "wh_period_max": 10**6, "price_ticks_max": 2450}
    fields |= dict.fromkeys(("units_period_max", "units_day_max"), 10**9)
    fields |= {"units_month_max": MOST, "first": now, "last": now + 40 * 48}
    deeds.say(community, "mandate", members["Ben"], fields, deeds.by_member(members["Ben"]))


def test_the_months_use_is_of_the_month_in_which_it_is_asked(early):
    day = date(2026, 7, 1)
    community, members = early(with_month, street_readings(SITES, [JUNE_30, day]))
    ben = members["Ben"]
    assert member_facts(community, ben).month == MonthUse("2026-07", 0, MOST)
    community.writer.clock.set_ms(first_due_ms(day, ZONE))
    settle_day(community, day)
    facts = member_facts(community, ben)
    assert 0 < facts.month.used_units <= MOST
    assert facts.month.left_units == MOST - facts.month.used_units
    # The wallet is told alone: what the month leaves is no part of it.
    assert facts.can_spend_units == facts.units - facts.floor_units > MOST
    assert facts.since_ms < facts.mandate.first * 1_800_000 + 1_800_000


def test_a_mandate_that_has_ended_is_none(early):
    community, members = early(with_month)
    assert member_facts(community, members["Ben"]).mandate is not None
    community.writer.clock.set_ms(community.writer.clock.now_ms() + 60 * 86_400_000)
    assert member_facts(community, members["Ben"]).mandate is None
    deeds.revoke_mandate(community, members["Ada"])
    facts = member_facts(community, members["Ada"])
    assert (facts.mandate, facts.month.left_units) == (None, None)


def test_parts_are_told_to_holder_and_owner_and_not_once_the_meter_is_anothers(early):
    community, members = early(lambda *_: None)
    dora = add_member(community, "Dora", "household", Terms())
    meter = next(m for m in community.state.meters if m.endswith("-pv"))
    owner = community.state.meters[meter][-1][1].member
    deeds.share(community, owner, meter, {dora: 30_000})
    part = Part(meter, owner, dora, 30_000)
    assert member_facts(community, dora).parts == member_facts(community, owner).parts == [part]
    assert member_facts(community, members["Ben"]).parts == []
    deeds.withdraw_consent(community, owner, meter)
    assert member_facts(community, dora).parts == []


def test_what_is_owed_cannot_be_spent_and_what_is_due_is_not_there_yet():
    purses = Purses({"ann": 5, "bob": 5, "cy": 1}, {"ann": -2, "bob": 2, "cy": -4}, Coffers())
    assert [can_spend(purses, member) for member in ("ann", "bob", "cy")] == [3, 5, 0]
