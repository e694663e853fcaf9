"""Limits of what a member pays: in one payment, a day, a month; raised only a day later."""

import random
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone, local_date, parse_utc
from settlement import deeds
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.payment_deeds import set_spending, spent_now
from settlement.run import settle_day
from settlement.spending import (
    RAISE_PERIODS,
    Limits,
    Spending,
    SpendingBook,
    Spent,
    check_spending,
    said,
    spans_of,
    warnings_of,
)
from tests.engines import fresh_url
from tests.prepared import DAY, found, ms, reopen
from tests.settlement.test_deeds import backed, half_hours_later, payment_id, people, refused, sound

__all__ = ["backed"]

ZONE = "Europe/London"
NOW = 989_737
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

some_units = st.none() | st.integers(0, 5)
some_limits = st.builds(Limits, some_units, some_units, some_units)


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def above(one, other):
    """Whether a limit allows more than another one."""
    return other is not None and (one is None or one > other)


@given(st.dictionaries(st.integers(0, 120), some_limits, max_size=6))
@example({0: Limits(day_max=1), 5: Limits(day_max=5), 60: Limits(day_max=3)})
@example({0: Limits(day_max=1), 5: Limits(day_max=5), 53: Limits(day_max=3)})
def test_a_limit_is_lowered_at_once_and_raised_a_day_later(words):
    """Against a clock that ticks half-hour by half-hour: a raise waits, and any word replaces it."""
    spending, now, waiting, due = None, Limits(), None, 0
    for period in range(200):
        before = now
        if waiting is not None and period == due:
            now, waiting = waiting, None
        if period in words:
            word = words[period]
            spending = said(spending, word, period)
            now = Limits(*(b if above(a, b) else a for a, b in zip(now, word, strict=True)))
            waiting, due = (None, 0) if now == word else (word, period + RAISE_PERIODS)
            assert spending == Spending(now, waiting, due)
        bound = Limits() if spending is None else spending.at(period)
        assert bound == now
        rises = any(above(a, b) for a, b in zip(bound, before, strict=True))
        assert not rises or period - RAISE_PERIODS in words


@example(Limits(None, 5, None), 3, 0, 1)
@given(some_limits, st.integers(0, 6), st.integers(0, 6), st.integers(1, 6))
def test_a_payment_is_refused_just_where_it_passes_a_limit(limits, day, more, units):
    spent = Spent(day, day + more)
    passes = [
        above(paid, most)
        for paid, most in zip((units, day + units, day + more + units), limits, strict=True)
    ]
    span = spans_of(NOW, ZONE)
    try:
        check_spending(limits, spent, units, span)
    except RefusedError:
        assert any(passes)
    else:
        assert not any(passes)
    names = [use.name for use in warnings_of(limits, spent, units)]
    assert names == [
        name
        for name, most, paid in zip(
            Limits._fields, limits, (units, day + units, day + more + units), strict=True
        )
        if most is not None
        and (above(paid, most) if name == "payment_max" else 5 * paid >= 4 * most)
    ]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(payment_max=10), "set a limit of £0.00 for one payment"),
        (Limits(day_max=10), "a day, of which £0.00 is left until 2026-06-16 00:00"),
        (Limits(month_max=10), "a month, of which £0.00 is left until 2026-07-01 00:00"),
        (Limits(day_max=200_000_000), "£20.00 a day, of which £13.00 is left until"),
    ],
)
def test_a_refusal_says_what_is_left_and_until_when(limits, words):
    with pytest.raises(RefusedError, match=words):
        check_spending(limits, Spent(70_000_000, 90_000_000), 200_000_000, spans_of(NOW, ZONE))


@pytest.mark.parametrize(
    ("first", "stop"),
    [
        ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
        ("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"),
    ],
)
def test_a_day_begins_and_ends_with_the_local_clock(first, stop):
    day = range(parse_utc(first), parse_utc(stop))
    book = SpendingBook()
    book.pay("ada", 5, day[0], ZONE)
    assert book.spent("ada", day[-1], ZONE) == Spent(5, 5)
    assert book.spent("ada", day.stop, ZONE) == Spent(0, 5)
    assert book.spent("ben", day[0], ZONE) == Spent()


def test_operator_and_audit_count_as_plain_sums_do(street, tmp_path):
    """Payments of three members over two months, some with limits, against sums in plain Python."""
    chance, zone = random.Random(8), load_zone(ZONE)
    three = people(street)[:3]
    days, months = Counter(), Counter()
    limits = {three[0]: Limits(300, 900, 4_000), three[1]: Limits(day_max=500)}
    for member, most in limits.items():
        set_spending(street, member, most)
    paid = missed = 0
    for number in range(150):
        if chance.random() < 0.7:
            half_hours_later(street, chance.choice((1, 5, 30)))
        payer, payee = chance.sample(three, 2)
        units = chance.randint(1, 350)
        day = local_date(street.writer.now_period(), zone)
        most = limits.get(payer, Limits())
        sums = units, days[payer, day] + units, months[payer, day.month] + units
        if chance.random() < 0.7:
            act = lambda p=payer, q=payee, u=units, n=number: pay(street, p, q, u, f"no. {n}")  # noqa: E731
        else:
            act = lambda p=payer, u=units: deeds.donate(street, p, u, "fund")  # noqa: E731
        if any(above(value, limit) for value, limit in zip(sums, most, strict=True)):
            refused(street, "set a limit of", act)
            missed += 1
            continue
        act()
        paid += 1
        days[payer, day] += units
        months[payer, day.month] += units
        assert spent_now(street, payer)[1] == (days[payer, day], months[payer, day.month])
    assert paid > 40
    assert missed > 15
    report = sound(street, tmp_path)
    for member in three:
        now = street.writer.now_period()
        spent = report.replay.payments.spending.spent(member, now, ZONE)
        assert spent == spent_now(street, member)[1]


