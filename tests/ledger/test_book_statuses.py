"""One status a transfer, and of several reasons the lowest; one id, one content."""

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.book import Book, Status
from ledger.primitives.periods import PERIOD_MAX
from ledger.records import TRANSFER_MAX, Kind
from tests.ledger.book_lives import other_value
from tests.ledger.books import (
    ADA,
    BEN,
    FIELDS,
    FUND,
    GRID,
    NOBODY,
    NOWHERE,
    PERIOD,
    POOL,
    RESERVE,
    SUN,
    busy_book,
    hold,
    id_of,
    move,
    state,
)

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec" / "ledger.md"
BIG = TRANSFER_MAX + 1


@pytest.fixture
def busy() -> Book:
    return busy_book()


# With most of them something else is wrong too, or everything that can be: a later reason.
EXAMPLES = [
    (Status.CREATED, move(99, ADA, BEN, 40)),
    (Status.CREATED, move(99, ADA, BEN, 60, Kind.POST_HOLD, of=2)),
    (Status.CREATED, move(99, RESERVE, BEN, 10, Kind.EXPIRE_HOLD, of=6)),
    (Status.CREATED, move(99, RESERVE, BEN, 10, Kind.VOID_HOLD, of=6)),
    (Status.CREATED, move(99, FUND, RESERVE, 15, Kind.REVERSE, of=8)),
    (Status.CREATED, move(99, RESERVE, FUND, 100, Kind.CORRECT, of=8)),
    (Status.EXISTS, move(1, RESERVE, ADA, 100)),
    (Status.EXISTS, hold(5, RESERVE, BEN, 10, expires=PERIOD - 1)),
    (
        Status.EXISTS_WITH_OTHER_KIND,
        move(1, NOWHERE, NOWHERE, 0, Kind.HOLD, of=7, expires=1, effective=-1),
    ),
    (Status.EXISTS_WITH_OTHER_DEBIT, move(1, NOWHERE, NOWHERE, 0, of=7, expires=1, effective=-1)),
    (Status.EXISTS_WITH_OTHER_CREDIT, move(1, RESERVE, NOWHERE, 0, of=7, expires=1, effective=-1)),
    (Status.EXISTS_WITH_OTHER_AMOUNT, move(1, RESERVE, ADA, 0, of=7, expires=1, effective=-1)),
    (Status.EXISTS_WITH_OTHER_EFFECTIVE, move(1, RESERVE, ADA, 100, of=7, expires=1, effective=-1)),
    (Status.EXISTS_WITH_OTHER_ORIGINAL, move(1, RESERVE, ADA, 100, of=7, expires=1)),
    (Status.EXISTS_WITH_OTHER_EXPIRES, move(1, RESERVE, ADA, 100, expires=1)),
    (Status.EXISTS_WITH_OTHER_EXPIRES, hold(2, ADA, BEN, 60, expires=1)),
    (Status.AMOUNT_OUT_OF_RANGE, move(99, ADA, ADA, 0, effective=-1)),
    (Status.AMOUNT_OUT_OF_RANGE, move(99, ADA, BEN, -1, of=1, expires=1)),
    (Status.AMOUNT_OUT_OF_RANGE, move(99, NOWHERE, ADA, BIG)),
    (Status.EFFECTIVE_OUT_OF_RANGE, move(99, NOWHERE, NOWHERE, 1, effective=-1)),
    (Status.EFFECTIVE_OUT_OF_RANGE, move(99, ADA, POOL, 1, of=1, effective=PERIOD_MAX + 1)),
    (Status.SAME_ACCOUNT_TWICE, move(99, NOWHERE, NOWHERE, 1, of=1, expires=1)),
    (Status.OTHER_ASSET, move(99, NOWHERE, ADA, 1, of=1, expires=1)),
    (Status.OTHER_ASSET, move(99, ADA, POOL, 1)),
    (Status.DEBIT_ACCOUNT_NOT_FOUND, move(99, NOWHERE, NOBODY, 1, of=1, expires=1)),
    (Status.DEBIT_ACCOUNT_NOT_FOUND, move(99, NOWHERE, POOL, 1, Kind.VOID_HOLD, of=7)),
    (Status.CREDIT_ACCOUNT_NOT_FOUND, move(99, POOL, NOWHERE, 1, of=1, expires=1)),
    (Status.ORIGINAL_NOT_ALLOWED, move(99, ADA, BEN, 999, of=7, expires=1)),
    (Status.ORIGINAL_NOT_ALLOWED, move(99, ADA, BEN, 999, Kind.HOLD, of=1, expires=1)),
    (Status.EXPIRES_NOT_ALLOWED, move(99, ADA, BEN, 999, expires=PERIOD + 1)),
    (Status.EXPIRES_NOT_ALLOWED, hold(99, ADA, BEN, 999, expires=PERIOD)),
    (Status.EXPIRES_NOT_ALLOWED, hold(99, ADA, BEN, 999, expires=PERIOD_MAX + 1)),
    (Status.EXPIRES_NOT_ALLOWED, move(99, ADA, BEN, 99, Kind.POST_HOLD, of=7, expires=PERIOD + 1)),
    (Status.EXPIRES_NOT_ALLOWED, move(99, ADA, BEN, 99, Kind.REVERSE, of=7, expires=PERIOD + 1)),
    (Status.HOLD_NOT_FOUND, move(99, ADA, BEN, 1, Kind.POST_HOLD, of=7)),
    (Status.HOLD_NOT_FOUND, move(99, ADA, BEN, 1, Kind.VOID_HOLD)),
    (Status.HOLD_NOT_FOUND, move(99, ADA, BEN, 1, Kind.EXPIRE_HOLD, of=1)),
    (Status.HOLD_EXPIRED, move(99, BEN, ADA, 999, Kind.POST_HOLD, of=5)),
    (Status.HOLD_EXPIRED, move(99, BEN, ADA, 999, Kind.VOID_HOLD, of=5)),
    (Status.HOLD_EXPIRED, move(99, BEN, ADA, 999, Kind.EXPIRE_HOLD, of=5)),
    (Status.HOLD_EXPIRED, move(99, BEN, ADA, 999, Kind.POST_HOLD, of=6)),
    (Status.HOLD_ALREADY_RESOLVED, move(99, BEN, ADA, 999, Kind.POST_HOLD, of=3)),
    (Status.HOLD_ALREADY_RESOLVED, move(99, BEN, ADA, 999, Kind.EXPIRE_HOLD, of=3)),
    (Status.HOLD_NOT_EXPIRED, move(99, BEN, ADA, 999, Kind.EXPIRE_HOLD, of=2)),
    (Status.HOLD_OF_OTHER_ACCOUNTS, move(99, BEN, ADA, 999, Kind.POST_HOLD, of=2)),
    (Status.HOLD_OF_OTHER_ACCOUNTS, move(99, ADA, FUND, 60, Kind.VOID_HOLD, of=2)),
    (Status.HOLD_OF_OTHER_ACCOUNTS, move(99, RESERVE, ADA, 9, Kind.EXPIRE_HOLD, of=6)),
    (Status.EXCEEDS_HOLD, move(99, ADA, BEN, 61, Kind.POST_HOLD, of=2)),
    (Status.EXCEEDS_HOLD, move(99, ADA, BEN, 61, Kind.VOID_HOLD, of=2)),
    (Status.EXCEEDS_HOLD, move(99, ADA, BEN, 59, Kind.VOID_HOLD, of=2)),
    (Status.EXCEEDS_HOLD, move(99, RESERVE, BEN, 9, Kind.EXPIRE_HOLD, of=6)),
    (Status.ORIGINAL_NOT_FOUND, move(99, ADA, BEN, 999, Kind.REVERSE, of=7)),
    (Status.ORIGINAL_NOT_FOUND, move(99, ADA, BEN, 999, Kind.CORRECT)),
    (Status.ORIGINAL_NOT_AMENDABLE, move(99, ADA, FUND, 999, Kind.REVERSE, of=2)),
    (Status.ORIGINAL_NOT_AMENDABLE, move(99, ADA, FUND, 999, Kind.CORRECT, of=4)),
    (Status.ORIGINAL_NOT_AMENDABLE, move(99, ADA, FUND, 999, Kind.CORRECT, of=9)),
    (Status.ORIGINAL_NOT_AMENDABLE, move(99, ADA, FUND, 999, Kind.REVERSE, of=11)),
    (Status.ORIGINAL_OF_OTHER_ACCOUNTS, move(99, ADA, FUND, 999, Kind.CORRECT, of=10)),
    (Status.ORIGINAL_OF_OTHER_ACCOUNTS, move(99, RESERVE, FUND, 999, Kind.REVERSE, of=10)),
    (Status.ORIGINAL_ALREADY_REVERSED, move(99, FUND, RESERVE, 999, Kind.REVERSE, of=10)),
    (Status.ORIGINAL_ALREADY_REVERSED, move(99, RESERVE, FUND, 999, Kind.CORRECT, of=10)),
    (Status.EXCEEDS_ORIGINAL, move(99, FUND, RESERVE, 16, Kind.REVERSE, of=8)),
    (Status.EXCEEDS_ORIGINAL, move(99, FUND, RESERVE, 16, Kind.CORRECT, of=8)),
    (Status.NOT_WHAT_REMAINS, move(99, ADA, RESERVE, 99, Kind.REVERSE, of=1)),  # ADA has 40 free
    (Status.BELOW_FLOOR, move(99, ADA, FUND, 121)),
    (Status.BELOW_FLOOR, hold(99, ADA, BEN, 41)),
    (Status.BELOW_FLOOR, move(99, ADA, RESERVE, 100, Kind.REVERSE, of=1)),
    (Status.ABOVE_CEILING, move(99, RESERVE, FUND, TRANSFER_MAX)),
    (Status.ABOVE_CEILING, hold(99, RESERVE, FUND, 106)),
    (Status.ABOVE_CEILING, move(99, RESERVE, FUND, 106, Kind.CORRECT, of=8)),
    (Status.BALANCE_OUT_OF_RANGE, move(99, GRID, SUN, TRANSFER_MAX)),
    (Status.BALANCE_OUT_OF_RANGE, move(99, GRID, POOL, 1)),
    (Status.BALANCE_OUT_OF_RANGE, hold(99, GRID, POOL, 1)),
    (Status.BALANCE_OUT_OF_RANGE, move(99, GRID, SUN, 1, Kind.CORRECT, of=12)),
]


