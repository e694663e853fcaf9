"""What a statement says of a street with charges, VAT, tariffs by the clock, and who comes and goes."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from ledger.accounts import fees, network
from ledger.errors import InputError
from ledger.primitives.periods import load_zone, minute_of_day, of_local_day, of_local_month
from ledger.primitives.signing import SigningKey
from meters.readings import Channel, Quality
from meters.simulation import ZONE
from settlement import deeds, store
from settlement.community import Community
from settlement.enrol import Terms, add_member
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.showing import show_day, shown_day
from settlement.state import CommunityState
from settlement.statement import Month, household_statement
from settlement.statement_leaving import departure
from settlement.statement_model import ChargedFor, Departure
from settlement.statement_text import render_text
from settlement.statement_words import having, leaving, progress
from settlement.terms import MeterUse, Shares
from settlement.timetable import GB, due_at_ms, first_due_ms
from tests.settlement.later import BEN as BEN_METER
from tests.settlement.later import LATE as LATE_WH
from tests.settlement.later import (
    KilledError,
    begin,
    killing,
    owner,
    run,
    say,
    statements,
    without,
)
from tests.streets import JULY_1, JUNE_30, NAMES, SITES, add_meters, new_community, street_readings

JULY_2 = date(2026, 7, 2)
LONDON = load_zone(ZONE)
PERIODS = of_local_day(JUNE_30, LONDON)
LATE = (PERIODS[25], PERIODS[26])
"""Half-hours of Ben's first day that are read after its first run."""

NIGHT, DAY, EXPORT = 1_890, 3_210, 410
FACTORS = {"import_ppm": 1_070_000, "export_ppm": 950_000}


@dataclass(frozen=True)
class Read:
    community: Community
    members: dict[str, str]

    def of(self, name, month):
        with self.community.reading() as connection:
            return household_statement(self.community, connection, self.members[name], month)


