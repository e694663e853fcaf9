"""The money of a run against a second, dumber implementation: a unit at a time, in exact fractions."""

from collections import Counter
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import carried, fees, fund, network, pool, receivable, wallet
from ledger.book import Book, Status
from ledger.invariants import check_balances, check_pools_empty
from ledger.records import Kind, Transfer
from market.model import PriceRule, Rules
from settlement.netting import (
    FEES,
    FUND,
    NETWORK,
    Coffers,
    netting_moves,
    opened_by,
    purses_of,
    settle_up,
)
from settlement.postings import hold_id, transfers_of
from settlement.state import CommunityRules

ASSET = "LWD/7"
HOLD_BATCH, NETTING = bytes(16), bytes([7] * 16)
PERIOD = 989_700
FUND_FLOOR = -40
RULES = CommunityRules(
    *(1, ASSET, "Europe/London", "street", Rules(PriceRule.UNIFORM)),
    replay=False,
    issuance="mutual-credit",
    promise="x",
    floor_units=-(10**9),
    fund_floor_units=FUND_FLOOR,
)

units = st.integers(-30, 30) | st.integers(-(10**12), 10**12)
purses = st.integers(0, 30) | st.integers(0, 10**12)


@st.composite
def parties(draw):
    """Return (due, claims, can_pay, coffers, community_due) that sum to zero as a run's do."""
    members = [f"{number:032x}" for number in range(draw(st.integers(1, 7)))]
    due = {m: draw(units) for m in members if draw(st.booleans())}
    claims = {m: draw(units) for m in members if draw(st.booleans())}
    if sum(claims.values()) > 0:  # the community never owes: somebody owes what is too much
        claims[members[0]] = claims.get(members[0], 0) - sum(claims.values())
    network_units = draw(st.integers(-10, 10))
    community = {NETWORK: network_units, FEES: -sum(due.values()) - network_units}
    coffers = Coffers(draw(purses), -sum(claims.values()))
    return due, claims, {m: draw(purses) for m in members}, coffers, community


def position(due, claims, member):
    return due.get(member, 0) + claims.get(member, 0)


def dumb(due, claims, can_pay, coffers, community):
    """Return (cash by member, cash by the community's name) by the spec's three rules, one by one."""
    cash = {}
    for member in {*due, *claims}:
        owed = position(due, claims, member)
        cash[member] = max(owed, -can_pay.get(member, 0)) if owed < 0 else owed
    taken = {
        FUND: community.get(FUND, 0) + coffers.claim_units,
        FEES: community.get(FEES, 0),
        NETWORK: community.get(NETWORK, 0),
    }
    missing = sum(cash.values()) + sum(taken.values())
    for name, least in ((FUND, -coffers.fund_units), (FEES, 0), (NETWORK, 0)):
        step = 1 << 50
        while step:  # as if a unit at a time, in fewer steps
            while missing >= step and taken[name] - step >= least:
                taken[name], missing = taken[name] - step, missing - step
            step >>= 1
    creditors = sorted(member for member in cash if cash[member] > 0)
    whole = sum(cash[member] for member in creditors)
    exact = {m: Fraction(missing * cash[m], whole) for m in creditors} if missing else {}
    left = missing - sum(map(floor, exact.values()))
    by_rest = sorted(exact, key=lambda m: (floor(exact[m]) - exact[m], m))
    for member, part in exact.items():
        cash[member] -= floor(part) + (member in by_rest[:left])
    return cash, taken


def without_zeros(values):
    return {name: value for name, value in values.items() if value}


@settings(max_examples=250)
@given(parties())
def test_it_is_what_a_second_implementation_says(case):
    due, community = case[0], case[-1]
    shares = settle_up(*case)
    cash, taken = dumb(*case)
    assert shares.cash == without_zeros(cash)
    assert shares.community_cash == without_zeros(taken)
    changes = {m: due.get(m, 0) - cash[m] for m in cash}
    assert shares.claims == without_zeros(changes)
    assert shares.community_claim == sum(community.values()) - sum(taken.values())


