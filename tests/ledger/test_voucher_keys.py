"""Keys of vouchers: the words pay once, the member takes back, operators only after the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import SignatureError
from ledger.keys import KeyBook
from ledger.kinds import COMMUNITY
from ledger.statements import Statement, make_body, sign
from tests.ledger.statement_examples import (
    DEVICE,
    FIELDS,
    HELPERS,
    INVITED,
    LATER,
    MEMBER,
    OPERATORS,
    ORIGIN,
    OTHER,
    OTHER_DEVICE,
    PAPER,
    PERIOD,
    SETTLEMENT,
    STRANGER,
    TILL,
    open_book,
)

MADE, LAST = FIELDS["voucher_pay"]["voucher"], FIELDS["voucher"]["last"]


def said(kind: str, account: str, signers, **fields) -> Statement:
    made = MADE if kind == "voucher" else "7c" * 16
    body = make_body(kind, ORIGIN, account, made, 1, LATER, {**FIELDS[kind], **fields})
    return Statement.decode(sign(body, signers))


def take(book: KeyBook, statement: Statement, period: int = PERIOD) -> None:
    book.check(statement, period)
    book.apply(statement, period)


def with_voucher() -> KeyBook:
    book = open_book()
    take(book, said("till_key", MEMBER, [DEVICE]))
    take(book, said("invitation", COMMUNITY, OPERATORS[:2]))
    take(book, said("voucher", MEMBER, [DEVICE]))
    return book


@pytest.mark.parametrize("payee", [MEMBER, OTHER])
def test_the_words_pay_any_member_once(payee):
    book = with_voucher()
    take(book, said("voucher_pay", payee, [PAPER]))
    for again in (said("voucher_pay", payee, [PAPER]), said("voucher_end", MEMBER, [DEVICE])):
        with pytest.raises(SignatureError, match="it was paid or taken back, or never made"):
            book.check(again, PERIOD)


def test_the_words_pay_nobody_who_is_no_member_and_nothing_else():
    book = with_voucher()
    with pytest.raises(SignatureError, match="no account"):
        book.check(said("voucher_pay", "9f" * 16, [PAPER]), PERIOD)
    with pytest.raises(SignatureError, match="cannot be for the account community"):
        book.check(said("voucher_pay", COMMUNITY, [PAPER]), PERIOD)
    for kind in ("transfer", "ask", "voucher_end"):
        with pytest.raises(SignatureError, match="needs 1 of the member's keys; 0"):
            book.check(said(kind, MEMBER, [PAPER]), PERIOD)


@pytest.mark.parametrize("key", [DEVICE, OTHER_DEVICE, SETTLEMENT, STRANGER, TILL, INVITED])
def test_nobody_pays_without_the_words(key):
    for signers in ([key], [key, *OPERATORS], HELPERS):
        with pytest.raises(SignatureError, match="needs 1 of the voucher's key; 0"):
            with_voucher().check(said("voucher_pay", OTHER, signers), PERIOD)


@given(st.integers(-100, 100))
def test_operators_take_back_only_what_is_over(after):
    book, by_two = with_voucher(), said("voucher_end", MEMBER, OPERATORS[:2])
    book.check(said("voucher_end", MEMBER, [DEVICE]), LAST + after)
    if after > 0:
        book.check(by_two, LAST + after)
        with pytest.raises(SignatureError, match="needs 2 of operators; 1"):
            book.check(said("voucher_end", MEMBER, OPERATORS[:1]), LAST + after)
    else:
        with pytest.raises(SignatureError, match="needs 1 of the member's keys; 0"):
            book.check(by_two, LAST + after)


@pytest.mark.parametrize("key", [DEVICE, OTHER_DEVICE, OPERATORS[0], TILL, INVITED, PAPER])
def test_a_vouchers_key_is_nobody_elses(key):
    with pytest.raises(SignatureError, match="has a key of its own"):
        with_voucher().check(said("voucher", MEMBER, [DEVICE], key=key.public.hex()), PERIOD)


def test_a_vouchers_key_never_becomes_somebodys():
    book = with_voucher()
    change = {"keys": [DEVICE.public.hex(), PAPER.public.hex()]}
    for spent in (False, True):
        if spent:
            take(book, said("voucher_pay", OTHER, [PAPER]))
        with pytest.raises(SignatureError, match="belongs to somebody else"):
            book.check(said("key_change", MEMBER, [DEVICE, PAPER], **change), PERIOD)
        with pytest.raises(SignatureError, match="has a key of its own"):
            book.check(said("till_key", MEMBER, [DEVICE], key=PAPER.public.hex()), PERIOD)


def test_a_weak_key_is_no_voucher():
    weak = (bytes([1]) + bytes(31)).hex()
    with pytest.raises(SignatureError, match="small order"):
        open_book().check(said("voucher", MEMBER, [DEVICE], key=weak), PERIOD)