@pytest.mark.parametrize(
    ("status", "transfer"),
    EXAMPLES,
    ids=[f"{number}-{status.name}" for number, (status, _) in enumerate(EXAMPLES)],
)
def test_the_first_reason_in_order_is_the_one_given(busy, status, transfer):
    before = state(busy)
    alone = copy.deepcopy(busy)
    assert busy.apply([transfer], PERIOD) == [status]
    assert alone.apply_each([transfer], PERIOD) == [status]
    assert state(alone) == state(busy)
    if status is not Status.CREATED:
        assert state(busy) == before


def test_every_status_has_an_example_in_order():
    shown = [status for status, _ in EXAMPLES]
    assert {*shown, Status.BATCH_REFUSED} == set(Status)
    assert shown == sorted(shown)
    assert [status.value for status in Status] == list(range(len(Status)))


def test_only_what_is_in_the_book_counts_as_taken():
    assert {status for status in Status if status.taken} == {Status.CREATED, Status.EXISTS}
    assert Status.HOLD_OF_OTHER_ACCOUNTS.words == "hold of other accounts"


def test_the_specification_has_every_status_and_every_kind():
    page = SPEC.read_text()
    statuses = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| .+ \|$", page, re.MULTILINE)
    assert statuses == [(str(status.value), status.name) for status in Status]
    kinds = re.findall(r"^\| ([A-Z_]+) \| (\d+) \| .+ \|$", page, re.MULTILINE)
    assert kinds == [(kind.name, str(kind.value)) for kind in Kind]


# Ids.


@pytest.mark.parametrize(
    "number", [1, 2, 4, 5, 9, 11], ids=["post", "hold", "void", "expiring", "correct", "back"]
)
@pytest.mark.parametrize("field", FIELDS)
def test_one_changed_field_is_named(busy, number, field):
    known = busy.transfers[id_of(number)]
    changed = replace(known, **{field: other_value(known, field)})
    before = state(busy)
    for now in (PERIOD - 5, PERIOD, PERIOD_MAX):
        [status] = busy.apply_each([changed], now)
        assert status.conflict == field
        assert not status.taken
        assert status.name == f"EXISTS_WITH_OTHER_{field.upper()}"
        assert busy.apply_each([known], now) == [Status.EXISTS]
    assert state(busy) == before


def test_no_other_status_names_a_field():
    named = [status.conflict for status in Status if status.conflict is not None]
    assert named == list(FIELDS)
