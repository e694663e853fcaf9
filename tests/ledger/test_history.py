"""Balances of the past and statements by pages, against adding up everything that was posted."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from ledger import history
from ledger.records import MOVES, Kind
from tests.ledger.books import ADA, BEN, FEES, FUND, PERIOD, RESERVE, hold, id_of, move
from tests.ledger.stores import ENGINES, batch, new_ledger, prepared_database, watched

ACCOUNTS = [ADA, BEN, FUND, FEES, RESERVE]
CHUNK = 8
EVER = range(4_000_001)


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with prepared_database(request.param, tmp_path_factory.mktemp("history")) as value:
        yield value


@pytest.fixture(scope="module", autouse=True)
def _small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "CHUNK_TRANSFERS", CHUNK)
        yield


class Past:
    """A community's past: asked of the store, and added up from all that was posted."""

    def __init__(self, ledger):
        self.ledger = ledger
        times = ledger.rows('"first", "count", recorded_at, position', "batch")
        of_transfer = [(ms, at) for _, count, ms, at in times for _ in range(count)]
        self.taken = [
            (number, one, *when)
            for number, (one, when) in enumerate(
                zip(ledger.transfers(), of_transfer, strict=True), start=1
            )
        ]
        self.times = [ms for _, _, ms, _ in times]
        self.numbers = {name: number for number, name in ledger.rows("number, name", "account")}

    def balance(self, account, end, known_ms):
        with self.ledger.database.read() as connection:
            return history.balance_at(
                connection, self.ledger.community, self.numbers[account], end, known_ms
            )

    def balance_added_up(self, account, end, known_ms):
        return sum(
            one.amount * ((one.credit == account) - (one.debit == account))
            for _, one, ms, _ in self.taken
            if one.kind in MOVES and one.effective < end and (known_ms is None or ms <= known_ms)
        )

    def entries(self, account, count=None, **asked):
        with self.ledger.database.read() as connection:
            found = history.entries(
                connection, self.ledger.community, self.numbers[account], **asked
            )
            return list(itertools.islice(found, count))

    def entries_added_up(self, account, after=0, periods=EVER, known_ms=None):
        balance, found = 0, []
        for number, one, ms, at in self.taken:
            if one.kind not in MOVES or account not in (one.debit, one.credit):
                continue
            if known_ms is not None and ms > known_ms:
                continue
            amount = one.amount if one.credit == account else -one.amount
            balance += amount
            if number > after and one.effective in periods:
                other = self.numbers[one.debit if amount > 0 else one.credit]
                found.append(
                    history.Entry(
                        *(number, one.id, one.kind, one.effective, ms, at, other),
                        *(amount, balance, one.original),
                    )
                )
        return found


def a_past(database, sizes, rng):
    """Post batches of some sizes: movements, holds, corrections, often about long ago."""
    ledger, numbers, moved = new_ledger(database), itertools.count(1), []
    ledger.limit(FUND, None, None)
    for account in (ADA, BEN, FUND):
        ledger.limit(account, None, None)
    for size in sizes:
        transfers = []
        for _ in range(size):
            number, amount = next(numbers), rng.randint(1, 9)
            debit, credit = rng.sample(ACCOUNTS, 2)
            late = rng.choice((0, 0, 1, 2, 3, 700))
            one = move(number, debit, credit, amount, effective=PERIOD - late)
            chance = rng.random()
            if chance < 0.1:
                one = replace(one, kind=Kind.HOLD)
            elif chance < 0.3 and moved:
                before = rng.choice(moved)
                one = replace(before, id=one.id, kind=Kind.CORRECT, amount=1, original=before.id)
            if one.kind is Kind.POST:
                moved.append(one)
            transfers.append(one)
        ledger.now_ms += rng.choice((0, 1, 5))
        made = batch(next(numbers), *transfers, position=next(numbers))
        assert ledger.submit(made)[0].refusal is None
    return Past(ledger)


