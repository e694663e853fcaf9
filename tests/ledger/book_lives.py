"""Lives of a book: steps made of plain numbers, which a book and its model both take.

The numbers come from Hypothesis or a seeded generator. They are aimed: a resolution meets a hold
that is there, an amendment a movement; then a twist or two make some of them wrong.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ledger.book import Book, Status
from ledger.invariants import check_balances
from ledger.records import TRANSFER_MAX, Kind, Transfer
from tests.ledger.book_model import LAST_PERIOD, Model
from tests.ledger.books import (
    ADA,
    BEN,
    FEES,
    FIELDS,
    FUND,
    GRID,
    NOWHERE,
    PERIOD,
    POOL,
    RESERVE,
    SUN,
    all_that_fits,
    id_of,
    move,
    new_book,
    state,
)

Recipe = tuple[int, int, int, int, int, int]
"""Kind, accounts, amount, target, and two twists."""

Step = tuple[int, int, list[Recipe]]
"""What is done, a number for it, and the transfers."""

MONEY = [ADA, BEN, FUND, FEES, RESERVE]
PAIRS = [(one, other) for one in MONEY for other in MONEY if one != other]
PAIRS += [
    (RESERVE, ADA),
    (RESERVE, BEN),
    (RESERVE, FUND),
    (RESERVE, ADA),
    (GRID, POOL),
    (POOL, SUN),
    (GRID, SUN),
]
KINDS = [*Kind, Kind.POST, Kind.HOLD, Kind.HOLD, Kind.EXPIRE_HOLD, Kind.REVERSE, Kind.CORRECT]

AMOUNTS_ODD = (0, -1, TRANSFER_MAX + 1)
LIMITED = (ADA, BEN, FUND, POOL)
FLOORS = (None, -100, -50, -20, 0)
CEILINGS = (None, None, 80, 120, 150, 300, 600)

RECIPE_MAX = (len(KINDS) - 1, len(PAIRS) - 1, 60, 999, 63, 127)
STEP_MAX = (19, 999)


@dataclass
class Life:
    """A book and its model, of which each step asserts that they agree."""

    book: Book = field(default_factory=new_book)
    model: Model = field(default_factory=Model)
    now: int = PERIOD
    number: int = 0
    sent: list[Transfer] = field(default_factory=list)
    statuses: Counter[Status] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    undone: Counter[Kind] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        first = [move(10**6 + at, RESERVE, who, 100) for at, who in enumerate((ADA, BEN, FUND))]
        # So that one transfer more can leave the range.
        first += all_that_fits(2 * 10**6, GRID, SUN)[:3]
        self.book.apply(first, self.now)
        self.model.atomic(first, self.now)
        self.compare()

    def step(self, step: Step) -> None:
        what, number, recipes = step
        if what < 9:
            self.send(recipes, self.model.atomic, self.book.apply)
        elif what < 15:
            self.send(recipes, self.model.each, self.book.apply_each)
        elif what < 18:
            self.now += number // 8 % 3
            # Sometimes time passes, and what is over stays until somebody asks.
            if number % 3 == 0:
                self.expire()
        else:
            self.limit(number)
        self.compare()

    def send(
        self,
        recipes: Sequence[Recipe],
        decide: Callable[[list[Transfer], int], list[Status]],
        apply: Callable[[list[Transfer], int], list[Status]],
    ) -> None:
        batch = self.make(recipes)
        self.sent += batch
        before = state(self.book)
        statuses = apply(batch, self.now)
        assert statuses == decide(batch, self.now), batch
        if Status.CREATED not in statuses:
            assert state(self.book) == before
        if Status.BATCH_REFUSED in statuses:
            at = min(range(len(batch)), key=lambda at: statuses[at])
            self.undone.update(one.kind for one in batch[:at])
        self.statuses.update(statuses)
        self.kinds.update(
            one.kind for one, status in zip(batch, statuses, strict=True) if status == 0
        )

    def expire(self) -> None:
        made = self.book.expire(self.now)
        assert made == self.model.expire(self.now)
        assert self.book.expire(self.now) == []
        self.kinds.update(one.kind for one in made)

    def limit(self, number: int) -> None:
        account = LIMITED[number % len(LIMITED)]
        floor, ceiling = FLOORS[number % len(FLOORS)], CEILINGS[number % len(CEILINGS)]
        status = self.book.limit(account, floor, ceiling)
        assert status is self.model.limit(account, floor, ceiling)

    def compare(self) -> None:
        book, model = self.book, self.model
        check_balances(book.balances)
        assert book.transfers == {one.id: one for one in model.taken}
        assert {
            account: (balance.posted, balance.pending_out, balance.pending_in)
            for account, balance in book.balances.items()
        } == model.balances()
        assert {
            account: (balance.floor, balance.ceiling) for account, balance in book.balances.items()
        } == model.limits
        assert {
            hold_id: (hold.debit, hold.credit, hold.amount, hold.expires, hold.resolved)
            for hold_id, hold in book.holds.items()
        } == {
            hold_id: (one.debit, one.credit, one.amount, one.expires, resolved)
            for hold_id, (one, resolved) in model.holds().items()
        }
        assert {
            movement: (amended.remaining, amended.reversed)
            for movement, amended in book.amended.items()
        } == {
            movement: (left, is_reversed)
            for movement, (one, left, is_reversed) in model.movements().items()
            if is_reversed or left != one.amount
        }

    # Transfers from numbers.

    def make(self, recipes: Sequence[Recipe]) -> list[Transfer]:
        """Each is aimed at what the ones before it leave, as in a batch that somebody planned."""
        plan = Model(list(self.model.taken), dict(self.model.limits))
        batch = []
        for recipe in recipes:
            one = self._aimed(recipe, plan)
            for twist in recipe[4:]:
                one = self._twisted(one, twist, recipe[3])
            plan.each([one], self.now)
            batch.append(one)
        return batch

    def _aimed(self, recipe: Recipe, plan: Model) -> Transfer:
        kind, (debit, credit) = KINDS[recipe[0]], PAIRS[recipe[1]]
        amount, target = recipe[2], recipe[3]
        self.number += 1
        one = Transfer(id_of(self.number), kind, debit, credit, amount, self.now)
        if kind is Kind.HOLD and target % 3:
            return replace(one, expires=self.now + 1 + target % 5)
        if kind in (Kind.POST, Kind.HOLD):
            return one
        if kind in (Kind.REVERSE, Kind.CORRECT):
            return self._aimed_amendment(one, target, plan)
        holds = [hold for hold, resolved in plan.holds().values() if not resolved or target > 800]
        if kind is Kind.EXPIRE_HOLD and target % 8:
            holds = [hold for hold in holds if hold.expires and hold.expires <= self.now]
        if not holds:
            return replace(one, kind=Kind.POST)
        hold = holds[target % len(holds)]
        amount = min(amount, hold.amount) if kind is Kind.POST_HOLD else hold.amount
        return replace(one, debit=hold.debit, credit=hold.credit, amount=amount, original=hold.id)

    def _aimed_amendment(self, one: Transfer, target: int, plan: Model) -> Transfer:
        movements = list(plan.movements().values())
        if target > 950:
            movements = [(hold, hold.amount, False) for hold, _ in plan.holds().values()]
        if not movements:
            return replace(one, kind=Kind.POST)
        original, left, _ = movements[-1 - target % min(len(movements), 12)]
        debit, credit, amount = original.credit, original.debit, one.amount
        if one.kind is Kind.REVERSE:
            amount = left - (target % 8 == 0)
        elif target % 2:
            debit, credit = credit, debit
        elif target % 10:
            amount = min(amount, left)
        return replace(one, debit=debit, credit=credit, amount=amount, original=original.id)

    def _twisted(self, one: Transfer, twist: int, number: int) -> Transfer:  # noqa: C901, PLR0911, PLR0912 - a table
        earlier = self.sent[number % len(self.sent)] if self.sent else self.model.taken[0]
        match twist:
            case 0:
                return earlier
            case 1 | 20:
                alike = [sent for sent in self.sent if sent.kind is one.kind] or [earlier]
                return replace(one, id=alike[number % len(alike)].id)
            case 2 | 3 | 4:
                earlier = self.model.taken[number % len(self.model.taken)]
                name = FIELDS[number // 7 % len(FIELDS)]
                return replace(earlier, **{name: other_value(earlier, name)})
            case 5:
                return replace(one, amount=AMOUNTS_ODD[number % len(AMOUNTS_ODD)])
            case 6:
                return replace(one, effective=(-1, LAST_PERIOD + 1)[number % 2])
            case 7:
                return replace(one, debit=one.credit)
            case 8:
                return replace(one, debit=(POOL, NOWHERE, BEN)[number % 3])
            case 9:
                return replace(one, credit=(NOWHERE, FUND, SUN)[number % 3])
            case 10:
                return replace(one, debit=f"nobody {one.credit.split()[-1]}")
            case 11:
                return replace(one, credit=f"nobody {one.debit.split()[-1]}")
            case 12:
                return replace(one, original=(None, earlier.id, id_of(99999))[number % 3])
            case 13:
                return replace(one, expires=(self.now, self.now + 1, LAST_PERIOD + 1)[number % 3])
            case 14:
                return replace(one, amount=one.amount + 1)
            case 15:
                return replace(one, amount=one.amount - 1)
            case 16:
                debit, credit = (GRID, SUN) if number % 4 < 2 else (SUN, GRID)
                kind, most = (Kind.POST, Kind.HOLD)[number % 2], TRANSFER_MAX - number % 3
                return Transfer(one.id, kind, debit, credit, most, self.now)
            case 17:
                return replace(one, debit=one.credit, credit=one.debit)
            case 18 | 19:
                kind = list(Kind)[number % len(Kind)]
                return replace(earlier, id=one.id, kind=kind, original=earlier.id, expires=None)
            case _:
                return one


def other_value(one: Transfer, name: str) -> object:
    """Another value for a field of a transfer, of its kind and as likely."""
    value = getattr(one, name)
    if name == "kind":
        return Kind(value % len(Kind) + 1)
    if name in ("debit", "credit"):
        return ADA if value != ADA else BEN
    if name == "original":
        return id_of(77) if value != id_of(77) else None
    return 1 if value is None else value + 1
