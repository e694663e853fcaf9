"""Standing orders: what is due is paid once in its seven days, whoever runs the payer, and stopped anywhere."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import log_store
from ledger.accounts import receivable, wallet
from ledger.check import check_ledger
from ledger.check_log import Log
from ledger.errors import ConflictError, RefusedError, SignatureError
from ledger.primitives.periods import load_zone, of_local_day
from ledger.statements import Statement
from settlement import deeds
from settlement import pay_due as runner
from settlement.audit.verify import audit
from settlement.causing import Posting
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.pay_due import pay_due
from settlement.payment_deeds import add_standing, end_standing, set_spending
from settlement.spending import Limits
from settlement.standing import (
    DAYS,
    StandingBook,
    StandingOrder,
    due_days,
    order_of_body,
    payment_id,
)
from settlement.statement import household_statement
from tests.prepared import reopen
from tests.settlement.test_deeds import payment_id as transfer_of
from tests.settlement.test_deeds import people, refused, sound

ZONE = load_zone("Europe/London")
START = date(2026, 7, 10)
ORIGIN = "ladywood.example/ledger/1"


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    at(community, START)
    yield community
    community.writer.database.close()


def at(community, day, hour=9):
    """Let it be an hour of a day, UTC."""
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    community.writer.clock.set_ms(int(moment.timestamp()) * 1000)


def order(first, every, last=None):
    return StandingOrder("o", "ada", "ben", 5, "rent", first, every, last)


def units_of(community, member):
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
    return balances[wallet(member, community.state.rules_now.asset)].posted


def paid(community):
    return [str(day) for day, _ in pay_due(community).paid]


# Which days.

some_days = st.dates(date(2026, 1, 1), date(2029, 12, 31))


@given(some_days, some_days)
def test_by_the_month_each_month_has_one_day(first, last):
    """A month that the order covers whole has just one, on the same day or the month's last."""
    days = list(due_days(order(first, "month"), first, last))
    months = [(day.year, day.month) for day in days]
    assert len(set(months)) == len(months)
    for one, other in pairwise(months):
        assert other == (one[0] + one[1] // 12, one[1] % 12 + 1)
    for day in days:
        length = monthrange(day.year, day.month)[1]
        assert day.day == first.day or (day.day == length < first.day)
    if first <= last:
        assert days[0] == first


@given(some_days, st.integers(0, 400))
def test_by_the_week_it_is_each_seventh_day(first, length):
    month_before, week = first - timedelta(days=31), timedelta(days=7)
    assert not list(due_days(order(first, "week"), month_before, first - timedelta(days=1)))
    assert not list(due_days(order(first, "month"), month_before, first - timedelta(days=1)))
    days = list(due_days(order(first, "week"), first, first + timedelta(days=length)))
    assert days == [first + week * number for number in range(length // 7 + 1)]


@pytest.mark.parametrize(
    ("first", "due"),
    [
        (date(2028, 1, 31), ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        (date(2026, 1, 30), ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30"]),
        (date(2026, 2, 28), ["2026-02-28", "2026-03-28", "2026-04-28"]),
    ],
)
def test_the_last_days_of_months(first, due):
    days = due_days(order(first, "month"), first, date(first.year, 4, 30))
    assert [str(day) for day in days] == due


def test_nothing_is_due_after_the_last_day():
    days = due_days(
        order(START, "week", START + timedelta(days=14)), START, START.replace(year=2027)
    )
    assert [day.day for day in days] == [10, 17, 24]


@given(some_days, some_days, st.sampled_from(["week", "month"]))
def test_what_may_be_paid_is_what_was_due_in_seven_days(first, today, every):
    book = StandingBook({"o": order(first, every)})
    week = [today - timedelta(days=back) for back in range(DAYS)]
    assert [day for day, _ in book.due(today)] == sorted(
        day for day in week if order(first, every).is_due(day)
    )
    for back in range(-1, DAYS + 1):
        day = today - timedelta(days=back)
        if not order(first, every).is_due(day):
            continue
        body = {"id": payment_id(ORIGIN, "o", str(day)), "ledger": ORIGIN, "order": "o"}
        body |= {"account": "ada", "day": str(day)}
        period = of_local_day(today, ZONE)[-1]
        if 0 <= back < DAYS:
            assert book.paid_by(body, period, "Europe/London").id == "o"
            with pytest.raises(RefusedError, match="not the one that follows"):
                book.paid_by({**body, "id": "ab" * 16}, period, "Europe/London")
            continue
        with pytest.raises(RefusedError, match="is paid on that day or"):
            book.paid_by(body, period, "Europe/London")


# At work.


def test_it_is_paid_when_it_is_due_and_once(street, tmp_path):
    ada, ben, *_ = people(street)
    add_standing(street, ada, ben, 500, "rent", START, "week", START + timedelta(days=14))
    before = units_of(street, ada), units_of(street, ben)
    seen = []
    for offset in range(30):
        at(street, START + timedelta(days=offset), 10)
        seen += paid(street)
        assert paid(street) == []
    assert seen == ["2026-07-10", "2026-07-17", "2026-07-24"]
    assert (units_of(street, ada), units_of(street, ben)) == (before[0] - 1500, before[1] + 1500)
    report = sound(street, tmp_path)
    assert report.counts["standing_payment"] == 3


def test_nobody_looks_for_days_and_it_is_paid_late_but_never_too_late(street, tmp_path):
    ada, ben, *_ = people(street)
    add_standing(street, ada, ben, 500, "rent", START, "week")
    at(street, START + timedelta(days=6), 22)
    assert paid(street) == ["2026-07-10"]
    at(street, START + timedelta(days=6), 23)  # midnight in London: it is the next day
    assert paid(street) == ["2026-07-17"]
    at(street, START + timedelta(days=28))
    assert paid(street) == ["2026-08-07"]  # the 24th and the 31st are over
    sound(street, tmp_path)


def waits(community):
    return [(str(day), reason) for day, _, reason in pay_due(community).waits]


def test_without_money_it_waits_and_is_tried_again(street, tmp_path):
    ada, ben, cleo, *_ = people(street)
    deeds.set_limit(street, ada, 0, "Nothing on credit.")
    add_standing(street, ada, ben, 500, "rent", START, "month")
    [(day, reason)] = waits(street)
    assert (day, "below floor" in reason) == ("2026-07-10", True)
    at(street, START + timedelta(days=3))
    pay(street, cleo, ada, 500, "wages")
    assert paid(street) == ["2026-07-10"]
    at(street, date(2026, 8, 10))
    assert len(waits(street)) == 1
    at(street, date(2026, 8, 17))
    pay(street, cleo, ada, 500, "wages, too late")
    assert pay_due(street) == runner.PaidDue([], [])
    sound(street, tmp_path)


def test_a_limit_and_a_frozen_account_hold_it_back(street, tmp_path):
    ada, ben, *_ = people(street)
    add_standing(street, ada, ben, 500, "rent", START, "week")
    set_spending(street, ada, Limits(day_max=499))
    assert "set a limit of" in waits(street)[0][1]
    set_spending(street, ada, Limits(day_max=499, month_max=1))
    key = deeds.device(street, ada)
    at(street, START + timedelta(days=7))
    deeds.say(street, "freeze", ada, {"frozen": True, "reason": "Lost."}, [key])
    assert "is frozen" in waits(street)[0][1]
    with pytest.raises(SignatureError, match="is frozen"):
        made(street, people(street)[0], street.state.payments.standing.of(ada)[0], "2026-07-17")
    sound(street, tmp_path)


def test_a_debt_is_repaid_first(street, monkeypatch):
    ada, ben, *_ = people(street)
    add_standing(street, ada, ben, 500, "rent", START, "week")
    owed = receivable(ada, street.state.rules_now.asset)
    look = Posting._balance_of

    def owes(self, account):
        if account != owed:
            return look(self, account)
        return type(look(self, wallet(ada, "LWD/7")))(posted=-(10**12))

    monkeypatch.setattr(Posting, "_balance_of", owes)
    assert "repaid first" in waits(street)[0][1]


def test_the_payer_ends_it_and_nobody_else(street, tmp_path):
    ada, ben, *_ = people(street)
    one = add_standing(street, ada, ben, 500, "rent", START, "week")
    refused(street, "no such standing order", lambda: end_standing(street, ben, one.id))
    end_standing(street, ada, one.id)
    assert pay_due(street) == runner.PaidDue([], [])
    refused(street, "no such standing order", lambda: end_standing(street, ada, one.id))
    ended = order_of_body(one.body)
    refused(street, "no such standing order", lambda: made(street, ada, ended, "2026-07-10"))
    sound(street, tmp_path)


def made(community, account, standing, day, made_id=None):
    """Say a standing payment as an insider with the settlement key could."""
    writer = community.writer
    chosen = made_id or payment_id(writer.origin, standing.id, day)
    with community.transaction() as connection:
        fields = {"order": standing.id, "day": day}
        envelope = writer.sign_new(
            *(connection, "standing_payment", account, chosen, fields),
            [writer.keyring.load("settlement")],
        )
        community.accept(connection, [runner.Draft(envelope)])


def test_the_settlement_key_alone_can_pay_nothing_else(street):
    ada, ben, *_ = people(street)
    one = order_of_body(add_standing(street, ada, ben, 500, "rent", START, "week").body)
    other = payment_id(ORIGIN, one.id, "2026-07-11")
    for words, account, day, made_id in (
        ("Nothing is due", ada, "2026-07-11", None),
        ("no such standing order", ben, "2026-07-10", None),
        ("not the one that follows", ada, "2026-07-10", other),
        ("is paid on that day or", ada, "2026-07-17", None),
    ):
        pays = lambda a=account, d=day, i=made_id: made(street, a, one, d, i)  # noqa: E731
        refused(street, words, pays)
    assert paid(street) == ["2026-07-10"]
    refused(street, "came before", lambda: made(street, ada, one, "2026-07-10"), ConflictError)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("not another member", {"to": "self"}),
        ("not another member", {"to": "ab" * 16}),
        ("begins today", {"first": START - timedelta(days=1)}),
        ("over before it begins", {"last": START - timedelta(days=1)}),
    ],
)
def test_what_cannot_be_ordered(street, words, change):
    ada, ben, *_ = people(street)
    given = {"to": ben, "units": 5, "reference": "x", "first": START, "every": "week", **change}
    given["to"] = ada if given["to"] == "self" else given["to"]
    refused(street, words, lambda: add_standing(street, ada, **given))


def test_a_member_has_a_hundred_at_most():
    book, members = StandingBook(), {"ben"}
    for number in range(100):
        book.add(StandingOrder(f"o{number}", "ada", "ben", 5, "x", START, "week"), START, members)
    with pytest.raises(RefusedError, match="100 standing orders at most"):
        book.add(StandingOrder("more", "ada", "ben", 5, "x", START, "week"), START, members)
    book.add(StandingOrder("hers", "cleo", "ben", 5, "x", START, "week"), START, members)
    book.end("o7", "ada")
    book.add(StandingOrder("more", "ada", "ben", 5, "x", START, "week"), START, members)


def test_operators_take_it_back_and_the_statement_says_what_it_was_for(street, tmp_path):
    ada, ben, *_ = people(street)
    one = order_of_body(add_standing(street, ada, ben, 500, "rent", START, "week").body)
    pay_due(street)
    with street.reading() as connection:
        model = household_statement(street, connection, ben, "2026-07")
    [line] = [line for line in model.payments if line.units == 500]
    assert line.payment.reference == "rent"
    with street.reading() as connection:
        made_id = payment_id(street.writer.origin, one.id, "2026-07-10")
        position = log_store.has_statement(connection, street.writer.community, made_id)
        entry = log_store.fact_at(connection, street.writer.community, position)
    statement = Statement.decode(entry.envelope)
    deeds.reverse(street, transfer_of(statement), "Ben moved out.")
    assert units_of(street, ada) == 0
    sound(street, tmp_path)


def test_the_check_of_the_ledger_compares_with_the_order(street, monkeypatch):
    ada, ben, cleo, *_ = people(street)
    add_standing(street, ada, ben, 500, "rent", START, "week")
    pay_due(street)
    honest = Log._order_of

    def failure():
        with street.reading() as connection:
            return check_ledger(connection, street.writer.community).failure

    assert failure() is None
    for change, words in (({"amount": 501}, "amount"), ({"to": cleo}, "payee")):
        with monkeypatch.context() as patch:
            patch.setattr(Log, "_order_of", lambda self, i, c=change: {**honest(self, i), **c})
            assert f"other than was signed is its {words}" in failure()


def test_an_audit_goes_on_from_what_it_knows(street, tmp_path):
    ada, ben, *_ = people(street)
    add_standing(street, ada, ben, 500, "rent", START, "week")
    pay_due(street)
    export_bundle(street, tmp_path / "one")
    memory = audit(tmp_path / "one").memory()
    at(street, START + timedelta(days=8))
    pay_due(street)
    export_bundle(street, tmp_path / "two")
    whole, resumed = audit(tmp_path / "two"), audit(tmp_path / "two", memory=memory)
    assert (whole.verdict, resumed.verdict) == ("sound", "sound"), resumed.failure
    assert whole.memory() == resumed.memory()
