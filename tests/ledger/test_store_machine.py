"""The pure book and the store side by side: retries, faults, lost answers, and clients at once.

One book lives as long as its community. What a store is told, the book is told too, in the order
in which the store took it; after each step everything that can be read is the same.
"""

import copy
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ledger import history
from ledger.batches import Answer, Batch
from ledger.book import Book
from ledger.db import Database
from ledger.errors import RefusedError
from ledger.group import GroupCommit, commit_batches, retried
from ledger.invariants import check_balances
from ledger.primitives.clock import FixedClock
from ledger.records import MOVES
from ledger.status import Status
from ledger.store import LedgerStore
from tests.ledger.book_lives import (
    CEILINGS,
    FLOORS,
    LIMITED,
    RECIPE_MAX,
    Life,
    other_value,
)
from tests.ledger.books import ACCOUNTS, FIELDS, PERIOD
from tests.ledger.stores import (
    ENGINES,
    HALF_HOUR_MS,
    BrokenError,
    at_once,
    batch,
    failing_commit,
    failing_statement,
    new_ledger,
    prepared_database,
    same_pairs,
)

RECIPES = st.lists(
    st.tuples(*(st.integers(0, most) for most in RECIPE_MAX)), min_size=1, max_size=3
)
MADE = st.tuples(st.booleans(), RECIPES)
ONE, SEVERAL = st.lists(MADE, min_size=1, max_size=1), st.lists(MADE, min_size=2, max_size=4)
CROWD = st.lists(MADE, min_size=2, max_size=5)
NUMBERS = st.integers(0, 999)


