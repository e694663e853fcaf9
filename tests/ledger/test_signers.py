"""Who may sign what: thresholds, rosters, keys of low order, and details that a statement binds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InputError, SignatureError
from ledger.keys import MEMBER_KINDS, OPERATOR_KINDS, SIGNER_ROLES, KeyBook
from ledger.kinds import KINDS, a_kind
from ledger.primitives.canonical import encode
from ledger.primitives.signing import (
    LOW_ORDER_ENCODINGS,
    Envelope,
    SigningKey,
    check_public_key,
    verify,
)
from ledger.statements import Statement, make_body, sign
from meters.batches import BatchContent
from tests.ledger.statement_examples import (
    ADAPTER,
    AUDITOR,
    CODE,
    DEVICE,
    FIELDS,
    HELPERS,
    IDS,
    LATER,
    LOG,
    NEW_DEVICE,
    OPERATORS,
    ORIGIN,
    OTHER_DEVICE,
    PAPER,
    PERIOD,
    SECOND_DEVICE,
    SETTLEMENT,
    STRANGER,
    body_of,
    book_for,
    key_of,
    open_book,
    statement_of,
)

ALONE = {
    **dict.fromkeys(KINDS, ()),
    **dict.fromkeys(SIGNER_ROLES, (SETTLEMENT,)),
    **dict.fromkeys(MEMBER_KINDS, (DEVICE, SECOND_DEVICE)),
    **dict.fromkeys(("ask", "voucher_end"), (DEVICE, SECOND_DEVICE)),
    "voucher_pay": (PAPER,),
    "reading_batch": (ADAPTER,),
    "act_for": HELPERS,
    "invitation_end": OPERATORS,
    "key_objection": (DEVICE, SECOND_DEVICE),
    "freeze": (DEVICE, SECOND_DEVICE, *HELPERS, *OPERATORS),
}
"""Who may sign a kind alone."""


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_else_can_sign_alone(kind):
    book = book_for(kind)
    everybody = [*OPERATORS, *HELPERS, SETTLEMENT, ADAPTER, DEVICE, SECOND_DEVICE, OTHER_DEVICE]
    everybody += [AUDITOR, PAPER]
    for key in [*everybody, NEW_DEVICE, CODE, STRANGER, LOG]:
        statement = statement_of(kind, [key])
        if key in ALONE[kind]:
            book.check(statement, PERIOD)
            continue
        with pytest.raises(SignatureError, match=f"{a_kind(kind)} needs"):
            book.check(statement, PERIOD)


@pytest.mark.parametrize("kind", sorted(OPERATOR_KINDS))
def test_no_two_others_can_sign_for_two_operators(kind):
    book = open_book()
    for others in ([OPERATORS[0], SETTLEMENT], [DEVICE, SECOND_DEVICE], HELPERS):
        with pytest.raises(SignatureError, match=f"{a_kind(kind)} needs 2 of operators"):
            book.check(statement_of(kind, others), PERIOD)


def test_one_signature_too_few_is_refused():
    book = open_book()
    with pytest.raises(SignatureError, match="a rules needs 2 of operators; 1 of the signatures"):
        book.check(statement_of("rules", OPERATORS[:1]), PERIOD)
    with pytest.raises(SignatureError, match="a rules needs 2 of operators; 1 of the signatures"):
        book.check(statement_of("rules", [OPERATORS[0], SETTLEMENT, STRANGER]), PERIOD)
    for keys in ([DEVICE], [SECOND_DEVICE], [OPERATORS[0]], [STRANGER, OPERATORS[0]]):
        fresh = KeyBook(ORIGIN)
        fresh.apply(statement_of("roster"), PERIOD)
        with pytest.raises(SignatureError, match="an account_open needs"):
            fresh.check(
                statement_of("account_open", keys, threshold=1 + (keys == [DEVICE])), PERIOD
            )


def test_one_key_twice_is_not_two_signatures():
    data = sign(body_of("rules"), [OPERATORS[0], OPERATORS[0]])
    with pytest.raises(SignatureError, match="the same key signed twice"):
        open_book().check(Statement.decode(data), PERIOD)


def test_before_the_first_roster_nothing_counts():
    for kind in ("rules", "hold", "reading_batch", "account_open", "offer"):
        with pytest.raises(SignatureError):
            KeyBook(ORIGIN).check(statement_of(kind), PERIOD)


def test_a_statement_for_another_ledger_is_refused():
    for kind in KINDS:
        statement = statement_of(kind, ledger="elsewhere.example/ledger/1")
        with pytest.raises(SignatureError, match=r"is for elsewhere\.example/ledger/1, not for"):
            open_book().check(statement, PERIOD)


def test_a_member_that_was_not_opened_cannot_sign():
    body = make_body("offer", ORIGIN, "3c" * 16, IDS, 1, LATER, FIELDS["offer"])
    with pytest.raises(SignatureError, match="no account 3c3c"):
        open_book().check(Statement.decode(sign(body, [DEVICE])), PERIOD)


@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_tampered_body_or_signature_is_refused(kind, data):
    book = book_for(kind)
    envelope = statement_of(kind).envelope
    book.check(Statement(envelope, body_of(kind)), PERIOD)
    [(first_id, first), *rest] = envelope.signatures
    place = data.draw(st.integers(0, 8 * 64 - 1))
    broken = bytearray(first)
    broken[place // 8] ^= 1 << place % 8
    changed = encode({**body_of(kind), "seq": data.draw(st.integers(2, 99))})
    for other in (
        Envelope(envelope.payload_type, envelope.body, ((first_id, bytes(broken)), *rest)),
        Envelope(envelope.payload_type, envelope.body, ((first_id, first[:63]), *rest)),
        Envelope(envelope.payload_type, envelope.body, ((first_id, b""), *rest)),
        Envelope(envelope.payload_type, changed, envelope.signatures),
    ):
        with pytest.raises(SignatureError):
            book.check(Statement.decode(other.encode()), PERIOD)


# Rosters and openings.


def roster(version: int, signers: list[SigningKey], /, **changes: Any) -> Statement:
    return statement_of("roster", signers, version=version, **changes)


def test_a_new_roster_needs_the_thresholds_of_both():
    book = open_book()
    new = [key_of(number) for number in (31, 32)]
    entries = [{"key": key.public.hex(), "role": "operator"} for key in new]
    book.check(roster(2, [*OPERATORS[:2], *new], keys=entries), PERIOD)
    with pytest.raises(SignatureError, match="needs 2 of the new roster's operators; 1"):
        book.check(roster(2, [*OPERATORS, new[0]], keys=entries), PERIOD)
    with pytest.raises(SignatureError, match="needs 2 of the old roster's operators; 1"):
        book.check(roster(2, [OPERATORS[0], *new], keys=entries), PERIOD)


def test_after_a_new_roster_the_old_keys_count_no_longer():
    book = open_book()
    new = [key_of(number) for number in (31, 32)]
    entries = [{"key": key.public.hex(), "role": "operator"} for key in new]
    statement = roster(2, [*OPERATORS[:2], *new], keys=entries)
    book.check(statement, PERIOD)
    book.apply(statement, PERIOD)
    book.check(statement_of("rules", new), PERIOD)
    with pytest.raises(SignatureError):
        book.check(statement_of("rules", OPERATORS), PERIOD)
    with pytest.raises(SignatureError):
        book.check(statement_of("hold"), PERIOD)


@pytest.mark.parametrize("version", [1, 3, 100])
def test_roster_versions_follow_each_other(version):
    with pytest.raises(SignatureError, match=f"roster version {version} does not follow 1"):
        open_book().check(roster(version, OPERATORS), PERIOD)


def test_a_roster_that_could_never_be_met_is_refused():
    book = open_book()
    with pytest.raises(SignatureError, match="threshold is above its number of operators"):
        book.check(roster(2, OPERATORS, threshold=4), PERIOD)
    twice = [{"key": OPERATORS[0].public.hex(), "role": role} for role in ("operator", "adapter")]
    with pytest.raises(SignatureError, match="names each key once"):
        book.check(roster(2, OPERATORS, keys=twice), PERIOD)


@pytest.mark.parametrize("low", sorted(LOW_ORDER_ENCODINGS), ids=bytes.hex)
def test_keys_of_low_order_are_refused_everywhere(low):
    with pytest.raises(SignatureError, match="small order"):
        check_public_key(low)
    book = open_book()
    entries = [*FIELDS["roster"]["keys"], {"key": low.hex(), "role": "adapter"}]
    with pytest.raises(SignatureError, match="small order"):
        book.check(roster(2, OPERATORS, keys=entries), PERIOD)
    with pytest.raises(SignatureError, match="small order"):
        book.check(roster(2, OPERATORS, log_key=low.hex()), PERIOD)
    fresh = KeyBook(ORIGIN)
    fresh.apply(statement_of("roster"), PERIOD)
    with pytest.raises(SignatureError, match="small order"):
        fresh.check(statement_of("account_open", keys=[DEVICE.public.hex(), low.hex()]), PERIOD)
    # With such a key, or such an R, one signature can hold for many messages.
    assert not verify(low, low + bytes(32), b"anything")
    assert not verify(DEVICE.public, low + DEVICE.sign(b"anything")[32:], b"anything")


def test_there_are_fourteen_encodings_of_low_order():
    assert len(LOW_ORDER_ENCODINGS) == 14


def test_an_account_is_opened_once_and_its_keys_differ():
    with pytest.raises(SignatureError, match="is open already"):
        open_book().check(statement_of("account_open"), PERIOD)
    fresh = KeyBook(ORIGIN)
    fresh.apply(statement_of("roster"), PERIOD)
    key = DEVICE.public.hex()
    for changes in ({"keys": [key, key]}, {"keys": [key], "threshold": 2}):
        with pytest.raises(SignatureError, match="must differ and reach its threshold"):
            fresh.check(statement_of("account_open", **changes), PERIOD)


def test_a_member_with_a_threshold_of_two_signs_with_both_devices():
    book = KeyBook(ORIGIN)
    book.apply(statement_of("roster"), PERIOD)
    opening = statement_of("account_open", [DEVICE, SECOND_DEVICE, *OPERATORS[:2]], threshold=2)
    book.check(opening, PERIOD)
    book.apply(opening, PERIOD)
    book.check(statement_of("transfer", [SECOND_DEVICE, DEVICE]), PERIOD)
    with pytest.raises(SignatureError, match="a transfer needs 2 of the member's keys; 1"):
        book.check(statement_of("transfer", [DEVICE]), PERIOD)


# Reading batches.


def test_a_reading_batch_binds_every_reading():
    base = BatchContent(989_737, (412, 380, 0), "AAE", bytes(32))
    assert BatchContent.decode(989_737, base.encode()) == base
    others = [
        BatchContent(989_738, (412, 380, 0), "AAE", bytes(32)),
        BatchContent(989_737, (412, 381, 0), "AAE", bytes(32)),
        BatchContent(989_737, (412, 380, 0), "AAA", bytes(32)),
        BatchContent(989_737, (412, 380), "AA", bytes(32)),
        BatchContent(989_737, (412, 380, 0), "AAE", b"\x01" + bytes(31)),
    ]
    assert len({content.root() for content in [base, *others]}) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"wh": []},
        {"wh": [-1, 2]},
        {"wh": [1]},
        {"quality": "AX"},
        {"quality": "A"},
        {"seed": "00"},
        {"first": 1},
    ],
)
def test_a_wrong_detail_is_refused(changes):
    value = {"wh": [412, 380], "quality": "AA", "seed": "00" * 32, **changes}
    with pytest.raises(InputError, match="readings"):
        BatchContent.decode(989_737, encode(value))
