"""A day settled and audited under every price rule and sharing rule that a community may choose."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.periods import load_zone, minute_of_day, of_local_day
from ledger.primitives.signing import SigningKey
from market.model import Key, PriceRule, Rules, SharingRule, Side
from market.rules import in_band
from market.wire import rules_to_json
from settlement import deeds, store
from settlement.audit.memory import read_memory
from settlement.audit.verify import audit
from settlement.enrol import Charter, Terms, add_member, found_community
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.signers import member_keys
from settlement.terms import CommunityRules
from settlement.timetable import first_due_ms
from tests.fresh import upgrade
from tests.streets import JUNE_30, NAMES, SITES, add_meters, street_readings

ZONE = "Europe/London"
TARIFFS = {"import_ticks": 2450, "export_ticks": 410}
BANDS = ((0, 900), (60, 1000), (120, 1100), (720, 1800))
RULES = {
    "mid-market": Rules(PriceRule.MID_MARKET, charge_ticks=20, **TARIFFS),
    "ratio": Rules(PriceRule.SUPPLY_DEMAND_RATIO, charge_ticks=20, kappa_permille=300, **TARIFFS),
    "fixed": Rules(PriceRule.FIXED, match_ticks=1800, charge_ticks=50),
    "bands": Rules(PriceRule.FIXED, match_bands=BANDS),
    "uniform": Rules(PriceRule.UNIFORM),
    "pay-as-bid": Rules(PriceRule.PAY_AS_BID),
    "equal": Rules(PriceRule.MID_MARKET, SharingRule.EQUAL_SHARE, **TARIFFS),
}


def founded(folder, rules, day):
    """Found a street with members and readings, ready to settle a day."""
    database = Database(f"sqlite:///{folder}/street.sqlite")
    upgrade(database)
    periods = of_local_day(day, load_zone(ZONE))
    clock = FixedClock((periods.start - 96) * 1_800_000)
    charter = Charter(
        "rules.example/ledger/1",
        "Rules",
        ZONE,
        "LWD",
        "street",
        rules,
        "Sums to zero.",
        replay=True,
    )
    entropy = seeded_entropy(b"rules")
    community = found_community(database, Keyring(folder / "keys"), clock, charter, entropy=entropy)
    for place, (name, site) in enumerate(zip(NAMES, SITES, strict=True)):
        device = SigningKey.from_seed(bytes([place + 1] * 32))
        add_meters(community, add_member(community, name, "household", Terms(), device), site)
    return community


def settled(community, day):
    """Settle the day and return every member's lines."""
    periods = of_local_day(day, load_zone(ZONE))
    clock = community.writer.clock
    clock.set_ms(max(clock.now_ms(), (periods.stop + 48) * 1_800_000))
    import_readings(community, street_readings(SITES, [day]))
    clock.set_ms(first_due_ms(day, ZONE))
    settle_day(community, day)
    writer = community.writer
    with community.reading() as connection:
        return [
            line
            for member in sorted(community.state.members)
            for line in store.member_lines(
                connection, writer.ledger, member, community.state.rules_now.asset, periods
            )
        ]


def checked(community, folder):
    export_bundle(community, folder / "bundle")
    community.writer.database.close()
    report = audit(folder / "bundle")
    assert report.verdict == "sound", report.failure
    memory = report.memory()
    assert read_memory(memory).encode() == memory


@pytest.mark.parametrize("name", RULES)
def test_a_day_under_a_rule_is_settled_to_the_unit_and_audited(name, tmp_path):
    community = founded(tmp_path, RULES[name], JUNE_30)
    lines = settled(community, JUNE_30)
    traded = sum(line.sold_wh for line in lines)
    assert traded == sum(line.bought_wh for line in lines) > 3_000
    charge = RULES[name].charge_ticks * traded
    paid, got = (
        sum(getattr(line, f"{side}_units") for line in lines) for side in ("bought", "sold")
    )
    assert paid == got + charge
    checked(community, tmp_path)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), JUNE_30])
def test_bands_follow_the_clock_on_the_wall(day, tmp_path):
    community = founded(tmp_path, RULES["bands"], day)
    lines = [line for line in settled(community, day) if line.sold_wh]
    zone = load_zone(ZONE)
    assert lines
    for line in lines:
        minute = minute_of_day(line.period, zone)
        price = in_band(RULES["bands"], minute).match_ticks
        assert line.sold_units == line.sold_wh * price
        assert price == next(ticks for begins, ticks in reversed(BANDS) if begins <= minute)
    checked(community, tmp_path)


