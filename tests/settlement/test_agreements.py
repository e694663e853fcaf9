"""Agreements between two members are served before the market, settled and audited."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ledger import log_store
from ledger.errors import RefusedError, SignatureError
from ledger.primitives.periods import load_zone, of_local_day
from ledger.primitives.signing import SigningKey
from market.model import Agreement
from meters.simulation import ZONE
from settlement import deeds, run_begin
from settlement.agreements import Agreement as Terms_
from settlement.agreements import AgreementBook
from settlement.audit.memory import read_memory
from settlement.audit.verify import audit
from settlement.enrol import Terms, add_member
from settlement.errors import RunRefusedError
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.signers import member_keys
from settlement.timetable import first_due_ms
from tests.streets import JUNE_30, NAMES, SITES, add_meters, new_community, street_readings

PERIODS = of_local_day(JUNE_30, load_zone(ZONE))
PRICE_TICKS = 700
GIFT = Agreement("ab" * 16, 1, "", "", 0)


@pytest.fixture
def street(tmp_path):
    """A street with members and nothing agreed yet, two days before its first day."""
    community = new_community(tmp_path, datetime(2026, 6, 28, 12, tzinfo=UTC))
    for place, (name, site) in enumerate(zip(NAMES, SITES, strict=True)):
        device = SigningKey.from_seed(bytes([place + 1] * 32))
        add_meters(community, add_member(community, name, "household", Terms(), device), site)
    yield community
    community.writer.database.close()


def owner(community, meter):
    return community.state.meters[meter][-1][1].member


def agree(community, seller, buyer, **changed):
    fields = {
        "buyer": owner(community, buyer),
        "price_ticks": PRICE_TICKS,
        "rank": 1,
        "first": PERIODS.start,
        "last": PERIODS[-1],
    } | changed
    return deeds.agree(community, owner(community, seller), fields)


def settled(community):
    """Settle the day and return each half-hour's result."""
    clock = community.writer.clock
    clock.set_ms((PERIODS.stop + 48) * 1_800_000)
    import_readings(community, street_readings(SITES, (JUNE_30,)))
    clock.set_ms(first_due_ms(JUNE_30, ZONE))
    settle_day(community, JUNE_30)
    with community.reading() as connection:
        number = community.writer.community
        found = log_store.facts(connection, number, kinds=("clearing",))
        return [json.loads(entry.detail) for _, entry in found]


def fills_by(results, agreement):
    """Return (half-hour, order, Wh, ticks) of all that an agreement served."""
    return [
        (result["period"], order["id"], fill["wh"], fill["price_ticks"])
        for result in results
        for order in result["orders"]
        for fill in order.get("fills", ())
        if fill.get("agreement") == agreement.id
    ]


def test_an_agreement_is_served_first_paid_at_its_price_and_audited(street, tmp_path):
    made = agree(street, "m-school", "m-ben", share_permille=300)
    results = settled(street)
    served = fills_by(results, made)
    exported = {
        reading.period: reading.wh
        for reading in street_readings(SITES, (JUNE_30,))
        if reading.meter == SITES[3].solar_meter
    }
    school, ben = owner(street, "m-school"), owner(street, "m-ben")
    assert {(order, ticks) for _, order, _, ticks in served} == {
        (school, PRICE_TICKS),
        (ben, PRICE_TICKS),
    }
    assert sum(wh for _, order, wh, _ in served if order == ben) > 1_000
    for result in results:
        orders = {(order["side"], order["id"]): order for order in result["orders"]}
        offered = orders.get(("ask", school))
        if offered:
            agreed = [f["wh"] for f in offered.get("fills", ()) if "agreement" in f]
            assert sum(agreed) <= 300 * exported[result["period"]] // 1000
    export_bundle(street, tmp_path / "bundle")
    report = audit(tmp_path / "bundle")
    assert report.verdict == "sound", report.failure
    assert read_memory(report.memory()).replay.community.agreements.made


def test_what_was_agreed_after_the_day_began_does_not_count(street):
    street.writer.clock.set_ms(PERIODS[20] * 1_800_000 + 60_000)
    made = agree(street, "m-school", "m-ben")
    served = fills_by(settled(street), made)
    assert served
    assert min(period for period, *_ in served) > PERIODS[20]


def test_a_price_above_what_the_buyer_pays_at_most_is_not_served(street, tmp_path):
    made = agree(street, "m-school", "m-ben", price_ticks=2_451)
    assert fills_by(settled(street), made) == []
    export_bundle(street, tmp_path / "bundle")
    assert audit(tmp_path / "bundle").verdict == "sound"


