"""Missing readings of a community: checked, estimated, signed, settled, audited, and yielding."""

from datetime import timedelta

import pytest

from ledger import log_store
from ledger.errors import InputError, RefusedError
from ledger.primitives.periods import SECONDS
from ledger.statements import Statement
from meters.batches import content_of
from meters.checks.findings import Code
from meters.readings import NO_PLACE, Advance, Channel, Quality, Reading
from settlement import estimating
from settlement.audit.verify import audit
from settlement.checking import Settings, check_one_day, site_of
from settlement.covering import cover_days
from settlement.estimating import estimate_day, estimate_missing
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.statement import household_statement
from settlement.statement_words import progress
from tests.prepared import DAY, reopen
from tests.streets import SITES, street_readings

METER = "m-ben"
SLOT = (METER, Channel.IMPORT)
SUN = ("m-ada-pv", Channel.EXPORT)
READINGS = street_readings(SITES, [DAY])
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def periods_of(street, day=DAY):
    with street.reading() as connection:
        return check_one_day(street, connection, day).periods


def known(street, slot, periods):
    with street.reading() as connection:
        found = street.readings.known(connection, periods, meters=[slot[0]])
    return {period: found.get((*slot, period)) for period in periods}


def exported(community, path):
    export_bundle(community, path)
    return path


def test_a_day_without_a_word_is_estimated_from_the_day_before_and_says_so(street):
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 9 * 86_400_000)
    periods = periods_of(street, NEXT)
    made = estimate_day(street, NEXT)
    assert {slot for slot, _ in made.runs} >= {SLOT, SUN}
    ben, sun = known(street, SLOT, periods), known(street, SUN, periods)
    assert all(stored is not None for stored in [*ben.values(), *sun.values()])
    # An exporter is never estimated upwards before the final run.
    assert {(stored.wh, stored.quality) for stored in sun.values()} == {(0, Quality.ZERO.rank)}
    assert {stored.quality for stored in ben.values()} <= {
        Quality.LIKE_DAY.rank,
        Quality.INTERPOLATED.rank,
        Quality.PROFILE.rank,
        Quality.ZERO.rank,
    }
    # The same again writes nothing.
    assert estimate_day(street, NEXT).batches == 0
    assert any(stored.wh for stored in ben.values())


def test_an_estimate_names_what_it_was_made_from_and_yields_to_the_meter(street):
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 9 * 86_400_000)
    periods = periods_of(street, NEXT)
    estimate_day(street, NEXT)
    position = known(street, SLOT, periods)[periods[20]].position
    with street.reading() as connection:
        entry = log_store.fact_at(connection, street.writer.community, position)
    batch = Statement.decode(entry.envelope)
    inputs = content_of(batch, entry.detail).inputs
    assert "inputs" in batch.body
    assert inputs[0] == {"what": "rules", "first": 1}
    named = [each for each in inputs if each["what"] == "readings"]
    assert named
    assert {each["entry"] for each in named if "entry" in each} <= set(range(position))
    import_readings(street, [Reading(*SLOT, periods[20], 777, Quality.ACTUAL)])
    counts = known(street, SLOT, periods)[periods[20]]
    assert (counts.wh, counts.quality) == (777, Quality.ACTUAL.rank)
    assert estimate_day(street, NEXT).batches <= 1


def test_estimates_are_scaled_to_a_registers_advance_to_the_wh(street):
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 9 * 86_400_000)
    periods = periods_of(street, NEXT)
    said = [Reading(*SLOT, period, 100, Quality.ACTUAL) for period in periods[:10]]
    import_readings(street, said)
    advance = Advance(
        *SLOT, periods.start * SECONDS, periods.stop * SECONDS, 7_777, Quality.ACTUAL, NO_PLACE
    )
    with street.transaction() as connection:
        assert street.registers.save(connection, [advance], 0) == 1
        assert street.registers.save(connection, [advance], 0) == 0
    estimate_day(street, NEXT)
    found = known(street, SLOT, periods)
    assert sum(stored.wh for stored in found.values()) == 7_777
    assert {stored.quality for stored in found.values()} == {
        Quality.ACTUAL.rank,
        Quality.SCALED.rank,
    }


def test_a_final_estimate_of_an_export_may_be_above_zero(street):
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 9 * 86_400_000)
    periods = periods_of(street, NEXT)
    middle = periods[24:28]
    import_readings(
        street,
        [Reading(*SUN, period, 300, Quality.ACTUAL) for period in periods if period not in middle],
    )
    estimate_day(street, NEXT)
    assert {known(street, SUN, middle)[p].wh for p in middle} == {0}
    with pytest.raises(RefusedError, match="for the run that closes it, RF"):
        estimate_day(street, NEXT, final=True)
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 90 * 86_400_000)
    estimate_day(street, NEXT, final=True)
    assert {known(street, SUN, middle)[p].wh for p in middle} == {300}