def at(community, *parts):
    community.writer.clock.set_ms(int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """Four members; charges and VAT from the start, losses and another rate from the second day on."""
    folder = tmp_path_factory.mktemp("read")
    community = new_community(folder, datetime(2026, 6, 27, 12, tzinfo=UTC))
    rules = deeds.rules_now(community)
    rules["market"]["charge_ticks"] = 30
    rules["charges"] = {"network_ticks": 20, "fund_floor_units": 0}
    rules["vat"] = {"number": "GB 1", "rates": [{"class": "household", "permille": 50}]}
    deeds.new_rules(community, rules)
    members = {}
    for place, (name, site) in enumerate(zip(NAMES, SITES, strict=True)):
        device = SigningKey.from_seed(bytes([place + 1] * 32))
        members[name] = add_member(community, name, "household", Terms(), device)
        add_meters(community, members[name], site)
    bands = [{"minute": 420, "ticks": DAY}, {"minute": 840, "ticks": NIGHT}]
    tariff = {"buy_ticks": DAY, "sell_ticks": EXPORT, "import_tariff_ticks": NIGHT}
    fields = {**tariff, "export_tariff_ticks": EXPORT, "import_bands": bands}
    deeds.say(community, "offer", members["Ben"], fields, deeds.by_member(members["Ben"]))
    at(community, 2026, 6, 30, 11)  # in the middle of the first day: they bind from the second on
    rates = [{"class": "household", "permille": 200}]
    later = {**rules, "losses": FACTORS, "vat": {"number": "GB 2", "rates": rates}}
    deeds.new_rules(community, later)
    at(community, 2026, 7, 2, 20)
    deeds.withdraw_consent(community, members["Cleo"], "m-cleo")
    at(community, 2026, 7, 3, 7)
    readings = street_readings(SITES, (JUNE_30, JULY_1, JULY_2))
    withdrawn = of_local_day(JULY_2, LONDON).start + 43  # the half-hour after the withdrawal
    late = {("m-ben", period) for period in LATE}
    held = [r for r in readings if (r.meter, r.period) in late]
    there = [
        r for r in readings if r not in held and not (r.meter == "m-cleo" and r.period >= withdrawn)
    ]
    import_readings(community, there)
    for day in (JULY_1, JULY_2):  # of the first, nothing is on the way once it is posted
        show_day(community, day, "II")
    for day in (JUNE_30, JULY_1):
        community.writer.clock.set_ms(first_due_ms(day, ZONE))
        settle_day(community, day)
    import_readings(community, held)
    community.writer.clock.set_ms(due_at_ms(GB.run("R1"), JUNE_30, ZONE))
    settle_day(community, JUNE_30, code="R1")
    yield Read(community, members)
    community.writer.database.close()


MONTHS = ("2026-06", "2026-07")


def test_what_was_paid_for_is_what_the_accounts_of_charges_got(street):
    found = [street.of(name, month) for name in NAMES for month in MONTHS]
    paid = {
        what: sum(c.gross_units for s in found for c in s.charges if c.what is what)
        for what in ChargedFor
    }
    with street.community.reading() as connection:
        balances = street.community.writer.ledger.balances(connection)
    assert paid[ChargedFor.NETWORK] == balances[network("LWD/7")].posted > 0
    assert paid[ChargedFor.FEE] == balances[fees("LWD/7")].posted > 0
    sold = sum(s.total.sold_units + sum(a.sold_units for a in s.adjustments) for s in found)
    assert paid[ChargedFor.ENERGY] == sold
    for statement in found:
        assert sum(c.gross_units for c in statement.charges) == statement.charged_units
        for line in statement.days:
            assert line.network_units == 20 * line.bought_wh
            assert line.fee_units == 10 * line.bought_wh


def test_vat_is_that_of_each_day_and_of_the_member(street):
    june, july = (street.of("Ben", month) for month in MONTHS)
    assert {c.permille for c in june.charges} == {50}
    rates = {(c.changed, c.permille) for c in july.charges}
    assert rates == {(False, 200), (True, 50)}  # what changed is of a day of the first rules
    for charge in (*june.charges, *july.charges):
        parts = 1_000 + charge.permille
        assert abs(charge.vat_units * parts - charge.gross_units * charge.permille) * 2 <= parts
    assert (june.vat_number, july.vat_number) == ("GB 1", "GB 2")
    assert "The group’s number for VAT is GB 2." in render_text(july)


def test_the_grid_bills_by_the_clock_and_the_rules_of_the_day(street):
    with street.community.reading() as connection:
        ledger = street.community.writer.ledger
        for month, factor in zip(MONTHS, (1_000_000, 1_070_000), strict=True):
            statement = street.of("Ben", month)
            days = [line.day for line in statement.days]
            expected = {NIGHT: [0, 0], DAY: [0, 0]}
            for day in days:
                for line in store.member_lines(
                    *(connection, ledger, street.members["Ben"], "LWD/7"),
                    of_local_day(day, LONDON),
                    first=True,
                ):
                    ticks = DAY if 420 <= minute_of_day(line.period, LONDON) < 840 else NIGHT
                    expected[ticks][0] += line.bought_wh
                    expected[ticks][1] += line.bought_wh * ticks * 1_000_000 // factor
            parts = {part.ticks: [part.wh, part.units] for part in statement.grid.parts}
            assert parts == {ticks: sums for ticks, sums in expected.items() if sums[0]}
            assert set(parts) == {NIGHT, DAY}
            assert statement.grid.bought_units == sum(units for _, units in parts.values())


def test_nobody_is_worse_off_at_their_own_tariffs_with_losses(street):
    for name in NAMES:
        for month in MONTHS:
            statement = street.of(name, month)
            assert statement.bought_saving_units >= 0
            assert statement.sold_gain_units >= 0


def test_the_seal_of_a_later_run_stands_where_its_money_counts(street):
    june, july = (street.of("Ben", month) for month in MONTHS)
    assert june.later_seals == ()
    [seal] = july.later_seals
    [line] = july.adjustments
    assert (seal.day, seal.code) == (str(line.day), line.code) == ("2026-06-30", "R1")
    logged = dict(statements(street.community, "seal"))
    assert logged[seal.position].tx_id == seal.tx_id
    assert logged[seal.position].body["run"] == "R1"
    assert seal.tx_id[:12] in render_text(july)
    assert (july.days_settled, len(july.seals)) == (1, 1)


def test_days_on_the_way_are_shown_and_not_counted(street):
    july = street.of("Ben", "2026-07")
    [line] = july.on_the_way
    with street.community.reading() as connection:
        shown = shown_day(street.community, connection, JULY_2)
    mine = [each for each in shown.lines if each.member == street.members["Ben"]]
    assert (line.day, line.code) == (JULY_2, "II")
    assert line.bought_wh == sum(each.bought_wh for each in mine) > 0
    assert line.bought_units == sum(each.bought_units for each in mine) > 0
    assert JULY_2 not in [each.day for each in july.days]
    moved = july.total.sold_units - july.total.bought_units + july.adjusted_units
    assert july.opening_units + moved == july.closing_units
    assert "1 of them is on the way, and not final." in progress(july)
    text = render_text(july)
    assert "On the way, not final" in text
    assert "Thu 2, II" in text


def test_who_moved_out_is_told_what_comes_next(street):
    june, july = (street.of("Cleo", month) for month in MONTHS)
    assert june.left is None
    assert july.left == Departure(JULY_2, date(2026, 10, 1))
    first, last = leaving(july)
    assert "Your last day here was 2 July 2026." in first
    assert "until 1 October 2026" in first
    assert july.closing_units < 0
    assert "You owe £" in last
    assert "Your last day here was" in render_text(july)
    state, later = street.community.state, of_local_month("2026-08", LONDON).stop
    assert departure(state, street.members["Cleo"], later) == july.left
    for name in ("Ada", "Ben", "School roof"):
        assert departure(state, street.members[name], later) is None


def test_a_month_that_has_not_begun_has_no_statement(street):
    with pytest.raises(InputError, match="2026-08 has not begun: the last month with a statement"):
        street.of("Ada", "2026-08")


def test_days_before_the_community_began_are_not_waited_for(street):
    june = street.of("Ada", "2026-06")
    assert (june.days_before, june.days_settled) == (27, 1)
    assert having(june) == "with 1 of 3 days of June 2026 worked out"
    assert progress(june).startswith(
        "2 of 3 days since the community began are not worked out yet."
    )
    whole = replace(june, days_before=29)
    assert having(whole) == "at the end of June 2026"
    assert progress(whole).startswith("The only day since the community began is worked out.")
    none = replace(june, seals=())
    assert having(none) == "with no day of June 2026 worked out yet"


ADA, BEN = "0f" * 16, "1e" * 16
BOTH, NONE = (Channel.IMPORT, Channel.EXPORT), ()
SETTLED = of_local_day(JULY_2, LONDON)


def use(member, channels=BOTH, *, on):
    """Return a consent that binds from a half-hour on."""
    return (on - 1, MeterUse(member, channels))


@pytest.mark.parametrize(
    ("meters", "left"),
    [
        ({}, False),
        ({"m": [use(ADA, on=5)]}, False),
        ({"m": [use(ADA, on=5), use(ADA, NONE, on=SETTLED[9])]}, True),
        ({"m": [use(ADA, on=5), use(BEN, on=SETTLED[9])]}, True),
        ({"m": [use(BEN, on=5), use(BEN, NONE, on=SETTLED[9])]}, False),
        ({"m": [use(ADA, on=5), use(ADA, NONE, on=SETTLED[9])], "n": [use(ADA, on=7)]}, False),
        (
            {
                "m": [use(ADA, on=5), use(ADA, NONE, on=SETTLED[9])],
                "n": [use(ADA, on=5), use(ADA, NONE, on=SETTLED[1])],
            },
            True,
        ),
        (
            {"m": [use(ADA, on=5), use(ADA, NONE, on=SETTLED[9]), use(ADA, on=SETTLED[9] + 500)]},
            False,
        ),
        ({"m": [use(ADA, on=5), use(ADA, NONE, on=SETTLED.stop + 999)]}, False),
        ({"m": [use(ADA, on=5), use(ADA, NONE, on=5)]}, False),
    ],
)
def test_who_left_is_who_had_a_meter_and_has_none(street, meters, left):
    state = CommunityState(rules_history=street.community.state.rules_history, meters=meters)
    found = departure(state, ADA, SETTLED.stop + 600)
    assert (found is not None) == left
    if found is not None:
        assert found.last_day == JULY_2


def test_who_has_a_share_of_a_roof_takes_part(street):
    meters = {"m": [use(ADA, on=5), use(ADA, NONE, on=SETTLED[9])]}
    shares = {"roof": [(5, Shares(BEN, ((ADA, 300_000),)))]}
    rules = street.community.state.rules_history
    state = CommunityState(rules_history=rules, meters=meters, shares=shares)
    assert departure(state, ADA, SETTLED.stop) is None
    shares["roof"].append((SETTLED[0], Shares(BEN, ())))
    assert departure(state, ADA, SETTLED.stop) is not None


def test_a_shared_month_says_the_same_as_each_alone(street):
    with street.community.reading() as connection:
        shared = Month(street.community, connection, "2026-07")
        for name in NAMES:
            alone = street.of(name, "2026-07")
            member = street.members[name]
            assert household_statement(street.community, connection, member, shared) == alone


def test_readings_are_counted_by_channel_and_day(street):
    assert street.of("Ada", "2026-06").readings == 2 * 48
    assert street.of("Ben", "2026-06").readings == 48


def test_readings_that_came_while_the_run_was_made_do_not_hide_its_estimates(tmp_path):
    community = begin(tmp_path, without((BEN_METER, LATE_WH)))
    say(community, BEN_METER, dict.fromkeys(LATE_WH, 300), Quality.PROFILE)
    with pytest.raises(KilledError):
        run(community, "SF", after_step=killing(2))
    say(community, BEN_METER, LATE_WH)  # the run knows nothing of it
    run(community, "SF")
    with community.reading() as connection:
        ben = owner(community, BEN_METER)
        statement = household_statement(community, connection, ben, "2026-06")
    community.writer.database.close()
    assert (statement.estimated, statement.readings) == (2, 48)
    assert "2 half-hours of your own meter were not read, and estimated: 4.2 %" in progress(
        statement
    )
