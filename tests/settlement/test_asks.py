"""Requests to be paid: each is answered once, by the payment that it asks for, or ended."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import wallet
from ledger.db import Database
from ledger.errors import RefusedError, SignatureError
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from settlement import ask_store, deeds
from settlement.asks import Ask, AskBook, Gone, check_end, check_payment
from settlement.audit.memory import read_memory
from settlement.audit.verify import audit
from settlement.enrol import open_community
from settlement.export import export_bundle
from settlement.payment_deeds import ask, asks_open, end_ask, pay_ask
from tests.engines import fresh_url
from tests.prepared import found, reopen
from tests.settlement.test_deeds import half_hours_later, people, refused, sound

SHOP, ADA, BEN = "shop", "ada", "ben"
NOW = 989_737
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def units_of(community, member):
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
    return balances[wallet(member, community.state.rules_now.asset)].posted


def asked(community, statement):
    [listed] = [each for each in asks_open(community) if each.ask.id == statement.id]
    return listed.ask


@pytest.mark.parametrize("of", [None, ADA])
@given(
    payer=st.sampled_from([ADA, BEN]),
    to=st.sampled_from([SHOP, BEN]),
    units=st.sampled_from([41, 42, 43]),
    period=st.sampled_from([NOW, NOW + 1]),
)
def test_only_the_payment_that_was_asked_for_answers(of, payer, to, units, period):
    one = Ask("a", SHOP, of, 42, NOW)
    fits = to == SHOP and units == 42 and period <= NOW and (of is None or payer == of)
    try:
        check_payment(one, payer, {"to": to, "amount": units}, period)
    except RefusedError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize(
    ("of", "may"), [(None, {SHOP}), (ADA, {SHOP, ADA})], ids=["anybody", "Ada"]
)
def test_who_asked_and_who_is_asked_may_end_it(of, may):
    for account in (SHOP, ADA, BEN):
        if account in may:
            check_end(Ask("a", SHOP, of, 42, NOW), account, NOW)
            continue
        with pytest.raises(RefusedError, match="another's"):
            check_end(Ask("a", SHOP, of, 42, NOW), account, NOW)


@pytest.mark.parametrize("gone", Gone)
def test_what_is_gone_is_neither_paid_nor_ended(gone):
    for check in (
        lambda: check_payment(gone, ADA, {"to": SHOP, "amount": 42}, NOW),
        lambda: check_end(gone, SHOP, NOW),
    ):
        with pytest.raises(RefusedError, match=str(gone)):
            check()


def test_a_book_knows_what_is_open():
    book = AskBook()
    for number in range(3):
        book.add(Ask(f"a{number}", SHOP, None, 42, NOW, number))
    book.answer("a0")
    book.erase(1)
    assert [book.find(f"a{n}") for n in range(4)] == [
        *(Gone.NOT_OPEN, Gone.NOT_OPEN, Ask("a2", SHOP, None, 42, NOW, 2), Gone.NOT_OPEN)
    ]


def test_a_request_to_anybody_is_paid_once(street, tmp_path):
    shop, ada, ben, *_ = people(street)
    before = units_of(street, shop)
    one = asked(street, ask(street, shop, 420, "two loaves"))
    pay_ask(street, ben, one, "two loaves")
    assert units_of(street, shop) == before + 420
    assert asks_open(street) == []
    for payer in (ada, ben):
        refused(street, "answered before", lambda p=payer: pay_ask(street, p, one, "again"))
    refused(street, "answered before", lambda: end_ask(street, shop, one.id))
    assert units_of(street, shop) == before + 420
    assert sound(street, tmp_path).replay.payments.asks.open == {}


def test_a_request_to_one_member_is_theirs_to_pay_or_decline(street, tmp_path):
    shop, ada, ben, *_ = people(street)
    one = asked(street, ask(street, shop, 420, "two loaves", of=ada))
    assert [each.ask for each in asks_open(street, ada)] == [one]
    assert asks_open(street, ben) == []
    refused(street, "to another member", lambda: pay_ask(street, ben, one, "for Ada"))
    refused(street, "is another's", lambda: end_ask(street, ben, one.id))
    end_ask(street, ada, one.id)
    refused(street, "answered before", lambda: pay_ask(street, ada, one, "after all"))
    other = asked(street, ask(street, shop, 7, "a roll", of=ada))
    end_ask(street, shop, other.id)
    refused(street, "answered before", lambda: end_ask(street, shop, other.id))
    sound(street, tmp_path)


def test_the_payment_must_be_what_was_asked_for(street):
    shop, ada, ben, *_ = people(street)
    one = asked(street, ask(street, shop, 420, "two loaves"))
    fields = {"to": shop, "amount": 420, "reference": "x", "ask": one.id}
    for change, words in (
        ({"amount": 419}, "whole or not at all"),
        ({"to": ada}, "another member than the one who asked"),
        ({"ask": "ab" * 16}, "no request of this id"),
    ):
        wrong = {**fields, **change}
        pays = lambda wrong=wrong: deeds.say(street, "transfer", ben, wrong, deeds.by_member(ben))  # noqa: E731
        refused(street, words, pays)
    half_hours_later(street, 7 * 48 + 1)
    assert asks_open(street) == []
    refused(street, "time of this request is over", lambda: pay_ask(street, ben, one, "late"))
    refused(street, "ends before it is made", lambda: ask(street, shop, 1, "x", last=NOW))
    refused(street, "not another member", lambda: ask(street, shop, 1, "x", of=shop))


def test_it_stands_to_the_end_of_its_last_half_hour(street, tmp_path):
    shop, ada, *_ = people(street)
    now = street.writer.now_period()
    one = asked(street, ask(street, shop, 420, "two loaves", last=now + 2))
    half_hours_later(street, 2)
    pay_ask(street, ada, one, "just in time")
    sound(street, tmp_path)


def test_another_members_keys_end_nothing(street):
    shop, ada, *_ = people(street)
    one = ask(street, shop, 420, "two loaves", of=ada)
    keys = deeds.by_member(shop)
    ends = lambda: deeds.say(street, "ask_end", ada, {"ask": one.id}, keys)  # noqa: E731
    refused(street, "needs 1 of the member's keys", ends, SignatureError)


@pytest.mark.parametrize("engine", ENGINES)
def test_fifty_clients_at_once_pay_it_once(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        street = reopen(url, tmp_path / "keys")
        shop, *others = people(street)
        before = units_of(street, shop)
        one = asked(street, ask(street, shop, 420, "two loaves"))

        def client(number):
            clock = FixedClock(street.writer.clock.now_ms())
            community = open_community(Database(url), Keyring(tmp_path / "keys"), clock)
            try:
                pay_ask(community, others[number % len(others)], one, f"phone {number}")
            except RefusedError as error:
                return str(error)
            finally:
                community.writer.database.close()
            return "paid"

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(client, range(50)))
        assert sorted(set(answers)) == sorted({"paid", str(Gone.ANSWERED)})
        assert answers.count("paid") == 1
        assert units_of(street, shop) == before + 420
        street.writer.database.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_database_refuses_a_second_answer_whoever_read_what(engine, tmp_path, monkeypatch):
    """Two processes that both read the request as open."""
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        street = reopen(url, tmp_path / "keys")
        shop, ada, ben, *_ = people(street)
        one = asked(street, ask(street, shop, 420, "two loaves"))
        monkeypatch.setattr(ask_store, "find_ask", lambda *_arguments: one)
        pay_ask(street, ada, one, "first")
        refused(street, "answered before", lambda: pay_ask(street, ben, one, "second"))
        street.writer.database.close()


def erased(community, position):
    deeds.erase(community, {position: "fact"}, "She asked for it.")


def test_an_erased_request_is_answered_by_nothing(street, tmp_path):
    shop, ada, *_ = people(street)
    one = asked(street, ask(street, shop, 420, "two loaves"))
    export_bundle(street, tmp_path / "before")
    memory = audit(tmp_path / "before").memory()
    assert read_memory(memory).replay.payments.asks.open == {one.id: one}
    erased(street, one.position)
    refused(street, "was erased", lambda: pay_ask(street, ada, one, "what was it?"))
    refused(street, "was erased", lambda: end_ask(street, shop, one.id))
    assert asks_open(street) == []
    export_bundle(street, tmp_path / "after")
    resumed = audit(tmp_path / "after", memory=memory)
    assert resumed.verdict == "sound", resumed.failure
    assert resumed.replay.payments.asks.open == {}


def test_whether_an_erased_request_was_rightly_answered_nobody_can_tell(street, tmp_path):
    shop, ada, *_ = people(street)
    one = asked(street, ask(street, shop, 420, "two loaves"))
    pay_ask(street, ada, one, "two loaves")
    export_bundle(street, tmp_path / "before")
    memory = audit(tmp_path / "before").memory()
    erased(street, one.position)
    export_bundle(street, tmp_path / "after")
    report = audit(tmp_path / "after")
    assert report.verdict == "cannot tell", report.failure
    words = f"the request that entry {one.position + 1} answers may be one that was erased"
    assert report.replay.unknown["agreements"] == words
    assert audit(tmp_path / "after", memory=memory).verdict == "sound"
