"""What vouchers may do, over any history: the pot always holds what the open ones are worth."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import receivable, vouchers, wallet
from ledger.book import Balance, Book
from ledger.errors import RefusedError
from ledger.primitives.signing import Envelope
from ledger.statements import Statement
from ledger.status import Status
from settlement.effects import Case, effect_of
from settlement.state import CommunityState
from settlement.terms import CommunityRules, Member
from settlement.vouchers import VoucherBook

ASSET = "LWD/7"
POT = vouchers(ASSET)
NAMES = ("0a" * 16, "0b" * 16, "0c" * 16)
START = 990_000


def state_of_three():
    state = CommunityState()
    rules = CommunityRules.__new__(CommunityRules)
    object.__setattr__(rules, "asset", ASSET)
    state.rules_history.append((0, rules))
    state.members.update({name: Member(name, "household", -1_000) for name in NAMES})
    return state


def statement(kind, number, account, **fields):
    body = {"kind": kind, "id": f"{number:032x}", "account": account, **fields}
    return Statement(Envelope("", b"", ()), body)


def case_of(said, state, period, balances):
    return Case(said, None, state, period, None, balances.get, None, None)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["voucher", "voucher", "voucher_pay", "voucher_end", "wait"]),
        st.integers(0, 2),
        st.integers(0, 4),
        st.integers(1, 400),
    ),
    min_size=8,
    max_size=40,
)


@settings(max_examples=200)
@given(STEPS)
def test_the_pot_always_holds_what_open_vouchers_are_worth(steps):
    """Whatever is said, in whatever order: what is refused changes nothing, and money only moves."""
    state, book, period = state_of_three(), Book(), START
    for name in NAMES:
        book.open(wallet(name, ASSET), -1_000)
    worth, paid, made_so_far = {}, [], 0
    for number, (kind, who, which, amount) in enumerate(steps):
        if kind == "wait":
            period += which
            continue
        fields = {"voucher": f"{which:032x}"}
        if kind == "voucher":
            fields = {"amount": amount, "last": period + which, "note": "bread"}
        # Vouchers count from nought, so that others name them, made or not, and more than once.
        own = made_so_far if kind == "voucher" else 1_000 + number
        said = statement(kind, own, NAMES[who], **fields)
        before = replace(state.vouchers, vouchers=dict(state.vouchers.vouchers))
        counts = dict(state.vouchers.counts)
        try:
            state.apply(said, period)
            effect = effect_of(case_of(said, state, period, book.balances))
            for account, floor in effect.accounts:
                book.open(account, floor)
            [status] = book.apply(list(effect.transfers), period)
            if status is not Status.CREATED:
                raise RefusedError(status.words)
        except RefusedError:
            state.vouchers = replace(before, counts=counts)
            continue
        made_so_far += kind == "voucher"
        if kind == "voucher":
            worth[said.id] = amount, period + which, NAMES[who]
        else:
            units, last, issuer = worth.pop(fields["voucher"])
            paid.append(fields["voucher"])
            assert kind == "voucher_end" or period <= last
            assert kind == "voucher_pay" or NAMES[who] == issuer
            assert effect.transfers[0].amount == units
        pot = book.balances[POT].posted
        assert pot == sum(units for units, _, _ in worth.values()) == state.vouchers.units
        assert sum(balance.posted for balance in book.balances.values()) == 0
    assert len(paid) == len(set(paid))
    still = [each for each in state.vouchers.vouchers.values() if not each.closed]
    assert {each.id: each.units for each in still} == {key: w[0] for key, w in worth.items()}
    for name in NAMES:
        mine = sum(issuer == name for _, _, issuer in worth.values())
        assert state.vouchers.counts.get(name, 0) == mine


def test_a_pot_that_holds_other_than_it_should_stops_everything():
    state = state_of_three()
    first = statement("voucher", 1, NAMES[0], amount=70, last=START)
    second = statement("voucher", 2, NAMES[0], amount=30, last=START)
    out = statement("voucher_pay", 3, NAMES[1], voucher=first.id)
    for said, held in ((first, 0), (second, 70), (out, 100)):
        state.apply(said, START)
        state.vouchers.check_pot(held, said)
        for wrong in (held - 1, held + 1):
            balances = {POT: Balance(wrong)}
            case = case_of(said, state, START, balances)
            with pytest.raises(RefusedError, match="something is wrong with this ledger"):
                effect_of(case)


def test_what_is_owed_from_a_later_run_is_not_put_on_paper():
    state = state_of_three()
    ada = NAMES[0]
    balances = {wallet(ada, ASSET): Balance(500, floor=0), receivable(ada, ASSET): Balance(-200)}
    for amount, words in ((301, "£0.00 can be paid"), (300, None)):
        said = statement("voucher", amount, ada, amount=amount, last=START)
        state.apply(said, START)
        case = case_of(said, state, START, balances)
        if words is None:
            assert effect_of(case).transfers[0].amount == amount
            continue
        with pytest.raises(RefusedError, match=words):
            effect_of(case)


def test_what_is_paid_or_taken_back_is_so_once():
    for first, words in (("voucher_pay", "was paid before"), ("voucher_end", "was taken back")):
        state = state_of_three()
        state.apply(statement("voucher", 1, NAMES[0], amount=70, last=START), START)
        state.apply(statement("voucher", 2, NAMES[0], amount=70, last=START), START)
        state.apply(statement(first, 3, NAMES[0], voucher=f"{1:032x}"), START)
        for again in ("voucher_pay", "voucher_end"):
            with pytest.raises(RefusedError, match=words):
                state.apply(statement(again, 4, NAMES[0], voucher=f"{1:032x}"), START)
        assert state.vouchers.units == 70


def test_the_book_knows_no_voucher_that_was_not_made():
    book = VoucherBook()
    for act, kind in ((book.pay, "voucher_pay"), (book.end, "voucher_end")):
        said = statement(kind, 5, NAMES[0], voucher="3c" * 16)
        with pytest.raises(RefusedError, match="No voucher has this id"):
            act(said, said.body, START)