@settings(max_examples=12, derandomize=True, database=None)
@given(sizes=st.lists(st.integers(0, 20), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_any_balance_and_any_statement_is_what_adding_up_gives(database, sizes, seed):
    rng = random.Random(seed)
    past = a_past(database, sizes, rng)
    for _ in range(6):
        account = rng.choice(ACCOUNTS)
        known_ms = rng.choice([None, *past.times, past.times[0] - 1, past.times[-1] + 1])
        end = PERIOD + rng.choice((-800, -700, -699, -3, -2, -1, 0, 1, 2))
        assert past.balance(account, end, known_ms) == past.balance_added_up(account, end, known_ms)
        after = rng.randint(0, len(past.taken) + 2)
        periods = range(PERIOD - rng.randint(0, 3), PERIOD + rng.randint(-2, 1))
        for asked in (
            {},
            {"after": after, "known_ms": known_ms},
            {"after": after, "periods": periods},
            {"periods": range(PERIOD - 700, PERIOD - 699), "known_ms": known_ms},
        ):
            assert past.entries(account, **asked) == past.entries_added_up(account, **asked)


@pytest.fixture(scope="module")
def past(database):
    return a_past(database, [30] * 10, random.Random(1))


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_page_by_page_is_the_same_as_all_at_once(past, size):
    whole, pages, after = past.entries(ADA), [], 0
    while page := past.entries(ADA, size, after=after):
        pages += page
        after = page[-1].number
    assert pages == whole == past.entries_added_up(ADA)
    assert len(whole) > 50


def test_pages_stay_as_they_are_while_more_is_posted_between_them(database):
    past = a_past(database, [20] * 3, random.Random(2))
    whole, pages, after = past.entries(ADA), [], 0
    more = iter(range(10_000, 10_012))
    while page := past.entries(ADA, 3, after=after):
        pages += page
        after = page[-1].number
        for number in itertools.islice(more, 1):
            # Some of it is about long ago: it comes at the end all the same.
            one = move(number, RESERVE, ADA, 1, effective=PERIOD - number % 2 * 5_000)
            past.ledger.submit(batch(number, one))
    assert pages[: len(whole)] == whole
    assert pages == Past(past.ledger).entries_added_up(ADA)


def test_a_late_correction_changes_what_is_known_since_and_nothing_before(database):
    ledger = new_ledger(database)
    old = PERIOD - 30_000
    ledger.submit(batch(1, move(1, RESERVE, ADA, 100, effective=old)))
    for number in range(2, 60):
        ledger.now_ms += 1_000
        ledger.submit(batch(number, move(number, RESERVE, ADA, 1)))
    before = ledger.now_ms
    ledger.now_ms += 1_000
    late = move(99, ADA, RESERVE, 30, Kind.CORRECT, of=1, effective=old)
    ledger.submit(batch(99, late))
    past = Past(ledger)
    rows = ledger.rows("*", "history", "chunk, account, effective")
    assert past.balance(ADA, old + 1, before) == 100
    assert past.balance(ADA, old + 1, None) == 70
    assert past.balance(ADA, old, None) == 0
    assert past.balance(ADA, PERIOD, None) == 70
    assert past.balance(ADA, PERIOD + 1, None) == 128
    assert past.balance(ADA, PERIOD + 1, before) == 158
    assert [one.id for one in past.entries(ADA, periods=range(old, old + 1))] == [
        id_of(1),
        id_of(99),
    ]
    assert past.entries(ADA)[-1].balance == 128
    for number in range(100, 120):
        ledger.submit(batch(number, move(number, RESERVE, ADA, 1)))
    assert ledger.rows("*", "history", "chunk, account, effective")[: len(rows)] == rows


def test_holds_are_no_part_of_what_moved_until_they_are_posted(database):
    ledger = new_ledger(database)
    ledger.submit(batch(1, *(hold(at, RESERVE, ADA, 5) for at in range(1, 20))))
    past = Past(ledger)
    assert past.entries(ADA) == []
    assert past.balance(ADA, PERIOD + 1, None) == 0
    assert ledger.rows("*", "history", "chunk") == []
    ledger.submit(batch(2, move(30, RESERVE, ADA, 3, Kind.POST_HOLD, of=1)))
    (entry,) = past.entries(ADA)
    assert (entry.amount, entry.balance, entry.original) == (3, 3, id_of(1))


def test_another_communitys_past_is_not_seen(past, database):
    other = a_past(database, [9, 9, 9], random.Random(5))
    assert other.entries(ADA) == other.entries_added_up(ADA)
    assert past.entries(ADA) == past.entries_added_up(ADA)


# The work does not grow with how far back.


def work_of(past, ask):
    """Return how many statements a question takes, and how many transfers they look at."""
    statements = []
    with watched(past.ledger.database, statements.append):
        ask()
    return len([one for one in statements if not one.startswith(("BEGIN", "PRAGMA"))])


def test_a_balance_of_long_ago_takes_as_many_statements_as_one_of_now(past):
    past.balance(ADA, PERIOD, None)
    asked = [(PERIOD + 1, None), (PERIOD - 700, None), (1, None), (PERIOD, past.times[1])]
    counts = {work_of(past, lambda one=one: past.balance(ADA, *one)) for one in asked}
    assert len(counts) == 1
    assert max(counts) <= 2


def test_balances_come_from_the_running_totals_and_not_from_the_transfers(database):
    """An insider changes a running total: every balance that needs it shows it, no other does."""
    past = a_past(database, [CHUNK] * 3, random.Random(4))
    assert len({row[0] for row in past.ledger.rows("chunk", "history", "chunk")}) == 3
    before = [past.balance(ADA, PERIOD + 1, ms) for ms in past.times]
    raised = "UPDATE history SET total = total + 1000 WHERE community = :me AND chunk = 1"
    with past.ledger.database.engine.connect() as connection, connection.begin() as transaction:
        drop = "DROP TRIGGER history_no_update"
        if past.ledger.database.dialect == "postgresql":
            drop = "ALTER TABLE history DISABLE TRIGGER history_append_only"
        connection.execute(text(drop))
        connection.execute(text(raised), {"me": past.ledger.community})
        after = [
            history.balance_at(
                connection, past.ledger.community, past.numbers[ADA], PERIOD + 1, known_ms=ms
            )
            for ms in past.times
        ]
        transaction.rollback()
    assert [new - old for new, old in zip(after, before, strict=True)] == [0, 1000, 1000]


@pytest.mark.parametrize("count", [1, 3])
def test_a_short_page_reads_few_chunks_wherever_it_begins(past, count):
    """One look-up for the last number, one for the balance before, one or two for the page."""
    middle = past.entries(ADA)[40].number
    for after in (0, middle, past.taken[-1][0] - 3):
        assert work_of(past, lambda after=after: past.entries(ADA, count, after=after)) <= 4
    assert work_of(past, lambda: past.entries(ADA)) <= 9


def test_sqlite_works_no_harder_for_long_ago_than_for_now(tmp_path):
    """Counted in steps of SQLite's machine; adding everything up is the measure of too many."""
    with prepared_database("sqlite", tmp_path) as database, pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "CHUNK_TRANSFERS", 64)
        past = a_past(database, [40] * 40, random.Random(6))
        account = past.numbers[ADA]
        with database.read() as connection:
            steps = []
            driver = connection.connection.driver_connection
            driver.set_progress_handler(lambda: steps.append(1), 10)

            def count(ask):
                steps.clear()
                ask()
                return len(steps)

            def ask(end):
                return lambda: history.balance_at(connection, past.ledger.community, account, end)

            add_up = (
                "SELECT sum(CASE WHEN debit = :a THEN -amount ELSE amount END) FROM transfer"
                " WHERE community = :c AND (debit = :a OR credit = :a) AND effective < :end"
            )
            values = {"a": account, "c": past.ledger.community, "end": PERIOD}
            whole = count(lambda: connection.execute(text(add_up), values).all())
            ends = [count(ask(end)) for end in (PERIOD + 1, PERIOD, PERIOD - 1, PERIOD - 700, 1)]
            driver.set_progress_handler(None, 0)
        assert max(ends) <= ends[0] * 1.2
        assert max(ends) < whole / 3


def explained(database, statement, values):
    with database.read() as connection:
        return connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()


def test_sqlite_finds_the_past_by_keys(tmp_path):
    """Of no table all rows of a community are read, whatever SQLite believes of their number."""
    with prepared_database("sqlite", tmp_path) as database:
        past, asked = a_past(database, [CHUNK] * 20, random.Random(8)), []

        def remember(_connection, _cursor, statement, values, *_):
            asked.append((statement, values))

        event.listen(database.engine, "before_cursor_execute", remember)
        past.balance(ADA, PERIOD, past.times[-3])
        past.entries(ADA, after=30)
        event.remove(database.engine, "before_cursor_execute", remember)
        plans = [
            row[3].split()
            for statement, values in asked
            if statement.lstrip().startswith(("SELECT", "WITH"))
            for row in explained(database, statement, values)
        ]
    named = [plan for plan in plans if {"transfer", "history", "batch"}.intersection(plan[1:2])]
    assert {plan[1] for plan in named} == {"transfer", "history", "batch"}
    for plan in named:
        assert plan[0] == "SEARCH", plan
        assert plan[-1] != "(community=?)", plan