@settings(max_examples=150)
@given(parties())
def test_cash_and_claims_sum_to_zero_and_everybody_gets_their_due_in_one_or_the_other(case):
    due, claims, _, coffers, _ = case
    shares = settle_up(*case)
    assert sum(shares.cash.values()) + sum(shares.community_cash.values()) == 0
    assert sum(shares.claims.values()) + shares.community_claim == 0
    for member in {*due, *claims}:
        given_units = shares.cash.get(member, 0) + shares.claims.get(member, 0)
        assert given_units == due.get(member, 0)
    assert coffers.claim_units + shares.community_claim >= 0  # the community owes nobody


@settings(max_examples=150)
@given(parties())
def test_nobody_pays_more_than_they_can_nor_gets_money_while_they_owe(case):
    due, claims, can_pay, _, _ = case
    shares = settle_up(*case)
    for member in {*due, *claims}:
        cash, owed = shares.cash.get(member, 0), position(due, claims, member)
        assert cash >= -can_pay[member]
        assert min(0, owed) <= cash <= max(0, owed)
        if owed < 0:
            # A debtor pays all that is owed, or everything that there is.
            assert cash == owed or cash == -can_pay[member]


@settings(max_examples=150)
@given(parties())
def test_creditors_wait_only_when_debtors_the_fund_and_charges_have_nothing_left(case):
    due, claims, can_pay, coffers, _ = case
    shares = settle_up(*case)
    owed = {m: position(due, claims, m) for m in {*due, *claims}}
    waits = {m: units - shares.cash.get(m, 0) for m, units in owed.items() if units > 0}
    assert all(units >= 0 for units in waits.values())
    missing = sum(waits.values())
    if not missing:
        return
    assert shares.community_cash.get(FUND, 0) == -coffers.fund_units
    assert shares.community_cash.get(FEES, 0) <= 0
    assert shares.community_cash.get(NETWORK, 0) <= 0
    for member, units in owed.items():
        if units < 0:
            assert shares.cash.get(member, 0) == max(units, -can_pay[member])
    whole = sum(units for units in owed.values() if units > 0)
    for member, units in waits.items():
        assert abs(units - Fraction(missing * owed[member], whole)) < 1


@settings(max_examples=150)
@given(parties())
def test_with_money_enough_every_claim_is_gone(case):
    due, claims, can_pay, coffers, community = case
    shares = settle_up(due, claims, dict.fromkeys(can_pay, 10**15), coffers, community)
    for member in {*due, *claims}:
        assert claims.get(member, 0) + shares.claims.get(member, 0) == 0
    assert coffers.claim_units + shares.community_claim == 0


@settings(max_examples=150)
@given(parties(), st.randoms(use_true_random=False))
def test_the_order_in_which_members_come_changes_nothing(case, random):
    def mixed(values):
        items = list(values.items())
        random.shuffle(items)
        return dict(items)

    due, claims, can_pay, coffers, community = case
    again = settle_up(mixed(due), mixed(claims), mixed(can_pay), coffers, mixed(community))
    assert again == settle_up(*case)
    assert list(again.cash) == sorted(again.cash)


def test_what_does_not_sum_to_zero_is_no_run():
    with pytest.raises(AssertionError, match="do not sum to zero"):
        settle_up({"ann": -5, "bob": 4}, {}, {"ann": 9}, Coffers())


@pytest.mark.parametrize(
    ("can_pay", "fund_units", "charge", "cash", "community"),
    [
        (100, 0, 10, {"ann": -100, "bob": 90}, {FEES: 10}),  # all is there
        (60, 50, 10, {"ann": -60, "bob": 90}, {FEES: 10, FUND: -40}),  # the fund bridges
        (60, 30, 10, {"ann": -60, "bob": 90}, {FUND: -30}),  # then charges wait
        (60, 5, 10, {"ann": -60, "bob": 65}, {FUND: -5}),  # and then bob
        (0, 0, 10, {}, {}),  # nobody has anything
    ],
)
def test_who_waits_first(can_pay, fund_units, charge, cash, community):
    due = {"ann": -100, "bob": 100 - charge}
    shares = settle_up(due, {}, {"ann": can_pay}, Coffers(fund_units), {FEES: charge})
    assert (shares.cash, shares.community_cash) == (cash, community)


# The same as transfers of a book.


