"""From a reading to all that it caused, and back: both directions agree."""

import json
from datetime import timedelta

import pytest

from ledger.errors import InputError
from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel, Quality, Reading
from settlement import deeds
from settlement.enrol import pay
from settlement.estimating import estimate_day
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.state import channels_of
from settlement.timetable import first_due_ms
from settlement.why import why
from settlement.why_day import why_day
from settlement.why_day_text import why_day_text
from settlement.why_estimates import names_it, why_batch
from settlement.why_json import why_batch_json, why_reading_json
from settlement.why_reading import why_reading
from settlement.why_reading_text import why_batch_text, why_reading_text
from settlement.why_version_model import Signer
from tests.settlement.whys import CORRECTED, DAY, GUESSED, MISSING, PERIODS, founded, whole

ZONE = "Europe/London"
SUN = ("m-ada-pv", Channel.EXPORT)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    made = whole(tmp_path_factory.mktemp("why"))
    yield made
    made.community.writer.database.close()


@pytest.fixture
def plain(tmp_path):
    made = founded(tmp_path)
    yield made
    made.community.writer.database.close()


def told(street, slot, period, entry=None, *, named=False):
    with street.community.reading() as connection:
        return why_reading(street.community, connection, slot, period, entry, named=named)


def batch(street, position):
    with street.community.reading() as connection:
        return why_batch(street.community, connection, position)


def slots(street):
    uses = {meter: history[-1][1] for meter, history in street.community.state.meters.items()}
    return channels_of(uses)


def in_a_line(text):
    return " ".join(text.split())


def test_the_lines_that_a_reading_caused_name_it_again(street):
    """Both directions agree: version, run, line and log entries."""
    community = street.community
    with community.reading() as connection:
        for period in PERIODS[1::8]:
            for meter, channel, member in slots(street):
                found = why_reading(community, connection, (meter, channel), period)
                assert found.member == member
                assert [effect.code for effect in found.effects] == ["SF", "R1"]
                numbers = {version.number: version for version in found.versions}
                for effect in found.effects:
                    back = why(community, connection, member, period, effect.code)
                    reading = next(
                        r for r in back.told.readings if (r.meter, r.channel) == (meter, channel)
                    )
                    assert (reading.used.number, reading.wh) == (effect.version, effect.wh)
                    assert effect.code in numbers[effect.version].used_by
                    assert reading.used == numbers[effect.version]
                    assert back.told.line == effect.line
                    assert back.told.seal == effect.seal
                    if effect.worked_out:
                        assert back.told.clearing == effect.clearing
                        assert back.told.settlement == effect.settlement
                text = why_reading_text(found)
                assert max(map(len, text.splitlines())) <= 78
                assert json.loads(json.dumps(why_reading_json(found)))["agrees"] is True


def test_a_correction_moves_the_market_and_others_without_naming_them(street):
    slot, period = CORRECTED
    found = told(street, slot, period)
    first, second = found.effects
    assert [version.used_by for version in found.versions] == [("SF",), ("R1",)]
    assert (first.version, second.version, second.wh) == (1, 2, 1_000)
    assert second.worked_out
    # What is offered changed, and with it what is left of small purses later that day.
    assert {period, *GUESSED[1]} <= set(second.reworked)
    assert second.others == 1
    assert second.others_part.sold_wh == -second.part.sold_wh > 0
    assert second.named == ()
    text = why_reading_text(found)
    assert "Ada" not in text
    named = told(street, slot, period, named=True)
    assert [name for name, _ in named.effects[1].named] == ["Ada"]
    assert "Ada: sold +" in why_reading_text(named)
    # Everything that moved in the half-hour sums to zero, but for the charge.
    assert second.part.bought_wh + second.others_part.bought_wh == 0
    assert second.market.matched_wh == second.before.matched_wh


def test_one_version_alone(street):
    slot, period = CORRECTED
    _, second = told(street, slot, period).versions
    found = told(street, slot, period, second.entry.position)
    assert [version.number for version in found.versions] == [2]
    assert [effect.code for effect in found.effects] == ["R1"]
    with pytest.raises(InputError, match="Log entry 1 says nothing of meter m-school-pv export"):
        told(street, slot, period, 1)


def test_a_reading_that_changed_beside_others_says_so(street):
    period = GUESSED[1][0]
    found = told(street, SUN, period)
    assert found.effects[1].together == 1
    assert "1 other reading of this half-hour changed in the same run" in in_a_line(
        why_reading_text(found)
    )


def test_estimates_that_were_made_from_it_are_named(street):
    before = GUESSED[1].start - 1
    found = told(street, (GUESSED[0], Channel.IMPORT), before)
    [made] = found.estimates
    assert (made.meter, made.channel, made.quality, made.exact) == (
        GUESSED[0],
        "import",
        "interpolated",
        True,
    )
    assert (made.first, made.half_hours) == (GUESSED[1].start, len(GUESSED[1]))
    back = told(street, (GUESSED[0], Channel.IMPORT), made.first)
    assert back.versions[0].entry == made.entry
    assert before in {each["first"] for each in back.versions[0].inputs}
    assert "Estimates that were made from it" in why_reading_text(found)
    whole_batch = batch(street, found.versions[0].entry.position)
    assert made in whole_batch.estimates