def test_coefficients_of_members_are_rules_and_what_is_unused_goes_back_to_the_grid(tmp_path):
    plain = Rules(PriceRule.FIXED, match_ticks=1000)
    community = founded(tmp_path, plain, JUNE_30)
    ben = community.state.meters["m-ben"][-1][1].member
    rules = replace(plain, sharing=SharingRule.KEYS, keys=(Key(ben, 250_000),))
    fields = deeds.rules_now(community)
    deeds.new_rules(community, {**fields, "market": rules_to_json(rules)})
    day = JUNE_30 + timedelta(days=1)
    lines = settled(community, day)
    bought = {line.member for line in lines if line.bought_wh}
    assert bought == {ben}
    by_period = {}
    for line in lines:
        offered = line.sold_wh + line.grid_export_wh
        by_period.setdefault(line.period, []).append((offered, line.bought_wh))
    for pairs in by_period.values():
        offered, taken = (sum(column) for column in zip(*pairs, strict=True))
        assert taken <= offered // 4 + 1
    checked(community, tmp_path)


def test_losses_are_taken_to_the_boundary_and_posted(tmp_path):
    """Meters, boundary and grid close to the Wh, and the account of losses holds the difference."""
    community = founded(tmp_path, RULES["mid-market"], JUNE_30)
    fields = deeds.rules_now(community)
    factors = {"import_ppm": 1_070_000, "export_ppm": 950_000}
    deeds.new_rules(community, {**fields, "losses": factors})
    lines = settled(community, JUNE_30 + timedelta(days=1))
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
    metered = dict.fromkeys(("import", "export"), 0)
    for account, balance in balances.items():
        if account.startswith("meter/"):
            metered["import" if balance.posted > 0 else "export"] += abs(balance.posted)
    from_grid, to_grid = (
        sum(getattr(line, f"grid_{side}_wh") for line in lines) for side in metered
    )
    lost = balances["losses/street WH/0"].posted
    assert lost == metered["export"] + from_grid - metered["import"] - to_grid
    assert lost > 0.04 * metered["import"]
    wanted = sum(line.bought_wh + line.grid_import_wh for line in lines)
    assert 1.07 * (metered["import"] - own(lines)) <= wanted
    assert wanted <= 1.07 * (metered["import"] - own(lines)) + len(lines)
    for line in lines:  # nobody pays or gets worse than their tariff for what the meter said
        assert line.bought_units * 107 <= line.bought_wh * 100 * TARIFFS["import_ticks"]
        assert line.sold_units * 95 >= line.sold_wh * 100 * TARIFFS["export_ticks"]
    offered = sum(line.sold_wh + line.grid_export_wh for line in lines)
    assert offered <= 0.95 * (metered["export"] - own(lines)) <= offered + len(lines)
    checked(community, tmp_path)


@pytest.mark.parametrize(("buy", "sell"), [(10**6, 10**6), (-(10**6), -(10**6)), (10**6, -(10**6))])
def test_nobodys_limit_stops_the_day_of_a_street_with_losses(buy, sell, tmp_path):
    """Moved to the boundary it may lie where no price is; the others are settled all the same."""
    community = founded(tmp_path, RULES["uniform"], JUNE_30)
    fields = deeds.rules_now(community)
    factors = {"import_ppm": 930_000, "export_ppm": 950_000}
    deeds.new_rules(community, {**fields, "losses": factors})
    ada = community.state.meters["m-ada"][-1][1].member
    terms = {"buy_ticks": buy, "sell_ticks": sell}
    tariffs = {"import_tariff_ticks": 2450, "export_tariff_ticks": 410}
    deeds.say(community, "offer", ada, terms | tariffs, lambda c: member_keys(c, ada))
    lines = settled(community, JUNE_30 + timedelta(days=1))
    assert sum(line.sold_wh for line in lines if line.member != ada) > 1_000
    checked(community, tmp_path)


def own(lines):
    return sum(line.own_use_wh for line in lines)


def test_an_operator_who_counts_more_losses_than_the_rules_say_is_noticed(tmp_path, monkeypatch):
    community = founded(tmp_path, RULES["mid-market"], JUNE_30)
    fields = deeds.rules_now(community)
    factors = {"import_ppm": 1_070_000, "export_ppm": 950_000}
    deeds.new_rules(community, {**fields, "losses": factors})
    wh_of, order_of = CommunityRules.at_boundary, CommunityRules.order_at_boundary

    def more(rules, side, wh):
        return wh_of(rules, side, wh) + (side is Side.BID and wh > 0)

    def more_of(rules, side, wh, ticks):
        return more(rules, side, wh), order_of(rules, side, wh, ticks)[1]

    monkeypatch.setattr(CommunityRules, "at_boundary", more)
    monkeypatch.setattr(CommunityRules, "order_at_boundary", more_of)
    settled(community, JUNE_30 + timedelta(days=1))
    monkeypatch.undo()
    export_bundle(community, tmp_path / "bundle")
    community.writer.database.close()
    report = audit(tmp_path / "bundle")
    assert (report.verdict, report.failed) == ("unsound", "funds and mandates")
