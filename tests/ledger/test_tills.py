"""Tills: keys that ask in a shop's name, sign nothing else, and go when the shop says so."""

import pytest

from ledger.errors import SignatureError
from ledger.keys import KeyBook
from ledger.kinds import COMMUNITY, KINDS
from ledger.statements import Statement, make_body, sign
from ledger.tills import TILLS_MAX
from tests.ledger.statement_examples import (
    DEVICE,
    FIELDS,
    HELPERS,
    LATER,
    MEMBER,
    OPERATORS,
    ORIGIN,
    OTHER,
    OTHER_DEVICE,
    PERIOD,
    SECOND_DEVICE,
    SETTLEMENT,
    STRANGER,
    TILL,
    key_of,
    open_book,
    statement_of,
)

SOMEBODY_ELSES = "in use, or was"


def said(kind: str, account: str, signers, **fields) -> Statement:
    body = make_body(kind, ORIGIN, account, "7c" * 16, 1, LATER, {**FIELDS[kind], **fields})
    return Statement.decode(sign(body, signers))


def take(book: KeyBook, statement: Statement, period: int = PERIOD) -> None:
    book.check(statement, period)
    book.apply(statement, period)


def with_till() -> KeyBook:
    book = open_book()
    take(book, said("till_key", MEMBER, [DEVICE]))
    return book


def test_a_till_asks_in_its_shops_name_alone():
    book = with_till()
    book.check(said("ask", MEMBER, [TILL], of=OTHER), PERIOD)
    book.check(said("ask", MEMBER, [DEVICE], of=OTHER), PERIOD)
    with pytest.raises(SignatureError, match="needs 1 of the member's keys"):
        book.check(said("ask", OTHER, [TILL], of=MEMBER), PERIOD)
    with pytest.raises(SignatureError, match="needs 1 of the member's keys"):
        open_book().check(said("ask", MEMBER, [TILL], of=OTHER), PERIOD)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ask"])
def test_a_till_signs_nothing_else(kind):
    with pytest.raises(SignatureError):
        with_till().check(statement_of(kind, [TILL]), PERIOD)


def test_a_till_is_as_good_as_one_key_and_not_as_two():
    """Where two keys must sign, a till still asks alone: it could not pay with both."""
    book = open_book()
    change = {"threshold": 2, "keys": [DEVICE.public.hex(), SECOND_DEVICE.public.hex()]}
    take(book, said("key_change", MEMBER, [DEVICE, SECOND_DEVICE], **change))
    with pytest.raises(SignatureError, match="needs 2 of the member's keys; 1"):
        book.check(said("till_key", MEMBER, [DEVICE]), PERIOD)
    take(book, said("till_key", MEMBER, [DEVICE, SECOND_DEVICE]))
    book.check(said("ask", MEMBER, [TILL], of=OTHER), PERIOD)
    with pytest.raises(SignatureError, match="needs 2 of the member's keys; 1"):
        book.check(said("ask", MEMBER, [DEVICE, TILL], of=OTHER), PERIOD)


@pytest.mark.parametrize("signers", [[OTHER_DEVICE], HELPERS, OPERATORS, [TILL], [STRANGER]])
def test_nobody_but_the_member_says_which_keys_are_tills(signers):
    for book, more in ((open_book(), {}), (with_till(), {"revoked": True})):
        with pytest.raises(SignatureError, match="needs 1 of the member's keys; 0"):
            book.check(said("till_key", MEMBER, signers, **more), PERIOD)


def test_a_revoked_till_asks_nothing_and_never_returns():
    book = with_till()
    take(book, said("till_key", MEMBER, [DEVICE], revoked=True))
    assert book.tills[MEMBER] == ()
    with pytest.raises(SignatureError, match="needs 1 of the member's keys; 0"):
        book.check(said("ask", MEMBER, [TILL], of=OTHER), PERIOD)
    with pytest.raises(SignatureError, match=SOMEBODY_ELSES):
        book.check(said("till_key", MEMBER, [DEVICE]), PERIOD)
    with pytest.raises(SignatureError, match="not the key of one of the member's tills"):
        book.check(said("till_key", MEMBER, [DEVICE], revoked=True), PERIOD)


def test_a_tills_key_is_nobody_elses():
    book = with_till()
    for key in (TILL, DEVICE, OTHER_DEVICE, SETTLEMENT, OPERATORS[0]):
        with pytest.raises(SignatureError, match=SOMEBODY_ELSES):
            book.check(said("till_key", MEMBER, [DEVICE], key=key.public.hex()), PERIOD)
    with pytest.raises(SignatureError, match=SOMEBODY_ELSES):
        book.check(said("till_key", OTHER, [OTHER_DEVICE]), PERIOD)
    with pytest.raises(SignatureError, match="not the key of one of the member's tills"):
        book.check(said("till_key", OTHER, [OTHER_DEVICE], revoked=True), PERIOD)
    # Nor does it become somebody's, or a meter's, or an invitation's.
    change = {"keys": [DEVICE.public.hex(), TILL.public.hex()]}
    with pytest.raises(SignatureError, match="belongs to somebody else"):
        book.check(said("key_change", MEMBER, [DEVICE, TILL], **change), PERIOD)
    for kind in ("meter_key", "invitation"):
        with pytest.raises(SignatureError, match=r"(has its|of its) own"):
            book.check(said(kind, COMMUNITY, OPERATORS[:2], key=TILL.public.hex()), PERIOD)


def test_a_weak_key_is_no_till():
    weak = (bytes([1]) + bytes(31)).hex()
    with pytest.raises(SignatureError, match="small order"):
        open_book().check(said("till_key", MEMBER, [DEVICE], key=weak), PERIOD)


def test_a_member_has_so_many_tills():
    book = open_book()
    for number in range(60, 60 + TILLS_MAX):
        take(book, said("till_key", MEMBER, [DEVICE], key=key_of(number).public.hex()))
    with pytest.raises(SignatureError, match="8 tills at most"):
        book.check(said("till_key", MEMBER, [DEVICE]), PERIOD)
    gone = key_of(60).public.hex()
    take(book, said("till_key", MEMBER, [DEVICE], key=gone, revoked=True))
    take(book, said("till_key", MEMBER, [DEVICE]))
    assert len(book.tills[MEMBER]) == TILLS_MAX


def test_a_frozen_shops_tills_are_frozen_too():
    book = with_till()
    take(book, said("freeze", MEMBER, [DEVICE]))
    with pytest.raises(SignatureError, match="the account is frozen"):
        book.check(said("ask", MEMBER, [TILL], of=OTHER), PERIOD)


def test_a_change_of_the_members_keys_leaves_the_tills():
    book = with_till()
    change = {"by": "operators", "keys": [STRANGER.public.hex()]}
    take(book, said("key_change", MEMBER, [*OPERATORS[:2], STRANGER], **change))
    book.check(said("ask", MEMBER, [TILL], of=OTHER), PERIOD + 96)
    assert book.member(MEMBER, PERIOD + 96).keys == (STRANGER.public,)