def test_estimates_of_another_day_are_found_too(plain):
    plain.clock.set_ms(first_due_ms(DAY, ZONE))
    settle_day(plain.community, DAY)
    tomorrow = DAY + timedelta(days=1)
    estimate_day(plain.community, tomorrow)
    periods = of_local_day(tomorrow, load_zone(ZONE))
    sources = 0
    for estimated in periods[::12]:
        for version in told(plain, ("m-ben", Channel.IMPORT), estimated).versions:
            for each in version.inputs:
                if each["what"] == "readings" and each.get("meter") == "m-ben":
                    source = told(plain, ("m-ben", Channel.IMPORT), each["first"])
                    assert version.entry in {made.entry for made in source.estimates}
                    sources += 1
    assert sources


def test_what_an_input_names():
    slot, span = ("h1", "import"), range(8, 9)
    readings = {"what": "readings", "channel": "import", "first": 7, "count": 2}
    assert names_it(readings, slot, span, {5})
    assert names_it({**readings, "meter": "h1"}, slot, span, {5})
    assert not names_it({**readings, "meter": "h2"}, slot, span, {5})
    assert not names_it({**readings, "entry": 6}, slot, span, {5})
    assert not names_it({**readings, "channel": "export"}, slot, span, {5})
    assert not names_it({**readings, "count": 1}, slot, span, {5})
    assert not names_it({"what": "rules", "first": 8}, slot, span, {5})


def test_a_batch_and_the_days_that_it_was_used_in(street):
    slot, period = CORRECTED
    first, second = told(street, slot, period).versions
    one, other = batch(street, first.entry.position), batch(street, second.entry.position)
    [day] = one.days
    assert (day.day, day.half_hours) == (str(DAY), 48)
    assert [(run.code, run.counted) for run in day.runs] == [("SF", 48), ("R1", 47)]
    assert [(run.code, run.counted) for run in other.days[0].runs] == [("SF", 0), ("R1", 1)]
    assert other.days[0].runs[1].net.cash_units < 0
    assert max(map(len, why_batch_text(one).splitlines())) <= 78
    assert json.loads(json.dumps(why_batch_json(one)))["days"][0]["half_hours"] == 48
    with pytest.raises(InputError, match="Log entry 1 is a rules, and no batch"):
        batch(street, 1)
    with pytest.raises(InputError, match="Log entry 9999 is not there"):
        batch(street, 9_999)


def test_before_any_run_a_reading_caused_nothing_yet(plain):
    found = told(plain, SUN, PERIODS[25])
    assert found.effects == ()
    assert found.versions[0].used_by == ()
    text = why_reading_text(found)
    assert "No run that posts used it yet" in text
    assert "The next run of this day is SF" in text
    assert "no run yet" in why_batch_text(batch(plain, found.versions[0].entry.position))


def test_what_is_not_there_is_refused(plain):
    with pytest.raises(InputError, match="There is no reading of meter m-dave import"):
        told(plain, ("m-dave", Channel.IMPORT), MISSING[1][0])
    with pytest.raises(InputError, match="No rules bound all of"):
        told(plain, SUN, PERIODS[25] - 5 * 48)


def test_an_erased_reading_is_said_to_be(plain):
    position = told(plain, SUN, PERIODS[25]).versions[0].entry.position
    plain.clock.set_ms(plain.clock.now_ms() + 101 * 86_400_000)
    deeds.erase(plain.community, {position: "detail"}, "She asked for it.")
    with pytest.raises(InputError, match="in the half-hour of 2026-06-30T11:30:00Z was erased"):
        told(plain, SUN, PERIODS[25])


def test_a_debt_is_told_as_what_is_owed(plain):
    """A seller who spent all of it, and whose roof gave less than was said, owes the rest."""
    community, members = plain.community, plain.members
    deeds.set_limit(community, members["Ada"], 0, "As she asked.")
    plain.clock.set_ms(first_due_ms(DAY, ZONE))
    settle_day(community, DAY)
    with community.reading() as connection:
        earned = why_day(community, connection, members["Ada"], DAY).runs[0].net.cash_units
    pay(community, members["Ada"], members["Ben"], earned, "all of it")
    import_readings(community, [Reading(*SUN, period, 0, Quality.ACTUAL) for period in PERIODS])
    plain.settle("R1")
    with community.reading() as connection:
        day = why_day(community, connection, members["Ada"], DAY)
        half_hour = why(community, connection, members["Ada"], PERIODS[25])
    assert day.differences == half_hour.differences == []
    assert day.runs[1].net.claim_units < 0
    assert "you owe still" in in_a_line(why_day_text(day))
    assert half_hour.told.moved[1].net.claim_units < 0


def test_an_edit_by_two_operators_is_told_with_its_reason(plain):
    community = plain.community
    before = told(plain, SUN, PERIODS[25]).versions[0]
    fields = {
        "meter": SUN[0],
        "channel": SUN[1].value,
        "first": PERIODS[25],
        "wh": [77],
        "reason": "The panel was covered.",
        "replaces": before.entry.position,
    }
    deeds.say(
        community,
        "reading_edit",
        plain.members["Ada"],
        fields,
        lambda c: [c.writer.keyring.load("operator-1"), c.writer.keyring.load("operator-2")],
    )
    plain.clock.set_ms(first_due_ms(DAY, ZONE))
    settle_day(community, DAY)
    found = told(plain, SUN, PERIODS[25])
    assert [version.used_by for version in found.versions] == [(), ("SF",)]
    edit = found.versions[1]
    assert (edit.signer, edit.wh, edit.quality) == (Signer.OPERATORS, 77, "edited")
    assert "reason: The panel was covered." in why_reading_text(found)
    assert found.differences == []
    assert batch(plain, edit.entry.position).days[0].runs[0].counted == 1
