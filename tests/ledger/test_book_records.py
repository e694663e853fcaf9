"""What is hashed: two transfers never share their bytes, and order counts."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import Book, Status
from ledger.errors import InputError
from ledger.primitives.hashing import tagged_hash
from ledger.records import (
    AMOUNT_MAX,
    Kind,
    Transfer,
    content_hash,
    record,
    salted_root,
)
from tests.ledger.books import ACCOUNTS, ADA, BEN, DONE, FIELDS, PERIOD, RESERVE, move, new_book

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec" / "ledger.md"

IDS = st.binary(min_size=16, max_size=16).filter(any) | st.sampled_from([b"\1" * 16, b"\2" * 16])
TRANSFERS = st.builds(
    Transfer,
    id=IDS,
    kind=st.sampled_from(Kind),
    debit=st.sampled_from(ACCOUNTS),
    credit=st.sampled_from(ACCOUNTS),
    amount=st.integers(1, 3) | st.integers(1, AMOUNT_MAX),
    effective=st.integers(PERIOD, PERIOD + 2),
    original=st.none() | IDS,
    expires=st.none() | st.integers(0, 2) | st.integers(0, 2**53),
)


@settings(max_examples=300)
@given(TRANSFERS, TRANSFERS, st.sets(st.sampled_from(["id", *FIELDS])))
def test_two_transfers_never_share_a_record(one, other, alike):
    other = replace(other, **{name: getattr(one, name) for name in alike})
    assert (record(one) == record(other)) == (one == other)
    assert (content_hash([one]) == content_hash([other])) == (one == other)


@settings(max_examples=200)
@given(TRANSFERS)
def test_a_record_has_136_bytes_or_144_if_it_expires(transfer):
    without = replace(transfer, expires=None)
    assert len(record(without)) == 136
    assert record(without).startswith(b"commonwatt/transfer/v1\0")
    for expires in (0, 1, PERIOD, transfer.expires or 0):
        expiring = record(replace(transfer, expires=expires))
        assert len(expiring) == 144
        assert expiring[:23] == b"commonwatt/transfer/v2\0"
        assert expiring[23:136] == record(without)[23:]
        assert expiring[136:] == expires.to_bytes(8)


@settings(max_examples=100)
@given(st.lists(TRANSFERS, max_size=3), st.lists(TRANSFERS, max_size=3))
def test_two_batches_never_share_a_hash(one, other):
    """The records' two lengths do not let one batch pass for another: each says its version."""
    assert (content_hash(one) == content_hash(other)) == (one == other)
    joined = b"commonwatt/batch/v1\0" + b"".join(map(record, one))
    assert content_hash(iter(one)) == hashlib.sha256(joined).digest()


def test_what_has_no_bytes_is_refused_before_it_is_hashed():
    fine = move(1, RESERVE, ADA, 5)
    for wrong in (
        replace(fine, id=b"short"),
        replace(fine, original=bytes(16)),
        replace(fine, original=b"short"),
        replace(fine, amount=2**63),
        replace(fine, effective=-(2**63) - 1),
        replace(fine, expires=2**63),
    ):
        with pytest.raises(InputError):
            record(wrong)
        with pytest.raises(InputError):
            content_hash([fine, wrong])


@settings(max_examples=100)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_numbers_that_a_book_refuses_are_hashed_all_the_same(amount, time):
    fine = move(1, RESERVE, ADA, 5)
    other = replace(fine, amount=amount, effective=time, expires=time)
    assert record(other) != record(fine)
    if amount < 1:
        assert new_book().apply([other], PERIOD) == [Status.AMOUNT_OUT_OF_RANGE]


def test_a_batchs_hash_and_root_depend_on_order_and_number():
    one, other = move(1, ADA, BEN, 1), move(2, ADA, BEN, 1)
    batches = [[one, other], [other, one], [one], [one, one], []]
    assert len({content_hash(batch) for batch in batches}) == len(batches)
    seed = bytes(32)
    roots = {salted_root(seed, [record(transfer) for transfer in batch]) for batch in batches}
    assert len(roots) == len(batches)
    assert salted_root(b"\x01" + bytes(31), [record(one)]) not in roots


def test_the_expiring_hold_of_the_specification():
    [block] = re.findall(r"```text\n(.*?)```\n", SPEC.read_text(), re.DOTALL)
    written = block.split()
    hold_id, debit, credit = bytes(range(16)), "pool/street WH/0", "grid/export WH/0"
    made = Transfer(hold_id, Kind.HOLD, debit, credit, 5, 989737, expires=989785)
    [expiry] = expiries_of(made)
    batch_id = tagged_hash("commonwatt/id/expiries/v1", expiry.id)[:16]
    assert written == [
        made_of.hex() for made_of in (record(made), expiry.id, record(expiry), batch_id)
    ]
    # The same from the page's words.
    hashes = [
        hashlib.sha256(b"commonwatt/account/v1\0" + account.encode()).digest()
        for account in (debit, credit)
    ]
    content = b"".join([*hashes, (5).to_bytes(8)])
    v1, v2 = (f"commonwatt/transfer/v{number}\0".encode() for number in (1, 2))
    times = (989737).to_bytes(8), (989785).to_bytes(8)
    expiry_id = hashlib.sha256(b"commonwatt/id/expiry/v1\0" + hold_id).digest()[:16]
    expiries_id = hashlib.sha256(b"commonwatt/id/expiries/v1\0" + expiry_id).digest()[:16]
    first = v2 + hold_id + b"\2" + content + times[0] + bytes(16) + times[1]
    second = v1 + expiry_id + b"\5" + content + times[1] + hold_id
    assert written == [one.hex() for one in (first, expiry_id, second, expiries_id)]


def expiries_of(made: Transfer) -> list[Transfer]:
    book = Book()
    book.open(made.debit)
    book.open(made.credit)
    assert book.apply([made], made.effective) == DONE
    return book.expire(made.expires or 0)
