"""Invitations: whoever has the words opens one account, of the class and limit that were offered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import invitations
from ledger.errors import SignatureError
from ledger.invitations import Standing
from ledger.key_life import recovery_commitment
from ledger.keys import KeyBook
from ledger.kinds import COMMUNITY
from ledger.primitives.signing import SigningKey
from ledger.recovery import INVITATION, PAPER_CODE, VOUCHER, key_of_code, new_code
from ledger.statements import Statement, make_body, sign
from tests.ledger.statement_examples import (
    CODE,
    DEVICE,
    FIELDS,
    HELPERS,
    INVITED,
    LATER,
    METER_KEY,
    NEW_DEVICE,
    OPERATORS,
    ORIGIN,
    OTHER,
    PERIOD,
    SECOND_DEVICE,
    SETTLEMENT,
    STRANGER,
    key_of,
    open_book,
    statement_of,
)

MADE, NEWCOMER, LAST = "5a" * 16, "6b" * 16, FIELDS["invitation"]["last"]


def said(
    kind: str, account: str, signers: list[SigningKey], number: int = 1, **fields
) -> Statement:
    made = MADE if kind == "invitation" and "id" not in fields else fields.pop("id", "7c" * 16)
    body = make_body(kind, ORIGIN, account, made, number, LATER, fields)
    return Statement.decode(sign(body, signers))


def take(book: KeyBook, statement: Statement, period: int = PERIOD) -> None:
    book.check(statement, period)
    book.apply(statement, period)


def invited(**changes) -> KeyBook:
    """A book of operators, two members, and an invitation."""
    book = open_book()
    take(book, said("invitation", COMMUNITY, OPERATORS[:2], **{**FIELDS["invitation"], **changes}))
    return book


def opening(signers=(NEW_DEVICE, INVITED), account=NEWCOMER, **changes) -> Statement:
    fields = {name: FIELDS["invitation"][name] for name in ("class", "floor_units")}
    fields |= {"keys": [NEW_DEVICE.public.hex()], "threshold": 1, "invitation": MADE, **changes}
    return said("account_open", account, list(signers), **fields)


def end(signers, **changes) -> Statement:
    return said(
        "invitation_end", COMMUNITY, signers, **{"invitation": MADE, "reason": "Lost.", **changes}
    )


def test_the_words_open_an_account_without_an_operator():
    book = invited()
    take(book, opening(recovery=recovery_commitment(CODE.public)), LAST)
    assert book.member(NEWCOMER, LAST).keys == (NEW_DEVICE.public,)
    assert book.member(NEWCOMER, LAST).recovery == recovery_commitment(CODE.public)
    [used] = book.invitations.invitations.values()
    assert (used.member, used.standing(LAST)) == (NEWCOMER, Standing.USED)


@pytest.mark.parametrize(
    ("signers", "words"),
    [
        ([NEW_DEVICE], "needs 1 of the invitation's key"),
        ([INVITED], "needs 1 of the member's keys"),
        ([NEW_DEVICE, *OPERATORS], "needs 1 of the invitation's key"),
        ([NEW_DEVICE, DEVICE], "needs 1 of the invitation's key"),
        ([INVITED, NEW_DEVICE], "the first signature must be one that counts"),
        ([STRANGER, NEW_DEVICE, INVITED], "the first signature must be one that counts"),
    ],
)
def test_the_new_keys_and_the_words_sign_and_the_new_key_first(signers, words):
    with pytest.raises(SignatureError, match=words):
        invited().check(opening(signers), PERIOD)


def test_as_many_new_keys_sign_as_the_account_needs():
    keys = [NEW_DEVICE.public.hex(), key_of(40).public.hex()]
    two = {"keys": keys, "threshold": 2}
    with pytest.raises(SignatureError, match="needs 2 of the member's keys; 1"):
        invited().check(opening([NEW_DEVICE, INVITED], **two), PERIOD)
    invited().check(opening([NEW_DEVICE, key_of(40), INVITED], **two), PERIOD)


@pytest.mark.parametrize("changes", [{"class": "shop"}, {"floor_units": -500_000_001}])
def test_class_and_limit_are_those_that_operators_signed(changes):
    with pytest.raises(SignatureError, match="another class of member, or another limit"):
        invited().check(opening(**changes), PERIOD)
    # With operators' own signatures, and no invitation, it is theirs to say.
    fields = {**FIELDS["invitation"], **changes}
    fields = {name: fields[name] for name in ("class", "floor_units")}
    fields |= {"keys": [NEW_DEVICE.public.hex()], "threshold": 1}
    invited().check(said("account_open", NEWCOMER, [NEW_DEVICE, *OPERATORS[:2]], **fields), PERIOD)


def test_an_invitation_is_used_once():
    book = invited()
    take(book, opening())
    other = {"keys": [key_of(41).public.hex()], "account": "8d" * 16}
    with pytest.raises(SignatureError, match="this invitation was used before"):
        book.check(opening([key_of(41), INVITED], **other), PERIOD)
    with pytest.raises(SignatureError, match="this invitation was used before"):
        book.check(end(OPERATORS[:1]), PERIOD)


@given(st.integers(-50, 50))
def test_an_invitation_is_good_until_its_last_half_hour(after):
    book = invited()
    if after <= 0:
        book.check(opening(), LAST + after)
        return
    for statement in (opening(), end(OPERATORS[:1])):
        with pytest.raises(SignatureError, match="could be used until the half-hour from"):
            book.check(statement, LAST + after)


def test_any_one_operator_ends_it_and_nobody_else():
    for operator in OPERATORS:
        book = invited()
        take(book, end([operator]))
        with pytest.raises(SignatureError, match="this invitation was ended before"):
            book.check(opening(), PERIOD)
        with pytest.raises(SignatureError, match="this invitation was ended before"):
            book.check(end([operator]), PERIOD)
    for signers in ([DEVICE], HELPERS, [SETTLEMENT], [INVITED]):
        with pytest.raises(SignatureError, match="needs 1 of the operators"):
            invited().check(end(signers), PERIOD)


def test_what_was_never_made_opens_nothing():
    for statement in (opening(invitation="3c" * 16), end(OPERATORS[:1], invitation="3c" * 16)):
        with pytest.raises(SignatureError, match="no such invitation was made"):
            invited().check(statement, PERIOD)


@pytest.mark.parametrize("key", [DEVICE, OPERATORS[2], SETTLEMENT, INVITED])
def test_an_invitations_key_is_nobody_elses(key):
    fields = {**FIELDS["invitation"], "key": key.public.hex(), "id": "4e" * 16}
    with pytest.raises(SignatureError, match="has a key of its own"):
        invited().check(said("invitation", COMMUNITY, OPERATORS[:2], **fields), PERIOD)


def test_nobody_else_takes_an_invitations_key():
    with pytest.raises(SignatureError, match="belongs to somebody else"):
        invited().check(opening([INVITED], keys=[INVITED.public.hex()]), PERIOD)
    change = {"by": "keys", "keys": [INVITED.public.hex()], "threshold": 1, "reason": "x"}
    with pytest.raises(SignatureError, match="belongs to somebody else"):
        invited().check(said("key_change", OTHER, [INVITED], **change), PERIOD)
    bound = {**FIELDS["meter_key"], "key": INVITED.public.hex()}
    with pytest.raises(SignatureError, match="a meter has its own"):
        invited().check(statement_of("meter_key", OPERATORS[:2], **bound), PERIOD)


def test_a_weak_key_and_an_end_before_the_beginning_are_refused():
    book = open_book()
    for changes, words in (
        ({"key": (bytes([1]) + bytes(31)).hex()}, "small order"),
        ({"last": PERIOD - 1}, "over before it began"),
    ):
        fields = {**FIELDS["invitation"], **changes}
        with pytest.raises(SignatureError, match=words):
            book.check(said("invitation", COMMUNITY, OPERATORS[:2], **fields), PERIOD)


def test_where_the_roster_expired_invitations_wait_for_the_next():
    book = KeyBook(ORIGIN)
    take(book, statement_of("roster", OPERATORS[:2], expires=PERIOD + 2))
    take(book, said("invitation", COMMUNITY, OPERATORS[:2], **FIELDS["invitation"]))
    book.check(opening(), PERIOD + 1)
    for statement in (opening(), end(OPERATORS[:1])):
        with pytest.raises(SignatureError, match="the roster expired"):
            book.check(statement, PERIOD + 2)


def test_so_many_are_open_at_one_time(monkeypatch):
    monkeypatch.setattr(invitations, "INVITATIONS_OPEN_MAX", 2)
    book = invited()

    def another(number: int) -> Statement:
        made = {"key": key_of(number).public.hex(), "id": bytes([number]).hex() * 16}
        return said("invitation", COMMUNITY, OPERATORS[:2], **{**FIELDS["invitation"], **made})

    take(book, another(50))
    with pytest.raises(SignatureError, match="2 invitations are open: end some first"):
        book.check(another(51), PERIOD)
    take(book, end(OPERATORS[:1]))
    take(book, another(51))


@given(st.binary(min_size=16, max_size=16))
def test_words_for_one_thing_are_nothing_for_another(entropy):
    words = " ".join(new_code(entropy))
    keys = {key_of_code(words, purpose).public for purpose in (PAPER_CODE, INVITATION, VOUCHER)}
    assert len(keys) == 3
    assert METER_KEY.public not in keys


@pytest.mark.parametrize(
    ("purpose", "words"), [(INVITATION, "An invitation has 12"), (VOUCHER, "A voucher has 12")]
)
def test_what_is_wrong_is_said_of_the_right_thing(purpose, words):
    with pytest.raises(Exception, match=words):
        key_of_code("legal winner", purpose)
    with pytest.raises(Exception, match=f"not one that {purpose.name}s are made of"):
        key_of_code("legal winnner", purpose)


def test_a_second_device_of_another_member_signs_for_nobody_new():
    with pytest.raises(SignatureError, match="belongs to somebody else"):
        invited().check(
            opening([SECOND_DEVICE, INVITED], keys=[SECOND_DEVICE.public.hex()]), PERIOD
        )