class StoreMachine(RuleBasedStateMachine):
    """A community's store, and the book that it should be."""

    database: ClassVar[Database]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = new_ledger(self.database)
        self.life = Life()
        self.book: Book = self.life.book
        self.period = PERIOD
        self.stored: dict[bytes, tuple[Batch, list[Status]]] = {}
        self.sent: list[Batch] = []
        self.numbers = itertools.count(1)
        first = batch(0, *self.book.transfers.values())
        self.ledger.submit(first)
        self.stored[first.id] = first, [Status.CREATED] * 3

    # What the book makes of it.

    @property
    def now(self) -> int:
        return max(self.ledger.now_ms // HALF_HOUR_MS, self.period)

    def decide(self, batches: Sequence[Batch]) -> list[Answer]:
        """Tell the book of one call of the store, and return the answers."""
        book, answers, kept = copy.deepcopy(self.book), [], False
        expired = book.expire(self.now)
        for one in batches:
            if one.id in self.stored:
                answers.append(self.repeated(one))
                continue
            apply = book.apply if one.atomic else book.apply_each
            statuses = apply(one.transfers, self.now)
            answers.append(Answer(tuple(statuses)))
            if not one.atomic or all(status.taken for status in statuses):
                self.stored[one.id] = one, statuses
                kept = True
            self.seen.update(status.name for status in statuses)
        if kept:  # otherwise nothing was written, and what is over is over later
            self.book, self.period = book, self.now
            self.seen["expired"] += len(expired)
        return answers

    def repeated(self, one: Batch) -> Answer:
        before, statuses = self.stored[one.id]
        if before.transfers == one.transfers:
            self.seen["repeated"] += 1
            return Answer(tuple(statuses), repeated=True)
        self.seen["conflict"] += 1
        for at, (old, new) in enumerate(zip(before.transfers, one.transfers, strict=True)):
            for name in ("id", *FIELDS):
                if getattr(old, name) != getattr(new, name):
                    all_new = set(statuses) == {Status.CREATED}
                    return Answer(conflict=f"transfers[{at}].{name}" if all_new else "transfers")
        raise AssertionError("no difference")

    def make(self, made: Sequence[tuple[bool, list]]) -> list[Batch]:
        """Return batches that are aimed at what is in the book."""
        self.life.now = self.now
        self.life.model.taken = list(self.book.transfers.values())
        self.life.model.limits = {
            account: (balance.floor, balance.ceiling)
            for account, balance in self.book.balances.items()
        }
        transfers = self.life.make([recipe for _, recipes in made for recipe in recipes])
        self.life.sent += transfers
        rest = iter(transfers)
        batches = [
            batch(
                next(self.numbers),
                *itertools.islice(rest, len(recipes)),
                atomic=atomic,
            )
            for atomic, recipes in made
        ]
        self.sent += batches
        return batches

    def call(self, batches: Sequence[Batch]) -> None:
        assert self.ledger.submit(*batches) == self.decide(batches)

    # One client.

    @rule(made=ONE)
    def post_one(self, made):
        self.call(self.make(made))

    @rule(made=SEVERAL)
    def post_several(self, made):
        self.call(self.make(made))

    @rule(number=NUMBERS, made=ONE)
    def try_again(self, number, made):
        """An earlier batch, whatever became of it, before a new one and twice."""
        new = self.make(made)
        earlier = self.sent[number % len(self.sent)]
        self.call([earlier, *new, earlier] if earlier.id in self.stored else [earlier, *new])

    @rule(number=NUMBERS)
    def try_again_with_other_content(self, number):
        earlier, _ = list(self.stored.values())[number % len(self.stored)]
        at = number % len(earlier.transfers)
        one, name = earlier.transfers[at], FIELDS[number % len(FIELDS)]
        changed = list(earlier.transfers)
        changed[at] = replace(one, **{name: other_value(one, name)})
        self.call([replace(earlier, transfers=tuple(changed))])

    @rule(periods=st.integers(-1, 3))
    def pass_time(self, periods):
        self.ledger.now_ms += periods * HALF_HOUR_MS

    @rule(number=NUMBERS)
    def limit(self, number):
        account = LIMITED[number % len(LIMITED)]
        limits = FLOORS[number % len(FLOORS)], CEILINGS[number % len(CEILINGS)]
        if self.book.limit(account, *limits) is Status.CREATED:
            self.ledger.limit(account, *limits)
            self.seen["limit"] += 1
        else:
            with pytest.raises(RefusedError, match="would be broken at once"):
                self.ledger.limit(account, *limits)

    @rule()
    def reopen(self):
        self.database.engine.dispose()
        self.ledger.store = LedgerStore(self.ledger.community)

    # Faults.

    @rule(at=st.integers(0, 12), made=st.one_of(ONE, SEVERAL))
    def break_at_a_statement(self, at, made):
        batches = self.make(made)
        with failing_statement(self.database, at):
            try:
                answers = self.ledger.submit(*batches)
            except BrokenError:
                answers = None
        if answers is None:
            self.seen["broken"] += 1
            self.compare()
            answers = self.ledger.submit(*batches)
        assert answers == self.decide(batches)

    @rule(after=st.booleans(), made=st.one_of(ONE, SEVERAL))
    def break_at_the_commit(self, after, made):
        batches = self.make(made)
        with failing_commit(self.database, after=after), pytest.raises(BrokenError):
            self.ledger.submit(*batches)
        if after:
            self.seen["lost answer"] += 1
            self.decide(batches)
        self.compare()
        self.call(batches)

    # Clients at once.

    @rule(made=CROWD, twice=st.booleans(), at=st.integers(0, 40))
    def post_as_a_group(self, made, twice, at):
        """A fault hits some of them, who try again."""
        batches = self.make(made)
        batches += batches[:1] * twice
        calls: list[tuple[list[Batch], list[Answer]]] = []
        clock = FixedClock(self.ledger.now_ms)
        real = commit_batches(self.database, self.ledger.store, clock)

        def commit(some):
            answers = real(some)
            calls.append((list(some), answers))
            return answers

        def client(one: Batch) -> Answer:
            try:
                return group.submit(one)
            except BrokenError:
                self.seen["broken together"] += 1
                return group.submit(one)

        with failing_statement(self.database, at), GroupCommit(commit) as group:
            answers = at_once(client, batches)
        for some, answered in calls:
            # An id twice in one call is answered the second time as if it had come before.
            assert answered == self.decide(some)
        given = [pair for call in calls for pair in zip(*call, strict=True)]
        assert same_pairs(zip(batches, answers, strict=True), given)
        self.seen["together"] += sum(len(some) > 1 for some, _ in calls)
        self.ledger.now_ms = clock.now_ms()

    @rule(made=CROWD, twice=st.booleans())
    def post_apart(self, made, twice):
        """Each client has a store and a connection of its own; somebody reads meanwhile."""
        batches = self.make(made)
        batches += batches[:1] * twice
        order: list[tuple[Batch, Answer]] = []

        def post(one: Batch) -> Answer:
            store = LedgerStore(self.ledger.community)
            with self.database.write() as connection:
                store.lock(connection)
                (answer,) = store.submit(connection, [one], self.ledger.now_ms)
                order.append((one, answer))
            return answer

        def client(one: Batch | None) -> Answer | None:
            if one is not None:
                return retried(lambda: post(one))
            with self.database.read() as connection:
                check_balances(LedgerStore(self.ledger.community).balances(connection))
            return None

        answers = at_once(client, [*batches, None])
        for one, answer in order:
            assert [answer] == self.decide([one])
        assert same_pairs(zip(batches, answers[:-1], strict=True), order)
        self.seen["apart"] += [one for one, _ in order] != batches

    # What is the same after each step.

    @invariant()
    def compare(self) -> None:
        balances = self.ledger.balances()
        assert balances == self.book.balances
        check_balances(balances)
        with self.database.read() as connection:
            posted = [transfer for transfer, _ in self.ledger.store.transfers(connection)]
            assert posted == list(self.book.transfers.values())
            self.ask_history(connection)
        rows = self.ledger.rows("id, statuses", "batch")
        found = [(one, statuses) for one, statuses in rows if one in self.stored]
        assert [one for one, _ in found] == list(self.stored)
        for one, statuses in found:
            bare = [] if statuses is None else list(statuses[:-32])
            assert (bare or [0] * len(self.stored[one][1])) == self.stored[one][1]

    def ask_history(self, connection) -> None:
        """Ask for some balances of the past; add them up from all that was recorded."""
        times = self.ledger.rows('"first", "count", recorded_at', "batch")
        recorded = [time for _, count, time in times for _ in range(count)]
        taken = list(zip(self.book.transfers.values(), recorded, strict=True))
        rng = random.Random(len(taken))
        for _ in range(2):
            account, end = rng.choice(ACCOUNTS), PERIOD + rng.randint(-1, 12)
            known_ms = rng.choice([None, rng.choice(recorded), recorded[-1] - 1])
            number = self.ledger.store.chart.number_of(connection, account)
            asked = history.balance_at(
                connection, self.ledger.community, number, end, known_ms=known_ms
            )
            assert asked == sum(
                one.amount * ((one.credit == account) - (one.debit == account))
                for one, time in taken
                if one.effective < end
                and one.kind in MOVES
                and (known_ms is None or time <= known_ms)
            )


@pytest.fixture(params=ENGINES)
def database(request, tmp_path):
    with prepared_database(request.param, tmp_path) as value:
        yield value


@pytest.fixture
def machine(database, monkeypatch):
    """The machine of a database, whose history has a chunk for every eight transfers."""
    monkeypatch.setattr(history, "CHUNK_TRANSFERS", 8)
    monkeypatch.setattr(LedgerStore, "after_write", None)  # `compare` looks at more

    class Machine(StoreMachine):
        seen: ClassVar[Counter[str]] = Counter()

    Machine.database = database
    return Machine


def test_the_store_does_what_the_book_does(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=12,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_long_lives_of_a_book_and_its_store(machine):
    """As above and longer, and counted, so that nothing is tested by hope."""
    for seed in range(8):
        rng = random.Random(seed)
        life = machine()
        for _ in range(50):
            live(life, rng)
            life.compare()
    seen = machine.seen
    # Which statuses are given depends a little on which client came first.
    assert sum(seen[status.name] > 0 for status in Status) >= len(Status) - 3
    assert min(seen[name] for name in ("expired", "repeated", "conflict", "broken")) > 8
    assert min(seen[name] for name in ("lost answer", "limit", "broken together")) > 2


def live(life, rng):
    """Do one thing, in the way of the rules."""

    def number():
        return rng.randint(0, 999)

    def made(least, most):
        return [
            (rng.random() < 0.5, [recipe() for _ in range(rng.randint(1, 3))])
            for _ in range(rng.randint(least, most))
        ]

    def recipe():
        return tuple(rng.randint(0, most) for most in RECIPE_MAX)

    deeds = {
        "post_one": lambda: life.post_one(made(1, 1)),
        "post_several": lambda: life.post_several(made(2, 4)),
        "try_again": lambda: life.try_again(number(), made(1, 1)),
        "other_content": lambda: life.try_again_with_other_content(number()),
        "time": lambda: life.pass_time(rng.choice((-1, 1, 2, 4))),
        "limit": lambda: life.limit(number()),
        "reopen": life.reopen,
        "statement": lambda: life.break_at_a_statement(rng.randint(0, 9), made(1, 3)),
        "commit": lambda: life.break_at_the_commit(rng.random() < 0.5, made(1, 3)),
        "group": lambda: life.post_as_a_group(made(2, 5), rng.random() < 0.3, rng.randint(0, 20)),
        "apart": lambda: life.post_apart(made(2, 5), rng.random() < 0.3),
    }
    rng.choice(list(deeds.values()))()
