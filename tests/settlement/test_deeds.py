"""What operators, helpers and members do beyond trading: in the ledger, the log and the audit."""

from dataclasses import replace

import pytest

from ledger import log_store
from ledger.accounts import reserve, wallet
from ledger.check import check_ledger
from ledger.db import Database
from ledger.errors import CommonwattError, RefusedError, SetupError, SignatureError
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.periods import SECONDS
from settlement import deeds
from settlement.audit.verify import audit
from settlement.enrol import Terms, add_member, add_meter, found_community, pay
from settlement.export import export_bundle
from settlement.postings import transfer_id
from settlement.run import settle_day
from settlement.statement import household_statement
from settlement.statement_text import render_text
from tests.fresh import upgrade
from tests.prepared import CHARTER, DAY, ENTROPY, ms, reopen, seeded_key

ASSET = "LWD/7"
HALF_HOUR_MS = SECONDS * 1000


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def people(community):
    return sorted(community.state.members)


def balance(community, member):
    with community.reading() as connection:
        return community.writer.ledger.balances(connection)[wallet(member, ASSET)]


def sound(community, folder):
    """The audit and the check of the database agree with the operator; return the report."""
    bundle = folder / f"bundle-{len(list(folder.iterdir()))}"
    export_bundle(community, bundle)
    report = audit(bundle)
    assert report.verdict == "sound", report.failure
    with community.reading() as connection:
        checked = check_ledger(connection, community.writer.community)
        balances = community.writer.ledger.balances(connection)
    assert checked.failure is None, checked.failure
    assert {name: b.posted for name, b in report.replay.book.balances.items()} == {
        name: b.posted for name, b in balances.items()
    }
    return report


def size(community):
    with community.reading() as connection:
        return log_store.head(connection, community.writer.community)[0]


def refused(community, words, act, kind=RefusedError):
    """Nothing is kept of what is refused."""
    before = size(community)
    with pytest.raises(kind, match=words):
        act()
    assert size(community) == before


def payment_id(statement):
    return transfer_id(bytes.fromhex(statement.id), 0).hex()


def paid(community, payer, payee, units):
    """Pay, and return the transfer's id as operators see it."""
    with community.reading() as connection:
        before = sum(1 for _ in community.writer.ledger.transfers(connection))
    pay(community, payer, payee, units, f"bread {before}")
    with community.reading() as connection:
        *_, (last, _) = community.writer.ledger.transfers(connection)
    return last.id.hex()


def test_a_payment_is_taken_back_whole_and_once(street, tmp_path):
    ada, ben, *_ = people(street)
    settle_day(street, DAY)
    before = balance(street, ada).posted, balance(street, ben).posted
    one = paid(street, ada, ben, 700)
    deeds.reverse(street, one, "Paid twice.")
    assert (balance(street, ada).posted, balance(street, ben).posted) == before
    refused(street, "Nothing remains|reversed", lambda: deeds.reverse(street, one, "Again."))
    refused(street, "No payment has this id", lambda: deeds.reverse(street, "ab" * 16, "Which?"))
    sound(street, tmp_path)


def test_a_payment_is_corrected_in_parts_and_what_remains_is_reversed(street, tmp_path):
    ada, ben, *_ = people(street)
    before = balance(street, ada).posted
    one = paid(street, ada, ben, 700)
    deeds.correct(street, one, 200, "It was five loaves.", back=True)
    deeds.correct(street, one, 50, "And a bun.", back=False)
    assert balance(street, ada).posted == before - 550
    refused(
        street, "exceeds original", lambda: deeds.correct(street, one, 551, "Too much.", back=True)
    )
    deeds.reverse(street, one, "The bakery was closed.")
    assert balance(street, ada).posted == before
    settle_day(street, DAY)
    sound(street, tmp_path)


def test_what_a_run_posted_is_for_the_next_run_to_correct(street):
    settle_day(street, DAY)
    with street.reading() as connection:
        moved = [t for t, _ in street.writer.ledger.transfers(connection) if t.kind == 1]
    for transfer in (moved[0], moved[-1]):
        words = "it is a run's"
        refused(street, words, lambda t=transfer: deeds.reverse(street, t.id.hex(), "No."))


def test_a_limit_is_signed_by_two_operators_and_counts_at_once(street, tmp_path):
    ada, ben, *_ = people(street)
    deeds.set_limit(street, ada, -500, "As agreed.")
    refused(street, "below floor", lambda: pay(street, ada, ben, 501, "too much"))
    pay(street, ada, ben, 500, "all of it")
    refused(
        street, "broken at once", lambda: deeds.set_limit(street, ada, -499, "Less than is owed.")
    )
    refused(
        street, "below what the rules", lambda: deeds.set_limit(street, ada, -(10**12), "Much.")
    )
    assert street.state.members[ada].floor_units == -500
    settle_day(street, DAY)
    sound(street, tmp_path)


def half_hours_later(community, count):
    community.writer.clock.set_ms(community.writer.clock.now_ms() + count * HALF_HOUR_MS)


def test_without_a_mandate_nobody_buys_from_the_next_half_hour_on(copy, tmp_path):
    """The day of the readings is over: a revocation today changes nothing of it."""
    street = reopen(*copy())
    ada, *_ = people(street)
    deeds.revoke_mandate(street, ada)
    refused(street, "not the mandate in force", lambda: deeds.revoke_mandate(street, ada))
    now = street.writer.now_period()
    assert street.state.mandate_of(ada, now) is not None
    assert street.state.mandate_of(ada, now + 1) is None
    settle_day(street, DAY)
    report = sound(street, tmp_path)
    assert report.replay.run_state.matched_wh > 0


