"""Shares in a generator, tariffs by the clock, gifts, the help fund, charges: settled and audited."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import fees, fund, network, wallet
from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone, minute_of_day, of_local_day
from market.model import Side
from meters.readings import Channel, Quality, Reading
from settlement import deeds, store
from settlement.audit.verify import audit
from settlement.constitution import next_rules
from settlement.enrol import Terms, add_member
from settlement.export import export_bundle
from settlement.gifts import Sold, day_quota
from settlement.gifts import given as given_of
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.terms import Offer
from settlement.timetable import GB, due_at_ms, first_due_ms
from tests.prepared import ms
from tests.streets import JUNE_30, NAMES, SITES, ZONE, add_meters, new_community, street_readings

ASSET = "LWD/7"


@pytest.fixture
def early(tmp_path):
    """Return a function that founds the street, lets its members agree on something, and settles."""
    opened = []

    def make(agree, readings=None):
        community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
        opened.append(community)
        members = {}
        for name, site in zip(NAMES, SITES, strict=True):
            members[name] = add_member(community, name, "household", Terms())
            add_meters(community, members[name], site)
        agree(community, members)
        community.writer.clock.set_ms(ms(2026, 7, 3, 5))
        import_readings(community, readings or street_readings(SITES, [JUNE_30]))
        community.writer.clock.set_ms(first_due_ms(JUNE_30, ZONE))
        settle_day(community, JUNE_30)
        return community, members

    yield make
    for community in opened:
        community.writer.database.close()


def sound(community, folder):
    export_bundle(community, folder / "bundle")
    report = audit(folder / "bundle")
    assert report.failed is None, report.failure
    return report


def balances(community):
    with community.reading() as connection:
        known = community.writer.ledger.balances(connection)
    return {name: balance.posted for name, balance in known.items()}


def lines_of_day(community):
    with community.reading() as connection:
        periods = of_local_day(JUNE_30, load_zone(ZONE))
        by_period = store.lines_by_period(connection, community.writer.ledger, periods)
    return [line for some in by_period.values() for line in some.values()]


def sums(community, member):
    mine = [line for line in lines_of_day(community) if line.member == member]
    return {name: sum(getattr(line, name) for line in mine) for name in store.WH_AND_UNITS}


@given(st.integers(0, 10**9), st.dates(date(2024, 1, 1), date(2030, 12, 28)))
def test_a_months_gift_is_the_sum_of_its_days(wh_month, first):
    first = first.replace(day=1)
    days = (replace_month(first) - first).days
    parts = [day_quota(wh_month, first.replace(day=day)) for day in range(1, days + 1)]
    assert sum(parts) == wh_month
    assert max(parts) - min(parts) <= 1


def replace_month(first):
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


@given(st.integers(0, 10**6), st.integers(-(10**9), 10**9), st.integers(0, 10**6))
def test_nobody_gives_more_than_they_got(wh, units, quota):
    gave_wh, gave_units = given_of(Sold(wh, units), quota)
    assert 0 <= gave_wh <= min(wh, quota)
    assert 0 <= gave_units <= max(units, 0)


def test_a_tariff_goes_by_the_clock_and_nobody_is_worse_off_than_with_it():
    offer = Offer(3000, 300, 2450, 410, import_bands=((420, 1200), (960, 3800)))
    assert [offer.tariff_at(Side.BID, m) for m in (0, 419, 420, 959, 960, 1439)] == [
        *(2450, 2450, 1200, 1200, 3800, 3800)
    ]
    assert [offer.limit_at(Side.BID, minute) for minute in (0, 420, 960)] == [2450, 1200, 3000]
    assert offer.limit_at(Side.ASK, 0) == 410
    assert replace(offer, export_bands=((0, 500),)).limit_at(Side.ASK, 0) == 500


def test_a_flat_without_panels_holds_a_part_of_the_schools_roof(early, tmp_path):
    def agree(community, members):
        ben = members["Ben"]
        deeds.share(community, members["School roof"], "m-school-pv", {ben: 30_000})

    community, members = early(agree)
    ben = sums(community, members["Ben"])
    with community.reading() as connection:
        periods = of_local_day(JUNE_30, load_zone(ZONE))
        known = community.readings.known(connection, periods)
    roof = [known["m-school-pv", Channel.EXPORT, period].wh for period in periods]
    mine = [known["m-ben", Channel.IMPORT, period].wh for period in periods]
    parts = [(30_000 * wh * 2 + 10**6) // (2 * 10**6) for wh in roof]  # nearest: two shares
    used = sum(min(part, wh) for part, wh in zip(parts, mine, strict=True))
    assert ben["own_use_wh"] == used > 500
    assert ben["sold_wh"] + ben["grid_export_wh"] == sum(parts) - used
    # What the meters say is what is posted, however it is shared.
    assert balances(community)["meter/m-school-pv/export WH/0"] == -sum(roof)
    assert balances(community)["meter/m-ben/import WH/0"] == sum(mine)
    sound(community, tmp_path)


def test_who_closes_their_account_holds_no_part_any_more_and_the_others_keep_theirs(
    early, tmp_path
):
    def agree(community, members):
        members["Flat"] = add_member(community, "Flat", "household", Terms())
        parts = {members["Flat"]: 400_000, members["Ben"]: 30_000}
        deeds.share(community, members["School roof"], "m-school-pv", parts)
        community.writer.clock.set_ms(ms(2026, 6, 30, 12))
        deeds.close_account(community, members["Flat"], "moving")
        with pytest.raises(RefusedError, match="closed"):
            deeds.share(community, members["School roof"], "m-school-pv", parts)

    community, members = early(agree)
    periods = of_local_day(JUNE_30, load_zone(ZONE))
    with community.reading() as connection:
        flat, ben = (
            {
                line.period: line.own_use_wh + line.sold_wh + line.grid_export_wh
                for line in store.member_lines(
                    connection, community.writer.ledger, members[name], ASSET, periods
                )
            }
            for name in ("Flat", "Ben")
        )
    last = ms(2026, 6, 30, 12) // 1_800_000
    assert sum(flat.values()) > 0
    assert max(period for period, wh in flat.items() if wh) <= last
    assert any(wh for period, wh in ben.items() if period > last)
    sound(community, tmp_path)


def test_what_cannot_be_shared_is_refused(early):
    def agree(community, members):
        ada, ben, roof = members["Ada"], members["Ben"], members["School roof"]
        for owner, holders, words in (
            (ada, {ben: 5}, "is not this member's to share"),
            (roof, {roof: 5}, "the owner's own"),
            (roof, {ada: 600_000, ben: 400_001}, "more than the whole"),
            (roof, {"0f" * 16: 5}, "are other members"),
        ):
            with pytest.raises(RefusedError, match=words):
                deeds.share(community, owner, "m-school-pv", holders)

    early(agree)


def test_a_gift_goes_to_the_fund_with_its_own_price_and_a_later_run_corrects_it(early, tmp_path):
    def agree(community, members):
        deeds.give(community, members["School roof"], 9_000)

    community, members = early(agree)
    roof = members["School roof"]
    sold = sums(community, roof)
    quota = day_quota(9_000, JUNE_30)
    gift = sold["sold_units"] * quota // sold["sold_wh"]
    assert (quota, gift > 0) == (300, True)
    assert balances(community)[fund(ASSET)] == gift
    traded = sold["sold_units"] - sold["bought_units"]
    assert balances(community)[wallet(roof, ASSET)] == traded - gift
    # The roof gave nothing at all: its meter was wrong.
    periods = of_local_day(JUNE_30, load_zone(ZONE))
    none = [Reading("m-school-pv", Channel.EXPORT, p, 0, Quality.ACTUAL) for p in periods]
    import_readings(community, none)
    community.writer.clock.set_ms(due_at_ms(GB.run("R1"), JUNE_30, ZONE))
    settle_day(community, JUNE_30, code="R1")
    assert balances(community)[fund(ASSET)] == 0
    assert balances(community)[wallet(roof, ASSET)] == -sums(community, roof)["bought_units"]
    with community.reading() as connection:
        ledger = community.writer.ledger
        [net] = [
            net
            for net in store.nets_of_run(connection, ledger, str(JUNE_30), "R1")
            if net.member == roof
        ]
    assert (net.given_wh, net.given_units) == (-quota, -gift)
    sound(community, tmp_path)


def test_the_fund_takes_donations_and_grants_no_more_than_it_has(early, tmp_path):
    community, members = early(lambda _community, _members: None)
    ada, ben = members["Ada"], members["Ben"]
    deeds.donate(community, ada, 5_000_000, "for a hard winter")
    with pytest.raises(RefusedError, match=r"fund has £0\.50"):
        deeds.grant(community, ben, 5_000_001, "a hard winter")
    before = balances(community)
    deeds.grant(community, ben, 3_000_000, "a hard winter")
    after = balances(community)
    assert after[wallet(ben, ASSET)] - before[wallet(ben, ASSET)] == 3_000_000
    assert after[fund(ASSET)] == 2_000_000
    report = sound(community, tmp_path)
    assert (report.counts["donation"], report.counts["grant"]) == (1, 1)


def test_the_networks_part_of_the_charge_has_an_account_of_its_own(early, tmp_path):
    def agree(community, _members):
        deeds.new_rules(
            community,
            next_rules(deeds.rules_now(community), {"charge": "0.50p", "network": "0.30p"}),
        )

    community, _ = early(agree)
    matched_wh = sum(line.bought_wh for line in lines_of_day(community))
    assert balances(community)[network(ASSET)] == 30 * matched_wh > 0
    assert balances(community)[fees(ASSET)] == 20 * matched_wh
    sound(community, tmp_path)


def test_a_cheap_hour_of_the_members_own_tariff_is_not_beaten_by_neighbours(early, tmp_path):
    """Ben's supplier asks 5 p from noon to three: no neighbour is cheaper, so he buys from the grid."""

    def agree(community, members):
        offer = {
            "buy_ticks": 2450,
            "sell_ticks": 410,
            "import_tariff_ticks": 2450,
            "export_tariff_ticks": 410,
            "import_bands": [{"minute": 720, "ticks": 500}, {"minute": 900, "ticks": 2450}],
        }
        member = members["Ben"]
        deeds.say(community, "offer", member, offer, deeds.by_member(member))

    community, members = early(agree)
    zone = load_zone(ZONE)
    bought = {True: 0, False: 0}
    for line in lines_of_day(community):
        if line.member == members["Ben"]:
            bought[720 <= minute_of_day(line.period, zone) < 900] += line.bought_wh
    assert bought[True] == 0 < bought[False]
    sound(community, tmp_path)