@st.composite
def books(draw):
    """Return (book, due, community_due, held): wallets, claims and holds of this run and another."""
    book = Book()
    for account in (fees(ASSET), network(ASSET), fund(ASSET), carried(ASSET)):
        book.open(account)
    book.open(pool("street", ASSET), floor=0)
    members = [f"{number:032x}" for number in range(draw(st.integers(1, 6)))]
    due, held, claims = {}, {}, {}
    for member in members:
        account, least = wallet(member, ASSET), -draw(st.integers(0, 50))
        book.open(account, floor=least)
        balance = book.balances[account]
        balance.posted = least + draw(st.integers(0, 80))
        set_aside = draw(st.integers(0, balance.posted - least))
        elsewhere = draw(st.integers(0, balance.posted - least - set_aside))
        for batch, amount in ((HOLD_BATCH, set_aside), (bytes([9] * 16), elsewhere)):
            if amount:
                made = hold_id(batch, member)
                hold = Transfer(made, Kind.HOLD, account, pool("street", ASSET), amount, PERIOD)
                assert book.apply([hold], PERIOD) == [Status.CREATED]
        if set_aside:
            held[member] = set_aside
        if draw(st.booleans()):
            due[member] = draw(st.integers(-60, 60))
        claims[member] = draw(st.integers(-30, 30))
    if sum(claims.values()) > 0:
        claims[members[0]] -= sum(claims.values())
    for member, owed in claims.items():
        book.open(receivable(member, ASSET))
        book.balances[receivable(member, ASSET)].posted = owed
    book.balances[carried(ASSET)].posted = -sum(claims.values())
    book.balances[fund(ASSET)].posted = draw(st.integers(-60, 60))
    money = sum(b.posted for name, b in book.balances.items() if "/receivable " not in name)
    book.balances[fees(ASSET)].posted = -money
    network_units = draw(st.integers(-5, 5))
    community = {NETWORK: network_units, FEES: -sum(due.values()) - network_units}
    return book, due, community, held


@settings(max_examples=150)
@given(books())
def test_its_moves_leave_the_pool_empty_and_no_wallet_beyond_its_limit(case):
    book, due, community, held = case
    check_balances(book.balances)
    before = {name: balance.posted for name, balance in book.balances.items()}
    purses = purses_of(book.balances, held, RULES)
    shares = settle_up(due, purses.claims, purses.can_pay, purses.coffers, community)
    moves = netting_moves(shares, held, HOLD_BATCH, RULES)
    assert {*opened_by(moves)} <= book.balances.keys()
    statuses = book.apply(transfers_of(NETTING, moves, PERIOD), PERIOD)
    assert statuses == [Status.CREATED] * len(moves)
    check_balances(book.balances)
    check_pools_empty(book.balances, list(book.balances))
    changes = {name: balance.posted - before[name] for name, balance in book.balances.items()}
    for member in purses.can_pay:
        assert changes[wallet(member, ASSET)] == shares.cash.get(member, 0)
        assert changes[receivable(member, ASSET)] == shares.claims.get(member, 0)
    assert changes[fund(ASSET)] == shares.community_cash.get(FUND, 0)
    least = min(FUND_FLOOR, before[fund(ASSET)])
    assert book.balances[fund(ASSET)].posted >= least
    if any(book.balances[receivable(member, ASSET)].posted > 0 for member in purses.can_pay):
        assert book.balances[fund(ASSET)].posted == least  # all that it may lend is lent
    assert all(book.holds[hold_id(HOLD_BATCH, member)].resolved for member in held)
    # Only what the run itself set aside is released: the other day's stays.
    open_units = sum(hold.amount for hold in book.holds.values() if not hold.resolved)
    assert sum(balance.pending_out for balance in book.balances.values()) == open_units
    wallets = Counter(
        side.split("/")[1]
        for kind, debit, credit, *_ in moves
        for side in (debit, credit)
        if "/wallet" in side and kind is Kind.POST
    )
    assert all(count == 1 for count in wallets.values())  # one movement beside the hold's


def test_a_fund_that_was_spent_gives_no_gift_back_beyond_its_floor():
    """A gift is taken back by a later run, and the fund has nothing: the seller waits."""
    shares = settle_up({"ann": 100}, {}, {}, Coffers(0), {FUND: -100})
    assert (shares.cash, shares.community_cash) == ({}, {})
    assert (shares.claims, shares.community_claim) == ({"ann": 100}, -100)
    shares = settle_up({}, {"ann": 100}, {}, Coffers(150, -100))
    assert (shares.cash, shares.community_cash) == ({"ann": 100}, {FUND: -100})