def test_a_gift_costs_nothing(street):
    made = agree(street, "m-school", "m-cleo", price_ticks=0, wh_period_max=50)
    served = fills_by(settled(street), made)
    assert {ticks for *_, ticks in served} == {0}
    assert max(wh for _, _, wh, _ in served) == 50


def test_one_of_both_ends_it_from_the_next_half_hour_on(street, tmp_path):
    made = agree(street, "m-school", "m-ben")
    ben, cleo = owner(street, "m-ben"), owner(street, "m-cleo")
    street.writer.clock.set_ms(PERIODS[24] * 1_800_000 + 60_000)
    with pytest.raises(RefusedError, match="no agreement of this member"):
        deeds.end_agreement(street, cleo, made.id)
    deeds.end_agreement(street, ben, made.id)
    with pytest.raises(RefusedError, match="ended before"):
        deeds.end_agreement(street, ben, made.id)
    served = fills_by(settled(street), made)
    assert PERIODS[20] < max(period for period, *_ in served) <= PERIODS[24]
    export_bundle(street, tmp_path / "bundle")
    assert audit(tmp_path / "bundle").verdict == "sound"


def test_there_are_only_so_many_at_one_time(monkeypatch):
    monkeypatch.setattr("settlement.agreements.MEMBER_MAX", 3)
    monkeypatch.setattr("settlement.agreements.COMMUNITY_MAX", 5)
    book = AgreementBook()

    def add(name, seller, buyer, last=20, logged=5):
        book.add(Terms_(name, seller, buyer, 1, 1, 6, last), logged)

    for number in range(3):
        add(f"a{number}", "ada", "ben")
    for seller, buyer in (("ada", "cleo"), ("cleo", "ben")):
        with pytest.raises(RefusedError, match="A member has 3 agreements at most"):
            add("more", seller, buyer)
    add("b0", "cleo", "dan")
    add("b1", "dan", "cleo")
    with pytest.raises(RefusedError, match="The community has 5 agreements at most"):
        add("b2", "eve", "fay")
    book.end("a0", "ben", 7)
    add("c0", "ada", "eve", logged=8)
    with pytest.raises(RefusedError, match="A member has 3"):
        add("c1", "ada", "fay", logged=9)
    add("c2", "ada", "fay", last=40, logged=21)  # the others are over
    assert [each.id for each in book.binding(22)] == ["c2"]
    with pytest.raises(RefusedError, match="before it begins"):
        add("d0", "fay", "gil", last=21, logged=21)


def test_a_run_that_no_detail_could_hold_sets_nothing_aside(street, monkeypatch):
    agree(street, "m-school", "m-ben")
    monkeypatch.setattr(run_begin, "DETAIL_BYTES_MAX", 1_000)
    with pytest.raises(RunRefusedError, match="split the community"):
        settled(street)
    with street.reading() as connection:
        assert not log_store.has_kind(connection, street.writer.community, ("hold",))


def test_both_must_sign_and_nobody_with_themselves(street):
    school, ben = owner(street, "m-school"), owner(street, "m-ben")
    fields = {"buyer": ben, "price_ticks": 1, "rank": 1, "first": 1, "last": 2}
    with pytest.raises(SignatureError, match="the other member's keys"):
        deeds.say(street, "agreement", school, fields, lambda c: member_keys(c, school))
    with pytest.raises(RefusedError, match="with themselves"):
        agree(street, "m-ben", "m-ben")


def test_an_operator_who_serves_a_friend_without_an_agreement_is_noticed(
    street, tmp_path, monkeypatch
):
    """The day is funded as if the school had agreed to give Ben its energy."""
    honest = run_begin.fund_orders

    def favour(state, inputs, funds):
        funded = honest(state, inputs, funds)
        for item in funded:
            if owner(street, "m-school") in item.asks and owner(street, "m-ben") in item.bids:
                item.agreements.append(
                    replace(GIFT, seller=owner(street, "m-school"), buyer=owner(street, "m-ben"))
                )
        return funded

    monkeypatch.setattr(run_begin, "fund_orders", favour)
    settled(street)
    monkeypatch.undo()
    export_bundle(street, tmp_path / "bundle")
    report = audit(tmp_path / "bundle")
    assert (report.verdict, report.failed) == ("unsound", "funds and mandates")