def test_energy_and_what_comes_in_do_not_count(street, tmp_path):
    ada, ben, *_ = people(street)
    set_spending(street, ada, Limits(day_max=100))
    settle_day(street, DAY)
    pay(street, ben, ada, 5_000, "bread")
    assert spent_now(street, ada)[1] == Spent()
    pay(street, ada, ben, 100, "all of it")
    refused(street, "of which £0.00 is left", lambda: pay(street, ada, ben, 1, "more"))
    sound(street, tmp_path)


def test_what_is_paid_out_at_the_bank_does_not_count(backed, tmp_path):
    ada, ben = people(backed)
    set_spending(backed, ada, Limits(day_max=100))
    deeds.issue(backed, ada, 900, "ab" * 32, "Paid in.")
    deeds.issue(backed, ada, 500, "cd" * 32, "Paid out.", redeem=True)
    assert spent_now(backed, ada)[1] == Spent()
    pay(backed, ada, ben, 100, "bread")
    sound(backed, tmp_path)


def test_what_operators_take_back_was_paid_all_the_same(street, tmp_path):
    ada, ben, *_ = people(street)
    set_spending(street, ada, Limits(day_max=100))
    made = deeds.say(
        street, "transfer", ada, {"to": ben, "amount": 90, "reference": "x"}, deeds.by_member(ada)
    )

    deeds.reverse(street, payment_id(made), "Paid twice.")
    refused(street, "set a limit of", lambda: pay(street, ada, ben, 11, "more"))
    sound(street, tmp_path)


def test_a_thief_of_an_open_phone_waits_a_day_and_the_owner_is_first(street, tmp_path):
    ada, ben, *_ = people(street)
    set_spending(street, ada, Limits(day_max=100))
    waits = set_spending(street, ada, Limits())
    assert (waits.now, waits.waiting) == (Limits(day_max=100), Limits())
    half_hours_later(street, RAISE_PERIODS - 1)
    refused(street, "set a limit of", lambda: pay(street, ada, ben, 101, "much"))
    set_spending(street, ada, Limits(day_max=50))
    half_hours_later(street, 2 * RAISE_PERIODS)
    refused(street, "set a limit of", lambda: pay(street, ada, ben, 51, "much"))
    set_spending(street, ada, Limits(day_max=60))
    half_hours_later(street, RAISE_PERIODS)
    pay(street, ada, ben, 60, "by the new limit")
    sound(street, tmp_path)


def test_an_erased_payment_still_counts_and_an_audit_goes_on_from_what_it_knows(street, tmp_path):
    ada, ben, *_ = people(street)
    set_spending(street, ada, Limits(day_max=100))
    position = pay(street, ada, ben, 90, "bread")
    export_bundle(street, tmp_path / "before")
    memory = audit(tmp_path / "before").memory()
    deeds.erase(street, {position: "fact"}, "She asked for it.")
    refused(street, "set a limit of", lambda: pay(street, ada, ben, 11, "more"))
    pay(street, ada, ben, 10, "the rest")
    export_bundle(street, tmp_path / "after")
    assert audit(tmp_path / "after").verdict == "cannot tell"
    report = audit(tmp_path / "after", memory=memory)
    assert report.verdict == "sound", report.failure
    now = street.writer.now_period()
    assert report.replay.payments.spending.spent(ada, now, ZONE) == Spent(100, 100)


def test_only_the_member_says_it(street):
    ada, ben, *_ = people(street)
    fields = {"day_max": 5}
    with pytest.raises(Exception, match="needs 1 of the member's keys"):
        deeds.say(street, "spending_limit", ada, fields, deeds.by_member(ben))


@pytest.mark.parametrize("engine", ENGINES)
def test_both_engines_sum_the_local_day_and_month(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        community = reopen(url, tmp_path / "keys")
        ada, ben, *_ = people(community)
        clock = community.writer.clock
        for hour, units in ((21, 3), (22, 5), (23, 7), (46, 11)):  # midnight in London is at 23
            clock.set_ms(ms(2026, 7, 31, 0) + hour * 3_600_000)
            pay(community, ada, ben, units, f"at {hour}")
            pay(community, ben, ada, 100, f"back at {hour}")
        assert spent_now(community, ada)[1] == Spent(7 + 11, 7 + 11)
        clock.set_ms(ms(2026, 8, 1, 23))
        assert spent_now(community, ada)[1] == Spent(0, 7 + 11)
        community.writer.database.close()