def test_what_cannot_be_a_reading_is_a_gap_and_is_told(street):
    period = READINGS[0].period
    absurd = Reading(*SLOT, period, 16_777_215, Quality.ACTUAL)
    above = Reading(*SLOT, period + 1, 37_951, Quality.ACTUAL)
    before = known(street, SLOT, range(period, period + 2))
    report = import_readings(street, [absurd, above])
    assert [found.code for found in report.findings] == [Code.SENTINEL, Code.CAPACITY]
    assert report.corrected == 0
    assert known(street, SLOT, range(period, period + 2)) == before
    with street.transaction() as connection:
        street.settings.set(connection, "m-ben", "capacity_import_wh", "50000", 0)
    assert import_readings(street, [above]).corrected == 1


def test_settings_are_read_or_refused(street):
    with street.transaction() as connection:
        street.settings.set(connection, "", "spike_percent", "off", 0)
        street.settings.set(connection, "m-ada", "site", "52.48,-1.90", 0)
        street.settings.set(connection, "m-ada", "generation", "m-ada-pv", 0)
        said = street.settings.all(connection)
        found = Settings.read(said)
        street.settings.set(connection, "m-ada", "site", None, 0)
        assert "site" not in street.settings.all(connection)["m-ada"]
    assert found.defaults.spike_percent is None
    assert found.of("m-ada").spike_percent is None
    assert found.sites["m-ada"] == site_of("52.48,-1.9")
    for said in ({"m": {"foo": "1"}}, {"m": {"spike_percent": "x"}}, {"m": {"site": "here"}}):
        with pytest.raises(InputError, match=r"limit|whole number|no place"):
            Settings.read(said)


def test_a_settled_day_with_estimates_is_sound_and_covered(street, tmp_path):
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 20 * 86_400_000)
    periods = periods_of(street, NEXT)
    import_readings(
        street, [Reading(*SLOT, period, 400, Quality.ACTUAL) for period in periods[:40]]
    )
    settle_day(street, DAY)
    assert estimate_missing(street, NEXT) > 0
    settle_day(street, NEXT)
    assert audit(exported(street, tmp_path / "bundle")).verdict == "sound"
    with street.reading() as connection:
        report = cover_days(street, connection, [DAY, NEXT])
    [ben] = [row for row in report.rows if (row.meter, row.channel) == SLOT]
    assert sum(ben.days[1].counts) == 48
    assert report.as_json()["half_hours"]["estimated"] > 0
    assert report.as_json()["half_hours"]["late"] >= 40
    member = street.state.member_of(METER, periods[0])
    with street.reading() as connection:
        statement = household_statement(street, connection, member, f"{NEXT:%Y-%m}")
    assert statement.estimated == 8
    assert "8 half-hours of your own meter were not read" in progress(statement)
    # What the meter says later changes what counts, but not what that run took.
    later = [Reading(*SLOT, period, 400, Quality.ACTUAL) for period in periods[40:]]
    import_readings(street, later)
    with street.reading() as connection:
        again = household_statement(street, connection, member, f"{NEXT:%Y-%m}")
    assert again == statement


def test_a_day_of_which_nobody_said_anything_is_not_made_up(street):
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 20 * 86_400_000)
    assert estimate_missing(street, NEXT) == 0


def test_a_meter_that_says_nothing_for_long_is_not_traded(street, tmp_path):
    """Fifteen days after its last word, its estimates count as missing, and an audit agrees."""
    late = DAY + timedelta(days=16)
    street.writer.clock.set_ms(street.writer.clock.now_ms() + 30 * 86_400_000)
    periods = periods_of(street, late)
    loud = ("m-ada", Channel.IMPORT)
    import_readings(street, [Reading(*loud, period, 300, Quality.ACTUAL) for period in periods])
    estimate_day(street, late)
    assert known(street, SLOT, periods)[periods[0]].quality > Quality.ESTIMATED.rank
    summary = settle_day(street, late)
    assert summary.missing >= 2 * 48
    assert audit(exported(street, tmp_path / "bundle")).verdict == "sound"
    import_readings(street, [Reading(*SLOT, periods[0], 5, Quality.ACTUAL)])
    with street.reading() as connection:
        said = street.readings.said_since(connection, periods.start // 48 - 14, 10**9)
    assert SLOT in said


def test_a_day_with_every_reading_is_not_looked_at_for_weeks(street, monkeypatch):
    def never(*_args):
        raise AssertionError("four weeks of readings were read for nothing")

    monkeypatch.setattr(estimating, "check_one_day", never)
    assert estimate_missing(street, DAY) == 0
    import_readings(street, street_readings(SITES, [NEXT])[:5])
    with pytest.raises(AssertionError, match="for nothing"):
        estimate_missing(street, NEXT)
