"""Why a half-hour came to what it came to: agrees with what is stored, under whatever bound it."""

import json

import pytest

from ledger.primitives.periods import SECONDS
from market.model import PriceRule, Rules
from meters.readings import Channel
from settlement import deeds
from settlement.postings import Line
from settlement.run import settle_day
from settlement.why import why
from settlement.why_caps import Limits, bound_by
from settlement.why_day_text import why_day_text
from settlement.why_json import why_day_json, why_json
from settlement.why_model import Cap, Outcome
from settlement.why_text import why_text
from tests.prepared import reopen
from tests.settlement.whys import (
    CORRECTED,
    DAY,
    GUESSED,
    PERIODS,
    POUND,
    day_of,
    founded,
    settled,
    stored_lines,
    told,
    whole,
)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """Losses, an agreement, caps, estimates, a correction, SF and R1."""
    made = whole(tmp_path_factory.mktemp("why"), losses=True, agreement=True)
    yield made
    made.community.writer.database.close()


@pytest.fixture(scope="module")
def explained(street):
    """Every half-hour of every member, by the last run."""
    return {(name, p): told(street, name, p) for name in street.members for p in PERIODS}


@pytest.fixture
def plain(tmp_path):
    """The same without losses and agreements, nothing settled yet: to be changed by a test."""
    made = founded(tmp_path)
    yield made
    made.community.writer.database.close()


@pytest.mark.parametrize("name", ["Ada", "Ben", "Cleo", "School roof", "Dave"])
def test_every_half_hour_agrees_with_what_is_stored(street, explained, name):
    lines = stored_lines(street, name)
    firsts = stored_lines(street, name, first=True)
    assert len(lines) == len(PERIODS)
    for period in PERIODS:
        found = explained[name, period]
        assert found.told.line == lines[period]
        assert {check.outcome for check in found.checks} == {Outcome.HOLDS}
        assert found.differences == []
        assert found.gone == ()
        assert [brief.code for brief in found.briefs] == ["SF", "R1"]
        assert [brief.line for brief in found.briefs] == [firsts[period], lines[period]]
        text = why_text(found)
        assert max(map(len, text.splitlines())) <= 78
        assert json.loads(json.dumps(why_json(found)))["agrees"] is True
        if period % 5 == 0:
            first = told(street, name, period, "SF")
            assert first.told.line == firsts[period]
            assert {check.outcome for check in first.checks} == {Outcome.HOLDS}


def test_what_moved_for_a_half_hour_sums_to_its_line(explained):
    for found in explained.values():
        parts = [moved.part[2:] for moved in found.told.moved]
        assert [sum(column) for column in zip(*parts, strict=True)] == [*found.told.line[2:]]


@pytest.mark.parametrize("name", ["Ada", "Ben", "Cleo", "School roof", "Dave"])
def test_a_day_sums_to_its_net_lines_and_to_what_moved_in_the_wallet(street, name):
    found = day_of(street, name)
    assert found.differences == []
    total = found.total
    nets = [run.net for run in found.runs if run.net is not None]
    moved = sum(net.cash_units + net.claim_units for net in nets)
    assert moved == total.sold_units - total.bought_units
    assert [line.period for line in found.lines] == [*PERIODS]
    text = why_day_text(found)
    assert max(map(len, text.splitlines())) <= 78
    assert json.loads(json.dumps(why_day_json(found)))["agrees"] is True
    first = day_of(street, name, "SF")
    assert {line.period: line for line in first.lines} == stored_lines(street, name, first=True)


def test_a_correction_is_told_with_the_reading_that_made_it(street):
    (meter, channel), period = CORRECTED
    found = told(street, "School roof", period)
    assert found.told.worked_in == "R1"
    assert found.told.replaces is not None
    [(changed_meter, changed_channel, before, now)] = found.briefs[1].changed
    assert (changed_meter, changed_channel, now) == (meter, channel, 1_000)
    assert before > now
    reading = next(r for r in found.told.readings if r.meter == meter)
    assert (reading.wh, reading.used.number, reading.used.used_by) == (1_000, 2, ("R1",))
    first = told(street, "School roof", period, "SF")
    reading = next(r for r in first.told.readings if r.meter == meter)
    assert (reading.wh, reading.used.number) == (before, 1)
    assert [version.used_by for version in reading.later] == [("R1",)]
    assert "R1 changed it, since m-school-pv export is 1,000 Wh" in why_text(found).replace(
        "\n", " "
    )


def test_what_no_reading_changed_is_left_as_it_was(street):
    period = PERIODS[36]
    found = told(street, "Cleo", period)
    assert found.told.worked_in == "SF"
    assert not found.briefs[1].worked_out
    assert found.told.begin.kind == "run"
    assert "R1 found nothing else" in why_text(found)


def test_caps_are_named(explained):
    caps = {
        name: {order.cap for p in PERIODS if (order := explained[name, p].told.order)}
        for name in ("Ada", "Ben", "Cleo", "Dave")
    }
    assert caps == {
        "Ada": {None},
        "Ben": {None, Cap.FUNDS},
        "Cleo": {None, Cap.MANDATE_WH},
        "Dave": {None, Cap.MANDATE_DAY},
    }
    capped = [
        explained["Ben", p]
        for p in PERIODS
        if (order := explained["Ben", p].told.order) and order.cap is Cap.FUNDS
    ]
    assert all("what was left of your money for the day" in _flat(each) for each in capped)