def test_a_meter_can_pass_to_another_member_once_consent_is_withdrawn(street, tmp_path):
    ada, ben, *_ = people(street)
    meter = street.state.meters_of(ada)[0]
    refused(street, "belongs to another", lambda: add_meter(street, ben, meter, "both"))
    refused(street, "belongs to another", lambda: deeds.withdraw_consent(street, ben, meter))
    deeds.withdraw_consent(street, ada, meter)
    assert street.state.meters_of(ada) == []
    now = street.writer.now_period()
    assert street.state.member_of(meter, now) == ada
    assert street.state.member_of(meter, now + 1) is None
    half_hours_later(street, 2)
    add_meter(street, ben, meter, "import")
    half_hours_later(street, 1)
    assert street.state.member_of(meter, street.writer.now_period()) == ben
    settle_day(street, DAY)
    sound(street, tmp_path)


@pytest.fixture
def helper(street):
    """A helper of the community: named by a second roster."""
    key = seeded_key("helper")
    roster = deeds.roster_now(street)
    roster["keys"] = [*roster["keys"], {"key": key.public.hex(), "role": "helper"}]
    deeds.new_roster(street, roster)
    return key


def test_a_helper_does_for_a_member_what_pays_nobody(street, helper, tmp_path):
    ada, *_ = people(street)
    offer = {"buy_ticks": 100, "sell_ticks": 5, "import_tariff_ticks": 2450}
    offer |= {"export_tariff_ticks": 410}
    deeds.act_for(street, ada, "offer", offer, "She rang and asked.", helper)
    half_hours_later(street, 2)
    assert street.state.offer_of(ada, street.writer.now_period()).buy_ticks == 100
    fields = {"to": ada, "amount": 1, "reference": "x"}
    with pytest.raises(CommonwattError, match="is not one of"):
        deeds.act_for(street, ada, "transfer", fields, "Pay me.", helper)
    stranger = seeded_key("stranger")
    with pytest.raises(SignatureError, match="helper keys"):
        deeds.act_for(street, ada, "offer", offer, "Me too.", stranger)
    settle_day(street, DAY)
    sound(street, tmp_path)


def test_a_new_roster_replaces_an_operator(street, tmp_path):
    third = seeded_key("operator-3")
    roster = deeds.roster_now(street)
    gone = seeded_key("operator-2").public.hex()
    keys = [entry for entry in roster["keys"] if entry["key"] != gone]
    keys.append({"key": third.public.hex(), "role": "operator"})
    refused(
        street,
        "new roster's operators",
        lambda: deeds.new_roster(street, {**roster, "keys": keys}),
        SignatureError,
    )
    deeds.new_roster(street, {**roster, "keys": keys}, [third])
    ada, limit = people(street)[0], {"floor_units": -5, "reason": "By the old two."}
    old = [seeded_key("operator-1"), seeded_key("operator-2")]
    refused(
        street,
        "needs 2 of operators",
        lambda: deeds.say(street, "limit", ada, limit, old),
        SignatureError,
    )
    refused(
        street,
        "needs 2 of the 2 operators of roster version 2; 1 of them is in",
        lambda: deeds.set_limit(street, ada, -5, "The new one is not here."),
        SetupError,
    )
    street.writer.keyring.create("the-new-one", third)
    deeds.set_limit(street, ada, -5, "By the new two, whatever their files are called.")
    settle_day(street, DAY)
    sound(street, tmp_path)


def test_mutual_credit_issues_nothing(street):
    ada = people(street)[0]
    words = "mutual credit"
    refused(street, words, lambda: deeds.issue(street, ada, 5, "ab" * 32, "Cash."))
    refused(street, words, lambda: deeds.issue(street, ada, 5, "ab" * 32, "Cash.", redeem=True))


@pytest.fixture
def backed(tmp_path):
    """A community whose currency is backed by a reserve, with two members."""
    database = Database(f"sqlite:///{tmp_path}/backed.sqlite")
    upgrade(database)
    clock = FixedClock(ms(2026, 6, 28, 12))
    charter = replace(CHARTER, issuance="reserve", floor_units=0)
    community = found_community(
        database, Keyring(tmp_path / "keys"), clock, charter, entropy=ENTROPY
    )
    for name in ("Ada", "Ben"):
        add_member(community, name, "household", Terms())
    yield community
    database.close()


def test_a_reserve_mirrors_what_circulates(backed, tmp_path):
    ada, ben = people(backed)
    refused(backed, "below floor", lambda: pay(backed, ada, ben, 1, "bread"))
    deeds.issue(backed, ada, 900, "ab" * 32, "Paid in at the bank.")
    pay(backed, ada, ben, 600, "bread")
    deeds.issue(backed, ben, 100, "cd" * 32, "Paid out.", redeem=True)
    refused(
        backed, "below floor", lambda: deeds.issue(backed, ben, 501, "cd" * 32, "x", redeem=True)
    )
    with backed.reading() as connection:
        balances = backed.writer.ledger.balances(connection)
    assert balances[reserve(ASSET)].posted == -800
    sound(backed, tmp_path)
    with backed.reading() as connection:
        model = household_statement(backed, connection, ben, "2026-06")
    assert [(line.other_name, line.units) for line in model.payments][-1] == ("Paid out", -100)
    assert "Paid out" in render_text(model)