def test_bands_out_of_order_are_refused(early):
    def agree(community, members):
        offer = dict.fromkeys(
            ("buy_ticks", "sell_ticks", "import_tariff_ticks", "export_tariff_ticks"), 400
        )
        offer["export_bands"] = [{"minute": 60, "ticks": 1}, {"minute": 60, "ticks": 2}]
        member = members["Ada"]
        with pytest.raises(RefusedError, match="not in order of time"):
            deeds.say(community, "offer", member, offer, deeds.by_member(member))

    early(agree)


def test_a_months_mandate_ends_a_months_buying(early, tmp_path):
    """Ben lets settlement take 20 p a month: the first day takes it all, the second none."""

    def agree(community, members):
        mandate = {
            "may_debit": "settlement",
            "wh_period_max": 10**6,
            "price_ticks_max": 2450,
            "units_period_max": 10**9,
            "units_day_max": 10**9,
            "units_month_max": 2_000_000,
            "first": community.writer.now_period(),
            "last": 4_000_000,
        }
        ben = members["Ben"]
        deeds.say(community, "mandate", ben, mandate, deeds.by_member(ben))

    days = [date(2026, 7, 1), date(2026, 7, 2)]
    community, members = early(agree, street_readings(SITES, [JUNE_30, *days]))
    with community.reading() as connection:
        june = store.bought_in_month(
            connection, community.writer.ledger, "2026-06", [members["Ben"]], ASSET
        )[members["Ben"]]
    paid = []
    for day in days:
        community.writer.clock.set_ms(first_due_ms(day, ZONE))
        settle_day(community, day)
        with community.reading() as connection:
            paid.append(
                store.bought_in_month(
                    connection, community.writer.ledger, "2026-07", [members["Ben"]], ASSET
                )[members["Ben"]]
            )
    assert 0 < june <= 2_000_000
    assert 0 < paid[0] <= paid[1] <= 2_000_000
    assert paid[1] - paid[0] <= 2_000_000 - paid[0]
    sound(community, tmp_path)