def _flat(why):
    return " ".join(why_text(why).split())


@pytest.mark.parametrize(
    ("cap", "changed"),
    [
        (Cap.FUNDS, {"funds_units": 100_000}),
        (Cap.MANDATE_DAY, {"day_units_max": 100_000}),
        (Cap.MANDATE_PERIOD, {"units_max": 100_000}),
        (Cap.MANDATE_WH, {"wh_max": 50}),
        (None, {}),
    ],
)
def test_the_smallest_limit_is_the_one_that_bound(cap, changed):
    limits = Limits(POUND, 0, 0, 1_000, POUND, POUND)._replace(**changed)
    ordered = 900 if cap is None else 50
    assert bound_by(900, ordered, 2_000, limits) is cap
    with pytest.raises(AssertionError, match="no limit"):
        bound_by(900, ordered - 1, 2_000, limits)


def test_an_agreement_is_cited_with_what_it_served(explained):
    served = {}
    for (name, _), found in explained.items():
        for agreed in found.told.agreements:
            assert agreed.price_ticks == 700
            served.setdefault(name, []).append(agreed.wh)
    assert sum(served["Ben"]) == sum(served["School roof"]) > 0
    assert served.keys() == {"Ben", "School roof"}


def test_losses_are_told(street):
    found = told(street, "Ada", PERIODS[25])
    assert found.told.factors_ppm == (1_070_000, 950_000)
    assert found.told.rules_version == 2
    assert "given 95 %" in why_text(found)


def test_what_was_said_during_the_day_binds_from_the_next_half_hour_on(tmp_path):
    """An offer by a helper, a mandate with a lower price, one that is revoked."""

    def meanwhile(street):
        community, members = street.community, street.members
        helper = community.writer.keyring.create("helper-rosa")
        roster = deeds.roster_now(community)
        more = {"key": helper.public.hex(), "role": "helper"}
        deeds.new_roster(community, {**roster, "keys": [*roster["keys"], more]})
        street.clock.set_ms(PERIODS[20] * SECONDS * 1000 + 60_000)
        tariffs = {"import_tariff_ticks": 2450, "export_tariff_ticks": 410}
        offer = {"buy_ticks": 2450, "sell_ticks": 500, **tariffs}
        deeds.act_for(community, members["Ada"], "offer", offer, "By telephone.", helper)
        mandate = {
            "may_debit": "settlement",
            "wh_period_max": 100_000,
            "price_ticks_max": 2_000,
            "units_period_max": 100_000,
            "units_day_max": 50 * POUND,
            "first": PERIODS.start,
            "last": PERIODS[-1],
        }
        deeds.say(community, "mandate", members["Cleo"], mandate, deeds.by_member(members["Cleo"]))
        deeds.revoke_mandate(community, members["Dave"])

    street = settled(founded(tmp_path, meanwhile=meanwhile))
    before, after = (told(street, "Ada", p).told.order for p in (PERIODS[20], PERIODS[21]))
    assert (before.offer.kind, before.offer_ticks) == ("offer", 410)
    assert (after.offer.kind, after.offer_ticks) == ("act_for", 500)
    lowered = told(street, "Cleo", PERIODS[37])
    assert (lowered.told.order.limit_ticks, lowered.told.order.cap) == (2_000, Cap.MANDATE_PERIOD)
    assert "lowered by the mandate's price" in " ".join(why_text(lowered).split())
    # A mandate that was revoked before the hold covers nothing of the day.
    for period in (PERIODS[17], PERIODS[30]):
        revoked = told(street, "Dave", period)
        assert revoked.told.order.cap is Cap.NO_MANDATE
        assert "no mandate covered it" in " ".join(why_text(revoked).split())
    for name in street.members:
        for period in PERIODS[16:40:4]:
            assert told(street, name, period).differences == []
    street.community.writer.database.close()


def test_a_run_that_changes_nothing_leaves_everything_as_it_was(plain):
    settled(plain)
    plain.settle("R1")
    plain.settle("RF")
    found = told(plain, "Ada", PERIODS[25])
    assert [(brief.code, brief.worked_out) for brief in found.briefs] == [
        ("SF", True),
        ("R1", False),
        ("RF", False),
    ]
    assert found.told.begin is None
    assert {check.outcome for check in found.checks} == {Outcome.HOLDS}
    day = day_of(plain, "Ada")
    assert [run.net is None for run in day.runs] == [False, True, True]
    assert "RF   nothing" in why_day_text(day)


def test_under_another_price_rule_it_agrees_as_well(tmp_path):
    street = settled(founded(tmp_path, market=Rules(PriceRule.UNIFORM)))
    for name in street.members:
        for period in PERIODS[10:40:3]:
            found = told(street, name, period)
            assert found.differences == []
            assert isinstance(found.told.line, Line)
    street.community.writer.database.close()


def test_the_prepared_street_of_other_tests_agrees(copy):
    community = reopen(*copy())
    settle_day(community, DAY)
    with community.reading() as connection:
        for member in community.state.members:
            found = why(community, connection, member, PERIODS[20])
            assert found.differences == []
            assert found.told.readings[0].used.signer == "adapter"
    community.writer.database.close()


def test_what_came_since_names_the_channel(street):
    found = told(street, "Ben", GUESSED[1][0], "SF")
    [reading] = found.told.readings
    assert reading.channel is Channel.IMPORT
    assert [version.wh for version in reading.later] == [333]
