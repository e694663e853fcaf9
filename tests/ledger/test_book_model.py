"""The book and its model live the same lives; counted, so that nothing is tested by hope."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import Status
from ledger.records import Kind
from tests.ledger.book_lives import RECIPE_MAX, STEP_MAX, Life

RECIPES = st.tuples(*(st.integers(0, most) for most in RECIPE_MAX))
STEPS = st.tuples(*(st.integers(0, most) for most in STEP_MAX), st.lists(RECIPES, max_size=4))


@settings(max_examples=100)
@given(st.lists(STEPS, min_size=3, max_size=15))
def test_the_book_does_what_the_model_does(steps):
    life = Life()
    for step in steps:
        life.step(step)


def test_long_lives_of_a_book_and_its_model():
    """As above and longer: each kind is often taken and often undone, each status often given."""
    statuses: Counter[Status] = Counter()
    kinds: Counter[Kind] = Counter()
    undone: Counter[Kind] = Counter()
    for seed in range(48):
        rng = random.Random(seed)
        life = Life(statuses=statuses, kinds=kinds, undone=undone)
        for _ in range(60):
            sizes = rng.randint(1, 4)
            recipes = [tuple(rng.randint(0, most) for most in RECIPE_MAX) for _ in range(sizes)]
            life.step((*(rng.randint(0, most) for most in STEP_MAX), recipes))
    assert min(kinds[kind] for kind in Kind) > 80
    assert min(undone[kind] for kind in Kind) > 10
    assert min(statuses[status] for status in Status) > 5
